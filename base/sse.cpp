#include "base/sse.hpp"

#include <algorithm>
#include <cstring>

namespace parley {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr uint8_t stream_has_begun = 4;

size_t find(std::string_view text, size_t from, size_t to, char c) {
  auto* found = from < to ? std::memchr(text.data() + from, c, to - from) : nullptr;
  return found == nullptr ? to : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

// A line break inside a name or id would let its text forge fields.
void append_field(std::string& out, std::string_view name, std::string_view value) {
  auto is_break = [](char c) { return c == '\n' || c == '\r' || c == '\0'; };
  out += name;
  out += ": ";
  auto begin = out.size();
  out += value;
  out.erase(std::remove_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), is_break),
            out.end());
  out += '\n';
}

}  // namespace

void sse_parser::piece::set(std::string_view text, bool may_borrow) {
  is_borrowed_ = may_borrow;
  if (may_borrow)
    borrowed_ = text;
  else
    owned_ = text;
}

void sse_parser::piece::append_line(std::string_view text) {
  keep();
  owned_ += '\n';
  owned_ += text;
}

void sse_parser::piece::keep() {
  if (!is_borrowed_) return;
  owned_ = borrowed_;
  is_borrowed_ = false;
}

void sse_parser::piece::clear() {
  is_borrowed_ = false;
  owned_.clear();
  // One large event must not hold its memory for the rest of the stream.
  if (owned_.capacity() > 64 * 1024) owned_.shrink_to_fit();
}

bool sse_parser::has_partial_event() const {
  return !line_.empty() || has_data_ || !name_.view().empty() ||
         (bom_bytes_ > 0 && bom_bytes_ < byte_order_mark.size());
}

error sse_parser::fail() {
  has_failed_ = true;
  line_ = {};
  name_.clear();
  data_.clear();
  has_data_ = false;
  return make_error(errc::too_large, "An event of the stream is too large.");
}

std::string_view sse_parser::skip_bom(std::string_view chunk) {
  while (!chunk.empty() && bom_bytes_ < byte_order_mark.size()) {
    if (chunk.front() != byte_order_mark[bom_bytes_]) {
      line_ = byte_order_mark.substr(0, bom_bytes_);
      bom_bytes_ = stream_has_begun;
      return chunk;
    }
    chunk.remove_prefix(1);
    ++bom_bytes_;
  }
  if (bom_bytes_ == byte_order_mark.size()) bom_bytes_ = stream_has_begun;
  return chunk;
}

expected<void> sse_parser::push(std::string_view chunk, sink on_event) {
  if (has_failed_) return fail();
  if (bom_bytes_ != stream_has_begun) chunk = skip_bom(chunk);
  size_t at = 0;
  auto lf = find(chunk, 0, chunk.size(), '\n');
  while (at < chunk.size()) {
    if (skips_lf_) {
      skips_lf_ = false;
      if (chunk[at] == '\n') {
        ++at;
        continue;
      }
    }
    if (lf < at) lf = find(chunk, at, chunk.size(), '\n');
    auto end = find(chunk, at, lf, '\r');
    auto part = chunk.substr(at, end - at);
    if (part.size() > limits_.line_bytes_max - line_.size()) return fail();
    if (end == chunk.size()) {
      line_ += part;
      break;
    }
    skips_lf_ = chunk[end] == '\r';
    at = end + 1;
    if (line_.empty()) {
      if (!take_line(part, true, on_event)) return fail();
      continue;
    }
    line_ += part;
    auto is_taken = take_line(line_, false, on_event);
    line_.clear();
    if (!is_taken) return fail();
  }
  name_.keep();
  data_.keep();
  return caf::unit;
}

bool sse_parser::take_line(std::string_view line, bool is_in_chunk, sink on_event) {
  if (line.empty()) {
    dispatch(on_event);
    return true;
  }
  auto colon = find(line, 0, line.size(), ':');
  if (colon == 0) return true;  // a comment
  auto value = line.substr(std::min(colon + 1, line.size()));
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return take_field(line.substr(0, colon), value, is_in_chunk);
}

bool sse_parser::take_field(std::string_view name, std::string_view value, bool is_in_chunk) {
  if (name == "data") {
    auto held = has_data_ ? data_.view().size() + 1 : 0;
    if (value.size() + held > limits_.event_bytes_max) return false;
    if (has_data_)
      data_.append_line(value);
    else
      data_.set(value, is_in_chunk);
    has_data_ = true;
  } else if (name == "event") {
    name_.set(value, is_in_chunk);
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) id_ = value;
  } else if (name == "retry") {
    auto is_number =
        !value.empty() && value.size() <= 9 &&
        std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (is_number) retry_ms_ = static_cast<uint32_t>(std::stoul(std::string{value}));
  }
  return true;
}

void sse_parser::dispatch(sink on_event) {
  if (has_data_) on_event({id_, name_.view(), data_.view()});
  has_data_ = false;
  name_.clear();
  data_.clear();
}

void append_event(std::string& out, std::string_view id, std::string_view name,
                  std::string_view data) {
  if (!id.empty()) append_field(out, "id", id);
  if (!name.empty()) append_field(out, "event", name);
  while (true) {
    auto end = find(data, 0, find(data, 0, data.size(), '\n'), '\r');
    out += "data: ";
    out += data.substr(0, end);
    out += '\n';
    if (end == data.size()) break;
    auto is_pair = data[end] == '\r' && end + 1 < data.size() && data[end + 1] == '\n';
    data.remove_prefix(end + (is_pair ? 2 : 1));
  }
  out += '\n';
}

void append_comment(std::string& out, std::string_view text) {
  append_field(out, "", text);
  out += '\n';
}

}  // namespace parley
