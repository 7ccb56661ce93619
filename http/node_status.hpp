/// What a node tells about itself: written by app/, read by every edge.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "base/clock.hpp"

namespace parley::http {

struct node_status {
  std::atomic<bool> is_draining = false;
  instant started_at;
  /// Empty when the part works, otherwise a safe sentence. Any thread, never blocks.
  std::function<std::string()> storage_fault;
  /// Numbers that are read only when somebody looks (memory, descriptors). Any thread.
  std::function<void()> refresh_metrics;
};

}  // namespace parley::http
