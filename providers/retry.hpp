/// When a failed call is tried again. Pure.
#pragma once

#include <chrono>
#include <optional>

#include "base/error.hpp"

namespace parley::providers {

constexpr std::chrono::milliseconds retry_wait_max{10'000};

/// How long to wait before the next attempt; nothing if there should be none. Only for failures
/// that pass: too often, overloaded, a fault at their side, not reachable. The caller sees to it
/// that nothing of a reply has arrived. `jitter` from 0 to 1 spreads those who failed together.
std::optional<std::chrono::milliseconds> retry_wait(const error& fault, unsigned retries_left,
                                                    double jitter);

}  // namespace parley::providers
