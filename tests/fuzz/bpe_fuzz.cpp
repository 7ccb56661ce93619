// Any bytes: counting, encoding, splitting and counting piecewise agree, with both vocabularies.
#include <cstdlib>

#include "chat/bpe.hpp"
#include "chat/bpe_growing.hpp"
#include "chat/token_count.hpp"
#include "vocabulary_folder.hpp"

using namespace parley;

namespace {

void require(bool is_so) {
  if (!is_so) std::abort();
}

void check(const bpe& engine, std::string_view text, size_t step) {
  auto ids = engine.encode(text);
  auto count = engine.count(text);
  require(ids.size() == count);
  require(engine.count_up_to(text, count) == count);
  bpe_growing growing{engine};
  for (size_t at = 0; at < text.size(); at += step) {
    growing.append(text.substr(at, step));
    if (at % (16 * step) == 0) require(growing.count() == engine.count(text.substr(0, at + step)));
  }
  require(growing.count() == count);
  auto limit = count * step / 16;
  auto size = engine.split_at_tokens(text, limit);
  require(size <= text.size() && engine.count(text.substr(0, size)) <= limit);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const token_counter counter{vocabulary_folder};
  require(counter.faults().empty());
  if (size == 0) return 0;
  size_t step = 1 + data[0] % 15;
  std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  check(*counter.engine(token_vocabulary::cl100k_base), text, step);
  check(*counter.engine(token_vocabulary::o200k_base), text, step);
  return 0;
}
