// JOBS over a scripted database, with workers that do as the test says.
#include <catch2/catch.hpp>

#include "actors/impl/jobs_actor.hpp"
#include "base/record_json.hpp"
#include "tests/support/account_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

using idle_actor = caf::typed_actor<tell<jobs_check>>;

struct idle_state {
  static inline const char* name = "idle_worker";
  explicit idle_state(idle_actor::pointer) {}
  void on(const jobs_check&) { throw std::runtime_error("made to fail"); }
};

idle_actor::behavior_type run_idle(idle_actor::stateful_pointer<idle_state> self) {
  harden(self);
  return handle_table<idle_actor>(self);
}

/// Files in memory.
struct files_state {
  static inline const char* name = "scripted_files";
  explicit files_state(file_worker_actor::pointer) {}

  caf::result<done> on(const write_piece& piece) {
    if (*fault) return *fault;
    auto& text = (*files)[piece.name];
    text.resize(static_cast<size_t>(piece.offset));
    text += piece.bytes;
    return done{};
  }
  caf::result<file_piece> on(const read_piece& wanted) {
    auto found = files->find(wanted.name);
    if (found == files->end()) return make_error(errc::not_found);
    return file_piece{found->second.substr(static_cast<size_t>(wanted.offset),
                                           static_cast<size_t>(wanted.bytes_max))};
  }
  void on(const erase_file& gone) { files->erase(gone.name); }
  void on(const keep_files& kept) { last_kept->assign(kept.names.begin(), kept.names.end()); }

  std::map<std::string, std::string>* files = nullptr;
  std::vector<std::string>* last_kept = nullptr;
  error* fault = nullptr;
};

struct listener_state {
  static inline const char* name = "listener";
  explicit listener_state(event_reader_actor::pointer) {}
  void on(const event_slice& told) { heard->push_back(told); }
  std::vector<event_slice>* heard = nullptr;
};

class jobs_world : public account_world {
 public:
  jobs_world() {
    limits.running_max = 2;
    limits.waiting_max = 5;
    limits.waiting_per_user_max = 3;
    eve = add_user("eve");
    ada = add_user("ada");
    bob = add_user("bob");
  }
  ~jobs_world() {
    stop(jobs());  // first, or it puts a new worker in the place of each that ends
    jobs_ = nullptr;
    for (const auto& worker : workers) stop(worker);
    if (listener_) stop(listener_);
  }

  const jobs_actor& jobs() {
    if (jobs_) return jobs_;
    jobs_parts parts;
    parts.storage = own(store.spawn_storage(system));
    parts.reader = own(store.spawn_reader(system));
    parts.clock = &clock;
    parts.limits = limits;
    parts.start_files = [this] {
      auto run = [this](file_worker_actor::stateful_pointer<files_state> self) {
        harden(self);
        self->state.files = &files;
        self->state.last_kept = &kept;
        self->state.fault = &file_fault;
        return handle_table<file_worker_actor>(self);
      };
      return system.spawn(run);
    };
    parts.start_job = [this](job_order order) {
      orders.push_back(std::move(order));
      workers.push_back(system.spawn(run_idle));
      return caf::actor_cast<caf::actor>(workers.back());
    };
    jobs_ = spawn_jobs(system, std::move(parts));
    caf::anon_send(jobs_, meet_directory{directory()});
    run();
    return jobs_;
  }

  static caller by(const user& who) { return {who.id, login_id::make(), 0, role::user, "r"}; }

