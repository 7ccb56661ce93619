// STORAGE and READER as actors: group commit, faults, sweeping, the pool.
#include <signal.h>
#include <sys/resource.h>

#include <caf/scheduler/test_coordinator.hpp>
#include <set>

#include "storage/reader_actor.hpp"
#include "storage/storage_actor.hpp"
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;
using namespace std::chrono_literals;

namespace {

struct virtual_time : caf::actor_system_config {
  virtual_time() {
    set("scheduler.policy", caf::atom("testing"));
    register_error_category(*this);
    parley::add_message_types(*this);
  }
};

class world {
 public:
  world() : files_(stored::must(database::open({.directory = folder_.path() / "data"}))) {}
  ~world() {
    stop();
    scheduler.run();
  }

  void stop() {
    for (auto& one : spawned_) self->send_exit(one, caf::exit_reason::user_shutdown);
    spawned_.clear();
    scheduler.run();
  }
  storage_actor spawn_storage(storage_parts parts = {}) {
    parts.files = files_;
    parts.health = health;
    auto made = system.spawn(storage_writer, std::move(parts));
    spawned_.push_back(caf::actor_cast<caf::actor>(made));
    scheduler.run();
    return made;
  }
  reader_actor spawn_pool(reader_pool_parts parts) {
    parts.reader.files = files_;
    if (!parts.spawn_reader)
      parts.spawn_reader = [this](reader_parts one) {
        readers.push_back(system.spawn(reader, std::move(one)));
        return readers.back();
      };
    auto made = system.spawn(reader_pool, std::move(parts));
    spawned_.push_back(caf::actor_cast<caf::actor>(made));
    scheduler.run();
    return made;
  }

  /// The error of one answer, none if it was good.
  template <class R, class Handle>
  error receive(Handle& request, R* into = nullptr) {
    error fault = make_error(errc::internal, "no answer");
    request.receive(
        [&](R& got) {
          fault = {};
          if (into) *into = std::move(got);
        },
        [&](error& cause) { fault = cause; });
    return fault;
  }
  error store(const storage_actor& to, std::vector<change> changes) {
    auto request = self->request(to, caf::infinite, commit{std::move(changes)});
    scheduler.run();
    return receive<done>(request);
  }
  template <class R, class Question>
  R ask(const reader_actor& to, const Question& question) {
    auto request = self->request(to, caf::infinite, question);
    scheduler.run();
    R answer;
    auto fault = receive<R>(request, &answer);
    if (fault) FAIL(describe(fault));
    return answer;
  }
  int64_t count(const std::string& table) {
    auto db = stored::must(files_->open_reader());
    return stored::must(db->prepare("SELECT COUNT(*) FROM " + table).number()).value_or(-1);
  }
  database& files() { return *files_; }

 private:
  temp_directory folder_;
  std::shared_ptr<database> files_;

 public:
  virtual_time config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  caf::scoped_actor self{system};
  std::vector<reader_actor> readers;
  std::shared_ptr<storage_health> health = std::make_shared<storage_health>();

 private:
  std::vector<caf::actor> spawned_;
};

uint64_t transactions() {
  return metrics().counter("parley_storage_transactions_total", "").value();
}

}  // namespace

TEST_CASE("commits that wait are written in one transaction, a bad one fails alone") {
  world w;
  auto storage = w.spawn_storage();
  auto ada = user_named("ada", role::admin);
  REQUIRE_FALSE(w.store(storage, {create_user{ada, true}}));
  auto before = transactions();
  auto chat = make_session(ada.id);
  using pending = decltype(w.self->request(storage, caf::infinite, commit{}));
  std::vector<pending> requests;
  auto send = [&](std::vector<change> changes) {
    requests.push_back(w.self->request(storage, caf::infinite, commit{std::move(changes)}));
  };
  send({create_session{chat}});
  for (int i = 0; i < 100; ++i) send({create_message{make_message(chat.id, {}, "text")}});
  // Half of this one would be good: nothing of it is stored.
  send({create_message{make_message(chat.id, {}, "lost")}, create_session{chat}});
  for (int i = 0; i < 100; ++i) send({create_message{make_message(chat.id, {}, "text")}});
  w.scheduler.run();
  for (size_t i = 0; i < requests.size(); ++i) {
    auto fault = w.receive<done>(requests[i]);
    if (i == 101)
      CHECK(is_fault(fault, errc::conflict));
    else
      CHECK_FALSE(fault);
  }
  CHECK(transactions() - before == 1);
  CHECK(w.count("messages") == 200);
  CHECK(w.health->is_ok());
}

