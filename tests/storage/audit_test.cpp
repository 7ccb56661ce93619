// The audit log's chain, invitations, and the list of accounts.
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

namespace {

append_audit entry(const std::string& action, int64_t day = 0, std::optional<user_id> actor = {}) {
  append_audit change;
  change.entry.at = {start_of_test.ms + day * 86'400'000};
  change.entry.actor_id = actor;
  change.entry.action = action;
  change.entry.detail.text = R"({"a":"b"})";
  return change;
}

page_of<audit_entry> log_of(stored& db, audit_filter filter = {}, page_request page = {}) {
  return stored::must(db.ask(page_audit{page, std::move(filter)}));
}

bool run(stored& db, const std::string& sql) {
  return static_cast<bool>(db.writer().run_script(sql));
}

int64_t sweep_at(stored& db, instant now) {
  auto writing = stored::must(transaction::begin(db.writer(), transaction::kind::write));
  auto swept = stored::must(sweep_rows(db.writer(), now));
  stored::must_commit(writing);
  return swept.rows;
}

std::string spent(const error& fault) {
  return fault ? detail_of(fault).reason : "none";
}

}  // namespace

TEST_CASE("each entry of the audit log follows from the one before it") {
  stored db;
  auto ada = db.add_user("ada", role::admin);
  db.put(entry("user.created", 0, ada.id));
  db.put(entry("user.changed"));
  db.put(entry("model.created"));
  auto all = log_of(db);
  REQUIRE(all.items.size() == 3);
  CHECK(all.items[0].seq == 3);
  CHECK(all.items[2].actor_name == "ada");
  CHECK(all.items[0].hash != all.items[1].hash);
  auto found = stored::must(db.ask(check_audit{}));
  CHECK_FALSE(found.broken);
  CHECK(found.rows == 3);
  CHECK(found.hash == all.items[0].hash);

  // In pieces as well.
  check_audit piece;
  piece.rows_max = 2;
  auto first = stored::must(db.ask(piece));
  CHECK(first.has_more);
  piece.after = first.last;
  piece.hash = first.hash;
  auto rest = stored::must(db.ask(piece));
  CHECK_FALSE(rest.has_more);
  CHECK(rest.hash == found.hash);
}

TEST_CASE("the audit log can't be changed or cut, and whoever does it all the same is found out") {
  stored db;
  for (int i = 0; i < 3; ++i) db.put(entry("user.created"));
  CHECK_FALSE(run(db, "UPDATE audit_log SET action='x' WHERE seq=2"));
  CHECK_FALSE(run(db, "DELETE FROM audit_log WHERE seq=2"));
  REQUIRE(run(db, "DROP TRIGGER audit_log_is_not_changed"));
  REQUIRE(run(db, "DROP TRIGGER audit_log_is_not_cut"));
  SECTION("an entry is changed") {
    REQUIRE(run(db, "UPDATE audit_log SET actor_name='eve' WHERE seq=2"));
    CHECK(stored::must(db.ask(check_audit{})).broken == 2);
  }
  SECTION("an entry is taken out") {
    REQUIRE(run(db, "DELETE FROM audit_log WHERE seq=2"));
    CHECK(stored::must(db.ask(check_audit{})).broken == 3);
  }
  SECTION("the beginning is taken out without an anchor") {
    REQUIRE(run(db, "DELETE FROM audit_log WHERE seq=1"));
    CHECK(stored::must(db.ask(check_audit{})).broken == 2);
  }
  SECTION("an entry is put before the beginning") {
    REQUIRE(run(db,
                "INSERT INTO audit_log SELECT -1,at,actor_id,actor_name,action,target_id,"
                "target_name,result,address,request_id,detail,hash FROM audit_log WHERE seq=1"));
    CHECK(stored::must(db.ask(check_audit{})).broken == -1);
  }
}

TEST_CASE("retention takes the beginning of the audit log, and the chain still holds") {
  stored db;
  system_settings settings;
  settings.audit_days = 10;
  db.put(put_system_settings{settings});
  for (int64_t day : {0, 1, 2, 30}) db.put(entry("user.created", day));
  auto now = instant{start_of_test.ms + 31 * int64_t{86'400'000}};
  CHECK(sweep_at(db, now) == 3);
  auto left = log_of(db);
  REQUIRE(left.items.size() == 1);
  CHECK(left.items[0].seq == 4);
  auto found = stored::must(db.ask(check_audit{}));
  CHECK_FALSE(found.broken);
  CHECK(found.rows == 1);
  db.put(entry("user.changed", 31));
  CHECK(stored::must(db.ask(check_audit{})).last == 5);
  // All of it may go: the next entry follows from the anchor.
  sweep_at(db, {now.ms + 365 * int64_t{86'400'000}});
  db.put(entry("user.changed", 400));
  auto anew = stored::must(db.ask(check_audit{}));
  CHECK_FALSE(anew.broken);
  CHECK(anew.last == 6);
}

