/// The state of the ADMIN actor: one `on` for each row of its table.
#pragma once

#include "actors/impl/admin_actor.hpp"
#include "actors/impl/audit.hpp"
#include "actors/impl/make_once.hpp"
#include "actors/impl/store_then.hpp"

namespace parley {

struct admin_state {
  static inline const char* name = "admin";
  explicit admin_state(admin_actor::pointer actor) : self(actor) {}

  void begin(admin_parts given);

  // admin_actor.cpp
  caf::result<login_methods> on(const get_methods& message);
  caf::result<user> on(const make_user& message);
  caf::result<page_of<user>> on(const list_users& message) const;
  caf::result<user> on(const get_user& message);
  caf::result<user> on(const change_user& message);
  caf::result<user> on(const reset_password& message);
  caf::result<reset_ticket> on(const issue_reset_code& message);
  caf::result<done> on(const drop_user& message);
  void on(const meet_directory& message);

  // admin_entry.cpp
  caf::result<login_ticket> on(const register_user& message);
  caf::result<reset_ticket> on(const enrol_user& message);
  caf::result<page_of<invitation>> on(const list_invitations& message) const;
  caf::result<invitation> on(const get_invitation& message);
  caf::result<made_invitation> on(const add_invitation& message);
  caf::result<done> on(const drop_invitation& message);

  // admin_system.cpp
  caf::result<system_settings> on(const get_system& message);
  caf::result<system_settings> on(const change_system& message);
  caf::result<model_config> on(const find_system_model& message);
  caf::result<model_list> on(const list_system_models& message);
  caf::result<model_config> on(const add_system_model& message);
  caf::result<model_config> on(const change_system_model& message);
  caf::result<done> on(const drop_system_model& message);
  caf::result<model_config> on(const draft_system_model& message) const;
  caf::result<page_of<audit_entry>> on(const list_audit& message) const;

  // admin_quotas.cpp
  caf::result<quota_settings> on(const get_quotas& message);
  caf::result<quota_settings> on(const change_quotas& message);
  caf::result<usage_report> on(const list_all_usage& message);

  const storage_actor& storage() const { return parts_.storage; }
  const reader_actor& reader() const { return parts_.reader; }
  instant now() const { return parts_.clock->now(); }

  admin_actor::pointer self;
  held_answers answers;

 private:
  /// Somebody who registers.
  struct entrant {
    uint64_t key = 0;
    register_user asked;
    user account;
    std::optional<invitation> invited;
  };

  void load();
  void make_owner();
  void publish_quotas() const;
  void tell_whether_owner_has_password(uint64_t key);
  registration registration_now() const;
  expected<void> check_registration(const secret_text& code) const;
  void find_invited(const std::shared_ptr<entrant>& who);
  void enrol_once(uint64_t key, const std::shared_ptr<const enrol_user>& asked);
  template <class R, class Show>
  void find_made(uint64_t key, invitation_id id, Show show);
  void make_invitation(uint64_t key, const add_invitation& message);
  void make_account_once(uint64_t key, const std::shared_ptr<const make_user>& asked);
  void store_account(uint64_t key, const std::shared_ptr<const make_user>& asked, const user& made);
  void show_account(uint64_t key, user_id id);
  void make_system_model(uint64_t key, const add_system_model& asked);
  expected<void> check_setup_code(const secret_text& code) const;
  void admit_entrant(const std::shared_ptr<entrant>& who);
  void open_first_login(uint64_t key, user_id id, const client& from);
  template <class R>
  void hash(uint64_t key, const secret_text& password, std::function<void(std::string)> next);
  template <class R, class M>
  caf::result<R> ask_user(user_id id, M message);

  admin_parts parts_;
  directory_actor directory_;
  system_settings settings_;
  quota_settings quotas_;
  std::vector<model_config> models_;
  bool has_users_ = false;
};

template <class R>
void admin_state::hash(uint64_t key, const secret_text& password,
                       std::function<void(std::string)> next) {
  self->request(parts_.hasher, caf::infinite, hash_password{password})
      .then([next = std::move(next)](hashed_password& hashed) { next(std::move(hashed.hash)); },
            [this, key](error& cause) { answers.fail<R>(key, std::move(cause)); });
}

}  // namespace parley
