/// A caller of a Parley server: what the command line is to the API.
///
/// Blocks; one thread at a time. A refusal is the error that the server sent; errc::unavailable
/// with the reason `unreachable` when nothing answers or the connection breaks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.hpp"
#include "base/sse.hpp"

namespace parley::http {

struct api_request {
  std::string method = "GET";
  std::string path = "/";
  std::string body{};  ///< empty: none
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string media_type = "application/json";  ///< of the body
};

class api_client {
 public:
  /// One connection attempt.
  static constexpr int connect_s = 10;
  /// Streams send a comment each fifteen seconds; a trial of a model may take a minute.
  static constexpr int silence_s = 90;
  static constexpr size_t answer_bytes_max = size_t{64} << 20;

  /// `url` is http://host:port or https://host, without a path.
  static expected<api_client> make(const std::string& url);
  api_client(api_client&&) noexcept;
  api_client& operator=(api_client&&) noexcept;
  ~api_client();

  /// Sent with every request from now on: an access token or an API key.
  void set_token(secret_text token);

  /// The body of the answer.
  expected<std::string> ask(const api_request& request);
  /// Bytes of the answer as they come; false ends it.
  using byte_sink = std::function<bool(std::string_view bytes)>;
  expected<void> download(const api_request& request, const byte_sink& sink);
  /// Events of a stream until it ends or `sink` returns false; the event is the callback's.
  using event_sink = std::function<bool(const sse_event& event)>;
  expected<void> follow(const api_request& request, const event_sink& sink);

 private:
  struct state;
  explicit api_client(std::unique_ptr<state> made);
  std::unique_ptr<state> state_;
};

}  // namespace parley::http
