#include "actors/impl/log_sums.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/files.hpp"

namespace parley {

namespace {

constexpr size_t summed_piece_bytes = size_t{1} << 20;
/// Six groups of a thousand keys in each slot of a day take some 50 MB.
constexpr size_t sums_bytes_max = size_t{256} << 20;
constexpr std::string_view head_begin = "parley log sums 1 ";

/// With the size of the file summed and its own: sums of another, or half of them, are none.
std::string head_of(const log_file& file, size_t text_bytes) {
  return std::string{head_begin} + std::to_string(file.bytes) + ' ' + std::to_string(text_bytes) +
         '\n';
}

/// Whole lines from `offset` to the end; where they end.
uint64_t read_lines(const std::filesystem::path& path, uint64_t offset, log_tally& to) {
  file_descriptor from{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!from.is_open()) return offset;
  std::string bytes(summed_piece_bytes, '\0');
  for (;;) {
    auto count = ::pread(from.number(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count <= 0) return offset;
    std::string_view left{bytes.data(), static_cast<size_t>(count)};
    auto end = left.rfind('\n');
    // A line as long as a piece is none of ours.
    if (end == left.npos && left.size() < summed_piece_bytes) return offset;
    auto whole = end == left.npos ? left.size() : end + 1;
    offset += whole;
    left = left.substr(0, whole);
    while (!left.empty()) {
      auto line = left.substr(0, left.find('\n'));
      to.add(line);
      left.remove_prefix(std::min(line.size() + 1, left.size()));
    }
  }
}

error sums_pending() {
  error_detail detail;
  detail.reason = "log_sums_pending";
  detail.retry_after_s = 5;
  return make_error(errc::unavailable, "The log is being summed up; please ask again.", detail);
}

}  // namespace

log_sums::log_sums(std::filesystem::path directory, sums_keeping keeping)
    : directory_(std::move(directory)), keeping_(keeping) {}

void log_sums::follow(const log_file& newest) {
  if (newest.number != number_ || newest.bytes < offset_) {
    tally_ = {};
    number_ = newest.number;
    offset_ = 0;
  }
  offset_ = read_lines(newest.path, offset_, tally_);
}

// What was followed while it grew needs only its last lines.
log_tally log_sums::tally_of(const log_file& file) {
  log_tally made;
  uint64_t from = 0;
  if (file.number == number_) {
    made = std::exchange(tally_, {});
    from = std::exchange(offset_, 0);
    number_ = 0;
  }
  read_lines(file.path, from, made);
  return made;
}

bool log_sums::store(const log_file& file, const log_tally& tally) const {
  if (keeping_ != sums_keeping::stored) return false;
  auto text = text_of(tally);
  return static_cast<bool>(replace_file(log_sums_path(file), head_of(file, text.size()) + text));
}

expected<void> log_sums::add_whole(const log_file& file, log_spans& to, bool may_make) {
  auto path = log_sums_path(file);
  auto known = read_whole_file(path, sums_bytes_max);
  auto text = known ? std::string_view{*known} : std::string_view{};
  auto head = text.substr(0, text.find('\n') + 1);
  if (text.empty() || head != head_of(file, text.size() - head.size())) {
    if (!may_make) return sums_pending();
    auto made = tally_of(file);
    store(file, made);
    to.add(made);
    return {};
  }
  if (to.add(text.substr(head.size()))) return {};
  ::unlink(path.c_str());
  return sums_pending();
}

bool log_sums::go_on() {
  auto files = list_log_files(directory_);
  if (files.empty()) return false;
  for (size_t i = 1; i < files.size(); ++i) {
    file_descriptor sums{
        ::open(log_sums_path(files[i]).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (sums.is_open()) continue;
    return store(files[i], tally_of(files[i]));
  }
  follow(files.front());
  return false;
}

expected<log_summary> log_sums::answer(const log_query& query, std::chrono::milliseconds patience) {
  auto until = std::chrono::steady_clock::now() + patience;
  auto files = list_log_files(directory_);
  log_spans spans{query};
  auto first_s = (query.since - (query.until - query.since)).ms / 1000 - 2 * log_slot_ms / 1000;
  auto last = to_string(query.until + std::chrono::milliseconds{log_slot_ms});
  for (size_t i = 0; i < files.size(); ++i) {
    const auto& file = files[i];
    if (file.written_s < first_s || first_log_time(file.path) > last) continue;
    if (i == 0) {
      follow(file);
      spans.add(tally_);
      continue;
    }
    TRY_DONE(add_whole(file, spans, std::chrono::steady_clock::now() <= until));
  }
  return spans.finish();
}

}  // namespace parley
