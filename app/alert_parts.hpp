/// The ALERTS actor with its workers, from the settings: what app/node keeps of it.
#pragma once

#include <mutex>

#include "actors/impl/alerts_actor.hpp"
#include "base/settings.hpp"
#include "providers/alert_sender.hpp"
#include "storage/backup_keeper.hpp"

namespace parley::app {

class alert_room {
 public:
  /// Once. errc::invalid_input names the setting of a receiver that is no good. `backups` outlives
  /// the actors.
  expected<void> prepare(const settings& values, const providers::proxy_rule& proxy,
                         const storage::backup_keeper& backups);
  void start(caf::actor_system& system, admin_actor admin);
  /// As soon as there is one, from the thread that starts the node.
  void meet(provider_actor provider);
  /// Ends what is being delivered; takes the handle, for the caller to end it.
  alerts_actor stop();

  const alerts_actor& handle() const { return handle_; }
  bool has_receivers() const { return !addresses_.empty(); }

 private:
  alerts_parts parts_of(caf::actor_system& system, const admin_actor& admin) const;

  alerts_parts limits_;  ///< what the settings say
  std::vector<providers::alert_address> addresses_;
  providers::alert_sender_parts sender_;
  alert_watch_parts watch_;
  std::shared_ptr<std::atomic<bool>> is_stopping_ = std::make_shared<std::atomic<bool>>();
  alerts_actor handle_;
  std::mutex mutex_;  ///< of `provider_`, which a restarted ALERTS is told
  provider_actor provider_;
};

}  // namespace parley::app
