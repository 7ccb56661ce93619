/// One client of a load run: logs in and opens a session if its target needs that, then runs its
/// streams, or whole answers, one after the other and checks every byte of them.
///
/// Owned by load_run, on the loop's thread. Each stream ends exactly once, as good or failed.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "bench/load/client_connection.hpp"
#include "bench/load/load_run.hpp"
#include "bench/load/sse_reader.hpp"
#include "bench/load/token_stamp.hpp"

namespace parley::bench {

class stream_client final : public response_sink {
 public:
  /// `user` may be null where the target needs none.
  stream_client(event_loop& loop, const load_options& options, load_findings& findings,
                const load_user* user);

  void prepare();
  void start();
  /// Ends what is not over yet.
  void give_up(std::string_view why);

  void on_head(int status, const http_head& head) override;
  void on_body(std::string_view piece) override;
  void on_end(bool can_reuse) override;
  void on_broken(std::string_view why) override;

 private:
  enum class step { fresh, login, session, prepared, stream, over };

  void login();
  void open_session();
  void ask(std::string_view path, const std::string& body, std::string_view accept);
  void end_preparation(bool is_good);
  void end_stream(std::string_view fault);
  std::string answer_field(std::string_view name);

  void take_event(const sse_event& event);
  void take_openai(const sse_event& event);
  void take_parley(const sse_event& event);
  void take_whole();
  void take_text(std::string_view text);
  void note_fault(std::string fault);

  event_loop& loop_;
  const load_options& options_;
  load_findings& findings_;
  const load_user* user_;
  client_connection* connection_ = nullptr;  // owned by the loop; null once closed
  step step_ = step::fresh;
  std::string access_token_;
  std::string session_id_;
  uint32_t rounds_left_ = 0;

  // Of the request under way.
  int status_ = 0;
  std::string answer_;  // of a request that does not stream, and of a refusal
  sse_reader events_;
  stamp_reader stamps_;
  std::string fault_;  // the first one found
  int64_t asked_ns_ = 0;
  int64_t received_ns_ = 0;
  uint64_t position_ = 0;  // the last id seen
  bool has_text_ = false;
  bool has_begun_ = false;
  bool has_ended_ = false;
  bool has_reason_ = false;
};

}  // namespace parley::bench
