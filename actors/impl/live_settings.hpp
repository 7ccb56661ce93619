/// The system settings that every USER goes by at each turn. ADMIN writes them; a lock is held for
/// one look-up, so any thread may ask.
#pragma once

#include <memory>
#include <mutex>

#include "schema/system.hpp"

namespace parley {

class live_settings {
 public:
  void set(const system_settings& next) {
    auto made = std::make_shared<const system_settings>(next);
    std::lock_guard guard{mutex_};
    now_ = std::move(made);
  }
  /// Shared with whoever still looks at those before.
  std::shared_ptr<const system_settings> get() const {
    std::lock_guard guard{mutex_};
    return now_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const system_settings> now_ = std::make_shared<const system_settings>();
};

}  // namespace parley
