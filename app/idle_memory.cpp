#include "app/idle_memory.hpp"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "http/request_metrics.hpp"

namespace parley::app {

namespace {

// Probes and a scraper of metrics ask a few times a look.
constexpr uint64_t quiet_work_max = 10;
constexpr int quiet_looks_min = 12;

}  // namespace

void keep_freed_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 4 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

bool idle_memory::is_at_rest() {
  auto done =
      http::count_requests().requests + metrics().total("parley_storage_transactions_total");
  auto is_quiet = done - std::exchange(work_done_, done) <= quiet_work_max;
  auto is_asleep = metrics().gauge("parley_users_awake", "").value() == 0;
  if (std::exchange(was_asleep_, is_asleep) != is_asleep) {
    stage_ = stage::used;
    quiet_looks_ = 0;
  }
  quiet_looks_ = is_quiet ? std::min(quiet_looks_ + 1, quiet_looks_min) : 0;
  return is_asleep || quiet_looks_ == quiet_looks_min;
}

bool idle_memory::look(const storage_actor& storage, const reader_actor& reader) {
  if (!is_at_rest()) {
    stage_ = stage::used;
  } else if (stage_ == stage::used) {
    stage_ = stage::asked;
    caf::anon_send(storage, release_memory{});
    caf::anon_send(reader, release_memory{});
  } else if (stage_ == stage::asked) {
    stage_ = stage::given_back;
    counter_.release_memory();
    ::malloc_trim(0);
    log_debug("memory.given_back");
    return true;
  }
  return false;
}

}  // namespace parley::app
