/// Making and changing model configurations, personal and system alike. Pure but for the sealing of
/// keys; any thread.
#pragma once

#include <functional>

#include "base/sealing.hpp"
#include "schema/model.hpp"

namespace parley {

struct model_tools {
  const sealer* keys = nullptr;  ///< outlives all actors
  /// The origin of the base URL, or why it may not be called (providers/upstream_url, given by app:
  /// one parser for what is checked, sealed to and called). Models of the system are made by an
  /// ADMIN and may reach further.
  std::function<expected<std::string>(const model_config& model)> origin_of;
  /// Fills in what a wish leaves out, from the preset of its provider (providers/catalogue, given
  /// by app). Fails for a provider that nobody knows. Empty: nothing is filled in.
  std::function<expected<void>(patch_of<model_config>& wanted)> complete_wish;
  /// What prices are in that name no currency. Empty: what a new installation has.
  std::function<std::string()> currency;
};

/// Without an id: the system's.
struct model_owner {
  std::optional<user_id> id;
  bool is_admin = false;
};

/// What the wish leaves out, the provider's preset fills in; without name, base URL or model after
/// that it is invalid_input. A key that came with the wish is sealed and forgotten.
expected<model_config> make_model(const patch_of<model_config>& wanted, const model_owner& owner,
                                  const model_tools& tools, instant now);

/// Another origin without another key clears the key: it was never meant for that host
/// (docs/reliability.md, row Key exfiltration). An empty key clears it too.
expected<model_config> change_model_config(const model_config& present,
                                           const patch_of<model_config>& patch,
                                           const model_tools& tools, instant now);

/// Seals with the active key what an older one of the ring has sealed; whether there was any. What
/// does not open, or has no origin any more, stays as it is.
bool seal_anew(model_config& model, const model_tools& tools);

/// errc::conflict, name_taken, if another one of the list has this name.
expected<void> check_name_is_free(const std::vector<model_config>& models,
                                  const model_config& named);

const model_config* find_model_in(const std::vector<model_config>& models, model_id id);

/// Of an upstream that is asked for its list: which model does not matter.
patch_of<model_config> wish_for_a_list(patch_of<model_config> wish);

/// As lists show them.
std::vector<model_config> in_order(std::vector<model_config> models);

/// One sentence for absent, foreign and disabled models.
error model_gone();

}  // namespace parley
