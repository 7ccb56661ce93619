#include "tests/support/account_world.hpp"

#include "actors/impl/supervisor.hpp"
#include "providers/upstream_url.hpp"

namespace parley::tests {

account_world::account_world() {
  store.clock = &clock;
  storage_ = own(store.spawn_storage(system));
  reader_ = own(store.spawn_reader(system));
  counter_parts counts;
  counts.storage = storage_;
  counts.reader = reader_;
  counts.start_worker = [this] {
    return spawn_count_worker(system, counter_, counting_thread::shared);
  };
  counting_ = own(spawn_counter(system, counts));
  hasher_parts parts;
  parts.start_worker = [this] {
    return spawn_hash_worker(system, passwords_, hashing_thread::shared);
  };
  hasher_ = own(supervise<hasher_actor>(system, {"hasher"},
                                        [this, parts] { return spawn_hasher(system, parts); }));
}

// Actors borrow the members: they end first.
account_world::~account_world() {
  handler_fault_hook = nullptr;
  for (const auto& actor :
       {caf::actor_cast<caf::actor>(directory_), caf::actor_cast<caf::actor>(admin_)})
    if (actor) stop(actor);
  for (const auto& [id, record] : sessions.records)
    caf::anon_send_exit(record.holder, caf::exit_reason::user_shutdown);
  run();
  sessions.records.clear();
}

void account_world::wire() {
  if (directory_) return;
  auto origin_of = [this](const model_config& model) -> expected<std::string> {
    if (refuse_url) return refuse_url;
    providers::address_policy policy;
    policy.ports = allowed_ports;
    if (model.may_reach_private()) policy.owner = providers::model_owner::admin;
    TRY(auto url, providers::upstream_url::parse(model.base_url, policy));
    return url.origin();
  };
  auto complete_wish = [this](patch_of<model_config>& wish) { return presets.complete(wish); };
  model_tools tools{&keys, origin_of, complete_wish,
                    [board = quotas_] { return board->read()->currency; }};
  admin_parts for_admin;
  for_admin.storage = storage_;
  for_admin.reader = reader_;
  for_admin.hasher = hasher_;
  for_admin.models = tools;
  for_admin.quotas = quotas_;
  for_admin.live = live;
  for_admin.clock = &clock;
  for_admin.setup_code = setup_code;
  for_admin.registration = registration_setting;
  for_admin.is_single = is_single;
  admin_ = supervise<admin_actor>(system, {"admin"}, [this, for_admin] {
    auto started = spawn_admin(system, for_admin);
    if (directory_) caf::anon_send(started, meet_directory{directory_});
    return started;
  });

  auto for_users = std::make_shared<user_parts>();
  for_users->storage = storage_;
  for_users->reader = reader_;
  for_users->hasher = hasher_;
  for_users->counting = counting_;
  for_users->system_models = admin_;
  for_users->models = tools;
  for_users->quotas = quotas_;
  for_users->live = live;
  for_users->signer = &signer;
  for_users->clock = &clock;
  for_users->limits = limits;
  for_users->storage_fault = [this] { return storage_fault; };
  for_users->start_session = [this](session_parent_actor parent, user_id owner, session_id id,
                                    std::optional<session> fresh) {
    return sessions.start(system, std::move(parent), owner, id, std::move(fresh));
  };
  for_users->start_call = [this](call_place place) {
    return spawn_call(system, std::move(place), counter_);
  };
  directory_parts for_directory;
  for_directory.storage = storage_;
  for_directory.reader = reader_;
  for_directory.hasher = hasher_;
  for_directory.clock = &clock;
  for_directory.limits = guess_limits;
  for_directory.users_awake_max = users_awake_max;
  for_directory.session_bytes_max = session_bytes_max;
  for_directory.is_single = is_single;
  for_directory.start_user = [this, for_users](user_place place) {
    return spawn_user(system, std::move(place), for_users);
  };
  directory_ = supervise<directory_actor>(system, {"directory"}, [this, for_directory] {
    return spawn_directory(system, for_directory);
  });
  caf::anon_send(admin_, meet_directory{directory_});
  run();
}

directory_actor account_world::directory() {
  wire();
  return directory_;
}

admin_actor account_world::admin() {
  wire();
  return admin_;
}

user account_world::add_user(const std::string& name, role rights) {
  user account;
  account.id = user_id::make();
  account.username = name;
  account.role = rights;
  account.password_hash = *passwords_.hash(good_password);
  account.created_at = account.updated_at = clock.now();
  store.tables.users[account.id] = account;
  return account;
}

login_ticket account_world::log_in(const std::string& name, const std::string& password) {
  auto ticket = ask<login_ticket>(
      directory(), log_in_by_name{name, secret_text{password}, {"203.0.113.9", "test"}});
  if (!ticket) throw std::logic_error("log-in failed: " + describe(ticket.error()));
  return std::move(*ticket);
}

user_actor account_world::user_of(user_id id) {
  auto found = ask<located>(directory(), locate{id});
  if (!found) throw std::logic_error("not located: " + describe(found.error()));
  return found->holder;
}

caller account_world::caller_of(const login_ticket& ticket) {
  auto claims = signer.verify(ticket.access_token.reveal(), clock.now());
  if (!claims) throw std::logic_error("bad access token");
  return {claims->user, claims->login, claims->version, role::user, "request-1"};
}

patch_of<model_config> model_patch(const std::string& name, const std::string& url,
                                   const std::string& key) {
  patch_of<model_config> patch;
  give(patch, &model_config::name, name);
  give(patch, &model_config::base_url, url);
  give(patch, &model_config::model, std::string{"gpt-test"});
  if (!key.empty()) give(patch, &model_config::api_key, secret_text{key});
  return patch;
}

patch_of<user> user_patch(const std::string& name) {
  patch_of<user> patch;
  give(patch, &user::username, name);
  return patch;
}

}  // namespace parley::tests
