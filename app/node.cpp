#include "app/node.hpp"

#include <filesystem>
#include <thread>

#include "actors/floating.hpp"
#include "actors/impl/admin_actor.hpp"
#include "actors/impl/counter_actor.hpp"
#include "actors/impl/directory_actor.hpp"
#include "actors/impl/hasher_actor.hpp"
#include "actors/impl/session_actor.hpp"
#include "actors/impl/supervisor.hpp"
#include "actors/impl/temporary_store.hpp"
#include "actors/impl/user_actor.hpp"
#include "app/actor_limits.hpp"
#include "app/alert_parts.hpp"
#include "app/blocking_ask.hpp"
#include "app/caf_config.hpp"
#include "app/idle_memory.hpp"
#include "app/io_threads.hpp"
#include "app/job_parts.hpp"
#include "app/log_parts.hpp"
#include "app/process_metrics.hpp"
#include "app/reading_page.hpp"
#include "app/sealing_state.hpp"
#include "app/single_mode.hpp"
#include "app/storage_refusal.hpp"
#include "app/token_tables.hpp"
#include "base/log.hpp"
#include "base/secrets_file.hpp"
#include "http/listener.hpp"
#include "http/router.hpp"
#include "storage/reader_actor.hpp"
#include "storage/storage_actor.hpp"

namespace parley::app {

namespace {

using namespace std::chrono_literals;

template <class Handle>
caf::actor plain(const Handle& handle) {
  return caf::actor_cast<caf::actor>(handle);
}

}  // namespace

/// In the order of their needs: what stands above outlives what stands below.
struct node::parts {
  explicit parts(const settings& from) : values(from), config(values) {}

  settings values;
  node_options options;
  listen_address address;
  secret_text setup_code;
  bool has_lost_secrets = false;
  sealing_state sealing;
  std::unique_ptr<token_signer> signer;
  std::shared_ptr<sealer> keys;
  std::unique_ptr<password_hasher> passwords;
  std::unique_ptr<token_counter> counter;
  std::unique_ptr<idle_memory> memory;
  std::unique_ptr<http::router> routes;
  http::node_status status;
  std::unique_ptr<http::rate_limits> rates;
  providers::provider_services services;
  std::shared_ptr<quota_board> quotas = std::make_shared<quota_board>();
  std::shared_ptr<storage::database> files;
  std::unique_ptr<storage::backup_keeper> backups;  ///< of one that serves
  alert_room alerts;                                ///< the same
  std::shared_ptr<storage::storage_health> health = std::make_shared<storage::storage_health>();
  std::shared_ptr<live_settings> live = std::make_shared<live_settings>();
  caf_config config;
  io_threads io;
  std::unique_ptr<caf::actor_system> system;
  storage_actor storage;
  reader_actor reader;
  hasher_actor hasher;
  counter_actor counting;
  admin_actor admin;
  directory_actor directory;
  jobs_actor jobs;
  logs_actor logs;
  upkeep_actor upkeep;
  std::mutex directory_mutex;  ///< of `known_directory`, which a restarted child is told
  directory_actor known_directory;

