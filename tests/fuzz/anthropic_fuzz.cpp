// Any bytes as an answer of anthropic: see dialect_fuzz.hpp.
#include "tests/fuzz/dialect_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  parley::providers::fuzz_dialect("anthropic", {reinterpret_cast<const char*>(data), size});
  return 0;
}
