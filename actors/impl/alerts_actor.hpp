/// Spawns the ALERTS actor (actors/alerts.hpp) and the worker that waits for the disk.
#pragma once

#include <filesystem>
#include <functional>

#include "actors/impl/alert_book.hpp"

namespace parley {

struct alert_receiver_parts {
  alert_receiver receiver = alert_receiver::webhook;
  std::function<alert_sender_actor()> start_sender;
};

/// What is not in it stays as it is: app/alert_parts sets it from the settings.
struct alerts_parts {
  std::vector<alert_receiver_parts> receivers;  ///< none: alerts are off
  std::function<alert_watch_actor()> start_watch;
  admin_actor admin;
  const wall_clock* clock = &system_wall_clock();
  alert_limits limits;
  std::chrono::seconds error_span{300};
  std::chrono::seconds hold{60};
  std::chrono::seconds look{30};
  size_t subjects_max = 1'000;
  size_t queue_max = 200;  ///< alerts, of each receiver
  uint32_t tries_max = 5;
  std::chrono::seconds pause_first{5};  ///< after a try that failed; four times as long each time
  std::chrono::seconds pause_max{900};
};

struct alert_watch_parts {
  std::function<alert_samples()> sample;  ///< may block
  std::filesystem::path file;             ///< what fires is kept here
};

/// Whose thread the worker runs on: the test scheduler runs no detached actors.
enum class watch_thread : uint8_t { own = 1, shared };

alert_watch_actor spawn_alert_watch(caf::actor_system& system, alert_watch_parts parts,
                                    watch_thread thread = watch_thread::own);

alerts_actor spawn_alerts(caf::actor_system& system, alerts_parts parts);

}  // namespace parley
