#include "actors/impl/log_search.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log_line.hpp"

namespace parley {

namespace {

using namespace std::chrono_literals;

/// Of one read; a line that is longer is none of ours.
constexpr size_t search_piece_bytes = size_t{256} << 10;
/// Threads hand in their lines a little out of order, and clocks are set.
constexpr auto slack = 60s;
constexpr std::string_view at_begin = R"({"at":")";

std::string read_at(const file_descriptor& file, uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  auto count = ::pread(file.number(), bytes.data(), size, static_cast<off_t>(offset));
  bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return bytes;
}

std::string_view time_of(std::string_view line) {
  constexpr size_t time_bytes = 24;
  if (!line.starts_with(at_begin) || line.size() < at_begin.size() + time_bytes) return {};
  return line.substr(at_begin.size(), time_bytes);
}

uint64_t size_of(const file_descriptor& file) {
  auto end = ::lseek(file.number(), 0, SEEK_END);
  return end > 0 ? static_cast<uint64_t>(end) : 0;
}

/// The time of the first whole line from `offset` on, empty if none is near.
std::string time_after(const file_descriptor& file, uint64_t offset) {
  constexpr size_t near_bytes = size_t{32} << 10;
  auto bytes = read_at(file, offset, near_bytes);
  std::string_view left = bytes;
  if (offset > 0) {
    auto end = left.find('\n');
    if (end == left.npos) return {};
    left.remove_prefix(end + 1);
  }
  return std::string{time_of(left)};
}

/// Searches one file after the other; all of a question.
class log_search {
 public:
  log_search(const log_filter& filter, const log_bounds& bounds)
      : matcher_(filter),
        bounds_(bounds),
        end_(std::chrono::steady_clock::now() + bounds.time_max) {
    if (filter.since) since_ = to_string(*filter.since);
    if (filter.since) stop_before_ = to_string(*filter.since - slack);
    if (filter.until) until_ = to_string(*filter.until);
    if (filter.until) begin_after_ = to_string(*filter.until + slack);
  }

  found_lines run(const std::filesystem::path& directory, log_place from) {
    for (const auto& file : list_log_files(directory)) {
      if (file.number > from.file) continue;
      auto offset = file.number == from.file ? from.offset : UINT64_MAX;
      if (!read_file(file, offset)) break;
    }
    return std::move(found_);
  }

 private:
  /// Backwards from `offset`; false: the search is over.
  bool read_file(const log_file& file, uint64_t offset) {
    // All of it is later than what is asked for.
    if (!begin_after_.empty() && first_log_time(file.path) > begin_after_) return true;
    file_descriptor from{::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!from.is_open()) return true;  // removed meanwhile
    offset = std::min(offset, size_of(from));
    if (!begin_after_.empty()) offset = std::min(offset, end_of_span(from, offset));
    while (offset > 0) {
      if (is_spent()) {
        found_.next = log_place{file.number, offset};
        return false;
      }
      auto before = offset;
      if (!read_piece(from, file.number, offset)) return false;
      read_ += before - offset;
    }
    return true;
  }

  bool is_spent() const {
    return read_ >= bounds_.read_max || std::chrono::steady_clock::now() >= end_;
  }

  /// Where lines begin to be later than the span, give or take: halved until it is small.
  uint64_t end_of_span(const file_descriptor& file, uint64_t size) const {
    uint64_t low = 0;
    while (size - low > 4 * search_piece_bytes) {
      auto middle = low + (size - low) / 2;
      auto at = time_after(file, middle);
      if (at.empty()) break;
      (at > begin_after_ ? size : low) = middle;
    }
    // The line that the cut goes through is not later.
    return size + search_piece_bytes;
  }

  /// The whole lines that end at or before `offset`, which moves before them.
  bool read_piece(const file_descriptor& file, uint64_t number, uint64_t& offset) {
    auto begin = offset > search_piece_bytes ? offset - search_piece_bytes : 0;
    auto bytes = read_at(file, begin, static_cast<size_t>(offset - begin));
    std::string_view left = bytes;
    auto rest = begin;
    // What comes after the last end is being written.
    for (auto end = left.rfind('\n'); end != left.npos;) {
      left = left.substr(0, end);
      auto line_end = begin + end + 1;
      auto start = left.rfind('\n');
      if (start == left.npos && begin > 0) {  // with the next piece
        rest = line_end;
        break;
      }
      auto line = start == left.npos ? left : left.substr(start + 1);
      if (!take(line, {number, line_end})) return false;
      end = start;
    }
    // A line as long as a piece is none of ours.
    offset = rest < offset ? rest : begin;
    return true;
  }

  /// False: the search is over.
  bool take(std::string_view line, log_place here) {
    auto at = time_of(line);
    if (at.empty()) return true;
    if (!stop_before_.empty() && at < stop_before_) return false;
    if ((!since_.empty() && at < since_) || (!until_.empty() && at >= until_)) return true;
    if (!matcher_.takes(line)) return true;
    // A crash may have left anything; an answer is clean JSON.
    if (!reader_.parse(line)) return true;
    auto is_full = found_.lines.size() >= bounds_.lines_max ||
                   (!found_.lines.empty() && bytes_ + line.size() > bounds_.bytes_max);
    if (is_full) {
      found_.next = here;
      return false;
    }
    bytes_ += line.size();
    found_.lines.emplace_back(line);
    return true;
  }

  log_matcher matcher_;
  log_bounds bounds_;
  std::chrono::steady_clock::time_point end_;
  std::string since_;
  std::string stop_before_;
  std::string until_;
  std::string begin_after_;
  json_reader reader_{{.strict = false}};
  found_lines found_;
  uint64_t read_ = 0;
  size_t bytes_ = 0;
};

bool is_event(std::string_view event, std::string_view wanted) {
  return event == wanted || (event.starts_with(wanted) && event.substr(wanted.size())[0] == '.');
}

}  // namespace

log_matcher::log_matcher(const log_filter& filter)
    : filter_(filter), user_(filter.user ? to_string(*filter.user) : std::string{}) {}

bool log_matcher::takes(std::string_view line) const {
  // Most lines are passed over without being taken apart.
  for (std::string_view needed : {std::string_view{user_}, std::string_view{filter_.request},
                                  std::string_view{filter_.route}, std::string_view{filter_.event}})
    if (!needed.empty() && line.find(needed) == line.npos) return false;
  auto fields = parse_log_line(line);
  if (!fields) return false;
  auto level = parse_log_level(fields->level);
  if (!level || *level < filter_.level) return false;
  if (!user_.empty() && fields->user != user_) return false;
  if (!filter_.request.empty() && fields->request != filter_.request) return false;
  if (!filter_.route.empty() && fields->route != filter_.route) return false;
  return filter_.event.empty() || is_event(fields->event, filter_.event);
}

found_lines find_log_lines(const std::filesystem::path& directory, const log_filter& filter,
                           log_place from, const log_bounds& bounds) {
  return log_search{filter, bounds}.run(directory, from);
}

std::string cursor_of(log_place place) {
  return std::to_string(place.file) + "." + std::to_string(place.offset);
}

expected<log_place> parse_log_cursor(std::string_view cursor) {
  log_place place;
  const auto* end = cursor.data() + cursor.size();
  auto file = std::from_chars(cursor.data(), end, place.file);
  if (file.ec == std::errc{} && file.ptr != end && *file.ptr == '.') {
    auto offset = std::from_chars(file.ptr + 1, end, place.offset);
    if (offset.ec == std::errc{} && offset.ptr == end) return place;
  }
  return make_error(errc::malformed, "cursor_mismatch", "This cursor belongs to another list.");
}

}  // namespace parley
