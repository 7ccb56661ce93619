#include "http/guard_head.hpp"

#include <algorithm>
#include <array>

namespace parley::http {

namespace {

using byte_class = std::array<bool, 256>;

constexpr byte_class make_class(std::string_view others, bool has_alphanumerics) {
  byte_class result{};
  for (char c : others) result[static_cast<uint8_t>(c)] = true;
  for (int c = 0; c < 128 && has_alphanumerics; ++c)
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
      result[c] = true;
  return result;
}

// RFC 9110, section 5.6.2: what names of methods and fields consist of.
constexpr auto token_bytes = make_class("!#$%&'*+-.^_`|~", true);
// RFC 3986: the host and port of a Host field.
constexpr auto host_bytes = make_class("-._~:[]%!$&'()*+,;=", true);

bool consists_of(std::string_view text, const byte_class& allowed) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return allowed[static_cast<uint8_t>(c)]; });
}

bool is_token(std::string_view text) {
  return !text.empty() && consists_of(text, token_bytes);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Printable ASCII without '#': what browsers leave unencoded in a path or query is allowed.
bool is_target_byte(char c) {
  return c > 0x20 && c < 0x7f && c != '#';
}

// RFC 9110, section 5.5: visible bytes, blanks and obs-text.
bool is_field_byte(char c) {
  auto byte = static_cast<uint8_t>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

// Fields that say one thing; two of them are an ambiguity that different readers solve differently.
constexpr std::string_view single_fields[] = {"authorization", "content-type",  "content-encoding",
                                              "expect",        "last-event-id", "idempotency-key",
                                              "x-api-key"};

// Framing and what must not reach httplib: its ranges and its compression are faulty (edge.md).
constexpr std::string_view dropped_fields[] = {"accept-encoding",  "if-range", "keep-alive",
                                               "proxy-connection", "range",    "te",
                                               "trailer",          "upgrade"};

template <size_t N>
bool is_among(std::string_view name, const std::string_view (&names)[N]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

bool is_same_word(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return to_lower(a) == b; });
}

std::string_view trim_blanks(std::string_view text) {
  auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

head_reader::status head_reader::refuse(int http_status, errc code, std::string_view sentence) {
  refusal_.status = http_status;
  refusal_.code = code;
  refusal_.sentence = sentence;
  refusal_.head = head_;
  return status::refused;
}

head_reader::status head_reader::refuse_malformed(std::string_view sentence) {
  return refuse(400, errc::malformed, sentence);
}

// Both counts only grow while a line is incomplete, so a part is refused when the whole would be.
head_reader::status head_reader::check_size(size_t line_bytes, size_t head_bytes) {
  if (line_bytes > limits_->line_bytes_max + 1) {  // the CR counts in
    return has_request_line_ ? refuse(431, errc::too_large, "A header line is too long.")
                             : refuse(414, errc::too_large, "The address is too long.");
  }
  if (head_bytes > limits_->head_bytes_max)
    return refuse(431, errc::too_large, "The header is too large.");
  return status::needs_more;
}

head_reader::status head_reader::feed(std::string_view& input) {
  while (!input.empty()) {
    auto end = input.find('\n');
    auto part = input.substr(0, end);
    auto line_bytes = partial_line_.size() + part.size();
    auto is_whole = end != std::string_view::npos;
    if (check_size(line_bytes, head_bytes_ + line_bytes + (is_whole ? 1 : 0)) == status::refused)
      return status::refused;
    input.remove_prefix(part.size() + (is_whole ? 1 : 0));
    if (!is_whole) {
      partial_line_.append(part);
      return status::needs_more;
    }
    head_bytes_ += line_bytes + 1;
    if (!partial_line_.empty()) part = partial_line_.append(part);
    auto result = take_line(part);
    partial_line_.clear();
    if (result != status::needs_more) return result;
  }
  return status::needs_more;
}

head_reader::status head_reader::take_line(std::string_view line) {
  if (line.empty() || line.back() != '\r')
    return refuse_malformed("A line does not end with CRLF.");
  line.remove_suffix(1);
  if (!has_request_line_) return take_request_line(line);
  return line.empty() ? finish() : take_header_line(line);
}

head_reader::status head_reader::take_request_line(std::string_view line) {
  auto first = line.find(' ');
  auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return refuse_malformed("The request line is malformed.");
  auto verb = line.substr(0, first);
  auto target = line.substr(first + 1, last - first - 1);
  auto version = line.substr(last + 1);
  if (!is_token(verb) || !std::all_of(target.begin(), target.end(), is_target_byte) ||
      target.empty() || version.size() != 8 || version.substr(0, 5) != "HTTP/" ||
      !is_digit(version[5]) || version[6] != '.' || !is_digit(version[7]))
    return refuse_malformed("The request line is malformed.");
  has_request_line_ = true;
  if (version[5] != '1') return refuse(505, errc::malformed, "Only HTTP/1.1 is spoken here.");
  head_.is_http_1_0 = version[7] == '0';
  auto known = parse_method(verb);
  if (!known) return refuse(501, errc::malformed, "The method is unknown.");
  head_.verb = *known;
  return take_target(target);
}

head_reader::status head_reader::take_target(std::string_view target) {
  if (target.size() > limits_->uri_bytes_max)
    return refuse(414, errc::too_large, "The address is too long.");
  auto is_server_itself = target == "*" && head_.verb == method::options;
  if (target.front() != '/' && !is_server_itself)
    return refuse_malformed("The address must be a path.");
  if (target.find("%00") != std::string_view::npos)
    return refuse_malformed("The address holds a NUL.");
  auto question = target.find('?');
  head_.path = target.substr(0, question);
  if (question != std::string_view::npos) head_.query = target.substr(question + 1);
  return status::needs_more;
}

head_reader::status head_reader::take_header_line(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t')
    return refuse_malformed("A header line is folded.");
  if (++header_count_ > limits_->headers_max)
    return refuse(431, errc::too_large, "There are too many header lines.");
  auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return refuse_malformed("A header name is malformed.");
  auto value = trim_blanks(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), is_field_byte))
    return refuse_malformed("A header value is malformed.");
  std::string name{line.substr(0, colon)};
  std::transform(name.begin(), name.end(), name.begin(), to_lower);
  return take_header(name, value);
}

