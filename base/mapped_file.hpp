/// A file's bytes, mapped read-only and shared by all threads.
///
/// For files that come with the program and are replaced as a whole, never written in place. What
/// is touched is in memory and counts as the process's until release_pages().
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace parley {

class mapped_file {
 public:
  /// Nothing mapped.
  mapped_file() = default;
  /// Reads all of it ahead. An empty file has empty bytes. Fails as unreadable() does
  /// (base/text_file.hpp).
  static expected<mapped_file> open(const std::string& path);

  mapped_file(mapped_file&& other) noexcept;
  mapped_file& operator=(mapped_file&& other) noexcept;
  ~mapped_file();

  std::string_view bytes() const { return bytes_; }
  /// Lets go of the pages in memory; who reads next, also another thread meanwhile, has them mapped
  /// again one by one.
  void release_pages() const;

 private:
  explicit mapped_file(std::string_view bytes) : bytes_(bytes) {}

  std::string_view bytes_;
};

}  // namespace parley
