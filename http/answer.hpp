/// What a handler answers, before it is bytes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace parley::http {

struct answer {
  int status = 200;
  /// Without those that frame the message (Content-Length, Connection, Transfer-Encoding …).
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type;
  std::string body;
};

enum class stream_framing : uint8_t {
  chunked,      ///< HTTP/1.1: Transfer-Encoding: chunked; the connection may be kept
  until_close,  ///< HTTP/1.0: the end of the connection is the end of the body
};

/// What the writing of an answer depends on besides the answer.
struct answer_frame {
  bool is_head = false;  ///< of a HEAD request: no body, but its length
  bool is_http_1_0 = false;
  bool is_keep_alive = true;
};

}  // namespace parley::http
