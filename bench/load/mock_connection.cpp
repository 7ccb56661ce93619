#include "bench/load/mock_connection.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace parley::bench {
namespace {

constexpr size_t body_bytes_max = 16 * 1024 * 1024;
constexpr size_t pending_bytes_max = 64 * 1024;

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Refused";
  }
}

}  // namespace

mock_connection::mock_connection(mock_server& server, int descriptor)
    : server_(server), descriptor_(descriptor) {}

mock_connection::~mock_connection() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void mock_connection::on_ready(uint32_t events) {
  const bool is_gone = (events & (EPOLLERR | EPOLLHUP)) != 0 ||
                       (phase_ == phase::reply && (events & EPOLLRDHUP) != 0);
  if (is_gone) return close();
  if ((events & EPOLLOUT) != 0) flush();
  if (!is_retired() && (events & (EPOLLIN | EPOLLRDHUP)) != 0 && phase_ != phase::reply) receive();
}

void mock_connection::on_due() {
  if (afterwards_ == afterwards::reset && pending_bytes() == 0) return close_with_reset();
  if (pending_bytes() > 0) return flush();
  produce();
}

void mock_connection::receive() {
  auto& buffer = server_.receive_buffer();
  const auto count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return close();
  in_.append(buffer.data(), static_cast<size_t>(count));
  read_requests();
}

void mock_connection::read_requests() {
  while (!is_retired() && phase_ != phase::reply) {
    if (phase_ == phase::head && !read_head()) return;
    if (phase_ != phase::body || !read_body()) return;
    phase_ = phase::reply;
    wait_for(EPOLLRDHUP);
    route();
    flush();
  }
}

bool mock_connection::read_head() {
  const auto state = parse_head(in_, head_);
  if (state == head_state::incomplete) return false;
  ++server_.counters().requests;
  const auto line = state == head_state::whole ? head_.first_line : std::string_view{};
  const auto method_end = line.find(' ');
  const auto target_end = line.rfind(' ');
  const auto version = target_end == std::string_view::npos ? "" : line.substr(target_end + 1);
  const auto length = head_.field("content-length");
  const auto body_bytes = length.empty() ? 0 : parse_number(length);
  is_chunked_ = equals_ignoring_case(head_.field("transfer-encoding"), "chunked");
  const bool is_framed = body_bytes && (!is_chunked_ || length.empty());
  const bool is_spoken = version == "HTTP/1.1" || version == "HTTP/1.0";
  if (method_end >= target_end || !is_spoken || !is_framed || *body_bytes > body_bytes_max) {
    ++server_.counters().malformed;
    keeps_alive_ = false;
    phase_ = phase::reply;
    const bool is_large = body_bytes && *body_bytes > body_bytes_max;
    refuse(is_large ? 413 : 400, "The request is not HTTP/1.1 as we speak it.",
           "invalid_request_error");
    flush();
    return false;
  }
  method_ = line.substr(0, method_end);
  target_ = line.substr(method_end + 1, target_end - method_end - 1);
  authorization_ = head_.field("authorization");
  takes_chunks_ = version == "HTTP/1.1";
  const auto connection = head_.field("connection");
  keeps_alive_ = takes_chunks_ ? !equals_ignoring_case(connection, "close")
                               : equals_ignoring_case(connection, "keep-alive");
  body_left_ = *body_bytes;
  chunks_.reset();
  body_.clear();
  fields_json_ = "{";
  for (const auto& [name, value] : head_.fields) {
    if (fields_json_.size() > 1) fields_json_ += ',';
    append_json_string(fields_json_, name);
    fields_json_ += ':';
    append_json_string(fields_json_, value);
  }
  fields_json_ += '}';
  const bool is_asked_first = equals_ignoring_case(head_.field("expect"), "100-continue");
  in_.erase(0, head_.bytes);
  if (is_asked_first && in_.empty()) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
  phase_ = phase::body;
  if (pending_bytes() > 0) flush();
  return !is_retired();
}

bool mock_connection::read_body() {
  if (!is_chunked_) {
    const auto count = std::min<uint64_t>(body_left_, in_.size());
    body_.append(in_, 0, count);
    in_.erase(0, count);
    body_left_ -= count;
    return body_left_ == 0;
  }
  in_.erase(0, chunks_.decode(in_, body_));
  if (!chunks_.is_broken() && body_.size() <= body_bytes_max) return chunks_.is_whole();
  ++server_.counters().malformed;
  keeps_alive_ = false;
  phase_ = phase::reply;
  refuse(chunks_.is_broken() ? 400 : 413, "The chunked body is broken or too large.",
         "invalid_request_error");
  flush();
  return false;
}

