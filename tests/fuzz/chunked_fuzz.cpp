// Chunked bodies: wherever the bytes are cut the result is the same, no body is over its limit, and
// what was cut into chunks comes out as it was.
#include <cstdlib>

#include "http/chunked.hpp"

using namespace parley::http;
using status = chunked_decoder::status;

namespace {

constexpr size_t body_bytes_max = 100;

struct outcome {
  status end = status::needs_more;
  std::string body;
  size_t left = 0;
  friend bool operator==(const outcome&, const outcome&) = default;
};

outcome read(std::string_view bytes, size_t step) {
  outcome result;
  chunked_decoder decoder{body_bytes_max};
  for (size_t at = 0; at < bytes.size(); at += step) {
    auto piece = bytes.substr(at, step);
    if (result.end == status::needs_more) result.end = decoder.feed(piece, result.body);
    result.left += piece.size();
    if (result.end == status::needs_more && !piece.empty()) std::abort();
    if (result.body.size() > body_bytes_max) std::abort();
  }
  return result;
}

std::string in_chunks(std::string_view content, size_t chunk) {
  std::string text;
  for (size_t at = 0; at < content.size(); at += chunk) {
    auto piece = content.substr(at, chunk);
    constexpr auto digits = "0123456789abcdef";
    text += {digits[piece.size() / 16], digits[piece.size() % 16]};
    text.append("\r\n").append(piece).append("\r\n");
  }
  return text + "0\r\n\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  auto step = size_t{1} + data[0] % 17;
  std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  auto whole = read(bytes, bytes.size() + 1);
  if (whole.end == status::complete || whole.end == status::needs_more)
    if (read(bytes, step) != whole || read(bytes, 1) != whole) std::abort();
  if (read(bytes, step).end != whole.end) std::abort();

  auto content = bytes.substr(0, body_bytes_max);
  auto good = read(in_chunks(content, step) + "GET", step);
  if (good.end != status::complete || good.body != content || good.left != 3) std::abort();
  return 0;
}
