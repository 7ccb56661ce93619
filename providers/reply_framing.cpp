#include "providers/reply_framing.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace parley::providers {

namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string_view without_leading_blanks(std::string_view text) {
  auto begin = text.find_first_not_of(blanks);
  return begin == text.npos ? std::string_view{} : text.substr(begin);
}

error unwanted_call() {
  return make_error(errc::provider_failed, "upstream_tool_call",
                    "The model called a tool that it was not offered.");
}

}  // namespace

framed_parser::framed_parser(const parser_wish& wish, framing how)
    : reader_(wish.reader),
      events_({wish.limits.line_bytes_max,
               std::max(wish.limits.line_bytes_max, wish.limits.reply_bytes_max)}),
      line_bytes_max_(wish.limits.line_bytes_max),
      whole_bytes_max_(reply_json_limits(wish.limits).bytes_max),
      bytes_left_(wish.limits.reply_bytes_max),
      how_(how),
      has_tools_(wish.has_tools) {}

expected<void> framed_parser::push(std::string_view bytes, std::vector<text_delta>& out) {
  if (fault_) return fault_;
  out_ = &out;
  if (shape_ == shape::unknown) bytes = look_at_beginning(bytes);
  switch (shape_) {
    case shape::unknown:
      return caf::unit;
    case shape::other:
      fail(reply_broken());
      return fault_;
    case shape::whole:
      return push_whole(bytes);
    case shape::stream:
      break;
  }
  if (how_ == framing::lines) {
    push_lines(bytes);
  } else {
    auto pushed = events_.push(bytes, [&](const sse_event& event) {
      if (!fault_ && !is_complete_) read_data(event.data);
    });
    if (!pushed) fail(reply_too_large());
  }
  if (fault_) return fault_;
  return caf::unit;
}

expected<reply_end> framed_parser::finish(std::vector<text_delta>& out) {
  if (fault_) return fault_;
  out_ = &out;
  if (shape_ == shape::whole) read_text(held_, true);
  if (shape_ == shape::stream && !is_complete_) {
    // The last event of a server that does not end it with an empty line.
    auto pushed = push("\n\n", out);
    if (!pushed) return pushed.error();
  }
  if (!fault_ && !is_complete_ && !reason_) fail(reply_broken());
  if (fault_) return fault_;
  reply_end end;
  end.reason = reason_.value_or(finish_reason::stop);
  // Nothing at all was counted: some send the fields empty.
  if (used_ && used_->prompt_tokens + used_->completion_tokens > 0) end.used = used_;
  close(end);
  if (!end.calls.empty() && !has_tools_) fail(unwanted_call());
  if (fault_) return fault_;
  if (end.calls.empty()) end.unseen.clear();
  return end;
}

/// Servers name wrong content types, so the first byte decides: JSON if they ignored the wish for
/// a stream, HTML if a proxy answers in their place.
std::string_view framed_parser::look_at_beginning(std::string_view bytes) {
  bytes = without_leading_blanks(bytes);
  if (bytes.empty()) return bytes;
  auto first = bytes.front();
  auto is_json = first == '{' || first == '[';
  shape_ = first == '<'                         ? shape::other
           : is_json && how_ == framing::events ? shape::whole
                                                : shape::stream;
  return bytes;
}

expected<void> framed_parser::push_whole(std::string_view bytes) {
  if (held_.size() + bytes.size() > whole_bytes_max_) {
    fail(reply_too_large());
    return fault_;
  }
  held_ += bytes;
  return caf::unit;
}

void framed_parser::push_lines(std::string_view bytes) {
  while (!bytes.empty() && !fault_ && !is_complete_) {
    auto end = bytes.find('\n');
    auto piece = bytes.substr(0, end);
    if (held_.size() + piece.size() > line_bytes_max_) return fail(reply_too_large());
    if (end == bytes.npos) {
      held_ += piece;
      return;
    }
    bytes.remove_prefix(end + 1);
    if (held_.empty()) {
      read_data(piece);
      continue;
    }
    held_ += piece;
    auto line = std::exchange(held_, {});
    read_data(line);
  }
}

void framed_parser::read_data(std::string_view data) {
  data = without_leading_blanks(data);
  if (data.empty()) return;
  if (how_ == framing::events && data.substr(0, 6) == "[DONE]") return read_done();
  read_text(data, false);
}

void framed_parser::read_text(std::string_view text, bool is_whole) {
  auto value = reader_.parse(text);
  std::string repaired;
  if (!value && !is_utf8(text)) {
    repaired = repair_utf8(text);
    value = reader_.parse(repaired);
  }
  if (!value) return fail(reply_broken());
  if (is_whole) return read_whole(*value);
  if (value->type() != json_type::object) return fail(reply_broken());
  read(*value);
}

void framed_parser::add(part_type type, std::optional<std::string_view> text) {
  if (!text || text->empty() || !count(text->size())) return;
  auto& out = *out_;
  if (out.empty() || out.back().type != type) out.push_back({type, {}});
  auto& target = out.back().text;
  auto begin = target.size();
  target += *text;
  // U+0000 is refused everywhere else: a model cannot bring it in.
  if (text->find('\0') != text->npos)
    target.erase(
        std::remove(target.begin() + static_cast<std::ptrdiff_t>(begin), target.end(), '\0'),
        target.end());
}

bool framed_parser::count(size_t bytes) {
  if (bytes > bytes_left_) {
    fail(reply_too_large());
    return false;
  }
  bytes_left_ -= bytes;
  return true;
}

void framed_parser::fail(error cause) {
  if (!fault_) fault_ = std::move(cause);
}

std::optional<int64_t> count_at(const json_value& object, std::string_view key) {
  constexpr int64_t tokens_max = 1'000'000'000;
  auto count = object.integer_at(key);
  return count && *count >= 0 && *count <= tokens_max ? count : std::nullopt;
}

void append_json(std::string& list, std::string_view piece) {
  if (!list.empty()) list += ',';
  list += piece;
}

}  // namespace parley::providers
