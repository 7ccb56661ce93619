// Bytes that are not what was written: an error or what is right, never a crash, a hang, or what is
// somebody else's.
#include <cstdlib>
#include <fstream>
#include <random>

#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

namespace {

namespace fs = std::filesystem;

/// How many places: TEST_FLIPS, which bench/reliability_bench.py sets to 10,000.
int flips() {
  const auto* given = std::getenv("TEST_FLIPS");
  return given == nullptr ? 250 : std::atoi(given);
}

std::string content_of_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// In every text of its owner, and only there.
std::string mark_of(const user& owner) {
  return "belongs-to-" + owner.username;
}

struct owned {
  user account;
  std::vector<session> chats;
  std::vector<message> messages;
};

owned fill(stored& db, const std::string& name) {
  owned of{db.add_user(name, role::admin), {}, {}};
  auto mark = mark_of(of.account);
  auto model = make_model(of.account.id, mark);
  db.put(create_model{model});
  folder place;
  place.id = folder_id::make();
  place.owner_id = of.account.id;
  place.name = mark;
  db.put(create_folder{place});
  for (int i = 0; i < 8; ++i) {
    auto chat = make_session(of.account.id, i);
    chat.title = mark + " chat " + std::to_string(i);
    chat.folder_id = place.id;
    db.put(create_session{chat});
    std::optional<message_id> parent;
    for (int j = 0; j < 12; ++j) {
      // One that needs pages of its own; the others are short, so that indexes are much of the
      // file.
      auto text =
          mark + " says " + std::to_string(j) + std::string(i == 2 && j == 3 ? 9000 : 0, 'x');
      of.messages.push_back(make_message(chat.id, parent, text));
      parent = of.messages.back().id;
      db.put(create_message{of.messages.back()});
    }
    usage_entry used;
    used.owner_id = of.account.id;
    used.slot = usage_slot_of({start_of_test.ms + i * usage_slot_ms});
    used.model_name = mark;
    db.put(change_metering{add_usage{used}});
    append_audit told;
    told.entry.at = start_of_test;
    told.entry.actor_id = of.account.id;
    told.entry.action = "session.made";
    told.entry.detail.text = "{}";
    db.put(told);
    of.chats.push_back(std::move(chat));
  }
  return of;
}

/// A damaged copy in use.
class patient {
 public:
  patient(const owned& own, const owned& other) : own_(own), foreign_(mark_of(other.account)) {}

  int errors() const { return errors_; }
  int answers() const { return answers_; }

  /// All that READER is asked by and for one owner.
  void look(connection& db) {
    read_context in{db, start_of_test};
    auto id = own_.account.id;
    const auto& chat = own_.chats[2].id;
    page_request page;
    page.needs_total = true;
    ask(in, load_user{id});
    ask(in, page_sessions{id, page});
    ask(in, find_key{id, "POST /api/sessions", "k"});
    ask(in, search_texts{id, "belongs", {}, {}});
    ask(in, read_usage{id, {{0}, {start_of_test.ms * 2}, usage_group::model, "UTC"}});
    ask(in, sum_windows{id, {0}, {0}});
    ask(in, page_jobs{id, page});
    for (const auto& header : own_.chats) ask(in, read_session{id, header.id});
    ask(in, load_session{id, chat});
    ask(in, page_messages{id, chat, page, {}});
    ask(in, page_messages{id, chat, page, own_.messages[30].id});
    std::vector<message_id> wanted;
    for (const auto& entry : own_.messages) {
      if (entry.session_id == chat) wanted.push_back(entry.id);
      ask(in, read_message{id, {}, entry.id});
    }
    ask(in, read_messages{id, chat, wanted});
    ask(in, read_contents{id, chat, wanted});
    // Nobody's in particular.
    note(read(in, check_audit{}));
    note(read(in, find_old_sessions{{start_of_test.ms * 2}, {}}));
    note(read(in, list_accounts{page, ""}));
    note(read(in, load_transfers{}));
  }

  /// Turns, removals and upkeep; what fails is undone, as STORAGE does it.
  void work(connection& db) {
    auto chat = make_session(own_.account.id, 99);
    auto asked = make_message(own_.chats[0].id, own_.messages[11].id, "more");
    auto reply = make_reply(own_.chats[0].id, asked.id);
    put(db, {create_session{chat}, create_message{make_message(chat.id, {}, "Hi")}});
    put(db, {create_message{asked}, create_message{reply}});
    put(db, {finish_message{reply}});
    put(db, {erase_messages{own_.chats[1].id, own_.messages[14].id}});
    put(db, {erase_session{own_.chats[3].id}});
    for (int step = 0; step < 20; ++step) {
      auto writing = transaction::begin(db, transaction::kind::write);
      if (!writing) break;
      auto swept = sweep_rows(db, start_of_test);
      auto merged = purge_search(db, start_of_test);
      note(swept);
      note(merged);
      if (!swept || !merged || !writing->commit()) break;
      if (!swept->has_more && !merged->has_more) break;
    }
    (void)db.execute("PRAGMA incremental_vacuum(100)");
    (void)db.checkpoint(true);
  }

 private:
  template <class Answer>
  bool note(const expected<Answer>& answer) {
    ++(answer ? answers_ : errors_);
    if (answer) return true;
    auto code = code_of(answer.error());
    INFO(describe(answer.error()));
    CHECK((code == errc::corrupt_data || code == errc::not_found || code == errc::conflict ||
           code == errc::storage_failed || code == errc::storage_full || code == errc::timeout));
    return false;
  }

