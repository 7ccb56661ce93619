/// What systemd hears of a service of Type=notify: sd_notify(3), without its library.
///
/// Owned by `serve`, one thread. Without NOTIFY_SOCKET in the environment everything here does
/// nothing. A message that cannot be sent is dropped: systemd then acts by its own deadlines.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace parley::app {

class systemd_link {
 public:
  /// Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment: they are meant for
  /// this process alone.
  systemd_link();

  /// "READY=1", or several such lines.
  void tell(std::string_view state) const;
  /// How often "WATCHDOG=1" is to be told, a third of what systemd waits for; none: never.
  std::optional<std::chrono::milliseconds> watchdog_step() const { return watchdog_step_; }

 private:
  std::string socket_;
  std::optional<std::chrono::milliseconds> watchdog_step_;
};

}  // namespace parley::app
