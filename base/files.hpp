/// Files of ours: private, and on the disk before they count. Blocks on the disk, any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace parley {

/// errc::storage_full or storage_failed, by errno; what it was goes to the log.
error file_fault();
/// The same, with a sentence: "Cannot write /a/b: No space left on device."
error file_fault(std::string_view doing, const std::filesystem::path& path);

/// Closes what it holds.
class file_descriptor {
 public:
  explicit file_descriptor(int number) : number_(number) {}
  file_descriptor(file_descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  file_descriptor& operator=(file_descriptor&&) = delete;
  ~file_descriptor();

  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  /// All of it, at that place.
  expected<void> write_all(std::string_view bytes, int64_t offset) const;

 private:
  int number_;
};

/// Its length; 0 without one.
uint64_t file_bytes(const std::filesystem::path& path);

/// Hands on all of a file in pieces of a megabyte, with the place of each, as long as `take` lets
/// it.
expected<void> read_pieces(
    const std::filesystem::path& path,
    const std::function<expected<void>(std::string_view piece, int64_t at)>& take);

/// Of a directory: that the names in it last.
expected<void> sync_directory(const std::filesystem::path& path);

/// A new file (0600) with these bytes, whole or not at all; errc::conflict if the name is taken.
expected<void> write_new_file(const std::filesystem::path& path, std::string_view bytes);

/// The same in the place of whatever has the name: the old bytes or the new ones. One writer.
expected<void> replace_file(const std::filesystem::path& path, std::string_view bytes);

/// All of a regular file; errc::not_found without one, too_large above `bytes_max`.
expected<std::string> read_whole_file(const std::filesystem::path& path, size_t bytes_max);

}  // namespace parley
