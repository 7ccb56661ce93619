// Every change of schema/change.hpp against a real database.
#include <set>

#include "storage/rows.hpp"
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

namespace {

template <class Record>
void check_columns(stored& db, const std::string& table, std::set<std::string> beside = {}) {
  std::set<std::string> columns;
  auto q = db.reader().prepare("SELECT name FROM pragma_table_info(?)");
  q.bind(table);
  while (stored::must(q.step())) columns.insert(std::string{q.text(0)});
  each_stored<Record>([&](const auto& f) { beside.insert(std::string{f.column}); });
  INFO(table);
  CHECK(columns == beside);
}

}  // namespace

TEST_CASE("stored fields and columns are the same") {
  stored db;
  check_columns<user>(db, "users");
  check_columns<login>(db, "logins");
  check_columns<model_config>(db, "model_configs");
  check_columns<session>(db, "sessions");
  check_columns<message>(db, "messages", {"seq"});
  check_columns<session_summary>(db, "session_summaries");
  check_columns<stored_calibration>(db, "token_calibrations");
  check_columns<upload>(db, "uploads");
  check_columns<job>(db, "jobs");
}

TEST_CASE("accounts: names are unique without regard to case") {
  stored db;
  auto ada = db.add_user("Ada", role::admin);
  CHECK(
      is_fault(db.store(create_user{user_named("aDA"), false}), errc::conflict, "username_taken"));
  CHECK(is_fault(db.store(create_user{user_named("bob"), true}), errc::conflict, "not_first"));
  CHECK(is_fault(db.store(create_user{ada, false}), errc::conflict));
  CHECK(db.get(find_username{"ADA"}).id == ada.id);
  CHECK_FALSE(db.get(find_username{"bob"}).id);
  ada.display_name = "Ada L.";
  ada.must_change_password = true;
  ada.last_login_at = instant{5};
  db.put(update_user{ada});
  auto loaded = db.get(load_user{ada.id}).account;
  CHECK(loaded.display_name == "Ada L.");
  CHECK(loaded.must_change_password);
  CHECK(loaded.last_login_at == instant{5});
  CHECK(loaded.password_hash == ada.password_hash);
  CHECK(is_fault(db.store(update_user{user_named("ghost", role::admin)}), errc::not_found));
}

TEST_CASE("accounts: the last active ADMIN stays") {
  stored db;
  auto first = db.add_user("first", role::admin);
  auto demoted = first;
  demoted.role = role::user;
  CHECK(is_fault(db.store(update_user{demoted}), errc::conflict, "last_admin"));
  CHECK(is_fault(db.store(erase_user{first.id}), errc::conflict, "last_admin"));
  auto second = db.add_user("second", role::admin);
  second.status = user_status::disabled;
  db.put(update_user{second});
  CHECK(is_fault(db.store(erase_user{first.id}), errc::conflict, "last_admin"));
  second.status = user_status::active;
  db.put(update_user{second});
  db.put(erase_user{first.id});
  CHECK(is_fault(db.store(erase_user{second.id}), errc::conflict, "last_admin"));
}

TEST_CASE("an erased account is absent for every question and its name is free") {
  stored db;
  db.add_user("root", role::admin);
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto hello = make_message(chat.id, {}, "hello");
  db.put(create_message{hello});
  db.put(create_model{make_model(ada.id, "mine")});
  db.put(put_user_settings{ada.id, {}});
  db.put(create_login{{login_id::make(), ada.id, {}, {}, {}, "::1", "ua", "h"}});
  db.put(remember_key{
      ada.id, "/r", "k", "sha", chat.id, hello.id, {}, {}, {}, {}, {}, {}, {}, start_of_test});
  db.put(erase_user{ada.id});
  CHECK(db.count("logins") + db.count("model_configs") + db.count("user_settings") +
            db.count("idempotency_keys") ==
        0);
  CHECK_FALSE(db.get(find_username{"ada"}).id);
  CHECK(is_fault(db.ask(load_user{ada.id}).error(), errc::not_found));
  CHECK(is_fault(db.ask(read_session{ada.id, chat.id}).error(), errc::not_found));
  CHECK(is_fault(db.ask(load_session{ada.id, chat.id}).error(), errc::not_found));
  CHECK(is_fault(db.ask(read_message{ada.id, {}, hello.id}).error(), errc::not_found));
  CHECK(is_fault(db.ask(page_messages{ada.id, chat.id, {}, {}}).error(), errc::not_found));
  CHECK(db.get(page_sessions{ada.id, {}}).items.empty());
  CHECK(db.get(list_accounts{{}, ""}).items.size() == 1);
  CHECK(is_fault(db.store(update_user{ada}), errc::not_found));
  CHECK(is_fault(db.store(erase_user{ada.id}), errc::not_found));
  CHECK(is_fault(db.store(create_session{make_session(ada.id)}), errc::not_found));
  CHECK(is_fault(db.store(create_message{make_message(chat.id, hello.id, "x")}), errc::not_found));
  CHECK(is_fault(db.store(create_model{make_model(ada.id, "m")}), errc::not_found));
  CHECK(is_fault(db.store(put_user_settings{ada.id, {}}), errc::not_found));
  db.add_user("ADA");
}

