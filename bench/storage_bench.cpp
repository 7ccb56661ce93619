// Rows a second through STORAGE against a bare SQLite loop with the same rows, the same number of
// rows in a transaction and the same durability; and against one that leaves out what makes a
// message searchable. Usage: storage_bench [rows] [rows per transaction]
#include <sqlite3.h>
#include <stdlib.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "actors/storage.hpp"
#include "base/record_json.hpp"
#include "storage/storage_actor.hpp"
#include "storage/tables.hpp"

using namespace parley;
using namespace parley::storage;
using bench_clock = std::chrono::steady_clock;

namespace {

constexpr int rounds = 3;

struct scratch {
  scratch() {
    auto name = (std::filesystem::temp_directory_path() / "parley-bench-XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    path = name;
  }
  ~scratch() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

struct load {
  size_t rows = 20'000;
  size_t batch = 100;
  user owner;
  session chat;
  std::vector<message> messages;
};

load make_load(int argc, char** argv) {
  load made;
  if (argc > 1) made.rows = std::clamp<size_t>(std::strtoul(argv[1], nullptr, 10), 1, 1'000'000);
  if (argc > 2) made.batch = std::clamp<size_t>(std::strtoul(argv[2], nullptr, 10), 1, 10'000);
  made.owner.id = user_id::make();
  made.owner.username = "bench";
  made.chat.id = session_id::make();
  made.chat.owner_id = made.owner.id;
  for (size_t i = 0; i < made.rows; ++i) {
    auto& one = made.messages.emplace_back();
    one.id = message_id::make();
    one.session_id = made.chat.id;
    one.parts.emplace_back().text = std::string(500, 'x');
    one.tokens = {120, "o200k_base", false};
  }
  return made;
}

std::shared_ptr<database> open_or_stop(const std::filesystem::path& directory) {
  auto opened = database::open({.directory = directory});
  if (opened) return *opened;
  std::fprintf(stderr, "%s\n", describe(opened.error()).c_str());
  std::exit(1);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double seconds_since(bench_clock::time_point start) {
  return std::chrono::duration<double>(bench_clock::now() - start).count();
}

struct result {
  double rows_per_s = 0;
  double rows_per_transaction = 0;
  double wait_ms_p99 = 0;  ///< from the request to the answer
};

result run_actor(const load& work) {
  scratch folder;
  auto files = open_or_stop(folder.path / "data");
  caf::actor_system_config config;
  register_error_category(config);
  parley::add_message_types(config);
  caf::actor_system system{config};
  storage_parts parts;
  parts.files = files;
  auto storage = system.spawn<caf::detached>(storage_writer, parts);
  caf::scoped_actor self{system};
  auto stop = [](error& cause) {
    std::fprintf(stderr, "%s\n", describe(cause).c_str());
    std::exit(1);
  };
  self->request(storage, caf::infinite,
                commit{{create_user{work.owner, true}, create_session{work.chat}}})
      .receive([](done&) {}, stop);
  auto& transactions = metrics().counter("parley_storage_transactions_total", "");
  auto before = transactions.value();
  std::vector<double> waits_ms;
  auto start = bench_clock::now();
  for (size_t i = 0; i < work.rows; i += work.batch) {
    // As many as wait at the same time on a busy server.
    std::vector<decltype(self->request(storage, caf::infinite, commit{}))> waiting;
    auto asked = bench_clock::now();
    for (size_t k = i; k < std::min(work.rows, i + work.batch); ++k)
      waiting.push_back(
          self->request(storage, caf::infinite, commit{{create_message{work.messages[k]}}}));
    for (auto& one : waiting) {
      one.receive([](done&) {}, stop);
      waits_ms.push_back(seconds_since(asked) * 1e3);
    }
  }
  result made;
  auto rows = static_cast<double>(work.rows);
  made.rows_per_s = rows / seconds_since(start);
  made.rows_per_transaction =
      rows / static_cast<double>(std::max<uint64_t>(transactions.value() - before, 1));
  auto p99 = waits_ms.begin() + static_cast<std::ptrdiff_t>(waits_ms.size() * 99 / 100);
  std::nth_element(waits_ms.begin(), p99, waits_ms.end());
  made.wait_ms_p99 = *p99;
  self->send_exit(storage, caf::exit_reason::user_shutdown);
  return made;
}

void must(int code) {
  if (code == SQLITE_OK || code == SQLITE_DONE) return;
  std::fprintf(stderr, "sqlite: %s\n", sqlite3_errstr(code));
  std::exit(1);
}

// What the triggers of search call.
void run_indexed_parts(sqlite3_context* in, int, sqlite3_value** values) {
  std::string_view parts{static_cast<const char*>(sqlite3_value_blob(values[1])),
                         static_cast<size_t>(sqlite3_value_bytes(values[1]))};
  auto text = indexed_parts(sqlite3_value_int64(values[0]), parts);
  sqlite3_result_text64(in, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

// With the triggers that keep the index of search, or without.
sqlite3* open_bare(const database& files, bool is_searchable) {
  sqlite3* db = nullptr;
  must(sqlite3_open(files.path().c_str(), &db));
  must(sqlite3_create_function_v2(db, "indexed_parts", 2, SQLITE_UTF8 | SQLITE_INNOCUOUS, nullptr,
                                  run_indexed_parts, nullptr, nullptr, nullptr));
  must(sqlite3_exec(db,
                    "DROP TRIGGER search_adds_title;"
                    "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA foreign_keys=OFF;"
                    "INSERT INTO sessions(id,version,created_at,updated_at,owner_id,title,"
                    "title_source,context_strategy,tags,pinned,archived,message_count,params,"
                    "metadata) VALUES(x'01',1,0,0,x'02','','user','slide','[]',0,0,0,'{}','{}');"
                    "INSERT INTO search_rows(owner,session_id,created_at,text_bytes)"
                    " VALUES(1,x'01',0,0);"
                    "PRAGMA foreign_keys=ON",
                    nullptr, nullptr, nullptr));
  if (!is_searchable)
    must(sqlite3_exec(db, "DROP TRIGGER search_adds_message", nullptr, nullptr, nullptr));
  return db;
}

double run_bare(const load& work, size_t batch, bool is_searchable) {
  scratch folder;
  auto files = open_or_stop(folder.path / "data");
  auto* db = open_bare(*files, is_searchable);
  sqlite3_stmt* insert = nullptr;
  must(sqlite3_prepare_v2(db,
                          "INSERT INTO messages(id,version,created_at,updated_at,session_id,role,"
                          "status,tokens,pinned,metadata,measure,parts)"
                          " VALUES(?,1,0,0,x'01','user','complete',?,0,'{}','{}',?)",
                          -1, &insert, nullptr));
  auto start = bench_clock::now();
  for (size_t i = 0; i < work.rows; i += batch) {
    must(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr));
    for (size_t k = i; k < std::min(work.rows, i + batch); ++k) {
      const auto& one = work.messages[k];
      auto tokens = json_of(one.tokens);
      auto parts = json_of(one.parts);
      sqlite3_bind_blob(insert, 1, one.id.bytes.data(), 16, SQLITE_STATIC);
      sqlite3_bind_text(insert, 2, tokens.c_str(), -1, SQLITE_STATIC);
      sqlite3_bind_text(insert, 3, parts.c_str(), -1, SQLITE_STATIC);
      must(sqlite3_step(insert));
      sqlite3_reset(insert);
    }
    must(sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr));
  }
  auto took = seconds_since(start);
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return static_cast<double>(work.rows) / took;
}

}  // namespace

int main(int argc, char** argv) {
  auto work = make_load(argc, argv);
  std::vector<double> actor;
  std::vector<double> same;
  std::vector<double> unsearchable;
  std::printf("%zu rows, %d rounds in turn\n", work.rows, rounds);
  for (int round = 0; round < rounds; ++round) {
    auto made = run_actor(work);
    auto batch = std::max<size_t>(1, static_cast<size_t>(std::lround(made.rows_per_transaction)));
    actor.push_back(made.rows_per_s);
    same.push_back(run_bare(work, batch, true));
    unsearchable.push_back(run_bare(work, batch, false));
    std::printf("  STORAGE: %zu rows in a transaction, waits p99 %.1f ms (20 allowed)\n", batch,
                made.wait_ms_p99);
  }
  auto by_actor = median(actor);
  std::printf("STORAGE                          %9.0f rows/s\n", by_actor);
  std::printf("bare SQLite, the same rows       %9.0f rows/s  STORAGE makes %.2f of it (0.6)\n",
              median(same), by_actor / median(same));
  std::printf("the same, not searchable         %9.0f rows/s  STORAGE makes %.2f of it\n",
              median(unsearchable), by_actor / median(unsearchable));
}