  expected<void> open();
  void start_storage();
  void start_accounts();
  template <class Handle>  // a child that was started anew
  Handle introduced(Handle child) {
    std::lock_guard guard{directory_mutex};
    if (known_directory) caf::anon_send(child, meet_directory{known_directory});
    return child;
  }
  session_parts parts_of_session() const;
  std::shared_ptr<const user_parts> make_user_parts();
  expected<void> start_io();
  model_tools tools();
  void stop_actors();
};

expected<void> node::parts::open() {
  auto listen = listen_address::parse(values.listen);
  if (!listen) return make_error(errc::invalid_input, "listen: not an address with a port.");
  address = *listen;
  std::error_code fault;
  auto had_database = std::filesystem::exists(
      std::filesystem::path{values.data_dir} / storage::database_file_name, fault);
  TRY(auto kept, load_or_make_secrets(values.data_dir));
  has_lost_secrets = kept.is_new && had_database;
  TRY(files, storage::database::open(
                 {.directory = values.data_dir, .busy_timeout = values.storage_busy_ms}));
  // A program that serves nobody counts nothing.
  counter = std::make_unique<token_counter>();
  memory = std::make_unique<idle_memory>(*counter);
  if (options.serves) {
    TRY(sealing, examine_sealing(*files, values.data_dir, kept.sealing));
    TRY(*counter, open_token_counter(values));
    backups = std::make_unique<storage::backup_keeper>(backup_plan_of(values));
  }
  signer = std::make_unique<token_signer>(kept.access_tokens);
  keys = std::make_shared<sealer>(kept.sealing);
  passwords = std::make_unique<password_hasher>(kept.pepper, static_cast<int>(values.bcrypt_cost));
  TRY(services, providers::make_provider_services(values, keys));
  if (backups) TRY_DONE(alerts.prepare(values, services.proxy, *backups));
  TRY(auto table, http::router::make(values));
  routes = std::make_unique<http::router>(std::move(table));
  if (!address.is_loopback()) setup_code = secret_text{random_base62(20)};
  status.started_at = system_wall_clock().now();
  status.storage_fault = [health = health]() -> std::string {
    auto code = health->failing.load();
    return code == 0 ? std::string{} : sentence_of(make_error(static_cast<errc>(code)));
  };
  status.backups = [this] { return backups->list(); };
  status.chat_days = [live = live] { return live->get()->chat_days; };
  status.refresh_metrics = [this] {
    refresh_process_metrics(system->registry().running());
    backups->refresh_metrics();
  };
  status.reading_script = read_reading_script(values);
  system = std::make_unique<caf::actor_system>(config);
  return {};
}

void node::parts::start_storage() {
  storage::storage_parts writing;
  writing.files = files;
  writing.health = health;
  writing.storage_queue_max = values.storage_queue_max;
  if (sealing.has_old)
    writing.seal_anew = [made = tools()](model_config& model) { return seal_anew(model, made); };
  storage = supervise<storage_actor>(*system, {.name = "storage"}, [this, writing] {
    return system->spawn<caf::detached>(storage::storage_writer, writing);
  });
  storage::reader_pool_parts pool;
  pool.reader.files = files;
  pool.reader.page_bytes_max = values.page_bytes_max;
  pool.reader.window_bytes_max = values.window_bytes_max;
  pool.readers = values.readers;
  pool.spawn_reader = [this](storage::reader_parts each) {
    return system->spawn<caf::detached>(storage::reader, std::move(each));
  };
  reader = supervise<reader_actor>(*system, {.name = "reader"}, [this, pool] {
    return spawn_floating(*system, storage::reader_pool, pool);
  });
}

model_tools node::parts::tools() {
  model_tools made;
  made.keys = keys.get();
  made.origin_of = [this](const model_config& model) {
    return providers::check_model(services, model);
  };
  made.complete_wish = [presets = services.presets](patch_of<model_config>& wish) {
    return presets->complete(wish);
  };
  made.currency = [board = quotas] { return board->read()->currency; };
  return made;
}

session_parts node::parts::parts_of_session() const {
  session_parts each;
  each.storage = storage;
  each.reader = reader;
  each.clock = &system_wall_clock();
  each.counter = counter.get();
  each.counting = counting;
  each.limits = session_limits_of(values);
  return each;
}

std::shared_ptr<const user_parts> node::parts::make_user_parts() {
  auto shared = std::make_shared<user_parts>();
  shared->storage = storage;
  shared->reader = reader;
  shared->hasher = hasher;
  shared->counting = counting;
  shared->system_models = caf::actor_cast<system_models_actor>(admin);
  if (jobs) shared->jobs = caf::actor_cast<job_streams_actor>(jobs);
  shared->start_call = [this](call_place place) {
    return spawn_call(*system, std::move(place), *counter);
  };
  if (alerts.has_receivers())
    shared->budgets = caf::actor_cast<budget_watch_actor>(alerts.handle());
  shared->budget_percent = static_cast<int64_t>(values.alert_budget_percent);
  shared->live = live;
  shared->start_session = [this, each = parts_of_session()](session_parent_actor parent,
                                                            user_id owner, session_id id,
                                                            std::optional<session> fresh) {
    auto made = each;
    made.parent = std::move(parent);
    made.owner = owner;
    made.id = id;
    made.fresh = std::move(fresh);
    return spawn_session(*system, std::move(made));
  };
  auto fleeting = parts_of_session();
  fleeting.limits.idle_max = values.temporary_idle_max_s;
  shared->start_temporary = [this, fleeting](session_parent_actor parent, session fresh) {
    auto made = fleeting;
    made.parent = std::move(parent);
    return start_temporary(*system, std::move(made), std::move(fresh), values.temporary_bytes_max);
  };
  shared->storage_fault = [health = health] { return refusal_of(*health); };
  shared->models = tools();
  shared->quotas = quotas;
  shared->signer = signer.get();
  shared->limits = user_limits_of(values);
  return shared;
}

void node::parts::start_accounts() {
  hasher_parts hashing;
  hashing.threads = values.hashing_threads;
  hashing.queue_max = values.hashing_queue_max_s;
  hashing.start_worker = [this] { return spawn_hash_worker(*system, *passwords); };
  hasher = supervise<hasher_actor>(*system, {.name = "hasher"},
                                   [this, hashing] { return spawn_hasher(*system, hashing); });

  counter_parts counts;
  counts.storage = storage;
  counts.reader = reader;
  counts.start_worker = [this] { return spawn_count_worker(*system, *counter); };
  counting = supervise<counter_actor>(*system, {.name = "counter"},
                                      [this, counts] { return spawn_counter(*system, counts); });

  admin_parts administration;
  administration.storage = storage;
  administration.reader = reader;
  administration.hasher = hasher;
  administration.models = tools();
  administration.quotas = quotas;
  administration.live = live;
  administration.setup_code = setup_code;
  administration.registration = values.registration;
  administration.is_single = values.mode == operating_mode::single;
  admin = supervise<admin_actor>(*system, {.name = "admin"}, [this, administration] {
    return introduced(spawn_admin(*system, administration));
  });

  // A command must not take up what the server has left.
  if (options.serves) {
    jobs = supervise<jobs_actor>(*system, {.name = "jobs"}, [this] {
      auto work = make_jobs_parts(*system, values, {*counter, *backups}, {storage, reader});
      return introduced(spawn_jobs(*system, std::move(work)));
    });
    logs = supervise<logs_actor>(*system, {.name = "logs"},
                                 [this] { return start_logs(*system, values); });
    alerts.start(*system, admin);
  }
  directory_parts finding;
  finding.storage = storage;
  finding.reader = reader;
  finding.hasher = hasher;
  finding.start_user = [this, shared = make_user_parts()](user_place place) {
    return spawn_user(*system, std::move(place), shared);
  };
  finding.users_awake_max = values.users_awake_max;
  finding.session_bytes_max = static_cast<int64_t>(values.session_bytes_max);
  finding.is_single = values.mode == operating_mode::single;
  finding.limits = login_limits_of(values);
  directory = supervise<directory_actor>(*system, {.name = "directory"}, [this, finding] {
    return spawn_directory(*system, finding);
  });
  std::unique_lock guard{directory_mutex};
  known_directory = directory;
  guard.unlock();
  caf::anon_send(admin, meet_directory{directory});
  if (jobs) caf::anon_send(jobs, meet_directory{directory});
  if (options.serves)
    upkeep = supervise<upkeep_actor>(*system, {.name = "upkeep"}, [this] {
      return start_upkeep(*system, values, {storage, reader, directory, live});
    });
}

expected<void> node::parts::start_io() {
  if (address.port != 0) TRY_DONE(http::check_port_is_free(address.host, address.port));
  backups->start();  // before anybody asks what is there
  rates = std::make_unique<http::rate_limits>(http::rate_settings_of(values));
  http::edge_parts each;
  each.values = &values;
  each.routes = routes.get();
  each.signer = signer.get();
  each.clock = &system_wall_clock();
  each.status = &status;
  each.rates = rates.get();
  each.directory = directory;
  each.admin = admin;
  each.jobs = jobs;
  each.logs = logs;
  each.alerts = alerts.handle();
  each.is_loopback_only = values.mode == operating_mode::single && address.is_loopback();
  TRY_DONE(io.start(*system, values.io_threads, each, address, services));
  alerts.meet(io.first_provider());
  return {};
}

void node::parts::stop_actors() {
  auto ended = io.end_actors();
  {
    std::lock_guard guard{directory_mutex};
    known_directory = directory_actor{};
  }
  // USERs end with DIRECTORY, SESSIONs with their USER and store what they have; their commits
  // reach STORAGE before its end because they are sent before.
  std::vector<caf::actor> accounts;
  for (auto& each :
       {plain(std::exchange(directory, {})), plain(std::exchange(admin, {})),
        plain(std::exchange(jobs, {})), plain(std::exchange(logs, {})), plain(alerts.stop())})
    if (each) accounts.push_back(each);
  if (ended) ended = end_and_wait(*system, std::move(accounts));
  // COUNTER, HASHER, READER and STORAGE, each with its keeper, and the threads they run.
  auto rest = 4 * 2 + 1 + values.hashing_threads + values.readers;
  for (int rounds = 0; rounds < 300 && system->registry().running() > rest; ++rounds)
    std::this_thread::sleep_for(10ms);
  std::vector<caf::actor> singletons;
  for (auto& each : {plain(std::exchange(hasher, {})), plain(std::exchange(counting, {})),
                     plain(std::exchange(reader, {}))})
    if (each) singletons.push_back(each);
  if (ended) ended = end_and_wait(*system, std::move(singletons));
  if (storage && ended) ended = end_and_wait(*system, {plain(std::exchange(storage, {}))});
  storage = storage_actor{};
  if (!ended) {
    log_error("node.stop_is_stuck", {{"error", ended.error()}});
    system->await_actors_before_shutdown(false);
  }
  io.stop();
}

node::node(std::unique_ptr<parts> built) : parts_(std::move(built)) {}

node::~node() {
  if (!parts_ || !parts_->system) return;
  std::atomic<bool> at_once = true;
  stop(0ms, at_once);
}

expected<std::unique_ptr<node>> node::start(const settings& values, node_options options) {
  std::unique_ptr<node> made{new node{std::make_unique<parts>(values)}};
  made->parts_->options = options;
  TRY_DONE(made->parts_->open());
  made->parts_->start_storage();
  made->parts_->start_accounts();
  if (!options.serves) return made;
  TRY_DONE(check_single(*made->parts_->system, made->parts_->admin, values));
  TRY_DONE(made->parts_->start_io());
  return made;
}

void node::stop(std::chrono::milliseconds patience, const std::atomic<bool>& is_urgent) {
  if (!parts_ || !parts_->system) return;
  auto& p = *parts_;
  p.status.is_draining = true;
  if (p.backups) p.backups->stop();
  if (p.upkeep) (void)end_and_wait(*p.system, {plain(std::exchange(p.upkeep, {}))});
  p.io.let_end(patience, is_urgent);
  p.stop_actors();
  p.system.reset();
}

bool node::answers() const {
  return parts_->io.count().silent == 0;
}
void node::rest_if_idle() {
  parts_->memory->look(parts_->storage, parts_->reader);
}
uint16_t node::port() const {
  return parts_->io.port();
}
const secret_text& node::setup_code() const {
  return parts_->setup_code;
}
bool node::has_lost_secrets() const {
  return parts_->has_lost_secrets;
}
bool node::has_foreign_keys() const {
  return parts_->sealing.has_foreign;
}
caf::actor_system& node::system() {
  return *parts_->system;
}
const admin_actor& node::admin() const {
  return parts_->admin;
}
const directory_actor& node::directory() const {
  return parts_->directory;
}
const storage_actor& node::storage() const {
  return parts_->storage;
}
const reader_actor& node::reader() const {
  return parts_->reader;
}
const hasher_actor& node::hasher() const {
  return parts_->hasher;
}

}  // namespace parley::app
