/// Figures of bpe_bench, each printed beside its target.
#pragma once

#include "chat/token_count.hpp"

namespace parley {

/// True if it is met.
bool is_at_most(double figure, double target, const char* what, const char* unit);

/// What is learnt of a vocabulary that is not known, from messages on stdin; a process's status.
int print_estimates(const token_counter& counter);

}  // namespace parley
