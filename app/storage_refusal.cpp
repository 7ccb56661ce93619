#include "app/storage_refusal.hpp"

namespace parley::app {

error refusal_of(const storage::storage_health& health) {
  auto code = health.failing.load();
  if (code == 0) return {};
  error_detail detail;
  detail.retry_after_s = 1;
  if (static_cast<errc>(code) == errc::storage_full) {
    detail.reason = "storage_full";
    return make_error(errc::storage_full, "The server's disk is full; nothing can be stored.",
                      std::move(detail));
  }
  detail.reason = "storage_failed";
  return make_error(errc::unavailable, "The server's database takes nothing now.",
                    std::move(detail));
}

}  // namespace parley::app
