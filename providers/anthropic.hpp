/// Anthropic's Messages API: https://docs.anthropic.com/en/api/messages. Pure; see dialect.hpp.
#pragma once

#include "providers/dialect.hpp"

namespace parley::providers {

/// `anthropic`
const dialect& anthropic_dialect();

}  // namespace parley::providers
