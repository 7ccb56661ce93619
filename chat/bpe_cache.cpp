#include "chat/bpe_cache.hpp"

#include <memory>

namespace parley {

namespace {

// One for each pattern: a chat server's threads count with both vocabularies in turn.
thread_local constinit std::unique_ptr<bpe_cache> caches[2];

}  // namespace

bpe_cache& bpe_cache::of_this_thread(const bpe_tables& tables, uint64_t serial) {
  auto& cache = caches[tables.split() == bpe_format::pattern::o200k ? 1 : 0];
  if (!cache || cache->serial != serial) {
    cache = std::make_unique<bpe_cache>();
    cache->serial = serial;
  }
  return *cache;
}

}  // namespace parley
