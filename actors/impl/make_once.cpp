#include "actors/impl/make_once.hpp"

namespace parley {

error key_mismatch() {
  return make_error(errc::invalid_input, "idempotency_mismatch",
                    "This Idempotency-Key was used with another body.");
}

std::optional<owned_key> owned_by(user_id owner, const std::optional<request_key>& key) {
  if (!key) return std::nullopt;
  return owned_key{owner, *key};
}

remember_key remembered(const owned_key& key, instant now) {
  remember_key change;
  change.owner_id = key.owner;
  change.route = key.key.route;
  change.key = key.key.key;
  change.body_sha256 = key.key.body_sha256;
  change.created_at = now;
  return change;
}

bool is_key_known(const error& cause) {
  return code_of(cause) == errc::conflict && detail_of(cause).reason == "key_known";
}

}  // namespace parley
