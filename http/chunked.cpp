#include "http/chunked.hpp"

#include <algorithm>

namespace parley::http {

namespace {

constexpr int size_digits_max = 8;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

chunked_decoder::status chunked_decoder::feed(std::string_view& input, std::string& body) {
  while (!input.empty()) {
    if (place_ == place::data) {
      auto taken = std::min<size_t>(chunk_bytes_, input.size());
      body.append(input.substr(0, taken));
      input.remove_prefix(taken);
      chunk_bytes_ -= static_cast<uint32_t>(taken);
      if (chunk_bytes_ == 0) place_ = place::data_cr;
      continue;
    }
    auto c = input.front();
    input.remove_prefix(1);
    if (auto result = step(c, body.size()); result != status::needs_more) return result;
  }
  return status::needs_more;
}

// One byte of the framing.
chunked_decoder::status chunked_decoder::step(char c, size_t body_bytes) {
  auto expect = [&](char wanted, place next) {
    place_ = next;
    return c == wanted ? status::needs_more : status::malformed;
  };
  switch (place_) {
    case place::size:
      if (auto value = hex_value(c); value >= 0) {
        if (++digits_ > size_digits_max) return status::malformed;
        chunk_bytes_ = chunk_bytes_ << 4 | static_cast<uint32_t>(value);
        return status::needs_more;
      }
      return digits_ > 0 ? expect('\r', place::size_lf) : status::malformed;
    case place::size_lf:
      if (c != '\n') return status::malformed;
      digits_ = 0;
      if (chunk_bytes_ > body_bytes_max_ - body_bytes) return status::too_large;
      place_ = chunk_bytes_ == 0 ? place::last_cr : place::data;
      return status::needs_more;
    case place::data_cr:
      return expect('\r', place::data_lf);
    case place::data_lf:
      return expect('\n', place::size);
    case place::last_cr:
      // Anything else begins a trailer.
      return expect('\r', place::last_lf);
    default:
      return c == '\n' ? status::complete : status::malformed;
  }
}

size_t chunked_decoder::bytes_wanted() const {
  switch (place_) {
    case place::data:
      return chunk_bytes_ + sizeof "\r\n0\r\n\r\n" - 1;
    case place::data_cr:
      return sizeof "\r\n0\r\n\r\n" - 1;
    case place::data_lf:
      return sizeof "\n0\r\n\r\n" - 1;
    case place::last_cr:
      return 2;
    case place::last_lf:
      return 1;
    default:
      return sizeof "0\r\n\r\n" - 1;
  }
}

}  // namespace parley::http
