/// What SESSION and CALL hold in common when they tell USER of what a reply takes.
#pragma once

#include <chrono>
#include <cstdint>

namespace parley {

/// While a budget is metered, USER hears of new tokens that often.
constexpr std::chrono::milliseconds spend_told_each{50};
/// Of a text that nobody has counted.
constexpr int64_t bytes_per_token = 4;

}  // namespace parley