TEST_CASE("checkpoints wait for others, and go along with the next commit") {
  world w;
  auto storage = w.spawn_storage();
  auto ada = user_named("ada", role::admin);
  auto chat = make_session(ada.id);
  auto question = make_message(chat.id, {}, "what?");
  REQUIRE_FALSE(
      w.store(storage, {create_user{ada, true}, create_session{chat}, create_message{question}}));
  std::vector<message> replies;
  for (int i = 0; i < 50; ++i) {
    replies.push_back(make_reply(chat.id, question.id));
    REQUIRE_FALSE(w.store(storage, {create_message{replies.back()}}));
  }
  auto before = transactions();
  auto send = [&](const message_id& id, int64_t after, int64_t position) {
    w.self->send(storage, checkpoint_reply{id, after, {{position, 0, part_type::text, "abc"}}});
    w.scheduler.run();
  };
  for (const auto& reply : replies) send(reply.id, 0, 5);
  CHECK(w.count("reply_chunks") == 0);
  w.scheduler.advance_time(100ms);
  w.scheduler.run();
  CHECK(w.count("reply_chunks") == 50);
  CHECK(transactions() - before == 1);
  send(replies[0].id, 5, 8);
  send(message_id::make(), 0, 5);  // a reply that is gone is no fault
  CHECK(w.count("reply_chunks") == 50);
  REQUIRE_FALSE(w.store(storage, {create_message{make_message(chat.id, {}, "text")}}));
  CHECK(w.count("reply_chunks") == 51);
  CHECK(transactions() - before == 2);
  // The commit that ends a reply comes behind its last checkpoint.
  send(replies[0].id, 8, 11);
  replies[0].status = message_status::complete;
  REQUIRE_FALSE(w.store(storage, {finish_message{replies[0]}}));
  CHECK(w.count("reply_chunks") == 49);
  CHECK(w.self->mailbox().empty());
}

TEST_CASE("a checkpoint that is awaited is told of once it is stored") {
  world w;
  auto storage = w.spawn_storage({});
  auto ada = user_named("ada");
  auto chat = make_session(ada.id);
  auto question = make_message(chat.id, {}, "what?");
  auto reply = make_reply(chat.id, question.id);
  REQUIRE_FALSE(w.store(storage, {create_user{ada, true}, create_session{chat},
                                  create_message{question}, create_message{reply}}));
  w.self->send(storage, checkpoint_reply{reply.id, 0, {{5, 0, part_type::text, "abc"}}, false});
  w.self->send(storage, checkpoint_reply{reply.id, 5, {{8, 0, part_type::text, "def"}}, true});
  w.scheduler.run();
  CHECK(w.self->mailbox().empty());
  w.scheduler.advance_time(100ms);
  w.scheduler.run();
  checkpoint_stored stored;
  w.self->receive([&](const checkpoint_stored& told) { stored = told; },
                  caf::after(0s) >> [] { FAIL("nothing was told"); });
  CHECK(stored.id == reply.id);
  CHECK(stored.position == 8);
  CHECK(w.self->mailbox().empty());
}

TEST_CASE("a checkpoint beyond the queue's limit is told to its sender") {
  world w;
  storage_parts parts;
  parts.storage_queue_max = 1;
  auto storage = w.spawn_storage(parts);
  auto id = message_id::make();
  w.self->send(storage, checkpoint_reply{id, 0, {{5, 0, part_type::text, "abc"}}});
  w.self->send(storage, checkpoint_reply{id, 5, {{8, 0, part_type::text, "def"}}});
  w.scheduler.run();
  checkpoint_lost lost;
  w.self->receive([&](const checkpoint_lost& told) { lost = told; },
                  caf::after(0s) >> [] { FAIL("nothing was told"); });
  CHECK(lost.id == id);
  CHECK(lost.after == 5);
}

