/// Answers that are files to keep.
#pragma once

#include <string>
#include <string_view>

namespace parley::http {

/// Content-Disposition (RFC 6266): the name in UTF-8 (RFC 8187), and for old clients in ASCII.
/// `file_name` is valid UTF-8.
std::string attachment_of(std::string_view file_name);

}  // namespace parley::http
