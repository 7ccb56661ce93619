/// Zip archives as streams: entries read one after the other, and written to wherever one likes.
///
/// Blocking, for workers; constant memory. Nothing is ever put into a file system: an entry is a
/// name and bytes. Fails with errc::invalid_input, reason `bad_zip`, for what is no whole zip or
/// has no entries; with errc::too_large, reason `decoded_bytes_max` or `entries_max`, for one that
/// unfolds to too much.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace parley {

struct zip_limits {
  int64_t decoded_bytes_max = int64_t{4} << 30;
  int64_t entries_max = 100'000;
};

class zip_reader {
 public:
  /// Does not own the descriptor, which must be seekable.
  static expected<zip_reader> open(int descriptor, zip_limits limits);
  zip_reader(zip_reader&&) noexcept;
  ~zip_reader();

  /// The name of the next file, as the archive has it; nothing at the end.
  expected<std::optional<std::string>> next();
  /// Some bytes of that file, until the next call; none at its end.
  expected<std::string_view> read();

 private:
  struct state;
  explicit zip_reader(std::unique_ptr<state> own);
  std::unique_ptr<state> state_;
};

class zip_writer {
 public:
  using sink = std::function<expected<void>(std::string_view)>;

  explicit zip_writer(sink to);
  ~zip_writer();

  expected<void> begin(const std::string& name, instant changed_at);
  expected<void> write(std::string_view bytes);
  /// The list of entries; without it the archive is not whole.
  expected<void> finish();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace parley
