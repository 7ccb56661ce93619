// Lists: order, cursors, bounds, and that nobody reads what is another's.
#include "storage/page.hpp"
#include "storage/rows.hpp"
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

namespace {

page_request upward(int32_t limit = 50) {
  page_request page;
  page.limit = limit;
  page.is_descending = false;
  return page;
}

page_request downward(int32_t limit, std::string cursor = {}) {
  page_request page;
  page.limit = limit;
  page.cursor = std::move(cursor);
  return page;
}

// All pages one after the other, by their cursors.
template <class Question>
auto walk(stored& db, Question question) {
  decltype(db.get(question).items) all;
  for (int pages = 0; pages < 100; ++pages) {
    auto page = db.get(question);
    CHECK(page.items.size() <= static_cast<size_t>(question.page.limit));
    std::move(page.items.begin(), page.items.end(), std::back_inserter(all));
    if (!page.next_cursor) return all;
    question.page.cursor = *page.next_cursor;
  }
  FAIL("the cursors never end");
  return all;
}

std::vector<message> add_chain(stored& db, const session_id& chat, int count,
                               std::optional<message_id> parent = {}) {
  std::vector<message> chain;
  for (int i = 0; i < count; ++i) {
    chain.push_back(make_message(chat, parent, "message " + std::to_string(i)));
    db.put(create_message{chain.back()});
    parent = chain.back().id;
  }
  return chain;
}

}  // namespace

TEST_CASE("sessions come by their last change, each exactly once") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  std::vector<session> made;
  // Several of the same millisecond: the id decides.
  for (int i = 0; i < 25; ++i) made.push_back(db.add_session(ada.id, i / 4));
  db.add_session(eve.id, 100);
  page_sessions question{ada.id, downward(7)};
  auto newest_first = walk(db, question);
  REQUIRE(newest_first.size() == made.size());
  for (size_t i = 0; i < made.size(); ++i) CHECK(newest_first[i].id == made[24 - i].id);
  question.page.is_descending = false;
  auto oldest_first = walk(db, question);
  for (size_t i = 0; i < made.size(); ++i) CHECK(oldest_first[i].id == made[i].id);
  question.page.needs_total = true;
  CHECK(db.get(question).total == 25);
  CHECK(db.get(load_user{ada.id}).session_count == 25);
}

TEST_CASE("the tree and a path of messages, in both directions") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto trunk = add_chain(db, chat.id, 6);
  auto branch = add_chain(db, chat.id, 5, trunk[2].id);
  page_messages tree{ada.id, chat.id, upward(4), {}};
  CHECK(walk(db, tree).size() == 11);
  tree.page.needs_total = true;
  CHECK(db.get(tree).total == 11);

  page_messages path{ada.id, chat.id, upward(3), branch.back().id};
  auto from_root = walk(db, path);
  REQUIRE(from_root.size() == 8);
  for (size_t i = 0; i < 3; ++i) CHECK(from_root[i].id == trunk[i].id);
  for (size_t i = 0; i < 5; ++i) CHECK(from_root[3 + i].id == branch[i].id);
  path.page.is_descending = true;
  auto from_leaf = walk(db, path);
  std::reverse(from_leaf.begin(), from_leaf.end());
  REQUIRE(from_leaf.size() == 8);
  for (size_t i = 0; i < 8; ++i) CHECK(from_leaf[i].id == from_root[i].id);
  path.page.needs_total = true;
  CHECK(db.get(path).total == 8);
  path.leaf = message_id::make();
  CHECK(db.get(path).items.empty());
}

TEST_CASE("messages behind one of them, of the tree and of a path") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto trunk = add_chain(db, chat.id, 6);
  auto branch = add_chain(db, chat.id, 5, trunk[2].id);
  for (auto leaf : {std::optional<message_id>{}, std::optional{branch.back().id}}) {
    page_messages newer{ada.id, chat.id, upward(2), leaf, trunk[1].id};
    auto upwards = walk(db, newer);
    auto expected_count = leaf ? 6U : 9U;
    REQUIRE(upwards.size() == expected_count);
    CHECK(upwards.front().id == trunk[2].id);
    CHECK(upwards.back().id == branch.back().id);
    newer.page.is_descending = true;
    auto downwards = walk(db, newer);
    std::reverse(downwards.begin(), downwards.end());
    REQUIRE(downwards.size() == expected_count);
    for (size_t i = 0; i < expected_count; ++i) CHECK(downwards[i].id == upwards[i].id);
    newer.page.needs_total = true;
    CHECK(db.get(newer).total == expected_count);
  }
}

