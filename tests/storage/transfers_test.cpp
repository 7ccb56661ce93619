// Uploads, jobs, and the sessions that imports store.
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

namespace {

upload make_upload(const user_id& owner) {
  upload made;
  made.id = upload_id::make();
  made.owner_id = owner;
  made.created_at = made.updated_at = start_of_test;
  made.name = "export.zip";
  made.bytes = 100;
  made.expires_at = start_of_test + std::chrono::hours{24};
  return made;
}

job make_job(const user_id& owner, job_status status = job_status::queued) {
  job made;
  made.id = job_id::make();
  made.owner_id = owner;
  made.created_at = made.updated_at = start_of_test;
  made.status = status;
  return made;
}

session imported(const user_id& owner, std::string id, std::string kind = "chatgpt") {
  auto header = make_session(owner);
  header.source = session_source{std::move(kind), std::move(id)};
  return header;
}

change import_of(const session& header, const job_id& by = job_id::make(), bool is_whole = true,
                 int64_t sessions_max = 100) {
  return change_transfer{import_session{header, by, sessions_max, is_whole}};
}

}  // namespace

TEST_CASE("an upload grows, is its owner's, and they have so many at most") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  auto made = make_upload(ada.id);
  db.put(change_transfer{create_upload{made, 1}});
  auto more = make_upload(ada.id);
  CHECK(is_fault(db.store(change_transfer{create_upload{more, 1}}), errc::quota_exceeded,
                 "uploads_max"));
  db.put(change_transfer{create_upload{make_upload(eve.id), 1}});
  made.received = 60;
  db.put(change_transfer{update_upload{made}});
  auto known = db.get(read_upload{ada.id, made.id});
  CHECK(known.received == 60);
  CHECK(known.name == "export.zip");
  CHECK_FALSE(known.is_whole());
  CHECK(code_of(db.ask(read_upload{eve.id, made.id}).error()) == errc::not_found);
  auto stolen = made;
  stolen.owner_id = eve.id;
  CHECK(is_fault(db.store(change_transfer{update_upload{stolen}}), errc::not_found));
  db.put(change_transfer{erase_upload{eve.id, made.id}});
  CHECK(db.get(read_upload{ada.id, made.id}).received == 60);
  db.put(change_transfer{erase_upload{ada.id, made.id}});
  CHECK(code_of(db.ask(read_upload{ada.id, made.id}).error()) == errc::not_found);
  db.put(change_transfer{create_upload{more, 1}});
  db.now = more.expires_at;
  CHECK(code_of(db.ask(read_upload{ada.id, more.id}).error()) == errc::not_found);
}

TEST_CASE("a job comes back whole, and is listed for its owner, the latest first") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  auto first = make_job(ada.id);
  first.upload_id = upload_id::make();
  db.put(change_transfer{create_job{first}});
  auto second = make_job(ada.id, job_status::running);
  db.put(change_transfer{create_job{second}});
  db.put(change_transfer{create_job{make_job(eve.id, job_status::done)}});
  first.status = job_status::failed;
  first.report = job_report{job_counts{3, 1, {{"time_missing", 1}}, {{"already_imported", 1}}}};
  first.error = message_error{"invalid_input", "bad_zip", "This is no whole zip archive."};
  first.finished_at = first.expires_at = start_of_test;
  db.put(change_transfer{update_job{first}});
  auto known = db.get(read_job{ada.id, first.id});
  CHECK(json_of(known) == json_of(first));
  CHECK(known.report.value().sessions.value().left_out.at(0).reason == "already_imported");
  CHECK(code_of(db.ask(read_job{eve.id, first.id}).error()) == errc::not_found);

  auto list = db.get(page_jobs{ada.id, {1, "", true, true}});
  REQUIRE(list.items.size() == 1);
  CHECK(list.items[0].id == second.id);
  CHECK(list.total == 2);
  auto rest = db.get(page_jobs{ada.id, {1, list.next_cursor.value(), true, false}});
  REQUIRE(rest.items.size() == 1);
  CHECK(rest.items[0].id == first.id);
  CHECK_FALSE(rest.next_cursor);
  CHECK(code_of(db.ask(page_jobs{eve.id, {1, list.next_cursor.value(), true, false}}).error()) ==
        errc::malformed);

  auto loaded = db.get(load_transfers{});
  REQUIRE(loaded.unfinished.size() == 1);
  CHECK(loaded.unfinished[0].id == second.id);
  CHECK(loaded.files.empty());
  second.status = job_status::done;
  second.finished_at = start_of_test;
  second.file = job_file{"parley.zip", 10, start_of_test};
  db.put(change_transfer{update_job{second}});
  CHECK(db.get(load_transfers{}).files == std::vector{second.id});
  CHECK(is_fault(db.store(change_transfer{erase_job{eve.id, second.id}}), errc::not_found));
  db.put(change_transfer{erase_job{ada.id, second.id}});
  CHECK(code_of(db.ask(read_job{ada.id, second.id}).error()) == errc::not_found);
}

