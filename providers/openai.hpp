/// The dialect of OpenAI's chat completions, which most providers and local servers speak as well:
/// https://platform.openai.com/docs/api-reference/chat. Pure; see dialect.hpp.
#pragma once

#include "providers/dialect.hpp"

namespace parley::providers {

/// Null if no provider of this name speaks it.
const dialect* find_openai_dialect(std::string_view name);

}  // namespace parley::providers
