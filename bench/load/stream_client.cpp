#include "bench/load/stream_client.hpp"

#include <utility>

namespace parley::bench {
namespace {

/// One for all clients of the thread; a document lives only within the function that parsed it.
simdjson::dom::parser& json_parser() {
  thread_local simdjson::dom::parser parser;
  return parser;
}

}  // namespace

stream_client::stream_client(event_loop& loop, const load_options& options, load_findings& findings,
                             const load_user* user)
    : loop_(loop),
      options_(options),
      findings_(findings),
      user_(user),
      rounds_left_(options.rounds) {
  if (user != nullptr) access_token_ = user->access_token;
}

void stream_client::prepare() {
  if (options_.target == load_target::openai) return end_preparation(true);
  if (access_token_.empty())
    login();
  else
    open_session();
}

void stream_client::login() {
  step_ = step::login;
  ask("/api/auth/login",
      "{\"username\":" + json_string(user_->username) +
          ",\"password\":" + json_string(user_->password) + "}",
      "application/json");
}

void stream_client::open_session() {
  step_ = step::session;
  ask("/api/sessions", "{\"modelId\":" + json_string(options_.model) + "}", "application/json");
}

void stream_client::start() {
  if (step_ != step::prepared) return;
  step_ = step::stream;
  --rounds_left_;
  events_.reset();
  stamps_ = {};
  fault_.clear();
  position_ = 0;
  has_text_ = has_begun_ = has_ended_ = has_reason_ = false;
  asked_ns_ = monotonic_ns();
  const auto* accept = options_.is_whole ? "application/json" : "text/event-stream";
  if (options_.target == load_target::parley) {
    return ask(options_.path,
               "{\"sessionId\":" + json_string(session_id_) + ",\"content\":\"Count for me.\"}",
               accept);
  }
  ask(options_.path,
      "{\"model\":" + json_string(options_.model) +
          ",\"messages\":[{\"role\":\"user\",\"content\":\"Count for me.\"}]" +
          (options_.is_whole ? "}"
                             : ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"),
      accept);
}

void stream_client::ask(std::string_view path, const std::string& body, std::string_view accept) {
  std::string request = "POST ";
  request += path;
  request +=
      " HTTP/1.1\r\nHost: " + options_.host + "\r\nContent-Type: application/json\r\nAccept: ";
  request += accept;
  request += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + options_.more_fields;
  if (!access_token_.empty()) request += "Authorization: Bearer " + access_token_ + "\r\n";
  request += options_.reuses_connections ? "\r\n" : "Connection: close\r\n\r\n";
  status_ = 0;
  answer_.clear();
  if (connection_ == nullptr) {
    connection_ = client_connection::open(loop_, options_.address, *this);
  }
  if (connection_ == nullptr) return on_broken("connect");
  connection_->send(request + body);
}

void stream_client::on_head(int status, const http_head& head) {
  status_ = status;
  if (step_ != step::stream || status != 200 || options_.is_whole) return;
  if (!head.field("content-type").starts_with("text/event-stream")) {
    note_fault("not an event stream");
  }
}

void stream_client::on_body(std::string_view piece) {
  constexpr size_t answer_bytes_max = 64 * 1024;
  if (step_ != step::stream || status_ != 200 || options_.is_whole) {
    if (answer_.size() < answer_bytes_max) answer_ += piece;
    return;
  }
  received_ns_ = monotonic_ns();
  events_.read(piece, [this](const sse_event& event) { take_event(event); });
  if (events_.is_broken()) note_fault("an event without end");
}

void stream_client::on_end(bool can_reuse) {
  if (!can_reuse || !options_.reuses_connections) {
    if (can_reuse) connection_->close();
    connection_ = nullptr;
  }
  switch (step_) {
    case step::login:
      access_token_ = answer_field("accessToken");
      if (access_token_.empty()) {
        findings_.fail_stream("login: status " + std::to_string(status_));
        return end_preparation(false);
      }
      return open_session();
    case step::session:
      session_id_ = answer_field("id");
      if (session_id_.empty()) {
        findings_.fail_stream("session: status " + std::to_string(status_));
      }
      return end_preparation(!session_id_.empty());
    case step::stream:
      if (status_ != 200)
        note_fault("status " + std::to_string(status_));
      else if (options_.is_whole)
        take_whole();
      else if (!has_ended_)
        note_fault("a clean end without the last event");
      return end_stream(fault_);
    default:
      return;
  }
}

void stream_client::on_broken(std::string_view why) {
  connection_ = nullptr;
  if (step_ == step::login || step_ == step::session) {
    findings_.fail_stream("prepare: " + std::string{why});
    end_preparation(false);
  } else if (step_ == step::stream) {
    end_stream(fault_.empty() ? why : fault_);
  }
}

std::string stream_client::answer_field(std::string_view name) {
  std::string_view value;
  if (status_ != 200 && status_ != 201) return {};
  if (json_parser().parse(answer_)[name].get(value) != simdjson::SUCCESS) return {};
  return std::string{value};
}

void stream_client::end_preparation(bool is_good) {
  step_ = is_good ? step::prepared : step::over;
  ++(is_good ? findings_.prepared : findings_.preparing_failed);
  if (!is_good) ++findings_.clients_over;
}

void stream_client::end_stream(std::string_view fault) {
  const auto found = stamps_.finish(options_.tokens);
  auto& sum = findings_.stamps;
  sum.tokens += found.tokens;
  sum.lost += found.lost;
  sum.repeated += found.repeated;
  sum.reordered += found.reordered;
  sum.malformed += found.malformed;
  if (fault.empty() && (!found.is_clean() || found.tokens != options_.tokens)) {
    fault = "not its tokens in order";
  }
  if (fault.empty())
    ++findings_.streams_ok;
  else
    findings_.fail_stream(fault);
  if (rounds_left_ > 0 && fault != "time is up") {
    step_ = step::prepared;
    return start();
  }
  step_ = step::over;
  ++findings_.clients_over;
  if (connection_ != nullptr) std::exchange(connection_, nullptr)->close();
}

void stream_client::give_up(std::string_view why) {
  if (step_ == step::over) return;
  if (step_ == step::stream) return end_stream(why);
  findings_.fail_stream(why);
  step_ = step::over;
  if (connection_ != nullptr) std::exchange(connection_, nullptr)->close();
}

void stream_client::note_fault(std::string fault) {
  if (fault_.empty()) fault_ = std::move(fault);
}

void stream_client::take_event(const sse_event& event) {
  if (has_ended_) return note_fault("an event behind the last");
  if (options_.target == load_target::parley)
    take_parley(event);
  else
    take_openai(event);
}

void stream_client::take_openai(const sse_event& event) {
  if (event.data == "[DONE]") {
    has_ended_ = true;
    if (!has_reason_) note_fault("no finish_reason");
    return;
  }
  simdjson::dom::element root;
  if (json_parser().parse(event.data.data(), event.data.size()).get(root) != simdjson::SUCCESS) {
    return note_fault("an event that is not JSON");
  }
  if (root["error"].error() == simdjson::SUCCESS) return note_fault("an error event");
  simdjson::dom::element choice;
  if (root["choices"].at(0).get(choice) != simdjson::SUCCESS) return;  // the usage chunk
  std::string_view text;
  if (choice["finish_reason"].get(text) == simdjson::SUCCESS) has_reason_ = true;
  if (choice["delta"]["content"].get(text) == simdjson::SUCCESS && !text.empty()) take_text(text);
}

void stream_client::take_parley(const sse_event& event) {
  if (!event.id.empty()) {
    const auto position = parse_number(event.id);
    if (!position || *position <= position_) note_fault("ids that do not rise");
    position_ = position.value_or(position_);
  }
  if (!has_begun_ && event.name != "start" && event.name != "error") {
    note_fault("no start at the beginning");
  }
  has_begun_ = true;
  simdjson::dom::element root;
  if (json_parser().parse(event.data.data(), event.data.size()).get(root) != simdjson::SUCCESS) {
    return note_fault("an event that is not JSON");
  }
  std::string_view text;
  if (event.name == "delta") {
    if (root["text"].get(text) != simdjson::SUCCESS) return note_fault("a delta without text");
    take_text(text);
  } else if (event.name == "error") {
    const bool has_reason = root["reason"].get(text) == simdjson::SUCCESS ||
                            root["error"]["reason"].get(text) == simdjson::SUCCESS;
    note_fault("error event: " + std::string{has_reason ? text : "no reason"});
  } else if (event.name == "done") {
    has_ended_ = true;
    if (root["status"].get(text) != simdjson::SUCCESS || text != "complete") {
      note_fault("done, but not complete");
    }
  }
}

void stream_client::take_whole() {
  received_ns_ = monotonic_ns();
  simdjson::dom::element root;
  if (json_parser().parse(answer_).get(root) != simdjson::SUCCESS) {
    return note_fault("an answer that is not JSON");
  }
  const bool is_parley = options_.target == load_target::parley;
  std::string_view status;
  std::string_view text;
  const auto content = root.at_pointer(is_parley ? "/content" : "/choices/0/message/content");
  const auto end = root.at_pointer(is_parley ? "/status" : "/choices/0/finish_reason");
  if (content.get(text) != simdjson::SUCCESS || end.get(status) != simdjson::SUCCESS ||
      status != (is_parley ? "complete" : "stop")) {
    return note_fault("an answer that is not complete");
  }
  take_text(text);
}

void stream_client::take_text(std::string_view text) {
  if (!has_text_) findings_.first_token.add(received_ns_ - asked_ns_);
  has_text_ = true;
  ++findings_.events;
  findings_.text_bytes += text.size();
  stamps_.read(text, [this](int64_t stamp_ns) { findings_.added.add(received_ns_ - stamp_ns); });
}

}  // namespace parley::bench
