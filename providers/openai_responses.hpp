/// OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses. Pure; see
/// dialect.hpp.
#pragma once

#include "providers/dialect.hpp"

namespace parley::providers {

/// `openai-responses`
const dialect& openai_responses_dialect();

}  // namespace parley::providers