TEST_CASE("a sweep removes what an erased account left, batch by batch, also after a restart") {
  stored db;
  db.add_user("root", role::admin);
  auto ada = db.add_user("ada");
  for (int s = 0; s < 2; ++s) {
    auto chat = db.add_session(ada.id);
    std::optional<message_id> parent;
    for (int i = 0; i < 150; ++i) {
      auto entry = make_message(chat.id, parent, "text");
      db.put(create_message{entry});
      parent = entry.id;
    }
  }
  db.put(erase_user{ada.id});
  auto sweep_in = [](connection& on) {
    auto writing = stored::must(transaction::begin(on, transaction::kind::write));
    auto swept = stored::must(sweep_rows(on, start_of_test, 100));
    stored::must_commit(writing);
    return swept;
  };
  auto first = sweep_in(db.writer());
  CHECK(first.rows <= 100);
  CHECK(first.has_more);
  CHECK(db.count("messages") == 200);
  auto folder = db.folder() / "data";
  db.close();
  auto files = stored::must(database::open({.directory = folder}));
  auto writer = stored::must(files->open_writer());
  int batches = 0;
  while (sweep_in(*writer).has_more) REQUIRE(++batches < 10);
  for (auto table : {"messages", "sessions"}) {
    auto q = writer->prepare("SELECT COUNT(*) FROM " + std::string{table});
    CHECK(stored::must(q.number()) == 0);
  }
  CHECK(stored::must(writer->prepare("SELECT COUNT(*) FROM users").number()) == 1);
}

TEST_CASE("a session has one summary, which goes with it") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  CHECK_FALSE(db.get(load_session{ada.id, chat.id}).summary);
  session_summary summary;
  summary.session_id = chat.id;
  summary.text = "notes";
  summary.covers = message_id::make();
  summary.messages = 4;
  summary.model_name = "Writer";
  db.put(put_summary{summary});
  summary.version = 2;
  summary.text = "better notes";
  summary.source = summary_source::user;
  db.put(put_summary{summary});
  CHECK(db.count("session_summaries") == 1);
  CHECK(json_of(*db.get(load_session{ada.id, chat.id}).summary) == json_of(summary));
  db.put(erase_summary{chat.id});
  CHECK(is_fault(db.store(erase_summary{chat.id}), errc::not_found));
  db.put(put_summary{summary});
  db.put(erase_session{chat.id});
  stored::must(sweep_rows(db.writer(), db.now));
  CHECK(db.count("session_summaries") == 0);
  CHECK(db.store(put_summary{summary}));
}

TEST_CASE("calibrations are kept by upstream and model, the latest first") {
  stored db;
  stored_calibration known;
  known.provider = "openai https://a.example";
  known.model = "m";
  known.weights = {1.25, 0.5, -0.125, 4, 0.25};
  known.covariance = std::vector<double>(25, 0.0625);
  known.updated_at = {5};
  db.put(change_metering{put_calibration{known}});
  known.samples = 2;
  known.updated_at = {7};
  db.put(change_metering{put_calibration{known}});
  auto other = known;
  other.model = "n";
  other.updated_at = {9};
  db.put(change_metering{put_calibration{other}});
  auto list = db.get(load_calibrations{10});
  REQUIRE(list.items.size() == 2);
  CHECK(list.items[0].model == "n");
  CHECK(json_of(list.items[1]) == json_of(known));
  CHECK(db.get(load_calibrations{1}).items.size() == 1);
}

