/// What the kernel says of this process, for /metrics.
#pragma once

namespace parley::app {

/// Sets the gauges of memory and descriptors. Any thread; reads /proc, so only when asked for.
void refresh_process_metrics();

}  // namespace parley::app
