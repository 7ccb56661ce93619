/// How an owner of state writes: store first, change afterwards.
#pragma once

#include "actors/storage.hpp"

namespace parley {

/// Has `changes` stored, then calls `apply`, which changes the state and gives the answer to the
/// question held under `key`. Waits with `await`: no other message is handled until the commit is
/// answered, so nothing is decided on state that is about to change. State has `self`, `answers`
/// and `storage()`.
template <class R, class State, class Apply>
void store_then(State& state, uint64_t key, std::vector<change> changes, Apply apply) {
  state.self->request(state.storage(), caf::infinite, commit{std::move(changes)})
      .await(
          [&state, key, apply](const done&) { state.answers.template deliver<R>(key, apply()); },
          [&state, key](error& cause) { state.answers.template fail<R>(key, std::move(cause)); });
}

template <class R, class State, class Apply>
caf::result<R> store_then(State& state, std::vector<change> changes, Apply apply) {
  auto held = state.answers.template hold<R>(state.self);
  store_then<R>(state, held.first, std::move(changes), std::move(apply));
  return held.second;
}

}  // namespace parley
