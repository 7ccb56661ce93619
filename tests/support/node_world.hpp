/// A whole node in this process: real sockets, a database in a directory of its own, an upstream
/// that plays scripts.
///
/// Its hashes are cheap and its waits for upstreams are one second. The first account is the ADMIN
/// `ada`. All calls block; whatever should not happen while a world is built is thrown.
#pragma once

#include <mutex>

#include "app/node.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/scripted_upstream.hpp"
#include "tests/support/temp_directory.hpp"

namespace parley::test {

/// Somebody logged in.
struct account {
  std::string id;
  std::string username;
  std::string access_token;
  std::string refresh_token;

  static account from(const http_answer& tickets);
};

using setting_list = std::vector<std::pair<std::string, std::string>>;

/// The text of a chunk of an OpenAI stream: content, the end, the tokens used.
std::string content_chunk(std::string_view text);
std::string finish_chunk(std::string_view reason = "stop");
std::string usage_chunk(int prompt_tokens, int completion_tokens);
std::string done_chunk();

/// A reply in these pieces, at once and well ended: usage 7 and 3.
script reply_of(const std::vector<std::string>& pieces);
/// The same, but before each piece and before the end it waits for a release().
script held_reply_of(const std::vector<std::string>& pieces);

class node_world {
 public:
  static constexpr const char* password = "correct horse battery";

  /// `more` stands over what a world sets itself.
  explicit node_world(setting_list more = {});
  ~node_world();

  app::node& node() { return *node_; }
  uint16_t port() const { return node_->port(); }
  scripted_upstream& upstream() { return upstream_; }
  const account& ada() const { return ada_; }
  settings values() const;
  /// Whether this build has token tables; without them a node estimates.
  static bool has_tables();

  /// What the upstream plays from now on; at first it is reply_of({"Hello", ", ", "world!"}).
  void upstream_plays(script steps);
  /// Another script for the next request only.
  void upstream_plays_once(script steps);

  /// Ends the node as SIGTERM would, without patience.
  void stop();
  void start();

  http_answer ask(const http_request& request) { return http_client{port()}.ask(request); }
  http_answer get(const account& who, const std::string& path, header_list more = {});
  http_answer post(const account& who, const std::string& path, std::string body,
                   header_list more = {});
  http_answer patch(const account& who, const std::string& path, std::string body,
                    header_list more = {});
  http_answer put(const account& who, const std::string& path, std::string body);
  http_answer erase(const account& who, const std::string& path, header_list more = {});
  http_answer ask(const std::string& method, const account* who, const std::string& path,
                  const std::string& body);

  account log_in(const std::string& username, const std::string& with = password);
  /// Made by the ADMIN; logged in.
  account add_user(const std::string& username, const std::string& role = "USER");
  /// A system model that is the upstream; the system's default. Its id.
  std::string add_model();
  /// The session's id.
  std::string add_session(const account& who, const std::string& body = R"({"title":"t"})");

  /// A turn with this body, as a stream.
  event_stream send_turn(const account& who, const std::string& body, header_list more = {});
  /// "Hi" in this session.
  event_stream say_hi(const account& who, const std::string& session);
  event_stream follow(const account& who, const std::string& message, int64_t after = 0,
                      int receive_bytes = 0);
  /// The stored message, as JSON.
  http_answer message(const account& who, const std::string& session, const std::string& id);

 private:
  script next_script();

  temp_directory directory_;
  setting_list more_;
  std::mutex mutex_;  ///< of the two scripts, which the upstream's thread reads
  script script_;
  std::optional<script> once_;
  scripted_upstream upstream_;
  std::unique_ptr<app::node> node_;
  account ada_;
};

/// `Authorization` of this account.
std::pair<std::string, std::string> authorization(const account& who);

}  // namespace parley::test
