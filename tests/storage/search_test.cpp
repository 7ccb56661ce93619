// The index of search: equal to the rows under any changes, each owner's own, empty of what was
// erased.
#include <fstream>
#include <random>
#include <set>

#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

namespace {

search_texts search_for(const user_id& owner, std::string question, search_filter filter = {}) {
  page_request page;
  page.limit = 100;
  return {owner, std::move(question), filter, page};
}

/// What was found: texts of messages and titles, in their order, without marks.
std::string found(stored& db, const search_texts& question) {
  std::string out;
  for (const auto& hit : db.get(question).items) {
    std::string text;
    for (const auto& piece : hit.excerpt) text += piece.text;
    out += (out.empty() ? "" : "|") + text;
  }
  return out;
}

std::string found(stored& db, const user_id& owner, std::string question,
                  search_filter filter = {}) {
  return found(db, search_for(owner, std::move(question), filter));
}

message say(stored& db, const session& in, std::string text) {
  auto entry = make_message(in.id, {}, std::move(text));
  db.put(create_message{entry});
  return entry;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// All that is on disk of the database.
std::string disk(stored& db) {
  if (auto done = db.writer().checkpoint(true); !done) FAIL(describe(done.error()));
  auto path = db.files().path();
  return bytes_of(path) + bytes_of(path.string() + "-wal");
}

int purge(stored& db, instant now) {
  int steps = 0;
  for (;;) {
    auto writing = stored::must(transaction::begin(db.writer(), transaction::kind::write));
    auto purged = stored::must(purge_search(db.writer(), now, 4));
    stored::must_commit(writing);
    steps += static_cast<int>(purged.rows);
    if (!purged.has_more) return steps;
  }
}

}  // namespace

TEST_CASE("words are found in messages and titles, whatever language they are of") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  say(db, chat, "The naïve bridge");
  say(db, chat, "我喜欢北京大学");
  say(db, chat, "東京タワーに行く");
  say(db, chat, "한국어를 배워요");
  CHECK(found(db, ada.id, "NAIVE ") == "The naïve bridge");
  CHECK(found(db, ada.id, "bri") == "The naïve bridge");
  CHECK(found(db, ada.id, "bri ").empty());
  CHECK(found(db, ada.id, "北京") == "我喜欢北京大学");
  CHECK(found(db, ada.id, "学") == "我喜欢北京大学");
  CHECK(found(db, ada.id, "欢京").empty());
  CHECK(found(db, ada.id, "タワー") == "東京タワーに行く");
  CHECK(found(db, ada.id, "국어") == "한국어를 배워요");
  CHECK(found(db, ada.id, "\"the naive\" bridge -tower") == "The naïve bridge");
  CHECK(found(db, ada.id, "naive -bridge").empty());
  CHECK(found(db, ada.id, "\"bridge naive\"").empty());
  CHECK(found(db, ada.id, "a chat") == "A chat");
  CHECK(found(db, ada.id, "-chat").empty());
  CHECK(found(db, ada.id, "1.the").empty());
}

TEST_CASE("everybody finds their own") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  say(db, db.add_session(ada.id), "secret of ada");
  auto hers = db.add_session(eve.id);
  say(db, hers, "secret of eve");
  CHECK(found(db, ada.id, "secret") == "secret of ada");
  CHECK(found(db, eve.id, "secret") == "secret of eve");
  search_filter foreign;
  foreign.session = hers.id;
  CHECK(found(db, ada.id, "secret", foreign).empty());
  CHECK(found(db, user_id::make(), "secret").empty());
}

TEST_CASE("what was asked is filtered") {
  stored db;
  auto ada = db.add_user("ada");
  folder shelf;
  shelf.id = folder_id::make();
  shelf.owner_id = ada.id;
  shelf.name = "W";
  db.put(create_folder{shelf});
  auto chat = make_session(ada.id);
  chat.title = "word title";
  chat.folder_id = shelf.id;
  db.put(create_session{chat});
  auto old = make_session(ada.id);
  old.archived = true;
  db.put(create_session{old});
  auto question = make_message(chat.id, {}, "word asked");
  auto reply = make_message(chat.id, {}, "word answered");
  reply.role = message_role::assistant;
  reply.model_id = model_id::make();
  reply.created_at.ms += 1000;
  for (const auto& entry : {question, reply}) db.put(create_message{entry});
  say(db, old, "word archived");
  auto only = [&](auto set) {
    search_filter filter;
    set(filter);
    return found(db, ada.id, "word ", filter);
  };
  CHECK(only([](auto& f) { f.type = search_kind::session; }) == "word title");
  CHECK(only([](auto& f) { f.role = message_role::assistant; }) == "word answered");
  CHECK(only([&](auto& f) { f.model = reply.model_id; }) == "word answered");
  CHECK(only([](auto& f) { f.archived = true; }) == "word archived");
  CHECK(only([&](auto& f) { f.session = old.id; }) == "word archived");
  CHECK(only([&](auto& f) { f.from = reply.created_at; }) == "word answered");
  auto messages_of = [&](auto set) {
    return only([&](auto& f) { f.type = search_kind::message, set(f); });
  };
  CHECK(messages_of([&](auto& f) { f.folder = shelf.id, f.role = message_role::user; }) ==
        "word asked");
  CHECK(messages_of([&](auto& f) { f.archived = false, f.to = reply.created_at; }) == "word asked");
}

