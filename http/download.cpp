#include "http/download.hpp"

#include "base/text.hpp"

namespace parley::http {

// RFC 6266, appendix D: no '%' in the plain name, some clients decode it.
std::string attachment_of(std::string_view file_name) {
  std::string plain;
  for (char c : file_name) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80) continue;
    auto is_plain = byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\' && c != '%';
    plain += is_plain ? c : '_';
  }
  return "attachment; filename=\"" + plain + "\"; filename*=UTF-8''" + percent_encode(file_name);
}

}  // namespace parley::http
