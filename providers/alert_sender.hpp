/// Delivers alerts to one receiver: a worker with a thread of its own that waits for the network
/// (actors/alerts.hpp).
///
/// A delivery fails with errc::provider_failed and a sentence that has neither URL nor secret:
/// unreachable, no TLS, a status beyond 2xx, a bot that answers with an error code, a mail server
/// that refuses. Nothing is tried again here.
#pragma once

#include <atomic>
#include <memory>

#include "actors/alerts.hpp"
#include "base/clock.hpp"
#include "providers/provider_actor.hpp"

namespace parley::providers {

/// Where alerts go.
struct alert_address {
  alert_receiver receiver = alert_receiver::webhook;
  secret_text url;
  secret_text key{};   ///< for the signature, or the password of the mail server
  std::string user{};  ///< of the mail server
  std::string from{};  ///< of mails
  std::vector<std::string> to{};
  bool needs_tls = true;  ///< of a mail server beyond this machine; else as it offers
  std::shared_ptr<const upstream_proxy> proxy{};  ///< of a webhook; null: directly
};

/// All that the settings name; none: nobody is alerted. errc::invalid_input names the setting.
expected<std::vector<alert_address>> alert_addresses_of(const settings& values,
                                                        const proxy_rule& proxy);

struct alert_sender_parts {
  alert_address address;
  std::string host;  ///< which server it is
  std::chrono::milliseconds patience{10'000};
  /// Set when the node stops: what is being delivered ends within a second.
  std::shared_ptr<const std::atomic<bool>> is_stopping = std::make_shared<std::atomic<bool>>();
  const wall_clock* clock = &system_wall_clock();
};

/// Whose thread the worker runs on: the test scheduler runs no detached actors.
enum class sender_thread : uint8_t { own = 1, shared };

alert_sender_actor spawn_alert_sender(caf::actor_system& system, alert_sender_parts parts,
                                      sender_thread thread = sender_thread::own);

}  // namespace parley::providers