void mock_connection::remember_request() {
  auto& last = server_.last_request();
  simdjson::dom::parser parser;
  last.is_json = parser.parse(body_).error() == simdjson::SUCCESS;
  last.fields_json = fields_json_;
  last.body = body_;
}

void mock_connection::route() {
  const auto path = std::string_view{target_}.substr(0, target_.find('?'));
  const bool is_get = method_ == "GET";
  if (is_get && path == "/stats") return answer(200, "application/json", server_.counters_json());
  if (is_get && path == "/last") {
    const auto& last = server_.last_request();
    return answer(200, "application/json",
                  "{\"headers\":" + last.fields_json +
                      ",\"body\":" + (last.is_json ? last.body : std::string{"null"}) +
                      ",\"bytes\":" + std::to_string(last.body.size()) + "}");
  }
  const auto& key = server_.api_key();
  if (!key.empty() && authorization_ != "Bearer " + key) {
    return refuse(401, "Incorrect API key provided.", "invalid_request_error",
                  "\"invalid_api_key\"");
  }
  if (is_get && path == "/v1/models") {
    std::string list = "{\"object\":\"list\",\"data\":[";
    for (const std::string_view name : {"mock", "mock-echo", "mock-t100-i50"}) {
      if (list.back() == '}') list += ',';
      list += "{\"id\":" + json_string(name) +
              ",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"mock\"}";
    }
    return answer(200, "application/json", list + "]}");
  }
  if (method_ == "POST" && path == "/v1/chat/completions") {
    remember_request();
    return begin_chat();
  }
  refuse(404, "Unknown request URL: " + method_ + " " + target_, "invalid_request_error");
}

void mock_connection::begin_chat() {
  auto read = server_.reader().read(body_);
  body_ = {};
  if (const auto* fault = std::get_if<request_fault>(&read)) {
    ++server_.counters().malformed;
    return refuse(400, fault->message, "invalid_request_error",
                  fault->param.empty() ? "null" : "null,\"param\":" + json_string(fault->param));
  }
  auto& request = std::get<chat_request>(read);
  const auto model = parse_mock_model(request.model);
  if (!model) {
    return refuse(404, "The model '" + request.model + "' does not exist.", "invalid_request_error",
                  "\"model_not_found\"");
  }
  const auto earlier_calls = server_.count_call(request.model);
  const bool is_refusing = model->fault_calls == 0 || earlier_calls < model->fault_calls;
  if (is_refusing && (model->refuse_status != 0 || model->context_tokens != 0)) {
    return refuse_as_model(*model);
  }
  if (model->html) {
    return answer(
        200, "text/html; charset=utf-8",
        "<!doctype html><html><body><h1>Welcome to the captive portal</h1></body></html>");
  }
  const bool is_stream = request.stream;
  auto text = mock_text{*model, std::move(request), server_.counters().requests};
  constexpr uint64_t whole_bytes_max = 16 * 1024 * 1024;
  if (!is_stream && (text.token_count() > whole_bytes_max / model->token_bytes)) {
    return refuse(400, "So long an answer is only given as a stream.", "invalid_request_error");
  }
  in_.shrink_to_fit();
  reply_ = std::make_unique<reply>(reply{.model = *model, .text = std::move(text)});
  reply_->is_stream = is_stream;
  auto& counters = server_.counters();
  if (is_stream) {
    ++counters.streams;
    ++counters.open_streams;
    counters.open_streams_peak = std::max(counters.open_streams_peak, counters.open_streams);
  }
  if (model->silent) return;  // until the client goes
  auto delay_ms = int64_t{model->first()};
  if (!is_stream) {
    delay_ms += static_cast<int64_t>(reply_->text.token_count() * model->interval());
  }
  reply_->next_due_ms = monotonic_ms() + delay_ms;
  if (delay_ms == 0) return produce();
  server_.loop().arm_at(*this, reply_->next_due_ms);
}

