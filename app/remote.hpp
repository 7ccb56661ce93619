/// A running server as the commands of this binary reach it: its address, who asks, and for how
/// long the login holds.
///
/// Blocks; one thread.
#pragma once

#include "base/json.hpp"
#include "http/api_client.hpp"

namespace parley::app {

struct remote_options {
  std::string server;         ///< empty: PARLEY_SERVER, else http://127.0.0.1:8080
  std::string username;       ///< of a login without PARLEY_TOKEN; empty: asked
  std::string password_file;  ///< "-": the first line of stdin; empty: asked
};

/// The values of PARLEY_SERVER and PARLEY_TOKEN; the latter is gone from the environment then.
struct remote_environment {
  std::string server;
  secret_text token;
};
remote_environment take_remote_environment();

class remote_server {
 public:
  /// With the token of the environment, which may be an API key; in single-user mode without any;
  /// else by logging in.
  static expected<remote_server> open(const remote_options& options);

  expected<std::string> ask(const http::api_request& request);
  expected<void> download(const http::api_request& request,
                          const http::api_client::byte_sink& sink);
  expected<void> follow(const http::api_request& request, const http::api_client::event_sink& sink);
  /// Another connection with the same token, for another thread.
  expected<http::api_client> clone() const;
  const std::string& url() const { return url_; }

 private:
  remote_server(std::string url, http::api_client client)
      : url_(std::move(url)), client_(std::move(client)) {}
  expected<void> log_in(const remote_options& options);
  expected<void> take_tokens(const std::string& answer);
  /// Whether `cause` was a token whose time is over and there is another one now.
  bool renews(const error& cause);

  std::string url_;
  http::api_client client_;
  secret_text token_;
  secret_text refresh_token_;
};

/// For the answers of servers, which may be newer.
json_reader make_answer_reader();

/// Whether it can stand in a path as an id.
bool is_id(std::string_view text);

/// `items` of all pages of a list, as JSON texts.
expected<std::vector<std::string>> all_items(remote_server& on, const std::string& path);

}  // namespace parley::app
