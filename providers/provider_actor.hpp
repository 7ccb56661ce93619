/// The PROVIDER actor of one I/O thread (actors/provider.hpp): upstream bytes -> dialect -> deltas.
///
/// Spawned by app/, pinned to the loop, and to be ended before the loop stops. The only place where
/// a sealed API key is opened; what it opened is wiped with the first response byte, and masked in
/// what an answer repeats of it. Health of channels is kept for models that have several ways to be
/// called, and told to the other I/O threads.
#pragma once

#include "actors/provider.hpp"
#include "base/sealing.hpp"
#include "base/settings.hpp"
#include "providers/catalogue.hpp"
#include "providers/channel_health.hpp"
#include "providers/upstream.hpp"

namespace parley::providers {

/// Which calls go through the proxy (decision 41).
struct proxy_rule {
  std::shared_ptr<const upstream_proxy> proxy;  ///< none: no call does
  std::vector<std::string> except;              ///< hosts, and all below them
  bool is_for_everyone = false;                 ///< personal models of users as well

  /// Null for what is called directly.
  std::shared_ptr<const upstream_proxy> of(const upstream_url& url, model_owner owner) const;
};

struct provider_services {
  std::shared_ptr<const sealer> keys;                  ///< one for all I/O threads
  std::shared_ptr<const catalogue> presets;            ///< which dialect a provider speaks
  std::shared_ptr<const address_policy> admin_policy;  ///< for system models
  std::shared_ptr<const address_policy> user_policy;   ///< for personal ones
  upstream_limits limits;
  reply_limits reply;
  std::chrono::milliseconds tick_length{1000};  ///< between two reply_ticks
  unsigned retries_max = 2;
  health_rules health;  ///< of channels, where a model has several
  proxy_rule proxy;
};

/// After the settings. A network or a catalogue that cannot be read is invalid_input.
expected<provider_services> make_provider_services(const settings& values,
                                                   std::shared_ptr<const sealer> keys);

provider_actor spawn_provider(io_loop& loop, provider_services services);

/// Each hears of the others' channels from now on.
void introduce(const std::vector<provider_actor>& all);

/// Whether a model of this provider and base URL may be stored, and the origin its key is then
/// bound to; invalid_input names the fields that are wrong.
expected<std::string> check_model(const provider_services& services, const model_config& model);

}  // namespace parley::providers
