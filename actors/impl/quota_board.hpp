/// What every USER of the node asks at each turn and ADMIN alone writes: the quotas, whose days
/// they have, and what money is in that names no currency. Any thread; the lock is held for one
/// look-up.
#pragma once

#include <memory>
#include <mutex>

#include "base/time_zone.hpp"
#include "schema/quota.hpp"
#include "schema/system.hpp"

namespace parley {

struct quota_notice {
  std::vector<quota_rule> rules;
  time_zone zone;
  std::string currency = system_settings{}.currency;
};

class quota_board {
 public:
  /// Never null.
  std::shared_ptr<const quota_notice> read() const {
    std::lock_guard guard{mutex_};
    return notice_;
  }
  void publish(quota_notice notice) {
    auto made = std::make_shared<const quota_notice>(std::move(notice));
    std::lock_guard guard{mutex_};
    notice_ = std::move(made);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const quota_notice> notice_ = std::make_shared<const quota_notice>();
};

}  // namespace parley
