// Rows a second through STORAGE against a bare SQLite loop with the same rows, the same number of
// rows in a transaction and the same durability. Usage: storage_bench [rows] [rows per transaction]
#include <sqlite3.h>
#include <stdlib.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "actors/storage.hpp"
#include "base/record_json.hpp"
#include "storage/storage_actor.hpp"

using namespace parley;
using namespace parley::storage;
using bench_clock = std::chrono::steady_clock;

namespace {

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

double seconds_since(bench_clock::time_point start) {
  return std::chrono::duration<double>(bench_clock::now() - start).count();
}

// Rows a second; `per_transaction` is what the actor made of it.
double run_actor(const load& work, double& per_transaction) {
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
  auto start = bench_clock::now();
  for (size_t i = 0; i < work.rows; i += work.batch) {
    // As many as wait at the same time on a busy server.
    std::vector<decltype(self->request(storage, caf::infinite, commit{}))> waiting;
    for (size_t k = i; k < std::min(work.rows, i + work.batch); ++k)
      waiting.push_back(
          self->request(storage, caf::infinite, commit{{create_message{work.messages[k]}}}));
    for (auto& one : waiting) one.receive([](done&) {}, stop);
  }
  auto took = seconds_since(start);
  per_transaction = static_cast<double>(work.rows) /
                    static_cast<double>(std::max<uint64_t>(transactions.value() - before, 1));
  self->send_exit(storage, caf::exit_reason::user_shutdown);
  return static_cast<double>(work.rows) / took;
}

void must(int code) {
  if (code == SQLITE_OK || code == SQLITE_DONE) return;
  std::fprintf(stderr, "sqlite: %s\n", sqlite3_errstr(code));
  std::exit(1);
}

double run_bare(const load& work, size_t batch) {
  scratch folder;
  auto files = open_or_stop(folder.path / "data");
  sqlite3* db = nullptr;
  must(sqlite3_open(files->path().c_str(), &db));
  must(sqlite3_exec(db,
                    "DROP TRIGGER search_adds_title; DROP TRIGGER search_adds_message;"
                    "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA foreign_keys=OFF;"
                    "INSERT INTO sessions(id,version,created_at,updated_at,owner_id,title,"
                    "title_source,context_strategy,tags,pinned,archived,message_count,params,"
                    "metadata) VALUES(x'01',1,0,0,x'02','','user','slide','[]',0,0,0,'{}','{}');"
                    "PRAGMA foreign_keys=ON",
                    nullptr, nullptr, nullptr));
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
  double per_transaction = 0;
  auto actor = run_actor(work, per_transaction);
  auto bare =
      run_bare(work, std::max<size_t>(1, static_cast<size_t>(std::lround(per_transaction))));
  std::printf("rows %zu, %.1f in a transaction\n", work.rows, per_transaction);
  std::printf("storage actor  %9.0f rows/s\nbare sqlite    %9.0f rows/s\nratio          %9.2f\n",
              actor, bare, actor / bare);
}
