// The half of mock_connection that makes answers which take time.
#include <algorithm>
#include <cstdio>

#include "bench/load/mock_connection.hpp"

namespace parley::bench {
namespace {

constexpr size_t pending_bytes_max = 64 * 1024;
constexpr int burst_tokens_max = 64;  // in one turn of the loop, so that others get theirs
constexpr uint64_t long_line_bytes = 1'000'000'000;

}  // namespace

void mock_connection::produce() {
  if (!reply_ || afterwards_ != afterwards::nothing) return;
  if (!reply_->is_stream) {
    const auto body = reply_->text.whole_answer();
    answer(200, "application/json", body);
    return flush();
  }
  if (!reply_->has_begun) {
    reply_->has_begun = true;
    out_ +=
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        "Cache-Control: no-cache\r\nX-Request-Id: mock";
    out_ += std::to_string(server_.counters().requests);
    if (!takes_chunks_) keeps_alive_ = false;
    if (takes_chunks_) out_ += "\r\nTransfer-Encoding: chunked";
    out_ += keeps_alive_ ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
    std::string opening;
    reply_->text.append_opening(opening);
    if (reply_->model.long_line) reply_->text.append_long_line(opening);
    append_body(opening);
  }
  if (reply_->model.long_line) return produce_long_line();
  const auto now_ms = monotonic_ms();
  for (int burst = 0; burst < burst_tokens_max && afterwards_ == afterwards::nothing; ++burst) {
    if (reply_->next_due_ms > now_ms || pending_bytes() > pending_bytes_max) break;
    if (has_come_to_ending()) break;
    if (reply_->next_token == reply_->text.token_count())
      finish_stream();
    else
      produce_token();
  }
  if (afterwards_ == afterwards::nothing) {
    const bool is_silent = reply_->model.ending == mock_ending::hang && has_come_to_ending();
    if (!is_silent) server_.loop().arm_at(*this, reply_->next_due_ms);
  }
  flush();
}

void mock_connection::produce_token() {
  std::string token;
  reply_->text.append_token(token, reply_->next_token);
  ++reply_->next_token;
  ++server_.counters().tokens;
  if (!reply_->model.endless) reply_->next_due_ms += reply_->model.interval();
  append_body(token);
}

void mock_connection::produce_long_line() {
  constexpr size_t piece_bytes = 16 * 1024;
  const std::string piece(piece_bytes, 'a');
  while (pending_bytes() < pending_bytes_max && reply_->filler_bytes < long_line_bytes) {
    reply_->filler_bytes += piece_bytes;
    append_body(piece);
  }
  if (reply_->filler_bytes >= long_line_bytes) {
    append_body("\"},\"finish_reason\":null}]}\n\n");
    finish_stream();
  } else {
    server_.loop().arm_in(*this, 1);
  }
  flush();
}

/// Ends the stream early if its model's time has come; a hanging one has simply nothing more to
/// say.
bool mock_connection::has_come_to_ending() {
  const auto& model = reply_->model;
  const auto last = std::min(model.ending_after, reply_->text.token_count());
  const bool counts_tokens =
      model.ending != mock_ending::whole && model.ending != mock_ending::reset_bytes;
  if (!counts_tokens || reply_->next_token < last) return false;
  if (model.ending == mock_ending::reset) end_reply(afterwards::reset);
  if (model.ending == mock_ending::cut) end_reply(afterwards::close);
  if (model.ending == mock_ending::end) {
    if (takes_chunks_) out_ += "0\r\n\r\n";
    end_reply(keeps_alive_ ? afterwards::next_request : afterwards::close);
  }
  return true;
}

void mock_connection::finish_stream() {
  std::string closing;
  reply_->text.append_closing(closing);
  append_body(closing);
  if (afterwards_ != afterwards::nothing) return;  // the reset after so many bytes
  if (takes_chunks_) out_ += "0\r\n\r\n";
  end_reply(keeps_alive_ ? afterwards::next_request : afterwards::close);
}

void mock_connection::append_body(std::string_view data) {
  const auto& model = reply_->model;
  const bool is_limited = model.ending == mock_ending::reset_bytes;
  if (is_limited) data = data.substr(0, model.ending_after - reply_->body_bytes);
  reply_->body_bytes += data.size();
  server_.counters().body_bytes += data.size();
  if (!data.empty() && takes_chunks_) {
    char size[24];
    const auto length = std::snprintf(size, sizeof size, "%zx\r\n", data.size());
    out_.append(size, static_cast<size_t>(length));
  }
  out_ += data;
  if (!data.empty() && takes_chunks_) out_ += "\r\n";
  if (is_limited && reply_->body_bytes == model.ending_after) end_reply(afterwards::reset);
}

void mock_connection::end_reply(afterwards next) {
  if (reply_) {
    const bool is_fault =
        reply_->model.ending != mock_ending::whole &&
        (reply_->model.ending != mock_ending::reset_bytes || next == afterwards::reset);
    count_end(is_fault ? &mock_counters::streams_broken : &mock_counters::streams_finished);
  }
  afterwards_ = next;
}

void mock_connection::count_end(uint64_t mock_counters::*counter) {
  if (afterwards_ != afterwards::nothing || !reply_->is_stream) return;
  ++(server_.counters().*counter);
  --server_.counters().open_streams;
}

}  // namespace parley::bench
