#include "app/systemd_link.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>

namespace parley::app {

namespace {

std::string take_variable(const char* name) {
  const auto* value = std::getenv(name);
  std::string text = value ? value : "";
  ::unsetenv(name);
  return text;
}

std::optional<int64_t> number_in(std::string_view text) {
  int64_t value = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

systemd_link::systemd_link() : socket_(take_variable("NOTIFY_SOCKET")) {
  auto span = number_in(take_variable("WATCHDOG_USEC"));
  auto whose = take_variable("WATCHDOG_PID");
  if (!span || *span <= 0 || socket_.empty()) return;
  if (!whose.empty() && number_in(whose) != int64_t{::getpid()}) return;
  auto step =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::microseconds{*span / 3});
  watchdog_step_ = std::max(step, std::chrono::milliseconds{1});
}

void systemd_link::tell(std::string_view state) const {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  // A path, or "@name" of the abstract name space, whose first byte is 0.
  if (socket_.size() < 2 || socket_.size() >= sizeof to.sun_path) return;
  if (socket_.front() != '/' && socket_.front() != '@') return;
  socket_.copy(to.sun_path, socket_.size());
  if (socket_.front() == '@') to.sun_path[0] = '\0';
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  auto end = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (end < 0) return;
  ::sendto(end, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
           size);
  ::close(end);
}

}  // namespace parley::app
