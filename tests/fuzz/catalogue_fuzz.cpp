// Any bytes as a file of the catalogue: a catalogue that holds together, or one sentence with the
// file's name.
#include <cstdlib>

#include "providers/catalogue.hpp"

using namespace parley;
using namespace parley::providers;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  catalogue known;
  auto laid = known.lay_over({reinterpret_cast<const char*>(data), size}, "file.toml");
  if (!laid && sentence_of(laid.error()).find("file.toml") != 0) std::abort();
  if (!laid && !known.presets().empty()) std::abort();
  for (auto& each : known.presets()) {
    if (!known.dialect_of(each.name)) std::abort();
    patch_of<model_config> wish;
    wish.set(&model_config::provider, each.name);
    if (!known.complete(wish)) std::abort();
  }
  return 0;
}
