/// What the tools offered with a request cost. Pure; never fails.
#pragma once

#include "base/json.hpp"
#include "chat/token_count.hpp"

namespace parley {

/// OpenAI's recipe (cookbook, "How to count tokens with tiktoken", section 7) for the array `tools`
/// of a request; for other models' tokenizers an estimate on the same lines.
int64_t tool_tokens(const token_counter& counter, token_vocabulary vocabulary,
                    const json_value& tools);

}  // namespace parley