  template <class Question>
  void ask(const read_context& in, const Question& question) {
    auto answer = read(in, question);
    if (!note(answer)) return;
    auto text = caf::deep_to_string(*answer);
    INFO(typeid(Question).name() << ": " << text.substr(0, 2000));
    CHECK(text.find(foreign_) == std::string::npos);
  }

  void put(connection& db, const std::vector<change>& changes) {
    auto writing = transaction::begin(db, transaction::kind::write);
    if (!note(writing)) return;
    for (const auto& one : changes)
      if (!note(apply(db, one))) return;
    note(writing->commit());
  }

  const owned& own_;
  std::string foreign_;
  int errors_ = 0;
  int answers_ = 0;
};

void overwrite(const fs::path& path, const std::string& content) {
  std::ofstream{path, std::ios::binary | std::ios::trunc} << content;
}

}  // namespace

TEST_CASE("bytes flipped anywhere end in an error or in what is right", "[damage]") {
  stored db;
  auto ada = fill(db, "ada");
  auto eve = fill(db, "eve");
  auto path = db.folder() / "data" / "parley.db";
  auto log = fs::path{path.string() + "-wal"};
  REQUIRE(db.writer().checkpoint(true));
  // What is only in the log as yet.
  db.put(erase_messages{eve.chats[7].id, eve.messages.back().id});
  db.put(update_session{ada.chats[4]});
  const auto intact = content_of_file(path);
  const auto intact_log = content_of_file(log);
  REQUIRE(intact_log.size() > 4096);
  db.close();

  const auto* given = std::getenv("SEED");
  auto seed = given == nullptr ? uint64_t{20261129} : std::strtoull(given, nullptr, 10);
  std::mt19937_64 random{seed};
  int refused = 0;
  int errors = 0;
  int answers = 0;
  for (int round = 0; round < flips(); ++round) {
    INFO("seed " << seed << ", round " << round);
    auto damaged = intact;
    auto damaged_log = intact_log;
    auto& hit = round % 10 == 9 ? damaged_log : damaged;
    // One byte, or a few near each other.
    auto at = random() % hit.size();
    for (auto count = round % 3 == 2 ? 8 : 1; count > 0; --count)
      hit[(at + random() % 64) % hit.size()] ^= static_cast<char>(1 + random() % 255);
    fs::remove(path.string() + "-shm");
    overwrite(path, damaged);
    overwrite(log, damaged_log);
    database_options options{.directory = path.parent_path()};
    // Every other time as one that is too large to be read through at each start.
    if (round % 2 == 1) options.check_bytes_max = options.check_bytes_max_after_crash = 0;
    auto opened = database::open(options);
    if (!opened) {
      ++refused;
      CHECK_FALSE(sentence_of(opened.error()).empty());
      continue;
    }
    auto writer = (*opened)->open_writer();
    auto reader = (*opened)->open_reader();
    if (!writer || !reader) continue;
    for (auto [own, other] : {std::pair{&ada, &eve}, std::pair{&eve, &ada}}) {
      patient one{*own, *other};
      one.look(**reader);
      one.work(**writer);
      one.look(**reader);
      errors += one.errors();
      answers += one.answers();
    }
  }
  CHECK(refused > 0);
  CHECK(errors > 0);
  CHECK(answers > errors);
}

TEST_CASE("an index entry that leads to another's row shows nothing of theirs", "[damage]") {
  stored db;
  auto ada = fill(db, "ada");
  auto eve = fill(db, "eve");
  auto path = db.folder() / "data" / "parley.db";
  auto number = [&](const std::string& sql, const auto& id) {
    auto q = db.writer().prepare(sql);
    q.bind(id);
    return static_cast<char>(stored::must(q.number()).value_or(0));
  };
  // Numbers of one byte, as they stand in the entries of indexes.
  auto own_chat = number("SELECT rowid FROM sessions WHERE id=?", ada.chats[1].id);
  auto other_chat = number("SELECT rowid FROM sessions WHERE id=?", eve.chats[1].id);
  auto own_text = number("SELECT seq FROM messages WHERE id=?", ada.messages[14].id);
  auto other_text = number("SELECT seq FROM messages WHERE id=?", eve.messages[14].id);
  REQUIRE(db.writer().checkpoint(true));
  db.close();
  auto content = content_of_file(path);
  auto bytes_of = [](const auto& id) {
    return std::string{reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
  };
  auto replace_all = [&](const std::string& what, const std::string& by) {
    int count = 0;
    for (auto at = content.find(what); at != std::string::npos; at = content.find(what, at + 1)) {
      content.replace(at, what.size(), by);
      ++count;
    }
    return count;
  };
  // The owner, a time of six bytes and the chat; then where its row is.
  auto owner = bytes_of(ada.account.id);
  auto chat = bytes_of(ada.chats[1].id);
  int turned = 0;
  for (auto at = content.find(owner); at != std::string::npos; at = content.find(owner, at + 1)) {
    if (content.compare(at + 22, 16, chat) != 0 || content[at + 38] != own_chat) continue;
    content[at + 38] = other_chat;
    ++turned;
  }
  CHECK(turned == 1);
  CHECK(replace_all(chat + own_text + own_text, chat + other_text + other_text) == 1);
  overwrite(path, content);
  // What the check at the start does not see.
  auto opened = stored::must(database::open({.directory = path.parent_path()}));
  auto reader = stored::must(opened->open_reader());
  patient one{ada, eve};
  one.look(*reader);
  read_context in{*reader, start_of_test};
  CHECK(stored::must(read(in, page_sessions{ada.account.id, {}})).items.size() == 7);
  page_messages tree{ada.account.id, ada.chats[1].id, {}, {}};
  CHECK(stored::must(read(in, tree)).items.size() == 11);
}
