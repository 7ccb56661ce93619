/// What calls to providers come to, for /metrics. Any thread. Providers are named by their preset
/// or dialect: those are few.
#pragma once

#include <chrono>
#include <string>

#include "base/error.hpp"

namespace parley::providers {

void note_first_token(const std::string& provider, std::chrono::nanoseconds latency);
/// An attempt that came to nothing; another one may follow.
void note_failure(const std::string& provider, const error& cause);

}  // namespace parley::providers