  expected<upload> upload_of(const user& who, int64_t bytes) {
    add_upload wanted{by(who), {}, {}};
    give(wanted.patch, &upload::bytes, bytes);
    return ask<upload>(jobs(), wanted);
  }
  expected<upload> piece(const user& who, upload_id id, int64_t offset, std::string bytes) {
    return ask<upload>(jobs(), add_piece{who.id, id, offset, std::move(bytes)});
  }
  upload whole_upload(const user& who) {
    auto made = upload_of(who, 4).value();
    return piece(who, made.id, 0, "[{}]").value();
  }
  expected<job> export_of(const user& who) { return ask<job>(jobs(), start_export{by(who), {}}); }
  expected<job> job_of(const user& who, job_id id) { return ask<job>(jobs(), get_job{who.id, id}); }
  job_status status_of(const user& who, job_id id) { return job_of(who, id).value().status; }
  /// The worker of the n-th job that was begun says that it has ended.
  void end(size_t n, job_ended how) {
    how.id = orders[n].work.id;
    caf::anon_send(orders[n].parent, std::move(how));
    run();
  }
  std::vector<job_id> begun() const {
    std::vector<job_id> ids;
    for (const auto& order : orders) ids.push_back(order.work.id);
    return ids;
  }
  event_reader_actor listener() {
    if (listener_) return listener_;
    auto run = [this](event_reader_actor::stateful_pointer<listener_state> self) {
      harden(self);
      self->state.heard = &heard;
      return handle_table<event_reader_actor>(self);
    };
    return listener_ = system.spawn(run);
  }
  expected<events_joined> follow(const user& who, job_id id, uint64_t stream,
                                 std::optional<int64_t> after = std::nullopt) {
    return ask<events_joined>(jobs(), follow_job{by(who), id, listener(), stream, after});
  }

  jobs_limits limits;
  user ada, eve, bob;
  std::vector<job_order> orders;
  std::vector<idle_actor> workers;
  std::map<std::string, std::string> files;
  std::vector<std::string> kept;
  error file_fault;
  std::vector<event_slice> heard;

 private:
  jobs_actor jobs_;
  event_reader_actor listener_;
};

bool is_fault(const error& cause, errc code, std::string_view reason = {}) {
  UNSCOPED_INFO(describe(cause));
  return code_of(cause) == code && detail_of(cause).reason == reason;
}

}  // namespace

TEST_CASE("JOBS: pieces of a file follow one another") {
  jobs_world w;
  auto made = w.upload_of(w.ada, 10).value();
  CHECK(made.received == 0);
  CHECK(w.piece(w.ada, made.id, 0, "abcd")->received == 4);
  auto wrong = w.piece(w.ada, made.id, 0, "abcd");
  CHECK(is_fault(wrong.error(), errc::conflict, "offset_mismatch"));
  CHECK(detail_of(wrong.error()).fields.at(0).bound == "4");
  CHECK(is_fault(w.piece(w.ada, made.id, 4, "efghijk").error(), errc::too_large, "upload_bytes"));
  CHECK(is_fault(w.piece(w.eve, made.id, 4, "x").error(), errc::not_found));
  CHECK(is_fault(w.ask<job>(w.jobs(), start_import{w.by(w.ada), made.id, {}}).error(),
                 errc::conflict, "upload_incomplete"));
  // What did not get to the disk is not there.
  w.file_fault = make_error(errc::storage_full);
  CHECK(is_fault(w.piece(w.ada, made.id, 4, "efghij").error(), errc::storage_full));
  w.file_fault = {};
  CHECK(w.ask<upload>(w.jobs(), get_upload{w.ada.id, made.id})->received == 4);
  CHECK(w.piece(w.ada, made.id, 4, "efghij")->is_whole());
  CHECK(w.files.at(to_string(made.id) + ".upload") == "abcdefghij");
  CHECK(is_fault(w.ask<done>(w.jobs(), drop_upload{w.eve.id, made.id}).error(), errc::not_found));
  CHECK(w.ask<done>(w.jobs(), drop_upload{w.ada.id, made.id}));
  CHECK(w.files.empty());
}

