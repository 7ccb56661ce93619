#include "base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.hpp"

namespace parley {

namespace {

error fault_of(int cause, std::string sentence = {}) {
  auto code = cause == ENOSPC || cause == EDQUOT ? errc::storage_full : errc::storage_failed;
  return sentence.empty() ? make_error(code) : make_error(code, std::move(sentence));
}

}  // namespace

error file_fault() {
  auto cause = errno;
  log_error("file.failed", {{"errno", cause}});
  return fault_of(cause);
}

error file_fault(std::string_view doing, const std::filesystem::path& path) {
  auto cause = errno;
  log_error("file.failed", {{"errno", cause}, {"doing", doing}, {"path", path.string()}});
  return fault_of(cause, "Cannot " + std::string{doing} + " " + path.string() + ": " +
                             std::error_code{cause, std::generic_category()}.message() + ".");
}

file_descriptor::~file_descriptor() {
  if (number_ >= 0) ::close(number_);
}

expected<void> file_descriptor::write_all(std::string_view bytes, int64_t offset) const {
  while (!bytes.empty()) {
    auto written = ::pwrite(number_, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_fault();
    bytes.remove_prefix(static_cast<size_t>(written));
    offset += written;
  }
  return {};
}

uint64_t file_bytes(const std::filesystem::path& path) {
  std::error_code fault;
  auto bytes = std::filesystem::file_size(path, fault);
  return fault ? 0 : bytes;
}

expected<void> read_pieces(
    const std::filesystem::path& path,
    const std::function<expected<void>(std::string_view piece, int64_t at)>& take) {
  file_descriptor from{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!from.is_open()) return file_fault("read", path);
  std::string piece(1 << 20, '\0');
  for (int64_t at = 0;;) {
    auto count = ::pread(from.number(), piece.data(), piece.size(), at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return file_fault("read", path);
    if (count == 0) return {};
    TRY_DONE(take({piece.data(), static_cast<size_t>(count)}, at));
    at += count;
  }
}

expected<void> sync_directory(const std::filesystem::path& path) {
  file_descriptor names{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!names.is_open() || ::fsync(names.number()) != 0) return file_fault("write", path);
  return {};
}

expected<void> write_new_file(const std::filesystem::path& path, std::string_view bytes) {
  file_descriptor to{
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!to.is_open() && errno == EEXIST)
    return make_error(errc::conflict, path.string() + " is there already.");
  if (!to.is_open()) return file_fault("write", path);
  auto written = to.write_all(bytes, 0);
  if (written && ::fsync(to.number()) != 0) written = file_fault("write", path);
  auto folder = path.parent_path();
  if (written) written = sync_directory(folder.empty() ? "." : folder);
  if (!written) ::unlink(path.c_str());
  return written;
}

expected<void> replace_file(const std::filesystem::path& path, std::string_view bytes) {
  auto fresh = path;
  fresh += ".new";
  ::unlink(fresh.c_str());
  TRY_DONE(write_new_file(fresh, bytes));
  if (::rename(fresh.c_str(), path.c_str()) != 0) return file_fault("write", path);
  auto folder = path.parent_path();
  return sync_directory(folder.empty() ? "." : folder);
}

expected<std::string> read_whole_file(const std::filesystem::path& path, size_t bytes_max) {
  file_descriptor from{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!from.is_open() && errno == ENOENT)
    return make_error(errc::not_found, "There is no file " + path.string() + ".");
  struct stat status {};
  if (!from.is_open() || ::fstat(from.number(), &status) != 0) return file_fault("read", path);
  if (!S_ISREG(status.st_mode))
    return make_error(errc::invalid_input, path.string() + " is no file.");
  if (static_cast<uint64_t>(status.st_size) > bytes_max)
    return make_error(errc::too_large, path.string() + " is too large to be ours.");
  std::string text(static_cast<size_t>(status.st_size), '\0');
  auto count = ::pread(from.number(), text.data(), text.size(), 0);
  if (count < 0 || static_cast<size_t>(count) != text.size()) return file_fault("read", path);
  return text;
}

}  // namespace parley