TEST_CASE("a reply is found once it is written, a title as it is now") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto question = say(db, chat, "Hi");
  auto reply = make_reply(chat.id, question.id);
  db.put(create_message{reply});
  db.put_checkpoint(reply.id, {{6, 0, part_type::text, "half"}});
  CHECK(found(db, ada.id, "half").empty());
  reply.status = message_status::length;
  reply.parts.emplace_back().text = "half done";
  db.put(finish_message{reply});
  CHECK(found(db, ada.id, "half") == "half done");
  reply.status = message_status::streaming;
  db.put(finish_message{reply});
  CHECK(found(db, ada.id, "half").empty());
  reply.status = message_status::complete;
  reply.parts[0].text = "all of it";
  db.put(finish_message{reply});
  CHECK(found(db, ada.id, "half").empty());
  CHECK(found(db, ada.id, "all") == "all of it");
  chat.title = "Renamed";
  ++chat.version;
  db.put(update_session{chat});
  CHECK(found(db, ada.id, "chat").empty());
  CHECK(found(db, ada.id, "renamed") == "Renamed");
}

TEST_CASE("the best come first, page by page") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  std::string others;
  for (int i = 0; i < 60; ++i) others += "other words ";
  for (int i = 0; i < 3; ++i) say(db, chat, others);
  say(db, chat, "pear once, and then " + others);
  say(db, chat, "pear pear pear");
  for (int i = 0; i < 5; ++i) say(db, chat, "pear");
  auto question = search_for(ada.id, "pear ");
  CHECK(found(db, question).starts_with("pear pear pear|pear|pear|pear|pear|pear|pear once"));
  question.page.limit = 3;
  std::set<std::string> ids;
  std::string last = "9";
  for (int pages = 1;; ++pages) {
    auto page = db.get(question);
    CHECK(page.order == search_order::relevance);
    for (const auto& hit : page.items) {
      CHECK(hit.score.value_or(0) > 0);
      ids.insert(to_string(*hit.message_id));
    }
    if (pages == 1) say(db, chat, "pear late");  // not of this list
    if (!page.next_cursor) {
      CHECK(pages == 3);
      break;
    }
    question.page.cursor = *page.next_cursor;
    auto other = question;
    other.question = "pear  ";
    CHECK(is_fault(db.ask(other).error(), errc::malformed, "cursor_mismatch"));
    other = question;
    other.filter.archived = false;
    CHECK(is_fault(db.ask(other).error(), errc::malformed, "cursor_mismatch"));
  }
  CHECK(ids.size() == 7);
}

namespace {

/// Two users' sessions and messages under random changes, known twice: in the database and here.
class changing_rows {
 public:
  void step() {
    auto choice = pick(12);
    if (sessions_.size() < 2 || choice == 0) return add_session();
    if (choice == 1) return rename();
    if (choice == 2 && sessions_.size() > 4) return erase_session_of(any_of(sessions_)->first);
    if (choice > 5 || rows_.empty()) return add_message();
    auto& some = any_of(rows_)->second;
    if (choice == 3) {
      db.put(erase_messages{some.session_id, some.id});
      rows_.erase(message_id{some.id});
    } else if (choice == 4) {
      some.parts[0].text = any_text();
      some.status = pick(3) == 0 ? message_status::streaming : message_status::complete;
      db.put(finish_message{some});
    } else if (choice == 5) {
      copy(some);
    }
  }

  void check_all() {
    for (const auto& owner : {ada_.id, eve_.id})
      for (const auto& word : vocabulary_) {
        INFO(word);
        REQUIRE(found_by(owner, word) == expected_of(owner, word));
      }
  }

  void erase_all() {
    while (!sessions_.empty()) erase_session_of(sessions_.begin()->first);
    while (stored::must(sweep_rows(db.writer(), db.now)).has_more) {
    }
  }

  stored db;

