#include "base/text_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/files.hpp"

namespace parley {

namespace {

std::string why(int cause) {
  switch (cause) {
    case ENOENT:
    case ENOTDIR:
      return "there is no such file.";
    case EACCES:
    case EPERM:
      return "this user has no permission to read it.";
    case EISDIR:
      return "is a folder.";
    default:
      return "cannot be read: " + std::generic_category().message(cause) + ".";
  }
}

}  // namespace

error unreadable(const std::string& path, int cause) {
  return make_error(errc::invalid_input, path + ": " + why(cause));
}

expected<std::string> read_text_file(const std::string& path, size_t bytes_max) {
  file_descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat found {};
  if (!file.is_open() || ::fstat(file.number(), &found) != 0) return unreadable(path, errno);
  constexpr size_t step_bytes = 64 << 10;
  std::string text;
  // A byte more shows the end without growing.
  if (S_ISREG(found.st_mode))
    text.reserve(std::min(static_cast<size_t>(found.st_size), bytes_max) + 1);
  for (;;) {
    auto known = text.size();
    text.resize(text.capacity() > known ? text.capacity() : known + step_bytes);
    auto count = ::read(file.number(), text.data() + known, text.size() - known);
    if (count < 0 && errno != EINTR) return unreadable(path, errno);
    text.resize(known + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (text.size() > bytes_max)
      return make_error(errc::invalid_input,
                        path + ": is longer than " + std::to_string(bytes_max) + " bytes.");
    if (count == 0) return text;
  }
}

}  // namespace parley
