/// DIRECTORY, ADMIN, HASHER and USERs over a scripted database and scripted SESSIONs.
#pragma once

#include "actors/impl/admin_actor.hpp"
#include "actors/impl/counter_actor.hpp"
#include "actors/impl/directory_actor.hpp"
#include "actors/impl/hasher_actor.hpp"
#include "actors/impl/user_actor.hpp"
#include "providers/catalogue.hpp"
#include "tests/support/actor_world.hpp"
#include "tests/support/scripted_session.hpp"
#include "tests/support/scripted_storage.hpp"

namespace parley::tests {

constexpr auto good_password = "correct horse battery";

class account_world : public actor_world {
 public:
  account_world();
  ~account_world();

  /// Spawned by the first use, so that a test may change limits and tables before.
  directory_actor directory();
  admin_actor admin();
  const hasher_actor& hasher() const { return hasher_; }

  /// A stored account with `good_password`.
  user add_user(const std::string& name, role rights = role::user);
  /// Logged in through DIRECTORY; throws if that fails.
  login_ticket log_in(const std::string& name, const std::string& password = good_password);
  user_actor user_of(user_id id);
  /// The caller of an access token.
  caller caller_of(const login_ticket& ticket);

  scripted_storage store;
  scripted_sessions sessions;
  user_limits limits;
  login_limits::limits guess_limits;
  secret_text setup_code;
  registration_rule registration_setting = registration_rule::automatic;
  bool is_single = false;
  size_t users_awake_max = 100;
  int64_t session_bytes_max = 1 << 20;
  error storage_fault;                  ///< while set, the database is known to take nothing
  error refuse_url;                     ///< while set, the check of base URLs fails with it
  std::vector<uint16_t> allowed_ports;  ///< for models of users
  token_signer signer{key_ring::make()};
  sealer keys{key_ring::make()};
  std::shared_ptr<live_settings> live = std::make_shared<live_settings>();
  providers::catalogue presets = std::move(*providers::catalogue::load(""));

 private:
  void wire();

  password_hasher passwords_{secret_text{"0123456789abcdef0123456789ABCDEF"}, 4};
  std::shared_ptr<quota_board> quotas_ = std::make_shared<quota_board>();
  storage_actor storage_;
  reader_actor reader_;
  hasher_actor hasher_;
  token_counter counter_;
  counter_actor counting_;
  admin_actor admin_;
  directory_actor directory_;
};

/// A patch in which these fields are given.
template <record Record, class Member, class Value>
void give(patch_of<Record>& patch, Member Record::*member, Value&& value) {
  patch.value.*member = std::forward<Value>(value);
  each_field<Record>([&](const auto& f, size_t index) {
    if constexpr (std::is_same_v<typename std::decay_t<decltype(f)>::member_type, Member>)
      if (f.member == member) patch.given |= uint64_t{1} << index;
  });
}

patch_of<model_config> model_patch(const std::string& name, const std::string& url,
                                   const std::string& key = {});
patch_of<user> user_patch(const std::string& name);

}  // namespace parley::tests