TEST_CASE("beyond its limit the queue refuses") {
  world w;
  storage_parts parts;
  parts.storage_queue_max = 3;
  auto storage = w.spawn_storage(parts);
  std::vector<decltype(w.self->request(storage, caf::infinite, commit{}))> requests;
  for (int i = 0; i < 5; ++i)
    requests.push_back(
        w.self->request(storage, caf::infinite,
                        commit{{create_user{user_named("user" + std::to_string(i)), false}}}));
  w.scheduler.run();
  for (size_t i = 0; i < requests.size(); ++i) {
    auto fault = w.receive<done>(requests[i]);
    if (i < 3) {
      CHECK_FALSE(fault);
    } else {
      CHECK(is_fault(fault, errc::unavailable, "storage_queue_full"));
      CHECK(detail_of(fault).retry_after_s == 1);
    }
  }
}

TEST_CASE("a stop stores what was accepted and leaves an empty log") {
  world w;
  auto storage = w.spawn_storage();
  auto request =
      w.self->request(storage, caf::infinite, commit{{create_user{user_named("ada"), false}}});
  w.scheduler.run_once();
  w.stop();
  CHECK_FALSE(w.receive<done>(request));
  CHECK(w.count("users") == 1);
  auto log = w.files().path().string() + "-wal";
  CHECK((!std::filesystem::exists(log) || std::filesystem::file_size(log) == 0));
}

