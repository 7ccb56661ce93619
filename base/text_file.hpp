/// A file's whole text. Any thread; waits for the disk.
#pragma once

#include <cstddef>
#include <string>

#include "base/error.hpp"

namespace parley {

constexpr size_t text_file_bytes_max = 1 << 20;

/// Fails with invalid_input, which names the path and why it can't be read. Pipes are read to their
/// end.
expected<std::string> read_text_file(const std::string& path,
                                     size_t bytes_max = text_file_bytes_max);

/// "PATH: there is no such file." and the like, for an errno.
error unreadable(const std::string& path, int cause);

}  // namespace parley
