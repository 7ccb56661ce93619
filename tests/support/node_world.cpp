#include "tests/support/node_world.hpp"

#include <filesystem>
#include <stdexcept>

#include "base/json.hpp"
#include "vocabulary_folder.hpp"

namespace parley::test {

namespace {

void expect(const http_answer& answer, int status, const std::string& what) {
  if (answer.status != status)
    throw std::runtime_error(what + ": " + std::to_string(answer.status) + " " + answer.body);
}

std::string chunk_of(const std::string& delta, const std::string& reason) {
  return R"(data: {"choices":[{"index":0,"delta":)" + delta + R"(,"finish_reason":)" + reason +
         "}]}\n\n";
}

}  // namespace

account account::from(const http_answer& tickets) {
  return {tickets.at("/user/id"), tickets.at("/user/username"), tickets.at("/accessToken"),
          tickets.at("/refreshToken")};
}

std::pair<std::string, std::string> authorization(const account& who) {
  return {"Authorization", "Bearer " + who.access_token};
}

// -- Scripts --------------------------------------------------------------------------------------

std::string content_chunk(std::string_view text) {
  std::string delta;
  json_writer{delta}.begin_object().member("content", text).end_object();
  return chunk_of(delta, "null");
}

std::string finish_chunk(std::string_view reason) {
  return chunk_of("{}", "\"" + std::string{reason} + "\"");
}

std::string usage_chunk(int prompt_tokens, int completion_tokens) {
  return R"(data: {"choices":[],"usage":{"prompt_tokens":)" + std::to_string(prompt_tokens) +
         R"(,"completion_tokens":)" + std::to_string(completion_tokens) + "}}\n\n";
}

std::string done_chunk() {
  return "data: [DONE]\n\n";
}

namespace {

script played(const std::vector<std::string>& pieces, bool is_held) {
  script steps{send_bytes(stream_head())};
  auto hold = [&] {
    if (is_held) steps.push_back(wait_for_release());
  };
  for (const auto& piece : pieces) {
    hold();
    steps.push_back(send_bytes(stream_chunk(content_chunk(piece))));
  }
  hold();
  steps.push_back(send_bytes(stream_chunk(finish_chunk() + usage_chunk(7, 3) + done_chunk())));
  steps.push_back(send_bytes(stream_end()));
  return steps;
}

}  // namespace

script reply_of(const std::vector<std::string>& pieces) {
  return played(pieces, false);
}

script held_reply_of(const std::vector<std::string>& pieces) {
  return played(pieces, true);
}

// -- The world ------------------------------------------------------------------------------------

node_world::node_world(setting_list more)
    : more_(std::move(more)),
      script_(reply_of({"Hello", ", ", "world!"})),
      upstream_([this](const std::string&) { return next_script(); }) {
  start();
  auto registered = ask({"POST",
                         "/api/auth/register",
                         R"({"username":"ada","password":")" + std::string{password} + "\"}",
                         {}});
  expect(registered, 201, "ada can't register");
  ada_ = account::from(registered);
}

node_world::~node_world() {
  stop();
}

bool node_world::has_tables() {
  return std::filesystem::exists(std::string{vocabulary_folder} + "/o200k_base.bpe");
}

settings node_world::values() const {
  setting_sources sources;
  sources.flags = {{"listen", "127.0.0.1:0"},
                   {"data-dir", directory_.path().string()},
                   {"bcrypt-cost", "4"},
                   {"io-threads", "2"},
                   {"scheduler-threads", "1"},
                   {"hashing-threads", "1"},
                   {"login-calls-per-min", "1000000"},
                   {"chat-calls-per-min", "1000000"},
                   {"upstream-connect-s", "1"},
                   {"upstream-first-byte-s", "1"},
                   {"upstream-idle-s", "1"},
                   {"upstream-retries-max", "0"},
                   {"vocabulary-dir", has_tables() ? vocabulary_folder : "none"}};
  for (const auto& [name, value] : more_) {
    std::erase_if(sources.flags, [&, name = name](const auto& flag) { return flag.first == name; });
    sources.flags.emplace_back(name, value);
  }
  auto loaded = load_settings(std::move(sources));
  if (!loaded) throw std::runtime_error(sentence_of(loaded.error()));
  return loaded->values;
}

script node_world::next_script() {
  std::lock_guard guard{mutex_};
  if (once_) return *std::exchange(once_, std::nullopt);
  return script_;
}

void node_world::upstream_plays(script steps) {
  std::lock_guard guard{mutex_};
  script_ = std::move(steps);
}

