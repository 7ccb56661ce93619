/// What the kernel says of this process, for /metrics.
#pragma once

#include <cstddef>

namespace parley::app {

/// Sets the gauges of memory, descriptors and actors. Any thread; reads /proc, so only when asked
/// for.
void refresh_process_metrics(size_t actors);

}  // namespace parley::app
