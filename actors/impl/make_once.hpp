/// Idempotency-Key: what a key has made is not made again (api.md).
#pragma once

#include "actors/session.hpp"
#include "actors/storage.hpp"
#include "base/clock.hpp"

namespace parley {

/// 422: the key was used with another body.
error key_mismatch();

std::optional<owned_key> owned_by(user_id owner, const std::optional<request_key>& key);

/// The change that remembers `key`; whoever stores it fills in what was made. It stands before what
/// it remembers: then a key used twice is found out as such.
remember_key remembered(const owned_key& key, instant now);

/// Has `changes` remember that `key`, if there is one, made `id`, which stands in `what`.
template <class Id>
void remember(std::vector<change>& changes, const std::optional<owned_key>& key, instant now,
              Id remember_key::*what, Id id) {
  if (!key) return;
  auto change = remembered(*key, now);
  change.*what = id;
  changes.emplace_back(std::move(change));
}

/// True for the error of a commit whose key another request has used meanwhile.
bool is_key_known(const error& cause);

/// Calls `make` if there is no key or it was not used, `repeat` with what it made otherwise; fails
/// the question held under `held` when the key was used with another body. Waits with `await`, so
/// that of two requests with one key the second finds what the first has made. State has `self`,
/// `answers` and `reader()`.
template <class R, class State, class Make, class Repeat>
void make_once(State& state, uint64_t held, const std::optional<owned_key>& key, Make make,
               Repeat repeat) {
  if (!key) return make();
  state.self
      ->request(state.reader(), caf::infinite, find_key{key->owner, key->key.route, key->key.key})
      .await(
          [&state, held, make, repeat, sha256 = key->key.body_sha256](const known_key& known) {
            if (!known.made) return make();
            if (known.made->body_sha256 != sha256)
              return state.answers.template fail<R>(held, key_mismatch());
            repeat(*known.made);
          },
          [&state, held](error& cause) { state.answers.template fail<R>(held, std::move(cause)); });
}

}  // namespace parley
