/// What DIRECTORY may know of a USER without asking: written by USER, read by DIRECTORY of the same
/// node, which chooses with it who sleeps when memory is short. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace parley {

struct user_gauge {
  /// Ticks of the actor system's clock at the last request.
  std::atomic<int64_t> last_used{0};
  /// What its open sessions hold.
  std::atomic<int64_t> session_bytes{0};
  /// Of that, what no running reply holds.
  std::atomic<int64_t> idle_session_bytes{0};
};

}  // namespace parley