TEST_CASE("a full disk fails commits, shows in health, and is over once there is space") {
  world w;
  auto storage = w.spawn_storage();
  auto ada = user_named("ada", role::admin);
  auto chat = make_session(ada.id);
  REQUIRE_FALSE(w.store(storage, {create_user{ada, true}, create_session{chat}}));
  auto big = [&] { return create_message{make_message(chat.id, {}, std::string(400'000, 'x'))}; };
  // Only the connection of the actor itself can be limited: a file-size limit stands in for a disk.
  struct rlimit_guard {
    rlimit_guard() {
      ::getrlimit(RLIMIT_FSIZE, &before);
      ::signal(SIGXFSZ, SIG_IGN);
      auto now = before;
      now.rlim_cur = 600'000;
      ::setrlimit(RLIMIT_FSIZE, &now);
    }
    ~rlimit_guard() { lift(); }
    void lift() { ::setrlimit(RLIMIT_FSIZE, &before); }
    struct rlimit before {};
  } limit;
  error fault;
  for (int i = 0; i < 4 && !fault; ++i) fault = w.store(storage, {big()});
  auto code = code_of(fault);
  CHECK((code == errc::storage_full || code == errc::storage_failed));
  CHECK_FALSE(w.health->is_ok());
  auto stored_before = w.count("messages");
  CHECK(w.store(storage, {big()}));
  CHECK(w.count("messages") == stored_before);
  limit.lift();
  w.scheduler.advance_time(std::chrono::milliseconds{500});
  w.scheduler.run();
  CHECK(w.health->is_ok());
  CHECK_FALSE(w.store(storage, {big()}));
  CHECK(w.count("messages") == stored_before + 1);
}

TEST_CASE("an erased account is swept without being asked") {
  world w;
  auto storage = w.spawn_storage();
  auto root = user_named("root", role::admin);
  auto ada = user_named("ada");
  auto chat = make_session(ada.id);
  std::vector<change> changes{create_user{root, true}, create_user{ada, false},
                              create_session{chat}};
  for (int i = 0; i < 450; ++i) changes.push_back(create_message{make_message(chat.id, {}, "t")});
  REQUIRE_FALSE(w.store(storage, changes));
  REQUIRE_FALSE(w.store(storage, {erase_user{ada.id}}));
  CHECK(w.count("messages") == 0);
  CHECK(w.count("sessions") == 0);
  CHECK(w.count("users") == 1);
  // The index of search has merged its parts: no words of theirs are left in the file.
  CHECK(w.count("search_rows") == 0);
  CHECK(w.count("search_purge WHERE erased=0 AND is_running=0 AND began_at>0") == 1);
}

TEST_CASE("the pool answers like a reader, replaces one that ended, and refuses a flood") {
  world w;
  auto storage = w.spawn_storage();
  auto ada = user_named("ada", role::admin);
  auto chat = make_session(ada.id);
  REQUIRE_FALSE(w.store(storage, {create_user{ada, true}, create_session{chat}}));
  reader_pool_parts parts;
  parts.readers = 2;
  parts.questions_max = 3;
  auto pool = w.spawn_pool(parts);
  CHECK(w.ask<found_user>(pool, find_username{"ADA"}).id == ada.id);
  CHECK(w.ask<user_state_loaded>(pool, load_user{ada.id}).account.username == "ada");
  CHECK(w.ask<session_loaded>(pool, load_session{ada.id, chat.id}).header.id == chat.id);
  auto request = w.self->request(pool, caf::infinite, read_session{user_id::make(), chat.id});
  w.scheduler.run();
  CHECK(is_fault(w.receive<session>(request), errc::not_found));

  w.self->send_exit(w.readers[0], caf::exit_reason::kill);
  w.scheduler.run();
  REQUIRE(w.readers.size() == 3);
  CHECK(w.ask<system_loaded>(pool, load_system{}).user_count == 1);

  using pending = decltype(w.self->request(pool, caf::infinite, load_system{}));
  std::vector<pending> flood;
  for (int i = 0; i < 10; ++i) flood.push_back(w.self->request(pool, caf::infinite, load_system{}));
  w.scheduler.run();
  int refused = 0;
  for (auto& one : flood)
    if (is_fault(w.receive<system_loaded>(one), errc::unavailable)) ++refused;
  CHECK(refused <= 4);
  CHECK(w.ask<system_loaded>(pool, load_system{}).user_count == 1);
}

TEST_CASE("readers see whole transactions while the writer writes") {
  temp_directory folder;
  auto files = stored::must(database::open({.directory = folder.path() / "data"}));
  caf::actor_system_config config;
  register_error_category(config);
  parley::add_message_types(config);
  caf::actor_system system{config};
  auto ada = user_named("ada", role::admin);
  storage_parts writer_parts;
  writer_parts.files = files;
  auto storage = system.spawn<caf::detached>(storage_writer, writer_parts);
  reader_pool_parts parts;
  parts.reader.files = files;
  parts.readers = 3;
  parts.spawn_reader = [&system](reader_parts one) -> reader_actor {
    return system.spawn<caf::detached>(reader, std::move(one));
  };
  auto pool = system.spawn(reader_pool, parts);
  {
    caf::scoped_actor self{system};
    auto chat = make_session(ada.id);
    auto store = [&](std::vector<change> changes) {
      error fault;
      self->request(storage, caf::infinite, commit{std::move(changes)})
          .receive([](done&) {}, [&](error& cause) { fault = cause; });
      return fault;
    };
    REQUIRE_FALSE(store({create_user{ada, true}, create_session{chat}}));
    for (int i = 1; i <= 40; ++i) {
      // Two messages and the header that counts them, as one unit.
      chat.message_count = 2 * i;
      self->send(storage,
                 commit{{create_message{make_message(chat.id, {}, "a")},
                         create_message{make_message(chat.id, {}, "b")}, update_session{chat}}});
      self->request(pool, caf::infinite, load_session{ada.id, chat.id})
          .receive(
              [&](session_loaded& seen) {
                CHECK(static_cast<int64_t>(seen.messages.size()) == seen.header.message_count);
              },
              [](error& cause) { FAIL(describe(cause)); });
    }
    REQUIRE_FALSE(store({update_session{chat}}));
    self->request(pool, caf::infinite, load_session{ada.id, chat.id})
        .receive([&](session_loaded& seen) { CHECK(seen.messages.size() == 80); },
                 [](error& cause) { FAIL(describe(cause)); });
    for (auto one : {caf::actor_cast<caf::actor>(storage), caf::actor_cast<caf::actor>(pool)})
      self->send_exit(one, caf::exit_reason::user_shutdown);
  }
}