void mock_connection::answer(int status, std::string_view type, std::string_view body,
                             std::string_view more_fields) {
  out_ += "HTTP/1.1 " + std::to_string(status) + " ";
  out_ += reason_of(status);
  out_ += "\r\nContent-Type: ";
  out_ += type;
  out_ += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  out_ += more_fields;
  out_ += keeps_alive_ ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  out_ += body;
  end_reply(keeps_alive_ ? afterwards::next_request : afterwards::close);
}

void mock_connection::refuse(int status, std::string_view message, std::string_view type,
                             std::string_view code_and_param) {
  std::string body = "{\"error\":{\"message\":" + json_string(message) + ",\"type\":";
  append_json_string(body, type);
  body += ",\"code\":";
  body += code_and_param;
  body += "}}";
  answer(status, "application/json", body);
}

void mock_connection::refuse_as_model(const mock_model& model) {
  if (model.context_tokens != 0) {
    return refuse(400,
                  "This model's maximum context length is " + std::to_string(model.context_tokens) +
                      " tokens. However, your messages resulted in more. Please reduce the length"
                      " of the messages.",
                  "invalid_request_error", "\"context_length_exceeded\",\"param\":\"messages\"");
  }
  const auto status = static_cast<int>(model.refuse_status);
  std::string_view message = "The server had an error while processing your request.";
  std::string_view code = "null";
  if (status == 401) {
    message = "Incorrect API key provided.";
    code = "\"invalid_api_key\"";
  } else if (status == 429) {
    message = "Rate limit reached for requests.";
    code = "\"rate_limit_exceeded\"";
  }
  std::string body = "{\"error\":{\"message\":" + json_string(message) + ",\"type\":" +
                     (status >= 500 ? "\"server_error\"" : "\"invalid_request_error\"") +
                     ",\"param\":null,\"code\":" + std::string{code} + "}}";
  const bool may_retry = status == 429 || status == 503;
  answer(status, "application/json", body,
         may_retry ? "Retry-After: " + std::to_string(model.retry_after_s) + "\r\n" : "");
}

void mock_connection::flush() {
  if (is_retired()) return;
  while (pending_bytes() > 0) {
    auto count = pending_bytes();
    const auto split = reply_ ? reply_->model.split_bytes : 0;
    if (split != 0) count = std::min<size_t>(count, split);
    const auto sent = ::send(descriptor_, out_.data() + sent_, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      ++server_.counters().stalls;
      return wait_for(EPOLLRDHUP | EPOLLOUT);
    }
    if (sent < 0) return close();
    sent_ += static_cast<size_t>(sent);
    if (split != 0) {
      server_.loop().arm_in(*this, 1);
      if (pending_bytes() > 0) return;
    }
  }
  out_.clear();
  sent_ = 0;
  if (out_.capacity() > pending_bytes_max) out_ = {};
  act_after_flush();
}

void mock_connection::act_after_flush() {
  const bool was_blocked = (waits_for_ & EPOLLOUT) != 0;
  if (phase_ == phase::reply) wait_for(EPOLLRDHUP);
  switch (afterwards_) {
    case afterwards::nothing:
      // Tokens that fell due while the socket was full go out on the loop's next turn.
      if (was_blocked && reply_ && reply_->has_begun) server_.loop().arm_in(*this, 0);
      return;
    case afterwards::close:
      return close();
    case afterwards::reset:  // a moment later, so that the client has read what came before
      return server_.loop().arm_in(*this, 5);
    case afterwards::next_request:
      server_.loop().cancel(*this);
      afterwards_ = afterwards::nothing;
      reply_.reset();
      phase_ = phase::head;
      wait_for(EPOLLIN | EPOLLRDHUP);
      // Whoever sent the next request already gets its answer on the same call stack: the depth is
      // bounded by what one receive can hold.
      if (!in_.empty()) read_requests();
  }
}

void mock_connection::wait_for(uint32_t events) {
  if (waits_for_ == events) return;
  waits_for_ = events;
  server_.loop().rewatch(descriptor_, *this, events);
}

void mock_connection::close() {
  if (is_retired()) return;
  if (reply_) count_end(&mock_counters::streams_abandoned);
  --server_.counters().open_sockets;
  ::close(descriptor_);
  descriptor_ = -1;
  server_.loop().retire(*this);
}

void mock_connection::close_with_reset() {
  const linger at_once{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

}  // namespace parley::bench
