#include "chat/reply_log.hpp"

#include <algorithm>
#include <limits>

namespace parley {

namespace {

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

/// Grows by an eighth, where a string doubles: a running reply is memory for as long as it runs. By
/// half when it is long: few are, and what has come is copied each time.
void add(std::string& to, std::string_view text) {
  constexpr size_t step_min = 512;
  constexpr size_t long_bytes = 32 << 10;
  auto size = to.size() + text.size();
  if (size > to.capacity())
    to.reserve(size + std::max(step_min, size / (size < long_bytes ? 8 : 2)));
  to += text;
}

bool has_text(part_type type) {
  return type != part_type::image;
}

}  // namespace

reply_log::reply_log(reply_start start, const message& stored) : start_(std::move(start)) {
  for (const auto& p : stored.parts) {
    parts_.push_back({p.type, text_end() + 1, {}});
    if (!has_text(p.type) || !p.text) continue;
    parts_.back().text = *p.text;
    text_bytes_ += static_cast<int64_t>(p.text->size());
  }
  if (stored.status == message_status::streaming) return;
  usage_ = stored.usage;
  finish(stored.status, stored.error);
}

void reply_log::append(part_type type, std::string_view text) {
  if (text.empty()) return;
  if (parts_.empty() || parts_.back().type != type) parts_.push_back({type, text_end() + 1, {}});
  add(parts_.back().text, text);
  text_bytes_ += static_cast<int64_t>(text.size());
}

void reply_log::finish(message_status status, std::optional<message_error> error) {
  status_ = status;
  error_ = std::move(error);
}

int64_t reply_log::position() const {
  return text_end() + (error_ ? 1 : 0) + (status_ ? 1 : 0);
}

std::vector<part> reply_log::parts() const {
  std::vector<part> result;
  for (const auto& p : parts_) {
    result.push_back({p.type, {}, {}, {}, {}});
    if (has_text(p.type)) result.back().text = p.text;
  }
  return result;
}

bool reply_log::is_boundary(int64_t position) const {
  if (position < 0 || position > this->position()) return false;
  for (const auto& p : parts_) {
    if (position >= p.end()) continue;
    if (position <= p.opened_at) return true;
    return !is_continuation(p.text[static_cast<size_t>(position - p.opened_at)]);
  }
  return true;
}

int64_t reply_log::bytes_behind(int64_t after) const {
  int64_t bytes = 0;
  for (const auto& p : parts_)
    bytes += std::max<int64_t>(0, p.end() - std::max(after, p.opened_at));
  return bytes;
}

slice reply_log::snapshot(int64_t& after) const {
  slice out;
  out.snapshot = reply_snapshot{start_.message_id, text_end(), parts()};
  after = text_end();
  return out;
}

void reply_log::add_ending(slice& out, int64_t& after) const {
  if (!status_) return;
  out.usage = usage_.copy();
  auto position = text_end();
  if (error_) {
    ++position;
    if (after < position) {
      out.error = *error_;
      out.error_position = position;
    }
  }
  out.status = status_;
  out.status_position = position + 1;
  after = position + 1;
}

slice reply_log::cut(int64_t& after, int64_t text_bytes_max) const {
  auto is_known = is_boundary(after);
  auto out = is_known ? slice{} : snapshot(after);
  if (is_known && after < 1) {
    out.start = start_;
    after = 1;
  }
  for (size_t i = 0; i < parts_.size(); ++i) {
    const auto& p = parts_[i];
    if (after >= p.end()) continue;
    auto index = static_cast<int32_t>(i);
    if (after < p.opened_at) {
      after = p.opened_at;
      out.events.push_back({after, index, p.type, true, {}});
    }
    auto offset = static_cast<size_t>(after - p.opened_at);
    auto length =
        std::min(p.text.size() - offset, static_cast<size_t>(std::max<int64_t>(0, text_bytes_max)));
    while (length > 0 && offset + length < p.text.size() &&
           is_continuation(p.text[offset + length]))
      --length;
    if (length > 0) {
      after += static_cast<int64_t>(length);
      text_bytes_max -= static_cast<int64_t>(length);
      out.events.push_back({after, index, p.type, false, p.text.substr(offset, length)});
    }
    if (after < p.end()) return out;
  }
  add_ending(out, after);
  return out;
}

std::vector<reply_event> reply_log::added_since(int64_t after) const {
  std::vector<reply_event> result;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const auto& p = parts_[i];
    if (after >= p.end()) continue;
    auto offset = static_cast<size_t>(std::max<int64_t>(0, after - p.opened_at));
    result.push_back(
        {p.end(), static_cast<int32_t>(i), p.type, after < p.opened_at, p.text.substr(offset)});
  }
  return result;
}

}  // namespace parley