TEST_CASE("a sweep drops keys, logins and spent tokens that are too old") {
  stored db;
  auto ada = db.add_user("ada");
  login old{login_id::make(), ada.id, {}, {}, start_of_test, "::1", "ua", "h1"};
  login kept{login_id::make(),
             ada.id,
             {},
             start_of_test,
             start_of_test + std::chrono::hours{1000},
             "::1",
             "ua",
             "h2"};
  db.put(create_login{old});
  db.put(create_login{kept});
  db.put(rotate_login{kept, "spent"});
  db.put(remember_key{ada.id, "/r", "k", "sha", {}, {}, {}, {}, {}, {}, {}, {}, {}, start_of_test});
  auto sweep_at = [&](instant now) {
    auto writing = stored::must(transaction::begin(db.writer(), transaction::kind::write));
    auto swept = stored::must(sweep_rows(db.writer(), now));
    stored::must_commit(writing);
    return swept.rows;
  };
  CHECK(sweep_at(start_of_test + std::chrono::hours{23}) == 0);
  CHECK(sweep_at(start_of_test + std::chrono::hours{25}) == 2);
  CHECK(db.count("logins") == 1);
  CHECK(sweep_at(start_of_test + std::chrono::hours{31 * 24}) == 1);
  CHECK(db.count("spent_refresh_tokens") == 0);
}

TEST_CASE("logins rotate, and a spent refresh token is recognised by its owner alone") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  login entry{login_id::make(), ada.id, {1}, {2}, {3}, "::1", "browser", "hash-1"};
  db.put(create_login{entry});
  entry.refresh_hash = "hash-2";
  entry.last_used_at = {9};
  db.put(rotate_login{entry, "hash-1"});
  auto spent = db.get(find_spent_token{ada.id, "hash-1"});
  CHECK(spent.login == entry.id);
  CHECK(spent.spent_at == instant{9});
  CHECK_FALSE(db.get(find_spent_token{eve.id, "hash-1"}).login);
  CHECK_FALSE(db.get(find_spent_token{ada.id, "hash-2"}).login);
  CHECK(db.get(load_user{ada.id}).logins.at(0).refresh_hash == "hash-2");
  auto foreign = entry;
  foreign.owner_id = eve.id;
  CHECK(is_fault(db.store(rotate_login{foreign, "x"}), errc::not_found));
  login other{login_id::make(), ada.id, {}, {}, {}, "::1", "cli", "hash-3"};
  db.put(create_login{other});
  db.put(erase_logins{eve.id, entry.id, {}});
  CHECK(db.count("logins") == 2);
  db.put(erase_logins{ada.id, {}, other.id});
  REQUIRE(db.get(load_user{ada.id}).logins.size() == 1);
  CHECK(db.get(load_user{ada.id}).logins[0].id == other.id);
  CHECK(db.count("spent_refresh_tokens") == 0);
  db.put(erase_logins{ada.id, other.id, {}});
  CHECK(db.count("logins") == 0);
}

TEST_CASE("settings are replaced as a whole") {
  stored db;
  auto ada = db.add_user("ada");
  user_settings personal;
  personal.language = "de";
  personal.ui.text = R"({"wide":true})";
  db.put(put_user_settings{ada.id, personal});
  personal.language.reset();
  personal.theme = "dark";
  db.put(put_user_settings{ada.id, personal});
  auto loaded = db.get(load_user{ada.id}).settings;
  CHECK_FALSE(loaded.language);
  CHECK(loaded.theme == "dark");
  CHECK(loaded.ui == personal.ui);
  CHECK(db.get(load_system{}).settings.registration == registration::closed);
  system_settings all;
  all.version = 7;
  all.registration = registration::open;
  db.put(put_system_settings{all});
  CHECK(db.get(load_system{}).settings.version == 7);
  CHECK(db.get(load_system{}).settings.registration == registration::open);
}

