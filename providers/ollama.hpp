/// Ollama's own API: https://github.com/ollama/ollama/blob/main/docs/api.md. Pure; see dialect.hpp.
#pragma once

#include "providers/dialect.hpp"

namespace parley::providers {

/// `ollama`
const dialect& ollama_dialect();

}  // namespace parley::providers
