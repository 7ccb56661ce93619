/// Mode `single`: one account, and whoever reaches it without a password has it.
#pragma once

#include "actors/admin.hpp"
#include "base/settings.hpp"

namespace parley::app {

/// errc::invalid_input when more than this machine would reach it. Waits for ADMIN, which answers
/// once it has made the account, so that the first caller finds it.
expected<void> check_single(caf::actor_system& system, const admin_actor& admin,
                            const settings& values);

}  // namespace parley::app