head_reader::status head_reader::take_header(std::string_view name, std::string_view value) {
  if (name == "content-length") return take_content_length(value);
  if (name == "transfer-encoding") return take_transfer_encoding(value);
  if (name == "host" && take_host(value) == status::refused) return status::refused;
  if (name == "connection") {
    take_connection(value);
    return status::needs_more;
  }
  if (name == "expect") return take_expect(value);
  if (is_among(name, single_fields) && head_.headers.find(name))
    return refuse_malformed("A header that must stand once stands twice.");
  // A CGI-like name could be taken for the address of the peer.
  if (is_among(name, dropped_fields) || name.find('_') != std::string_view::npos)
    return status::needs_more;
  if (name == "content-encoding" && !is_same_word(value, "identity")) has_content_coding_ = true;
  head_.headers.add(name, value);
  return status::needs_more;
}

head_reader::status head_reader::take_content_length(std::string_view value) {
  constexpr size_t digits_max = 18;  // fits 64 bits
  if (content_length_) return refuse_malformed("There are two Content-Lengths.");
  if (value.empty() || value.size() > digits_max ||
      !std::all_of(value.begin(), value.end(), is_digit))
    return refuse_malformed("The Content-Length is malformed.");
  uint64_t number = 0;
  for (char c : value) number = number * 10 + static_cast<uint64_t>(c - '0');
  content_length_ = number;
  return status::needs_more;
}

head_reader::status head_reader::take_transfer_encoding(std::string_view value) {
  if (is_chunked_ || has_unknown_transfer_coding_ || !is_token(value))
    return refuse_malformed("The Transfer-Encoding is malformed.");
  is_chunked_ = is_same_word(value, "chunked");
  has_unknown_transfer_coding_ = !is_chunked_;
  return status::needs_more;
}

head_reader::status head_reader::take_host(std::string_view value) {
  if (std::exchange(has_host_, true)) return refuse_malformed("There are two Hosts.");
  if (!consists_of(value, host_bytes)) return refuse_malformed("The Host is malformed.");
  return status::needs_more;
}

head_reader::status head_reader::take_expect(std::string_view value) {
  if (has_bad_expectation_ || is_continue_expected_)
    return refuse_malformed("There are two Expects.");
  is_continue_expected_ = is_same_word(value, "100-continue");
  has_bad_expectation_ = !is_continue_expected_;
  return status::needs_more;
}

void head_reader::take_connection(std::string_view value) {
  while (!value.empty()) {
    auto comma = value.find(',');
    auto option = trim_blanks(value.substr(0, comma));
    if (is_same_word(option, "close")) is_close_asked_ = true;
    if (is_same_word(option, "keep-alive")) is_keep_alive_asked_ = true;
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

head_reader::status head_reader::finish() {
  head_.is_keep_alive = !is_close_asked_ && (!head_.is_http_1_0 || is_keep_alive_asked_);
  if (!has_host_ && !head_.is_http_1_0) return refuse_malformed("There is no Host.");
  auto has_coding = is_chunked_ || has_unknown_transfer_coding_;
  if (has_coding && content_length_)
    return refuse_malformed("Content-Length and Transfer-Encoding exclude each other.");
  if (has_coding && head_.is_http_1_0)
    return refuse_malformed("HTTP/1.0 has no Transfer-Encoding.");
  if (has_unknown_transfer_coding_)
    return refuse(501, errc::malformed, "The Transfer-Encoding is unknown.");
  // RFC 9110, section 10.1.1: an expectation of HTTP/1.0 is ignored.
  if (head_.is_http_1_0) is_continue_expected_ = has_bad_expectation_ = false;
  if (has_bad_expectation_)
    return refuse(417, errc::malformed, "Only 100-continue can be expected.");
  return status::complete;
}

}  // namespace parley::http
