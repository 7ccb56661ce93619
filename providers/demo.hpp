/// The dialect of nobody: a scripted answer that explains itself, so that a first chat needs no
/// key.
///
/// What it builds is the reply, in Ollama's format, and is never sent (dialect::is_scripted).
#pragma once

#include "providers/dialect.hpp"

namespace parley::providers {

const dialect& demo_dialect();

}  // namespace parley::providers
