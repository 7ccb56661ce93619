/// Reads a request's head line by line (RFC 9112, strict) and finds out how its body is framed.
///
/// Owned by a guard. Any split of the input gives the same result, refusals included.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/clean_request.hpp"

namespace parley::http {

/// Limits on what a client may send before its route is known.
struct guard_limits {
  size_t head_bytes_max = 64 * 1024;
  size_t line_bytes_max = 8 * 1024;  ///< without CRLF; at most 65,535
  size_t headers_max = 100;
  size_t uri_bytes_max = 2 * 1024;
};

class head_reader {
 public:
  enum class status : uint8_t { needs_more, complete, refused };

  explicit head_reader(const guard_limits& limits) : limits_(&limits) {}

  /// Takes the head's bytes from `input`, shortening it.
  status feed(std::string_view& input);

  bool is_empty() const { return head_bytes_ == 0 && partial_line_.empty(); }
  const refusal& why() const { return refusal_; }
  request_head& head() { return head_; }

  // Once complete: the frame of the body.
  bool is_chunked() const { return is_chunked_; }
  uint64_t content_length() const { return content_length_.value_or(0); }
  bool is_continue_expected() const { return is_continue_expected_; }
  bool has_content_coding() const { return has_content_coding_; }

 private:
  status refuse(int http_status, errc code, std::string_view sentence);
  status refuse_malformed(std::string_view sentence);
  status check_size(size_t line_bytes, size_t head_bytes);
  status take_line(std::string_view line);
  status take_request_line(std::string_view line);
  status take_target(std::string_view target);
  status take_header_line(std::string_view line);
  status take_header(std::string_view name, std::string_view value);
  status take_content_length(std::string_view value);
  status take_transfer_encoding(std::string_view value);
  status take_host(std::string_view value);
  status take_expect(std::string_view value);
  void take_connection(std::string_view value);
  status finish();

  const guard_limits* limits_;
  request_head head_;
  refusal refusal_;
  std::string partial_line_;
  size_t head_bytes_ = 0;  ///< of whole lines
  size_t header_count_ = 0;
  std::optional<uint64_t> content_length_;
  bool has_request_line_ = false;
  bool has_host_ = false;
  bool is_chunked_ = false;
  bool has_unknown_transfer_coding_ = false;
  bool has_bad_expectation_ = false;
  bool is_continue_expected_ = false;
  bool has_content_coding_ = false;
  bool is_close_asked_ = false;
  bool is_keep_alive_asked_ = false;
};

/// Compares ASCII letters without their case; `lower` is in lower case.
bool is_same_word(std::string_view text, std::string_view lower);
/// Without spaces and tabs at both ends.
std::string_view trim_blanks(std::string_view text);

}  // namespace parley::http
