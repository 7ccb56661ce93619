// What goes by its age, and how what was erased is removed.
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

namespace {

constexpr int64_t day_ms = 86'400'000;

void retain(stored& db, int32_t audit_days, int32_t usage_days) {
  system_settings settings;
  settings.audit_days = audit_days;
  settings.usage_days = usage_days;
  db.put(put_system_settings{settings});
}

usage_entry used(const user_id& owner, instant at, int64_t tokens, const std::string& currency) {
  usage_entry entry;
  entry.owner_id = owner;
  entry.slot = usage_slot_of(at);
  entry.model_name = "m";
  entry.requests = 1;
  entry.prompt_tokens = tokens;
  entry.currency = currency;
  entry.cost = currency.empty() ? 0 : 5;
  return entry;
}

/// Every chat that a walk finds, in steps of so many.
std::vector<session_id> walk(stored& db, instant before, int32_t step) {
  std::vector<session_id> all;
  find_old_sessions wanted{before, {}, step};
  for (;;) {
    auto found = db.get(wanted);
    if (found.items.empty()) return all;
    CHECK(std::ssize(found.items) <= step);
    for (const auto& one : found.items) all.push_back(one.id);
    wanted.after = found.last;
  }
}

}  // namespace

TEST_CASE("an erased chat is nobody's at once, and its messages go in small batches") {
  stored db;
  auto ada = db.add_user("ada", role::admin);
  auto chat = db.add_session(ada.id);
  auto kept = db.add_session(ada.id);
  for (int i = 0; i < 450; ++i) db.put(create_message{make_message(chat.id, {}, "canary")});
  db.put(create_message{make_message(kept.id, {}, "canary")});
  db.put(erase_session{chat.id});
  CHECK(is_fault(db.store(erase_session{chat.id}), errc::not_found));
  CHECK(is_fault(db.store(update_session{chat}), errc::not_found));
  CHECK(is_fault(db.store(create_message{make_message(chat.id, {}, "more")}), errc::not_found));
  CHECK(code_of(db.ask(load_session{ada.id, chat.id}).error()) == errc::not_found);
  CHECK(code_of(db.ask(read_session{user_id{}, chat.id}).error()) == errc::not_found);
  CHECK(db.get(page_sessions{ada.id, {}}).items.size() == 1);
  CHECK(db.get(load_user{ada.id}).session_count == 1);
  CHECK(db.get(search_texts{ada.id, "canary", {}, {}}).items.size() == 1);
  CHECK(db.get(list_accounts{}).items.size() == 1);
  CHECK(db.get(load_system{}).user_count == 1);

  int64_t before = db.count("messages");
  int steps = 0;
  for (sweep_result swept{0, true}; swept.has_more; ++steps) {
    swept = stored::must(sweep_rows(db.writer(), db.now));
    CHECK(before - db.count("messages") <= 200);
    before = db.count("messages");
  }
  CHECK(steps == 3);
  CHECK(db.count("messages") == 1);
  CHECK(db.count("sessions") == 1);
  CHECK(db.count("users") == 1);
  CHECK(db.get(search_texts{ada.id, "canary", {}, {}}).items.size() == 1);
}

TEST_CASE("a walk finds every old chat once, whoever has it, but pinned ones") {
  stored db;
  std::set<session_id> old;
  for (const auto* name : {"ada", "bob", "eve"}) {
    auto owner = db.add_user(name, role::admin);
    for (int i = 0; i < 5; ++i) old.insert(db.add_session(owner.id, i / 2).id);
    auto archived = make_session(owner.id);
    archived.archived = true;
    db.put(create_session{archived});
    old.insert(archived.id);
    db.add_session(owner.id, day_ms);
    auto pinned = make_session(owner.id);
    pinned.pinned = true;
    db.put(create_session{pinned});
  }
  auto gone = db.add_user("gone");
  db.add_session(gone.id);
  db.put(erase_user{gone.id});
  auto step = GENERATE(1, 2, 4, 100);
  auto found = walk(db, {start_of_test.ms + day_ms}, step);
  CHECK(found.size() == old.size());
  CHECK(std::set<session_id>(found.begin(), found.end()) == old);
}

TEST_CASE("a chat that is being imported is its job's") {
  stored db;
  auto ada = db.add_user("ada");
  auto header = make_session(ada.id);
  header.source = session_source{"parley", "c"};
  db.put(change_transfer{import_session{header, job_id::make(), 100, false}});
  CHECK(walk(db, {start_of_test.ms + day_ms}, 10).empty());
  db.put(change_transfer{finish_import{header}});
  CHECK(walk(db, {start_of_test.ms + day_ms}, 10).size() == 1);
}

TEST_CASE("old usage is kept as sums, which budgets count on") {
  stored db;
  auto ada = db.add_user("ada");
  auto bob = db.add_user("bob");
  auto first = usage_slot_of(start_of_test);
  for (int day = 0; day < 30; ++day)
    for (const auto& owner : {ada.id, bob.id})
      for (const auto* currency : {"", "USD"})
        db.put(change_metering{add_usage{used(owner, {first.ms + day * day_ms}, 10, currency)}});
  auto now = instant{first.ms + 30 * day_ms};
  auto totals = [&](const user_id& owner) {
    std::pair<int64_t, int64_t> sum;
    for (const auto& each : db.get(sum_windows{owner, now, now}).items)
      if (each.window == quota_window::total)
        sum = {sum.first + each.tokens, sum.second + each.cost};
    return sum;
  };
  auto sweep = [&] {
    for (sweep_result swept{0, true}; swept.has_more;)
      swept = stored::must(sweep_rows(db.writer(), now, 7));
  };
  SECTION("for ever, unless somebody says otherwise") {
    sweep();
    CHECK(db.count("usage_slots") == 120);
  }
  SECTION("but for ten days") {
    retain(db, 365, 10);
    for (int i = 0; i < 2; ++i) {
      sweep();
      // Of each owner and currency a row a day, and the sum.
      CHECK(db.count("usage_slots WHERE slot>0") == 40);
      CHECK(db.count("usage_slots WHERE slot=0") == 4);
    }
    usage_range last{{now.ms - 10 * day_ms}, now, usage_group::model, "UTC"};
    for (const auto& each : db.get(read_usage{ada.id, last}).items) CHECK(each.requests == 10);
  }
  for (const auto& owner : {ada.id, bob.id})
    CHECK(totals(owner) == std::pair<int64_t, int64_t>{600, 150});
}

TEST_CASE("an audit log that is kept for ever is not cut") {
  stored db;
  append_audit told;
  told.entry.at = start_of_test;
  told.entry.action = "user.created";
  told.entry.detail.text = "{}";
  db.put(told);
  auto later = instant{start_of_test.ms + 4000 * day_ms};
  retain(db, 0, 0);
  stored::must(sweep_rows(db.writer(), later));
  CHECK(db.count("audit_log") == 1);
  retain(db, 1, 0);
  stored::must(sweep_rows(db.writer(), later));
  CHECK(db.count("audit_log") == 0);
}