TEST_CASE("JOBS: an upload is no larger than may be, and two pieces don't come at once") {
  jobs_world w;
  w.limits.upload_bytes_max = 10;
  CHECK(is_fault(w.upload_of(w.ada, 11).error(), errc::too_large, "upload_bytes_max"));
  auto made = w.upload_of(w.ada, 10).value();
  auto first = w.ask_later(w.jobs(), add_piece{w.ada.id, made.id, 0, "abc"});
  auto second = w.ask_later(w.jobs(), add_piece{w.ada.id, made.id, 0, "abc"});
  w.run();
  CHECK(w.answer_of<upload>(second).error() == make_error(errc::conflict));
  CHECK(w.answer_of<upload>(first)->received == 3);
}

TEST_CASE("JOBS: few run at a time, one of each user, in their order") {
  jobs_world w;
  auto first = w.export_of(w.ada).value();
  auto second = w.export_of(w.ada).value();
  auto third = w.export_of(w.eve).value();
  auto fourth = w.export_of(w.bob).value();
  CHECK(w.begun() == std::vector{first.id, third.id});
  CHECK(w.status_of(w.ada, first.id) == job_status::running);
  CHECK(w.status_of(w.ada, second.id) == job_status::queued);
  CHECK(w.store.tables.jobs.at(first.id).status == job_status::running);
  w.end(1, {{}, job_status::done});
  CHECK(w.begun() == std::vector{first.id, third.id, fourth.id});
  w.end(0, {{}, job_status::done});
  CHECK(w.begun().back() == second.id);
  // Nobody fills the queue alone.
  w.export_of(w.ada).value();
  w.export_of(w.ada).value();
  CHECK(is_fault(w.export_of(w.ada).error(), errc::rate_limited, "jobs_max"));
  w.export_of(w.eve).value();
  CHECK(is_fault(w.export_of(w.eve).error(), errc::unavailable, "jobs_queue_full"));
}

TEST_CASE("JOBS: progress is told to the job's followers and to its owner") {
  jobs_world w;
  auto ticket = w.log_in("ada");
  auto events = w.ask<events_joined>(
      w.user_of(w.ada.id), join_events{w.caller_of(ticket), w.listener(), 1, std::nullopt});
  REQUIRE(events);
  auto made = w.export_of(w.ada).value();
  auto joined = w.follow(w.ada, made.id, 2).value();
  REQUIRE(joined.events.size() == 1);
  CHECK(joined.events[0].name == "progress");
  CHECK(code_of(w.follow(w.eve, made.id, 3).error()) == errc::not_found);
  w.heard.clear();
  session chat;
  chat.id = session_id::make();
  chat.title = "Bridges";
  caf::anon_send(w.orders[0].parent, job_progressed{made.id, 3, 10, {chat}, 1});
  w.run();
  std::string names;
  for (const auto& told : w.heard)
    names += std::to_string(told.stream) + ":" + told.events.at(0).name + " ";
  CHECK(names == "2:progress 1:session.created 1:job.progress ");
  CHECK(w.heard[0].events[0].id > joined.events[0].id);
  CHECK(w.job_of(w.ada, made.id)->done == 3);

  w.heard.clear();
  w.end(0, {{}, job_status::done, job_report{job_counts{1, 1}, job_counts{2, 2}}, {}, 77});
  REQUIRE(w.heard.size() == 2);
  CHECK(w.heard[0].events.at(0).name == "done");
  auto over = w.job_of(w.ada, made.id).value();
  CHECK(over.status == job_status::done);
  CHECK(over.file.value().bytes == 77);
  CHECK(over.expires_at == w.clock.now() + 720h);
  CHECK(json_of(w.store.tables.jobs.at(made.id)) == json_of(over));
  // Who comes later, or again, is told the end.
  auto late = w.follow(w.ada, made.id, 4, over.updated_at.ms).value();
  REQUIRE(late.events.size() == 1);
  CHECK(late.events[0].name == "done");
}

