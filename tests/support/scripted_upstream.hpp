/// A server on the loopback that plays scripts: what it sends, when it is silent, how it ends.
///
/// One thread for any number of connections. Destruction closes everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace parley::test {

struct script_step {
  enum class kind : uint8_t { send, pause, endless, close, reset, hang, wait };
  kind what;
  std::string bytes;
  std::chrono::milliseconds span{0};
};

inline script_step send_bytes(std::string bytes) {
  return {script_step::kind::send, std::move(bytes), {}};
}
inline script_step pause_for(std::chrono::milliseconds span) {
  return {script_step::kind::pause, {}, span};
}
/// The same bytes again and again, until the peer goes.
inline script_step send_endlessly(std::string bytes) {
  return {script_step::kind::endless, std::move(bytes), {}};
}
inline script_step close_now() {
  return {script_step::kind::close, {}, {}};
}
/// RST instead of FIN.
inline script_step reset_now() {
  return {script_step::kind::reset, {}, {}};
}
/// Says nothing more, but keeps the connection.
inline script_step hang() {
  return {script_step::kind::hang, {}, {}};
}

/// Until release() is called, once for each such step.
inline script_step wait_for_release() {
  return {script_step::kind::wait, {}, {}};
}

/// After its last step the connection waits for the next request.
using script = std::vector<script_step>;

struct scripted_counts {
  size_t accepted = 0;
  size_t open = 0;
  size_t requests = 0;
};

class scripted_upstream {
 public:
  /// Called on the server's thread for each whole request (head and body as they came).
  using answerer = std::function<script(const std::string& request)>;

  explicit scripted_upstream(answerer answer);
  ~scripted_upstream();

  uint16_t port() const;
  /// "http://127.0.0.1:port"
  std::string url() const;
  scripted_counts counts() const;
  std::vector<std::string> requests() const;
  /// Lets one `wait_for_release` pass, now or when it is reached.
  void release();
  /// Waits up to ten seconds for no open connection.
  bool wait_for_no_connection() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// A response with Content-Length.
std::string whole_response(int status, const std::string& content_type, const std::string& body,
                           const std::string& more_headers = {});
/// The head of a chunked event stream, one chunk, and its end.
std::string stream_head(int status = 200);
std::string stream_chunk(const std::string& bytes);
std::string stream_end();

}  // namespace parley::test