TEST_CASE("models: names are unique for each owner, chats outlive them") {
  stored db;
  auto ada = db.add_user("ada");
  auto mine = make_model(ada.id, "fast");
  auto system = make_model({}, "fast");
  db.put(create_model{mine});
  db.put(create_model{system});
  CHECK(is_fault(db.store(create_model{make_model(ada.id, "fast")}), errc::conflict, "name_taken"));
  CHECK(is_fault(db.store(create_model{make_model({}, "fast")}), errc::conflict, "name_taken"));
  auto taken = mine;
  taken.owner_id.reset();
  CHECK(is_fault(db.store(update_model{taken}), errc::not_found));
  mine.max_tokens = 77;
  db.put(update_model{mine});
  auto loaded = db.get(load_user{ada.id}).models.at(0);
  CHECK(loaded.max_tokens == 77);
  CHECK_FALSE(db.get(load_system{}).models.at(0).max_tokens);
  CHECK(loaded.params.temperature == 0.25);
  CHECK(loaded.params.stop == mine.params.stop);
  CHECK(loaded.sealed_key == mine.sealed_key);
  CHECK(db.get(load_system{}).models.at(0).id == system.id);

  auto chat = make_session(ada.id);
  chat.model_id = mine.id;
  db.put(create_session{chat});
  auto entry = make_message(chat.id, {}, "hi");
  entry.model_id = mine.id;
  entry.model_name = "fast";
  db.put(create_message{entry});
  CHECK(db.get(read_message{ada.id, {}, entry.id}).model_id == mine.id);
  db.put(erase_model{mine.id});
  CHECK_FALSE(db.get(read_session{ada.id, chat.id}).model_id);
  auto left = db.get(read_message{ada.id, {}, entry.id});
  CHECK_FALSE(left.model_id);
  CHECK(left.model_name == "fast");
  // A session actor that has not heard of it yet must not fail its turn.
  db.put(update_session{chat});
  db.put(finish_message{entry});
  CHECK(is_fault(db.store(erase_model{mine.id}), errc::not_found));
}

TEST_CASE("an idempotency key is remembered once, for a day") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  remember_key made{ada.id,
                    "POST /x",
                    "k1",
                    "sha",
                    session_id::make(),
                    message_id::make(),
                    model_id::make(),
                    user_id::make(),
                    {},
                    {},
                    {},
                    api_key_id::make(),
                    invitation_id::make(),
                    start_of_test};
  db.put(made);
  CHECK(is_fault(db.store(made), errc::conflict, "key_known"));
  auto known = db.get(find_key{ada.id, "POST /x", "k1"}).made;
  REQUIRE(known);
  CHECK(known->body_sha256 == "sha");
  CHECK(known->session == made.session);
  CHECK(known->message == made.message);
  CHECK(known->model == made.model);
  CHECK(known->account == made.account);
  CHECK(known->api_key == made.api_key);
  CHECK(known->invitation == made.invitation);
  CHECK_FALSE(db.get(find_key{eve.id, "POST /x", "k1"}).made);
  CHECK_FALSE(db.get(find_key{ada.id, "POST /y", "k1"}).made);
  db.now = start_of_test + std::chrono::hours{25};
  CHECK_FALSE(db.get(find_key{ada.id, "POST /x", "k1"}).made);
  made.created_at = db.now;
  db.put(made);
}

TEST_CASE("a full disk is told from a broken one, and nothing of the unit stays") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto pages = stored::must(db.writer().prepare("PRAGMA page_count").number()).value_or(0);
  auto limit = [&](int64_t most) {
    REQUIRE(db.writer().run_script("PRAGMA max_page_count = " + std::to_string(most)));
  };
  limit(pages + 2);
  auto big = make_message(chat.id, {}, std::string(100'000, 'x'));
  CHECK(is_fault(db.store(create_message{big}), errc::storage_full));
  CHECK(db.count("messages") == 0);
  CHECK_FALSE(db.writer().is_suspect());
  limit(1'000'000);
  db.put(create_message{big});
}

TEST_CASE("a writer that another one keeps waiting says when to come again") {
  stored db;
  auto other = stored::must(
      connection::open({db.files().path().string(), true, std::chrono::milliseconds{20}}));
  auto held = stored::must(transaction::begin(db.writer(), transaction::kind::write));
  auto refused = transaction::begin(*other, transaction::kind::write);
  REQUIRE_FALSE(refused);
  CHECK(is_fault(refused.error(), errc::unavailable, "storage_busy"));
  CHECK(detail_of(refused.error()).retry_after_s == 1);
}