TEST_CASE("JOBS: sessions of an import count, and too many to be named reload the lists") {
  jobs_world w;
  auto ticket = w.log_in("ada");
  REQUIRE(w.ask<events_joined>(w.user_of(w.ada.id),
                               join_events{w.caller_of(ticket), w.listener(), 1, std::nullopt}));
  w.account_world::limits.sessions_max = 10;
  auto made = w.export_of(w.ada).value();
  w.heard.clear();
  caf::anon_send(w.orders[0].parent, job_progressed{made.id, 1, 10, {}, 1'000'000});
  w.run();
  REQUIRE(w.heard.size() == 2);
  CHECK(w.heard[0].events[0].name == "reset");
  auto refused = w.ask<session>(w.user_of(w.ada.id), add_session{w.caller_of(ticket), {}, {}});
  CHECK(is_fault(refused.error(), errc::quota_exceeded, "sessions_max"));
}

TEST_CASE("JOBS: a job is cancelled while it waits or runs, and forgotten when it is over") {
  jobs_world w;
  auto running = w.export_of(w.ada).value();
  auto waiting = w.export_of(w.ada).value();
  CHECK(is_fault(w.ask<done>(w.jobs(), drop_job{w.eve.id, running.id}).error(), errc::not_found));
  CHECK_FALSE(*w.orders[0].is_stopped);
  REQUIRE(w.ask<done>(w.jobs(), drop_job{w.ada.id, waiting.id}));
  CHECK(w.status_of(w.ada, waiting.id) == job_status::cancelled);
  REQUIRE(w.ask<done>(w.jobs(), drop_job{w.ada.id, running.id}));
  CHECK(*w.orders[0].is_stopped);
  CHECK(w.status_of(w.ada, running.id) == job_status::running);
  w.end(0, {{}, job_status::cancelled});
  CHECK(w.status_of(w.ada, running.id) == job_status::cancelled);
  w.files[to_string(running.id) + ".zip"] = "x";
  REQUIRE(w.ask<done>(w.jobs(), drop_job{w.ada.id, running.id}));
  CHECK(code_of(w.job_of(w.ada, running.id).error()) == errc::not_found);
  CHECK(w.files.empty());
  CHECK(w.begun() == std::vector{running.id});
}

TEST_CASE("JOBS: an upload is one job's, and goes when that is done") {
  jobs_world w;
  auto file = w.whole_upload(w.ada);
  auto made = w.ask<job>(w.jobs(), start_import{w.by(w.ada), file.id, {}}).value();
  CHECK(made.upload_id == file.id);
  CHECK(is_fault(w.ask<job>(w.jobs(), start_import{w.by(w.ada), file.id, {}}).error(),
                 errc::conflict, "upload_in_use"));
  CHECK(is_fault(w.ask<done>(w.jobs(), drop_upload{w.ada.id, file.id}).error(), errc::conflict,
                 "upload_in_use"));
  CHECK(is_fault(w.ask<job>(w.jobs(), start_import{w.by(w.eve), file.id, {}}).error(),
                 errc::not_found));
  // Of a job that failed it stays.
  w.end(0, {{}, job_status::failed, {}, message_error{"invalid_input", "not_an_export", "No."}});
  CHECK(w.job_of(w.ada, made.id)->error.value().reason == "not_an_export");
  CHECK(w.files.size() == 1);
  w.ask<job>(w.jobs(), start_import{w.by(w.ada), file.id, {}}).value();
  w.end(1, {{}, job_status::done});
  CHECK(w.files.empty());
  CHECK(w.store.tables.uploads.empty());
}

TEST_CASE("JOBS: what ran when the process ended is interrupted, what waited runs") {
  jobs_world w;
  job cut;
  cut.id = job_id::make();
  cut.owner_id = w.ada.id;
  cut.status = job_status::running;
  auto waiting = cut;
  waiting.id = job_id::make();
  waiting.status = job_status::queued;
  w.store.tables.jobs = {{cut.id, cut}, {waiting.id, waiting}};
  w.jobs();
  CHECK(w.store.tables.jobs.at(cut.id).status == job_status::interrupted);
  CHECK(w.status_of(w.ada, cut.id) == job_status::interrupted);
  CHECK(w.begun() == std::vector{waiting.id});
}

