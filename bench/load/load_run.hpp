/// What a load run is asked to do and what it finds; the run itself prepares its clients, starts
/// them at a rate and waits for them.
///
/// All on the loop's thread. The run stops the loop once every stream is over or its time is up.
#pragma once

#include <netinet/in.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/event_loop.hpp"
#include "bench/load/latency_histogram.hpp"
#include "bench/load/token_stamp.hpp"

namespace parley::bench {

enum class load_target { parley, openai };

struct load_user {
  std::string username;
  std::string password;
  std::string access_token;  ///< empty: the client logs in
};

struct load_options {
  load_target target = load_target::openai;
  sockaddr_in address{};
  std::string host;         ///< for the Host field, "127.0.0.1:8080"
  std::string path;         ///< of the request that streams
  std::string model;        ///< a model's name, or its id for Parley
  std::string more_fields;  ///< header lines, each with CR LF
  uint32_t streams = 100;
  uint32_t rounds = 1;    ///< streams that each client runs one after the other
  uint64_t tokens = 0;    ///< that each stream must bring
  double ramp = 500;      ///< new streams a second
  uint32_t seconds = 60;  ///< for everything
  bool reuses_connections = true;
  bool is_whole = false;         ///< each answer is one document, not a stream
  std::vector<load_user> users;  ///< client n is user n modulo their number
};

struct load_findings {
  uint64_t streams_ok = 0;  ///< exactly their tokens, in order, in a well-formed stream
  uint64_t streams_failed = 0;
  uint64_t events = 0;  ///< that carried text
  uint64_t text_bytes = 0;
  stamp_findings stamps;  ///< sums over all streams
  latency_histogram first_token;
  latency_histogram added;  ///< receive time minus the token's own stamp
  std::map<std::string, uint64_t> failures;
  int64_t begun_ns = 0;  ///< first stream started
  int64_t ended_ns = 0;

  // Where the clients are.
  uint64_t prepared = 0;
  uint64_t preparing_failed = 0;
  uint64_t clients_over = 0;

  void fail_stream(std::string_view why);
};

class stream_client;

class load_run final : public event_source {
 public:
  load_run(event_loop& loop, const load_options& options);
  ~load_run() override;

  void on_due() override;
  load_findings& findings() { return findings_; }

 private:
  void prepare_more();
  void start_more();
  void finish();

  event_loop& loop_;
  const load_options& options_;
  load_findings findings_;
  std::vector<std::unique_ptr<stream_client>> clients_;
  size_t preparing_begun_ = 0;
  size_t started_ = 0;
  int64_t deadline_ms_ = 0;
};

/// One line of JSON.
std::string findings_json(const load_options& options, const load_findings& findings);
/// For people.
std::string findings_table(const load_options& options, const load_findings& findings);

}  // namespace parley::bench
