#include "chat/bpe_cache.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace parley {

namespace {

struct thread_caches;

std::mutex known_mutex;
std::vector<thread_caches*>& known() {
  static auto* threads = new std::vector<thread_caches*>;  // outlives the last thread
  return *threads;
}

struct thread_caches {
  thread_caches() {
    std::lock_guard guard{known_mutex};
    known().push_back(this);
  }
  ~thread_caches() {
    std::lock_guard guard{known_mutex};
    std::erase(known(), this);
  }

  bool try_hold() { return !is_held_.exchange(true, std::memory_order_acquire); }
  void let_go() { is_held_.store(false, std::memory_order_release); }

  int uses = 0;  ///< of its own thread
  /// One for each pattern: a chat server's threads count with both vocabularies in turn.
  std::array<std::unique_ptr<bpe_cache>, 2> caches;

 private:
  std::atomic<bool> is_held_{false};
};

thread_caches& of_this_thread() {
  thread_local thread_caches mine;
  return mine;
}

}  // namespace

bpe_cache_use::hold::hold() {
  auto& mine = of_this_thread();
  // Only release_bpe_caches() ever holds another thread's, for as long as it takes to free them.
  if (mine.uses++ == 0)
    while (!mine.try_hold()) std::this_thread::yield();
}

bpe_cache_use::hold::~hold() {
  auto& mine = of_this_thread();
  if (--mine.uses == 0) mine.let_go();
}

bpe_cache_use::bpe_cache_use(const bpe_tables& tables, uint64_t serial) {
  auto& cache = of_this_thread().caches[tables.split() == bpe_format::pattern::o200k ? 1 : 0];
  if (!cache || cache->serial != serial) {
    cache = std::make_unique<bpe_cache>();
    cache->serial = serial;
  }
  cache_ = cache.get();
}

void release_bpe_caches() {
  std::lock_guard guard{known_mutex};
  for (auto* each : known()) {
    if (!each->try_hold()) continue;
    each->caches = {};
    each->let_go();
  }
}

}  // namespace parley