TEST_CASE("the audit log is filtered by who, what, when and how it ended") {
  stored db;
  auto ada = db.add_user("ada", role::admin);
  db.put(entry("user.created", 0, ada.id));
  db.put(entry("user.changed", 1));
  auto refused = entry("login.failed", 2);
  refused.entry.result = audit_result::refused;
  refused.entry.target_id = "t";
  db.put(refused);
  auto count = [&](audit_filter filter) { return log_of(db, std::move(filter)).items.size(); };
  CHECK(count({.actor = ada.id}) == 1);
  CHECK(count({.action = "user"}) == 2);
  CHECK(count({.action = "user.changed"}) == 1);
  CHECK(count({.action = "use"}) == 0);
  CHECK(count({.target = "t"}) == 1);
  CHECK(count({.result = audit_result::refused}) == 1);
  CHECK(count({.from = instant{start_of_test.ms + 86'400'000}}) == 2);
  CHECK(count({.until = instant{start_of_test.ms + 86'400'000}}) == 1);

  page_request one;
  one.limit = 1;
  one.needs_total = true;
  auto page = log_of(db, {}, one);
  CHECK(page.total == 3);
  REQUIRE(page.next_cursor);
  one.cursor = *page.next_cursor;
  CHECK(log_of(db, {}, one).items.at(0).seq == 2);
  CHECK_FALSE(db.ask(page_audit{one, {.action = "user"}}));
}

TEST_CASE("an invitation is used as often as it says, until it expires") {
  stored db;
  invitation made;
  made.id = invitation_id::make();
  made.uses_max = 2;
  made.expires_at = {start_of_test.ms + 1000};
  made.code_hash = "hash";
  db.put(change_invitation{invitation_step::make, made, start_of_test});
  change_invitation use{invitation_step::use, made, start_of_test};
  CHECK(spent(db.store_any(use)) == "none");
  CHECK(stored::must(db.ask(find_invitation{"hash"})).known->uses == 1);
  auto late = use;
  late.at = made.expires_at;
  CHECK(spent(db.store_any(late)) == "invitation_spent");
  CHECK(spent(db.store_any(use)) == "none");
  CHECK(spent(db.store_any(use)) == "invitation_spent");
  CHECK(stored::must(db.ask(page_invitations{})).items.size() == 1);
  CHECK(stored::must(db.ask(page_invitations{})).items[0].uses == 2);
  db.put(change_invitation{invitation_step::erase, made, start_of_test});
  CHECK_FALSE(stored::must(db.ask(find_invitation{"hash"})).known);
  CHECK(code_of(db.store_any(change_invitation{invitation_step::erase, made, start_of_test})) ==
        errc::not_found);
}

TEST_CASE("accounts are found by their names and email, and listed in each order") {
  stored db;
  auto add = [&](std::string name, int64_t last_login) {
    auto account = user_named(std::move(name));
    if (last_login > 0) account.last_login_at = instant{last_login};
    account.display_name = "Shown " + account.username;
    account.email = account.username + "@example.com";
    db.put(create_user{account, false});
  };
  add("Carl", 30);
  add("adam", 0);
  add("Beth", 10);
  auto names = [&](list_accounts wanted) {
    std::string all;
    wanted.page.limit = 1;  // each page goes on where the last one ended
    for (;;) {
      auto page = stored::must(db.ask(wanted));
      for (const auto& one : page.items) all += one.username + " ";
      if (!page.next_cursor) return all;
      wanted.page.cursor = *page.next_cursor;
    }
  };
  list_accounts up;
  up.page.is_descending = false;
  CHECK(names(up) == "adam Beth Carl ");
  CHECK(names({}) == "Carl Beth adam ");
  up.order = user_order::last_login_at;
  CHECK(names(up) == "adam Beth Carl ");
  up.order = user_order::created_at;
  CHECK(names(up) == "Carl adam Beth ");
  up.search = "BETH@";
  CHECK(names(up) == "Beth ");
  up.search = "shown a";
  CHECK(names(up) == "adam ");
  up.search.clear();
  up.role = role::admin;
  CHECK(names(up).empty());
  up.role.reset();
  up.status = user_status::invited;
  CHECK(names(up).empty());
}