TEST_CASE("a cursor fits its own list, owner, filter and order only") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  for (auto& owner : {ada.id, eve.id})
    for (int i = 0; i < 3; ++i) db.add_session(owner, i);
  auto first = db.get(page_sessions{ada.id, downward(1)});
  REQUIRE(first.next_cursor);
  auto is_mismatch = [&](const auto& question) {
    return is_fault(db.ask(question).error(), errc::malformed, "cursor_mismatch");
  };
  auto with = downward(1, *first.next_cursor);
  CHECK(db.ask(page_sessions{ada.id, with}));
  CHECK(is_mismatch(page_sessions{eve.id, with}));
  CHECK(is_mismatch(list_accounts{with, ""}));
  auto turned = with;
  turned.is_descending = false;
  CHECK(is_mismatch(page_sessions{ada.id, turned}));
  for (auto text : {"x", "!!!!", "AAAAAAAAAAA", "AAAA=="}) {
    with.cursor = text;
    CHECK(is_mismatch(page_sessions{ada.id, with}));
  }
  with.cursor = std::string(100'000, 'A');
  CHECK(is_mismatch(page_sessions{ada.id, with}));
  for (auto limit : {0, -1, 101})
    CHECK(is_fault(db.ask(page_sessions{ada.id, downward(limit)}).error(), errc::invalid_input));

  auto accounts = db.get(list_accounts{downward(1), "a"});
  CHECK(accounts.items.at(0).id == ada.id);
  CHECK_FALSE(accounts.next_cursor);
  CHECK(db.get(list_accounts{upward(), ""}).items.at(1).id == eve.id);
  CHECK(db.get(list_accounts{{}, "EV"}).items.size() == 1);
  CHECK(db.get(list_accounts{{}, "%"}).items.empty());
}

TEST_CASE("a page is bounded in bytes, and has at least one row") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  std::optional<message_id> parent;
  for (int i = 0; i < 6; ++i) {
    auto entry = make_message(chat.id, parent, std::string(i == 3 ? 5000 : 900, 'x'));
    db.put(create_message{entry});
    parent = entry.id;
  }
  page_messages question{ada.id, chat.id, upward(), {}};
  std::vector<size_t> sizes;
  for (;;) {
    auto page = stored::must(db.ask(question, 2500));
    sizes.push_back(page.items.size());
    if (!page.next_cursor) break;
    question.page.cursor = *page.next_cursor;
    REQUIRE(sizes.size() < 10);
  }
  CHECK(sizes == std::vector<size_t>{2, 1, 1, 2});
}

TEST_CASE("the messages of a window are bounded in bytes") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  read_contents window{ada.id, chat.id, {}};
  for (const auto& one : add_chain(db, chat.id, 3)) window.ids.push_back(one.id);
  auto large = make_message(chat.id, window.ids.back(), std::string(100'000, 'x'));
  db.put(create_message{large});
  CHECK(db.ask_in_window(window, 50'000)->items.size() == 3);
  window.ids.push_back(large.id);
  auto refused = db.ask_in_window(window, 50'000);
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::too_large);
  CHECK(detail_of(refused.error()).reason == "window_too_large");
  CHECK(db.ask_in_window(window, 200'000)->items.size() == 4);
  CHECK_FALSE(db.ask_in_window(read_messages{ada.id, chat.id, window.ids}, 50'000));
}

TEST_CASE("what belongs to another is absent") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  auto chat = db.add_session(ada.id);
  auto own = db.add_session(eve.id);
  auto secret = add_chain(db, chat.id, 1).front();
  auto is_absent = [&](const auto& question) {
    auto answer = db.ask(question);
    return !answer && is_fault(answer.error(), errc::not_found);
  };
  CHECK(is_absent(read_session{eve.id, chat.id}));
  CHECK(is_absent(load_session{eve.id, chat.id}));
  CHECK(is_absent(page_messages{eve.id, chat.id, {}, {}}));
  CHECK(is_absent(page_messages{eve.id, chat.id, {}, secret.id}));
  CHECK(is_absent(read_messages{eve.id, chat.id, {secret.id}}));
  CHECK(is_absent(read_contents{eve.id, chat.id, {secret.id}}));
  CHECK(is_absent(read_message{eve.id, {}, secret.id}));
  CHECK(is_absent(read_message{eve.id, chat.id, secret.id}));
  CHECK(is_absent(read_message{eve.id, own.id, secret.id}));
  CHECK(db.get(page_messages{eve.id, own.id, {}, secret.id}).items.empty());
  CHECK(db.get(read_messages{eve.id, own.id, {secret.id}}).items.empty());
  CHECK(db.get(read_contents{eve.id, own.id, {secret.id}}).items.empty());
  auto stolen = chat;
  stolen.owner_id = eve.id;
  CHECK(is_fault(db.store(update_session{stolen}), errc::not_found));
}

TEST_CASE("pages are found by index, not by looking at every row") {
  stored db;
  auto plan_of = [&](const std::string& sql) {
    std::string plan;
    auto q = db.reader().prepare("EXPLAIN QUERY PLAN " + sql);
    while (stored::must(q.step())) plan.append(q.text(3)).append("\n");
    return plan;
  };
  auto sessions = plan_of(
      "SELECT id FROM sessions WHERE owner_id=?1 AND (updated_at,id)<(?2,?3)"
      " ORDER BY updated_at DESC, id DESC LIMIT 10");
  CHECK(sessions.find("sessions_by_update") != std::string::npos);
  CHECK(sessions.find("TEMP B-TREE") == std::string::npos);
  auto messages =
      plan_of("SELECT id FROM messages WHERE session_id=?1 AND seq<?2 ORDER BY seq DESC LIMIT 9");
  CHECK(messages.find("messages_by_session") != std::string::npos);
  CHECK(messages.find("TEMP B-TREE") == std::string::npos);
  auto names = plan_of("SELECT id FROM users WHERE username=? COLLATE NOCASE AND status<>'erased'");
  CHECK(names.find("users_by_name") != std::string::npos);
}
