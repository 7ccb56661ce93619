#include "base/log_files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/clock.hpp"
#include "base/files.hpp"

namespace parley {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view name_begin = "log-";
constexpr std::string_view name_end = ".jsonl";
constexpr std::string_view sums_end = ".sums";
constexpr size_t digits_min = 8;
constexpr std::string_view line_begin = R"({"at":")";
constexpr size_t time_bytes = 24;  // of an instant's text

int64_t now_s() {
  return system_wall_clock().now().ms / 1000;
}

std::string name_of_number(uint64_t number) {
  auto digits = std::to_string(number);
  if (digits.size() < digits_min) digits.insert(0, digits_min - digits.size(), '0');
  return std::string{name_begin} + digits + std::string{name_end};
}

std::optional<uint64_t> number_in(std::string_view name) {
  if (!name.starts_with(name_begin) || !name.ends_with(name_end)) return std::nullopt;
  name.remove_prefix(name_begin.size());
  name.remove_suffix(name_end.size());
  uint64_t number = 0;
  auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (fault != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return number;
}

bool make_private(const fs::path& directory) {
  return ::mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST;
}

}  // namespace

std::vector<log_file> list_log_files(const fs::path& directory) {
  std::vector<log_file> all;
  std::error_code fault;
  for (auto entry = fs::directory_iterator{directory, fault};
       !fault && entry != fs::directory_iterator{}; entry.increment(fault)) {
    auto number = number_in(entry->path().filename().native());
    struct stat found {};
    if (!number || ::lstat(entry->path().c_str(), &found) != 0 || !S_ISREG(found.st_mode)) continue;
    all.push_back({*number, entry->path(), static_cast<uint64_t>(found.st_size), found.st_mtime});
  }
  std::sort(all.begin(), all.end(),
            [](const log_file& a, const log_file& b) { return a.number > b.number; });
  return all;
}

fs::path log_sums_path(const log_file& of) {
  auto path = of.path;
  return path.replace_extension(sums_end);
}

std::string first_log_time(const fs::path& path) {
  std::array<char, line_begin.size() + time_bytes> start{};
  file_descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!file.is_open()) return {};
  auto count = ::pread(file.number(), start.data(), start.size(), 0);
  std::string_view text{start.data(), start.size()};
  if (count != static_cast<ssize_t>(text.size()) || !text.starts_with(line_begin)) return {};
  return std::string{text.substr(line_begin.size())};
}

// -- Writing -------------------------------------------------------------------------------------

log_file_writer::log_file_writer(log_files_options options) : options_(std::move(options)) {
  // One file that may not go must not be all there is.
  options_.file_bytes_max = std::min(options_.file_bytes_max, options_.bytes_max / 2);
}

log_file_writer::~log_file_writer() {
  close();
  if (lock_ >= 0) ::close(lock_);
}

void log_file_writer::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool log_file_writer::write(std::string_view line) {
  auto now = steady::now();
  if (!is_open(now)) return false;
  if (bytes_ > 0 && bytes_ + line.size() > options_.file_bytes_max) {
    close();
    if (!open_number(number_ + 1)) return false;
    sweep();
  }
  if (is_torn_ && !put("\n")) return false;
  is_torn_ = false;
  return put(line);
}

bool log_file_writer::put(std::string_view bytes) {
  while (!bytes.empty()) {
    auto count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      // A full disk is tried again with the next line; what is broken otherwise a second later.
      if (errno != ENOSPC && errno != EDQUOT) close();
      return false;
    }
    bytes_ += static_cast<uint64_t>(count);
    bytes.remove_prefix(static_cast<size_t>(count));
    is_torn_ = !bytes.empty();
  }
  return true;
}

bool log_file_writer::is_open(steady::time_point now) {
  if (fd_ >= 0 && now >= next_look_) look_after(now);
  if (fd_ >= 0) return true;
  if (now < next_try_) return false;
  next_try_ = now + 1s;
  next_look_ = now + 1s;
  return lock() && open_some();
}

// Once a second: is the file old, or was it taken away?
void log_file_writer::look_after(steady::time_point now) {
  next_look_ = now + 1s;
  struct stat found {};
  auto is_gone = ::fstat(fd_, &found) != 0 || found.st_nlink == 0;
  auto age = now_s() - begun_s_;
  // A clock that was set back makes no file old for ever.
  auto is_old = age >= options_.file_age_max.count() || age < -options_.file_age_max.count();
  if (!is_gone && !(is_old && bytes_ > 0)) return;
  close();
  next_try_ = {};
  if (!is_gone) {
    if (open_number(number_ + 1)) sweep();
    return;
  }
  // The directory may be gone as well; and another file must not have this one's number.
  ++number_;
  ::close(lock_);
  lock_ = -1;
}

bool log_file_writer::lock() {
  if (lock_ >= 0) return true;
  const auto& directory = options_.directory;
  std::error_code fault;
  fs::create_directories(directory.parent_path().parent_path(), fault);
  if (!make_private(directory.parent_path()) || !make_private(directory)) return false;
  lock_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) == 0) return true;
  if (lock_ >= 0) ::close(lock_);
  lock_ = -1;
  return false;
}

bool log_file_writer::open_some() {
  auto known = list_log_files(options_.directory);
  auto number = std::max(number_, known.empty() ? uint64_t{1} : known.front().number);
  if (!open_number(number)) return false;
  auto age = now_s() - begun_s_;
  if (bytes_ >= options_.file_bytes_max || age >= options_.file_age_max.count()) {
    close();
    if (!open_number(number + 1)) return false;
  }
  sweep();
  return true;
}

bool log_file_writer::open_number(uint64_t number) {
  auto path = options_.directory / name_of_number(number);
  fd_ = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) return false;
  number_ = number;
  bytes_ = file_bytes(path);
  auto first = parse_instant(first_log_time(path));
  begun_s_ = first ? first->ms / 1000 : now_s();
  // What a crash or a full disk has cut off stands alone.
  char last = '\n';
  if (bytes_ > 0) (void)!::pread(fd_, &last, 1, static_cast<off_t>(bytes_ - 1));
  is_torn_ = last != '\n';
  return true;
}

void log_file_writer::sweep() const {
  auto oldest_s = now_s() - std::chrono::seconds{options_.days_max}.count();
  uint64_t sum = 0;
  for (const auto& file : list_log_files(options_.directory)) {
    auto sums = log_sums_path(file);
    sum += file.bytes + file_bytes(sums);
    // The new one is to have room.
    auto is_over = sum + options_.file_bytes_max > options_.bytes_max || file.written_s < oldest_s;
    if (file.number == number_ || !is_over) continue;
    ::unlink(sums.c_str());
    ::unlink(file.path.c_str());
  }
}

}  // namespace parley
