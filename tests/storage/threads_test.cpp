// One connection writes and checkpoints while others read, each on a thread of its own.
#include <atomic>
#include <thread>

#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

namespace {

constexpr int commits = 200;

/// Reads until the writer is done; how often a reader saw half a commit.
int count_halves(connection& db, const session_id& id, const std::atomic<bool>& is_done) {
  int halves = 0;
  while (!is_done) {
    auto both = db.prepare(
        "SELECT (SELECT COUNT(*) FROM messages WHERE session_id=?1 AND role='user') - (SELECT"
        " COUNT(*) FROM messages WHERE session_id=?1 AND role='assistant')");
    both.bind(id);
    auto difference = both.number();
    halves += !difference || difference->value_or(-1) != 0;
  }
  return halves;
}

}  // namespace

TEST_CASE("readers on other threads see whole commits while one writes and checkpoints") {
  stored db;
  auto chat = db.add_session(db.add_user("ada").id);
  std::array<std::unique_ptr<connection>, 3> readers;
  for (auto& one : readers) one = stored::must(db.files().open_reader());
  std::atomic<bool> is_done{false};
  std::array<int, 3> halves{};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < readers.size(); ++i)
    threads.emplace_back([&, i] { halves[i] = count_halves(*readers[i], chat.id, is_done); });
  bool is_stored = true;
  for (int i = 0; i < commits; ++i) {
    auto asked = make_message(chat.id, {}, "Hi");
    auto writing = transaction::begin(db.writer(), transaction::kind::write);
    is_stored = is_stored && writing && apply(db.writer(), create_message{asked}) &&
                apply(db.writer(), create_message{make_reply(chat.id, asked.id)}) &&
                writing->commit();
    if (i % 20 == 0) is_stored = is_stored && db.writer().checkpoint(false);
  }
  is_done = true;
  for (auto& one : threads) one.join();
  CHECK(is_stored);
  CHECK(halves == std::array<int, 3>{});
  CHECK(db.count("messages") == 2 * commits);
}
