#include "app/chat_command.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>

#include "app/commands.hpp"
#include "app/terminal.hpp"
#include "base/crypto.hpp"
#include "base/json.hpp"

namespace parley::app {

namespace {

using namespace std::chrono_literals;

constexpr int resumes_max = 8;
constexpr size_t message_bytes_max = size_t{16} << 20;

/// Waits for Ctrl-C on a thread of its own: the first one during a reply stops that at the server,
/// which ends the stream; any other ends the program. SIGINT must be blocked in all threads before.
class interrupt_watch {
 public:
  interrupt_watch() : thread_{[this] { watch(); }} {}
  ~interrupt_watch() {
    is_over_ = true;
    thread_.join();
  }
  interrupt_watch(const interrupt_watch&) = delete;
  interrupt_watch& operator=(const interrupt_watch&) = delete;

  /// A message is about to be sent; `caller` would stop its reply.
  void begin(http::api_client caller) {
    std::lock_guard guard{mutex_};
    caller_.emplace(std::move(caller));
    runs_ = true;
    is_wanted_ = false;
    target_.clear();
  }
  void end() {
    std::lock_guard guard{mutex_};
    runs_ = false;
  }
  /// What a stop is to name: {"messageId":…} or {"sessionId":…}.
  void set_target(const char* name, std::string_view id) {
    std::lock_guard guard{mutex_};
    target_.clear();
    json_writer{target_}.begin_object().member(name, id).end_object();
  }

 private:
  void watch() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGINT);
    while (!is_over_) {
      timespec step{.tv_sec = 0, .tv_nsec = 50'000'000};
      if (::sigtimedwait(&set, nullptr, &step) == SIGINT) on_interrupt();
      send_stop();
    }
  }
  void on_interrupt() {
    std::lock_guard guard{mutex_};
    if (!runs_ || is_wanted_) {
      std::cerr << "\n";
      ::_exit(130);
    }
    is_wanted_ = true;
  }
  // A reply that has no id yet is stopped as soon as it has.
  void send_stop() {
    std::string body;
    std::optional<http::api_client> caller;
    {
      std::lock_guard guard{mutex_};
      if (!is_wanted_ || !caller_ || target_.empty()) return;
      caller = std::exchange(caller_, std::nullopt);
      body = target_;
    }
    if (auto stopped = caller->ask({"POST", "/api/chat/stop", body, {}}); !stopped)
      report(stopped.error());
  }

  std::mutex mutex_;
  std::optional<http::api_client> caller_;  ///< for one stop of the present reply
  bool runs_ = false;
  bool is_wanted_ = false;
  std::string target_;
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

/// One message and what came of it.
struct turn_view {
  std::string message;  ///< id of the reply, once `start` has come
  int64_t position = 0;
  std::string text;  ///< what was printed of it
  std::string problem;
  std::string status;  ///< of `done`; empty until it has come
};

class conversation {
 public:
  conversation(remote_server& server, const chat_options& options)
      : server_(server), options_(options), session_(options.session) {}

  expected<void> prepare();
  /// False: it was not answered, and why is told.
  bool say(const std::string& content, interrupt_watch& interrupts);
  const std::string& session() const { return session_; }

 private:
  std::string turn_body(const std::string& content) const;
  http::api_request next_request(const turn_view& turn, const std::string& body,
                                 const std::string& key) const;
  bool take(const sse_event& event, turn_view& turn, interrupt_watch& interrupts);
  void show(turn_view& turn, std::string_view more) const;
  void show_snapshot(turn_view& turn, const json_value& data) const;

