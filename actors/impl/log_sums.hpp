/// What the log's files amount to, without reading them anew: each file that is whole has its tally
/// as text beside it, made once; of the one that grows only the new lines are read.
///
/// Sums that are lost or damaged are made again. Blocks: for LOGS' worker and the command line.
#pragma once

#include "actors/impl/log_tally.hpp"
#include "base/log_files.hpp"

namespace parley {

/// Whether sums are stored beside their files. The command line may be somebody else.
enum class sums_keeping : uint8_t { stored = 1, in_memory };

class log_sums {
 public:
  log_sums(std::filesystem::path directory, sums_keeping keeping);

  /// errc::unavailable, reason `log_sums_pending`, if making what is missing takes longer.
  expected<log_summary> answer(const log_query& query, std::chrono::milliseconds patience);
  /// The growing file's new lines, and the sums of one file that has none; false: no more can be
  /// done now.
  bool go_on();

 private:
  void follow(const log_file& newest);
  expected<void> add_whole(const log_file& file, log_spans& to, bool may_make);
  /// Of a file that is whole; made if need be.
  log_tally tally_of(const log_file& file);
  bool store(const log_file& file, const log_tally& tally) const;

  std::filesystem::path directory_;
  sums_keeping keeping_;
  // The file that grows, up to a line's end.
  uint64_t number_ = 0;
  uint64_t offset_ = 0;
  log_tally tally_;
};

}  // namespace parley