TEST_CASE("a conversation is imported once for each owner") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  db.put(import_of(imported(ada.id, "c1")));
  CHECK(is_fault(db.store(import_of(imported(ada.id, "c1"))), errc::conflict, "already_imported"));
  db.put(import_of(imported(eve.id, "c1")));
  db.put(import_of(imported(ada.id, "c1", "openwebui")));
  // An export of one's own that is still here is no second chat, somebody else's is one.
  auto own = db.add_session(ada.id);
  CHECK(is_fault(db.store(import_of(imported(ada.id, to_string(own.id), "parley"))), errc::conflict,
                 "already_imported"));
  db.put(import_of(imported(eve.id, to_string(own.id), "parley")));
  CHECK(is_fault(db.store(import_of(imported(ada.id, "c2"), job_id::make(), true, 3)),
                 errc::quota_exceeded, "sessions_max"));
  // One that was deleted comes back.
  auto gone = imported(ada.id, "c3");
  db.put(import_of(gone));
  db.put(erase_session{gone.id});
  db.put(import_of(imported(ada.id, "c3")));
}

TEST_CASE("a conversation of several commits is seen once it is whole") {
  stored db;
  auto ada = db.add_user("ada");
  auto work = make_job(ada.id, job_status::running);
  db.put(change_transfer{create_job{work}});
  auto header = imported(ada.id, "long");
  db.put(import_of(header, work.id, false));
  auto first = make_message(header.id, {}, "Hi");
  db.put(create_message{first});
  CHECK(db.get(page_sessions{ada.id, {}}).items.empty());
  stored::must(sweep_rows(db.writer(), db.now));
  CHECK(db.count("sessions") == 1);
  header.message_count = 1;
  db.put(change_transfer{finish_import{header}});
  auto list = db.get(page_sessions{ada.id, {}});
  REQUIRE(list.items.size() == 1);
  CHECK(list.items[0].source.value().id == "long");
  CHECK(db.count("unfinished_imports") == 0);
  CHECK(is_fault(db.store(change_transfer{finish_import{header}}), errc::not_found));
}

TEST_CASE("what an import has not finished goes once its job has ended") {
  stored db;
  auto ada = db.add_user("ada");
  auto work = make_job(ada.id, job_status::running);
  db.put(change_transfer{create_job{work}});
  auto header = imported(ada.id, "long");
  db.put(import_of(header, work.id, false));
  for (int i = 0; i < 300; ++i) db.put(create_message{make_message(header.id, {}, "Hi")});
  auto whole = imported(ada.id, "short");
  db.put(import_of(whole, work.id));
  work.status = job_status::interrupted;
  db.put(change_transfer{update_job{work}});
  for (bool has_more = true; has_more;) {
    auto writing = stored::must(transaction::begin(db.writer(), transaction::kind::write));
    has_more = stored::must(sweep_rows(db.writer(), db.now)).has_more;
    stored::must_commit(writing);
  }
  CHECK(db.count("sessions") == 1);
  CHECK(db.count("messages") == 0);
  CHECK(db.count("unfinished_imports") == 0);
  CHECK(db.get(read_session{ada.id, whole.id}).source.value().id == "short");
  // And so it can be imported after all.
  db.put(import_of(imported(ada.id, "long"), work.id));
}

TEST_CASE("a sweep drops uploads and reports that are too old") {
  stored db;
  auto ada = db.add_user("ada");
  auto old = make_upload(ada.id);
  db.put(change_transfer{create_upload{old, 10}});
  auto over = make_job(ada.id, job_status::done);
  over.expires_at = start_of_test + std::chrono::hours{720};
  db.put(change_transfer{create_job{over}});
  db.put(change_transfer{create_job{make_job(ada.id)}});
  stored::must(sweep_rows(db.writer(), old.expires_at));
  CHECK(db.count("uploads") == 1);
  stored::must(sweep_rows(db.writer(), old.expires_at + std::chrono::milliseconds{1}));
  CHECK(db.count("uploads") == 0);
  CHECK(db.count("jobs") == 2);
  stored::must(sweep_rows(db.writer(), *over.expires_at + std::chrono::milliseconds{1}));
  CHECK(db.count("jobs") == 1);
}

TEST_CASE("uploads and jobs go with their owner") {
  stored db;
  auto ada = db.add_user("ada");
  db.add_user("root", role::admin);
  auto made = make_upload(ada.id);
  db.put(change_transfer{create_upload{made, 10}});
  auto work = make_job(ada.id);
  db.put(change_transfer{create_job{work}});
  db.put(erase_user{ada.id});
  CHECK(code_of(db.ask(read_upload{ada.id, made.id}).error()) == errc::not_found);
  CHECK(code_of(db.ask(read_job{ada.id, work.id}).error()) == errc::not_found);
  CHECK(db.get(load_transfers{}).unfinished.empty());
  CHECK(is_fault(db.store(change_transfer{create_job{make_job(ada.id)}}), errc::not_found));
  stored::must(sweep_rows(db.writer(), db.now));
  CHECK(db.count("jobs") == 0);
  CHECK(db.count("uploads") == 0);
}