  remote_server& server_;
  const chat_options& options_;
  std::string session_;
  std::string model_;
  json_reader reader_{{.bytes_max = size_t{64} << 20, .strict = false}};
};

expected<void> conversation::prepare() {
  // Later a server that does not answer is waited for; at first the address is wrong.
  TRY_DONE(server_.ask({"GET", "/healthz", {}, {}}));
  if (!session_.empty()) {
    if (!is_id(session_)) return make_error(errc::invalid_input, session_ + ": this is no id.");
    TRY(auto text, server_.ask({"GET", "/api/sessions/" + session_, {}, {}}));
    TRY(auto known, reader_.parse(text));
    if (is_shown()) std::cout << bold(shown(known.string_at("title").value_or(""))) << "\n";
  }
  if (options_.model.empty()) return {};
  TRY(auto models, all_items(server_, "/api/models"));
  std::string names;
  for (const auto& each : models) {
    TRY(auto model, reader_.parse(each));
    auto name = model.string_at("name").value_or("");
    names += (names.empty() ? "" : ", ") + std::string{name};
    if (name == options_.model || model.string_at("id") == options_.model)
      model_ = std::string{model.string_at("id").value_or("")};
  }
  if (model_.empty())
    return make_error(errc::not_found, "There is no model " + options_.model + "; there are: " +
                                           (names.empty() ? "none" : names) + ".");
  return {};
}

std::string conversation::turn_body(const std::string& content) const {
  std::string body;
  json_writer json{body};
  json.begin_object().member("content", content);
  if (!session_.empty()) json.member("sessionId", session_);
  if (!model_.empty()) json.member("modelId", model_);
  if (session_.empty() && options_.is_temporary) json.member("temporary", true);
  json.end_object();
  return body;
}

// The same key again joins the reply that is running; once it has an id that is followed.
http::api_request conversation::next_request(const turn_view& turn, const std::string& body,
                                             const std::string& key) const {
  if (turn.message.empty()) return {"POST", "/api/chat/stream", body, {{"Idempotency-Key", key}}};
  return {"GET",
          "/api/chat/stream/" + turn.message,
          {},
          {{"Last-Event-ID", std::to_string(turn.position)}}};
}

void conversation::show(turn_view& turn, std::string_view more) const {
  turn.text += more;
  if (!options_.is_json) std::cout << shown(more) << std::flush;
}

// What a crash took from the server is written again; what was printed can't be taken back.
void conversation::show_snapshot(turn_view& turn, const json_value& data) const {
  std::string whole;
  if (auto parts = data.find("parts"))
    for (auto& part : parts->items())
      if (part.string_at("type") == "text") whole += part.string_at("text").value_or("");
  if (whole.starts_with(turn.text)) {
    show(turn, whole.substr(turn.text.size()));
  } else if (!turn.text.starts_with(whole)) {
    turn.text.clear();
    show(turn, "\n" + whole);
    turn.text = whole;
  } else {
    // The reply goes on from an earlier place, in other words perhaps.
    show(turn, "\n");
    turn.text.clear();
    show(turn, whole);
  }
}

bool conversation::take(const sse_event& event, turn_view& turn, interrupt_watch& interrupts) {
  if (options_.is_json) {
    std::string line;
    json_writer{line}
        .begin_object()
        .member("event", event.name)
        .key("data")
        .raw(event.data)
        .end_object();
    std::cout << line << std::endl;
  }
  auto data = reader_.parse(event.data);
  if (!data) return true;
  if (!event.id.empty()) turn.position = std::strtoll(std::string{event.id}.c_str(), nullptr, 10);
  if (event.name == "start") {
    turn.message = std::string{data->string_at("messageId").value_or("")};
    session_ = std::string{data->string_at("sessionId").value_or("")};
    interrupts.set_target("messageId", turn.message);
  } else if (event.name == "delta") {
    show(turn, data->string_at("text").value_or(""));
  } else if (event.name == "reasoning" && is_shown() && !options_.is_json) {
    std::cout << faint(shown(data->string_at("text").value_or(""))) << std::flush;
  } else if (event.name == "snapshot") {
    show_snapshot(turn, *data);
  } else if (event.name == "error") {
    auto inner = data->find("error");
    turn.problem =
        std::string{(inner ? *inner : *data).string_at("message").value_or("The reply failed.")};
  } else if (event.name == "done") {
    turn.status = std::string{data->string_at("status").value_or("complete")};
  }
  return turn.status.empty();
}

/// A broken connection, a server that restarts.
bool may_pass(const error& cause) {
  return code_of(cause) == errc::unavailable && detail_of(cause).reason != "no_parley";
}

bool conversation::say(const std::string& content, interrupt_watch& interrupts) {
  auto body = turn_body(content);
  auto key = random_base62(24);
  turn_view turn;
  if (auto caller = server_.clone()) interrupts.begin(std::move(*caller));
  if (!session_.empty()) interrupts.set_target("sessionId", session_);
  expected<void> ended;
  for (int tries = 0; turn.status.empty() && tries < resumes_max; ++tries) {
    if (tries > 0) std::this_thread::sleep_for(std::min(250ms * (1 << tries), 8'000ms));
    ended = server_.follow(next_request(turn, body, key), [&](const sse_event& event) {
      auto before = turn.position;
      auto goes_on = take(event, turn, interrupts);
      if (turn.position > before) tries = 0;
      return goes_on;
    });
    if (!ended && !may_pass(ended.error())) break;
  }
  interrupts.end();
  if (!options_.is_json && (turn.text.empty() || turn.text.back() != '\n')) std::cout << "\n";
  std::cout << std::flush;
  if (!turn.problem.empty()) std::cerr << "parley: " << shown(turn.problem) << "\n";
  if (turn.status.empty() && !ended) report(ended.error());
  if (turn.status.empty() && ended) std::cerr << "parley: the stream ended before the reply.\n";
  if (turn.status.empty() && !session_.empty())
    std::cerr << "The reply may go on at the server: parley chat --session " << session_ << "\n";
  if (!turn.status.empty() && turn.status != "complete" && turn.problem.empty())
    std::cerr << faint("[" + turn.status + "]") << "\n";
  return turn.status == "complete" || turn.status == "length" || turn.status == "stopped";
}

/// The next message; false at the end of the input.
bool read_message(const chat_options& options, bool is_asked, std::string& content) {
  if (options.is_whole) {
    std::ostringstream all;
    all << std::cin.rdbuf();
    content = all.str();
    return !content.empty();
  }
  for (;;) {
    if (is_asked) std::cout << bold("you > ") << std::flush;
    if (!std::getline(std::cin, content)) return false;
    if (content.find_first_not_of(" \t\r") != std::string::npos) return true;
  }
}

int converse(conversation& talk, const chat_options& options, interrupt_watch& interrupts) {
  auto is_asked = can_ask() && is_shown() && !options.is_whole;
  auto prints_names = is_asked && !options.is_json;
  if (prints_names) std::cout << faint("Ctrl-D ends the chat, Ctrl-C stops a reply.") << "\n";
  bool is_answered = true;
  std::string content;
  while (read_message(options, is_asked, content)) {
    if (content.size() > message_bytes_max) {
      report(make_error(errc::too_large, "A message has at most 16 MiB."));
      return 1;
    }
    if (prints_names) std::cout << bold("parley > ") << std::flush;
    is_answered = talk.say(content, interrupts) && is_answered;
    if (options.is_whole) break;
  }
  if (prints_names && !talk.session().empty() && !options.is_temporary)
    std::cout << "\n" << faint("Go on with: parley chat --session " + talk.session()) << "\n";
  return is_answered ? 0 : 1;
}

}  // namespace

int chat(const chat_options& options) {
  auto server = remote_server::open(options.remote);
  if (!server) return report(server.error());
  conversation talk{*server, options};
  if (auto known = talk.prepare(); !known) return report(known.error());
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  interrupt_watch interrupts;
  return converse(talk, options, interrupts);
}

}  // namespace parley::app