TEST_CASE("JOBS: a worker that is lost fails its job, and the end of one is stored in the end") {
  jobs_world w;
  auto first = w.export_of(w.ada).value();
  auto second = w.export_of(w.ada).value();
  caf::anon_send(w.workers[0], jobs_check{});
  w.run();
  CHECK(w.status_of(w.ada, first.id) == job_status::failed);
  CHECK(w.begun().back() == second.id);
  w.store.fail_commit = make_error(errc::storage_full);
  w.end(1, {{}, job_status::done});
  CHECK(w.store.tables.jobs.at(second.id).status == job_status::running);
  w.store.fail_commit = {};
  w.advance(6s);
  CHECK(w.store.tables.jobs.at(second.id).status == job_status::done);
}

TEST_CASE("JOBS: streams end with their login") {
  jobs_world w;
  auto made = w.export_of(w.ada).value();
  auto who = w.by(w.ada);
  REQUIRE(w.ask<events_joined>(w.jobs(), follow_job{who, made.id, w.listener(), 1, {}}));
  REQUIRE(w.follow(w.ada, made.id, 2));
  caf::anon_send(w.jobs(), end_job_streams{w.eve.id, {}});
  w.run();
  CHECK(w.heard.empty());
  caf::anon_send(w.jobs(), end_job_streams{w.ada.id, who.login});
  w.run();
  REQUIRE(w.heard.size() == 1);
  CHECK(w.heard[0].stream == 1);
  CHECK(w.heard[0].error.value().reason == "token_revoked");
  caf::anon_send(w.jobs(), leave_events{w.listener(), 2});
  w.end(0, {{}, job_status::done});
  CHECK(w.heard.size() == 1);
}

TEST_CASE("JOBS: files that nobody knows are swept, those of jobs and uploads stay") {
  jobs_world w;
  auto file = w.whole_upload(w.ada);
  auto made = w.export_of(w.eve).value();
  w.end(0, {{}, job_status::done, {}, {}, 10});
  w.advance(3'601s);
  std::sort(w.kept.begin(), w.kept.end());
  std::vector<std::string> wanted{to_string(file.id) + ".upload", to_string(made.id) + ".zip"};
  std::sort(wanted.begin(), wanted.end());
  CHECK(w.kept == wanted);
}

TEST_CASE("JOBS: a request sent twice acts once") {
  jobs_world w;
  request_key key{"POST /api/users/me/export", "one", "sha"};
  auto first = w.ask<job>(w.jobs(), start_export{w.by(w.ada), key}).value();
  CHECK(w.ask<job>(w.jobs(), start_export{w.by(w.ada), key})->id == first.id);
  CHECK(w.orders.size() == 1);
  key.body_sha256 = "other";
  CHECK(is_fault(w.ask<job>(w.jobs(), start_export{w.by(w.ada), key}).error(), errc::invalid_input,
                 "idempotency_mismatch"));
}

TEST_CASE("a backup waits and runs as any job, and its report names what was made") {
  jobs_world w;
  auto made = w.ask<job>(w.jobs(), start_backup{w.by(w.ada), {}}).value();
  CHECK(made.kind == job_kind::backup);
  CHECK(w.export_of(w.ada).value().status == job_status::queued);
  CHECK(w.begun() == std::vector{made.id});
  kept_backup copy;
  copy.name = "parley-20261128T181500Z";
  copy.verified = true;
  w.end(0, {{}, job_status::done, job_report{{}, {}, copy}});
  auto over = w.job_of(w.ada, made.id).value();
  CHECK(over.status == job_status::done);
  CHECK(over.report.value().backup.value().name == copy.name);
  CHECK_FALSE(over.file);
  CHECK(json_of(w.store.tables.jobs.at(made.id)) == json_of(over));
  CHECK(w.begun().size() == 2);
}
