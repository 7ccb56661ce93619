/// The listener and the counters of the mock upstream; its connections share one loop with it.
///
/// Runs on the loop's thread alone. A connection that can't be accepted for want of descriptors is
/// left in the backlog for 10 ms; everything else that fails ends that connection only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/event_loop.hpp"
#include "bench/load/mock_model.hpp"
#include "bench/load/mock_request.hpp"

namespace parley::bench {

struct mock_options {
  uint16_t port = 0;         ///< 0: any free one
  uint32_t sockets_max = 0;  ///< connections held at once
  std::string api_key;       ///< not empty: every /v1 request must bring it as a bearer token
};

struct mock_counters {
  uint64_t requests = 0;
  uint64_t malformed = 0;  ///< refused for their framing or body
  uint64_t sockets = 0;    ///< accepted so far
  uint64_t open_sockets = 0;
  uint64_t open_streams = 0;
  uint64_t open_streams_peak = 0;
  uint64_t streams = 0;            ///< begun so far
  uint64_t streams_finished = 0;   ///< said all that their model has to say
  uint64_t streams_broken = 0;     ///< ended early by their fault
  uint64_t streams_abandoned = 0;  ///< left by the client
  uint64_t tokens = 0;
  uint64_t body_bytes = 0;
  uint64_t stalls = 0;  ///< how often a socket would take no more
};

/// The last request with a body.
struct mock_last_request {
  std::string fields_json = "{}";
  std::string body;
  bool is_json = false;
};

class mock_server final : public event_source {
 public:
  mock_server(event_loop& loop, mock_options options);
  ~mock_server() override;

  uint16_t port() const { return port_; }
  void on_ready(uint32_t events) override;
  void on_due() override;

  // For connections.
  event_loop& loop() { return loop_; }
  mock_counters& counters() { return counters_; }
  mock_last_request& last_request() { return last_request_; }
  chat_request_reader& reader() { return reader_; }
  const std::string& api_key() const { return options_.api_key; }
  /// What every receive goes through, so that an idle connection holds no buffer.
  std::vector<char>& receive_buffer() { return receive_buffer_; }
  /// Counts a call; returns how many there were of this model before.
  uint64_t count_call(const std::string& model);
  std::string counters_json() const;

 private:
  void pause_accepting();

  event_loop& loop_;
  mock_options options_;
  mock_counters counters_;
  mock_last_request last_request_;
  chat_request_reader reader_;
  std::map<std::string, uint64_t> calls_by_model_;
  std::vector<char> receive_buffer_ = std::vector<char>(64 * 1024);
  int listener_ = -1;
  uint16_t port_ = 0;
};

}  // namespace parley::bench
