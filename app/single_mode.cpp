#include "app/single_mode.hpp"

#include "actors/impl/account_rules.hpp"
#include "app/blocking_ask.hpp"

namespace parley::app {

expected<void> check_single(caf::actor_system& system, const admin_actor& admin,
                            const settings& values) {
  if (values.mode != operating_mode::single) return {};
  TRY(auto known, ask_and_wait<login_methods>(system, admin, get_methods{}));
  auto address = listen_address::parse(values.listen);
  if (known.needs_password || (address && address->is_loopback())) return {};
  return make_error(errc::invalid_input,
                    "mode = \"single\" serves beyond loopback (" + values.listen +
                        ") only with a password; give it one: parley user passwd --username " +
                        std::string{single_username} + ".");
}

}  // namespace parley::app