 private:
  size_t pick(size_t count) { return random_() % count; }
  template <class Map>
  typename Map::iterator any_of(Map& map) {
    return std::next(map.begin(), static_cast<ptrdiff_t>(pick(map.size())));
  }
  std::string any_text() {
    std::string text;
    for (auto i = pick(5); i > 0; --i) text += vocabulary_[pick(vocabulary_.size())] + " ";
    return text;
  }
  void add_session() {
    auto header = make_session(pick(2) == 0 ? ada_.id : eve_.id);
    header.title = any_text();
    db.put(create_session{header});
    sessions_[header.id] = header;
  }
  void rename() {
    auto& header = any_of(sessions_)->second;
    header.title = any_text();
    db.put(update_session{header});
  }
  void erase_session_of(session_id gone) {
    db.put(erase_session{gone});
    sessions_.erase(gone);
    std::erase_if(rows_, [&](auto& item) { return item.second.session_id == gone; });
  }
  void add_message() {
    auto entry = make_message(any_of(sessions_)->first, {}, any_text());
    db.put(create_message{entry});
    rows_[entry.id] = entry;
  }
  void copy(message from) {
    auto to = any_of(sessions_)->first;
    auto id = message_id::make();
    if (db.store(copy_messages{from.session_id, to, {{from.id, id}}})) return;
    from.session_id = to;
    from.id = id;
    rows_[id] = from;
  }

  std::multiset<std::string> expected_of(const user_id& owner, const std::string& word) {
    std::multiset<std::string> expected;
    for (const auto& [id, header] : sessions_)
      if (header.owner_id == owner && header.title.find(word) != std::string::npos)
        expected.insert("title " + to_string(id));
    for (const auto& [id, one] : rows_)
      if (sessions_[one.session_id].owner_id == owner && one.status != message_status::streaming &&
          content_of(one.parts).find(word) != std::string::npos)
        expected.insert(to_string(id));
    return expected;
  }
  std::multiset<std::string> found_by(const user_id& owner, const std::string& word) {
    std::multiset<std::string> there;
    auto question = search_for(owner, word + " ");
    for (;;) {
      auto page = db.get(question);
      for (const auto& hit : page.items)
        there.insert(hit.message_id ? to_string(*hit.message_id)
                                    : "title " + to_string(hit.session_id));
      if (!page.next_cursor) return there;
      question.page.cursor = *page.next_cursor;
    }
  }

  const std::vector<std::string> vocabulary_{"apple", "pear",  "Ünder", "北京", "大学",
                                             "서울",  "naïve", "fig",   "東京"};
  std::mt19937 random_{7};
  user ada_ = db.add_user("ada");
  user eve_ = db.add_user("eve");
  std::map<session_id, session> sessions_;
  std::map<message_id, message> rows_;
};

}  // namespace

TEST_CASE("the index equals the rows after any changes") {
  changing_rows rows;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 25; ++i) rows.step();
    if (round % 3 == 2) purge(rows.db, {start_of_test.ms + round * 100'000});
    rows.check_all();
  }
  rows.erase_all();
  CHECK(rows.db.count("search_rows") == 0);
}

TEST_CASE("words of what was erased leave the disk") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve", role::admin);
  auto chat = db.add_session(ada.id);
  auto hers = db.add_session(eve.id);
  auto add = [&](int i) {
    say(db, hers, "common text " + std::to_string(i));
    say(db, chat, "between other words " + std::to_string(i));
  };
  for (int i = 0; i < 50; ++i) add(i);
  auto canary = say(db, chat, "qqcanaryone");
  chat.title = "qqcanarytwo";
  db.put(update_session{chat});
  auto last = db.add_session(ada.id);
  say(db, last, "qqcanarythree");
  for (int i = 50; i < 100; ++i) add(i);
  auto before = disk(db);
  for (auto word : {"canaryone", "canarytwo", "canarythree"})
    CHECK(before.find(word) != std::string::npos);

  db.put(erase_messages{chat.id, canary.id});
  chat.title = "Other";
  db.put(update_session{chat});
  db.put(erase_user{ada.id});
  for (bool has_more = true; has_more;) {
    auto writing = stored::must(transaction::begin(db.writer(), transaction::kind::write));
    has_more = stored::must(sweep_rows(db.writer(), db.now, 20)).has_more;
    stored::must_commit(writing);
  }
  CHECK(db.count("search_rows") == 101);
  CHECK(purge(db, start_of_test) > 0);
  auto after = disk(db);
  for (auto word : {"canaryone", "canarytwo", "canarythree", "between"})
    CHECK(after.find(word) == std::string::npos);
  CHECK(after.find("common") != std::string::npos);
  CHECK(db.get(search_for(eve.id, "common ")).items.size() == 100);

  // Nothing was erased since; or it was, but only just now.
  CHECK(purge(db, {start_of_test.ms + 1}) == 0);
  auto late = say(db, hers, "qqcanarylate");
  db.put(erase_messages{hers.id, late.id});
  CHECK(purge(db, {start_of_test.ms + 1}) == 0);
  CHECK(purge(db, {start_of_test.ms + 86'400'000}) > 0);
  CHECK(disk(db).find("canarylate") == std::string::npos);
}

TEST_CASE("a question has a time limit") {
  stored db;
  auto endless = [&] {
    return db.reader()
        .prepare(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n)"
            " SELECT MAX(i) FROM n")
        .number();
  };
  {
    time_limit limit{db.reader(), std::chrono::milliseconds{20}};
    CHECK(is_fault(endless().error(), errc::timeout, "query_too_slow"));
  }
  CHECK(db.count("users") == 0);
}