void node_world::upstream_plays_once(script steps) {
  std::lock_guard guard{mutex_};
  once_ = std::move(steps);
}

void node_world::start() {
  auto started = app::node::start(values());
  if (!started) throw std::runtime_error(sentence_of(started.error()));
  node_ = std::move(*started);
}

void node_world::stop() {
  if (!node_) return;
  std::atomic<bool> is_urgent = true;
  node_->stop(std::chrono::milliseconds{0}, is_urgent);
  node_.reset();
}

// -- Requests -------------------------------------------------------------------------------------

http_answer node_world::ask(const std::string& method, const account* who, const std::string& path,
                            const std::string& body) {
  http_request request{method, path, body, {}};
  if (who != nullptr) request.headers.push_back(authorization(*who));
  return ask(request);
}

http_answer node_world::get(const account& who, const std::string& path, header_list more) {
  more.push_back(authorization(who));
  return ask({"GET", path, {}, std::move(more)});
}

http_answer node_world::post(const account& who, const std::string& path, std::string body,
                             header_list more) {
  more.push_back(authorization(who));
  return ask({"POST", path, std::move(body), std::move(more)});
}

http_answer node_world::patch(const account& who, const std::string& path, std::string body,
                              header_list more) {
  more.push_back(authorization(who));
  return ask({"PATCH", path, std::move(body), std::move(more)});
}

http_answer node_world::put(const account& who, const std::string& path, std::string body) {
  return ask({"PUT", path, std::move(body), {authorization(who)}});
}

http_answer node_world::erase(const account& who, const std::string& path, header_list more) {
  more.push_back(authorization(who));
  return ask({"DELETE", path, {}, std::move(more)});
}

account node_world::log_in(const std::string& username, const std::string& with) {
  auto tickets = ask("POST", nullptr, "/api/auth/login",
                     R"({"username":")" + username + R"(","password":")" + with + "\"}");
  expect(tickets, 200, username + " can't log in");
  return account::from(tickets);
}

account node_world::add_user(const std::string& username, const std::string& role) {
  constexpr auto given = "a password that ada chose";
  auto made = post(
      ada_, "/api/users",
      R"({"username":")" + username + R"(","password":")" + given + R"(","role":")" + role + "\"}");
  expect(made, 201, username + " can't be made");
  // Which has to be changed before anything else; the login stays, with new tokens.
  auto first = log_in(username, given);
  expect(put(first, "/api/auth/password",
             R"({"currentPassword":")" + std::string{given} + R"(","newPassword":")" + password +
                 "\"}"),
         204, username + " can't change the password");
  auto tickets = ask("POST", nullptr, "/api/auth/refresh",
                     R"({"refreshToken":")" + first.refresh_token + "\"}");
  expect(tickets, 200, username + " can't refresh");
  return account::from(tickets);
}

std::string node_world::add_model() {
  auto made = post(ada_, "/api/models/system",
                   R"({"name":"scripted","model":"scripted-1","apiKey":"sk-canary-0123456789",)"
                   R"("baseUrl":")" +
                       upstream_.url() + "/v1\"}");
  expect(made, 201, "the model can't be made");
  auto id = made.at("/id");
  expect(patch(ada_, "/api/settings/system", R"({"defaultModelId":")" + id + "\"}"), 200,
         "the model can't be the default");
  return id;
}

std::string node_world::add_session(const account& who, const std::string& body) {
  auto made = post(who, "/api/sessions", body);
  expect(made, 201, "the session can't be made");
  return made.at("/id");
}

event_stream node_world::send_turn(const account& who, const std::string& body, header_list more) {
  more.push_back(authorization(who));
  return event_stream{port(), {"POST", "/api/chat/stream", body, std::move(more)}};
}

event_stream node_world::say_hi(const account& who, const std::string& session) {
  return send_turn(who, R"({"sessionId":")" + session + R"(","content":"Hi"})");
}

event_stream node_world::follow(const account& who, const std::string& message, int64_t after,
                                int receive_bytes) {
  http_request request{"GET", "/api/chat/stream/" + message, {}, {authorization(who)}};
  if (after > 0) request.headers.emplace_back("Last-Event-ID", std::to_string(after));
  return event_stream{port(), request, receive_bytes};
}

http_answer node_world::message(const account& who, const std::string& session,
                                const std::string& id) {
  return get(who, "/api/sessions/" + session + "/messages/" + id);
}

}  // namespace parley::test
