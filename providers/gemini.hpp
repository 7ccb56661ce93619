/// Google's Gemini API: https://ai.google.dev/api/generate-content. Pure; see dialect.hpp.
#pragma once

#include "providers/dialect.hpp"

namespace parley::providers {

/// `gemini`
const dialect& gemini_dialect();

}  // namespace parley::providers
