/// What one user and one session may have, and what is worth an alert, from the settings.
#pragma once

#include "actors/impl/alert_rules.hpp"
#include "actors/impl/login_limits.hpp"
#include "actors/impl/session_actor.hpp"
#include "actors/impl/user_actor.hpp"
#include "base/settings.hpp"

namespace parley::app {

user_limits user_limits_of(const settings& values);
session_limits session_limits_of(const settings& values);
login_limits::limits login_limits_of(const settings& values);
alert_limits alert_limits_of(const settings& values);

}  // namespace parley::app
