// Backups as folders: whole or not there, kept and thinned out, made when they are due.
#include <fstream>

#include "base/crypto.hpp"
#include "base/metrics.hpp"
#include "base/text.hpp"
#include "storage/backup_keeper.hpp"
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

std::string content_of(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream{path, std::ios::binary} << text;
}

/// A database with something in it, and the directory of its backups.
struct backup_world {
  backup_world() {
    for (int i = 0; i < 300; ++i) db.add_user("user" + std::to_string(i));
  }
  kept_backup make(instant at) { return stored::must(make_backup(database, inside, at)); }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& known : list_backups(inside)) all.push_back(known.name);
    return all;
  }

  stored db;
  fs::path database = db.folder() / "data" / "parley.db";
  fs::path inside = db.folder() / "backups";
  instant day = parse_instant("2026-11-28T18:15:00Z").value();
};

}  // namespace

TEST_CASE("a backup is a folder that says what it is") {
  backup_world w;
  std::vector<std::pair<int64_t, int64_t>> told;
  auto made = stored::must(make_backup(w.database, w.inside, w.day, [&](int64_t done, int64_t of) {
    told.emplace_back(done, of);
    return true;
  }));
  CHECK(made.name == "parley-20261128T181500Z");
  CHECK(made.verified);
  auto copy = w.inside / made.name / "parley.db";
  CHECK(static_cast<int64_t>(fs::file_size(copy)) == made.bytes);
  CHECK(hex(sha256(content_of(copy))) == made.sha256);
  CHECK(examine(copy, true)->faults.empty());
  REQUIRE_FALSE(told.empty());
  CHECK(std::is_sorted(told.begin(), told.end()));
  CHECK(told.back().first == told.back().second);
  auto known = stored::must(read_backup(w.inside / made.name));
  CHECK(json_of(known) == json_of(made));
  // Others of the same second have folders of their own, and sort behind it.
  CHECK(w.make(w.day).name == "parley-20261128T181500Z-2");
  w.make(w.day + 24h);
  CHECK(w.names() == std::vector<std::string>{"parley-20261129T181500Z",
                                              "parley-20261128T181500Z-2",
                                              "parley-20261128T181500Z"});
}

TEST_CASE("nothing is left of a backup that was stopped or failed") {
  backup_world w;
  for (int64_t part : {0, 1, 2}) {
    auto stopped = make_backup(w.database, w.inside, w.day, [&](int64_t done, int64_t of) {
      return part == 2 ? done < of : part == 1 ? 2 * done <= of : done > of;
    });
    REQUIRE_FALSE(stopped);
    CHECK(is_fault(stopped.error(), errc::conflict, "backup_stopped"));
    CHECK(fs::is_empty(w.inside));
  }
  CHECK(code_of(make_backup(w.inside / "nothing.db", w.inside, w.day).error()) == errc::not_found);
  w.db.close();
  auto text = content_of(w.database);
  for (size_t at = 8192; at < 16384; ++at) text[at] = '\xff';
  write(w.database, text);
  CHECK_FALSE(make_backup(w.database, w.inside, w.day));
  CHECK(fs::is_empty(w.inside));
}

TEST_CASE("names that no backup has are nobody's business") {
  CHECK(time_of_backup("parley-20261128T181500Z") == parse_instant("2026-11-28T18:15:00Z"));
  CHECK(time_of_backup("parley-20261128T181500Z-2").ms != 0);
  for (auto name : {"parley-20261128T181500Z-", "parley-20261128T181500Z-x", "parley-", "",
                    "parley-20261128T181500Z-1234", "parley-20261328T181500Z", "parley-today",
                    "parley-20261128T181500Zx", "backup-20261128T181500Z", "parley-../../../../x"})
    CHECK(time_of_backup(name).ms == 0);
}

TEST_CASE("old backups go, and nothing else does") {
  backup_world w;
  for (int i = 0; i < 5; ++i) w.make(w.day + i * 24h);
  auto hour_ago = fs::file_time_type::clock::now() - 2h;
  // Two that were not made to their end, of which one may still be.
  for (auto name : {"parley-20261001T000000Z", "parley-20261002T000000Z"}) {
    fs::create_directory(w.inside / name);
    write(w.inside / name / "parley.db", "half");
  }
  fs::last_write_time(w.inside / "parley-20261001T000000Z" / "parley.db", hour_ago);
  fs::last_write_time(w.inside / "parley-20261001T000000Z", hour_ago);
  // One that somebody has cut short: it counts for nothing, but it is theirs to look at.
  auto cut = w.make(w.day + 10 * 24h).name;
  write(w.inside / cut / "parley.db", "cut");
  fs::create_directory(w.inside / "mine");
  write(w.inside / "parley-20261128T181500Z" / "notes.txt", "kept by hand");
  CHECK_FALSE(list_backups(w.inside).front().verified);

  auto gone = thin_backups(w.inside, 2);
  CHECK(gone.size() == 4);
  CHECK(w.names() == std::vector<std::string>{cut, "parley-20261202T181500Z",
                                              "parley-20261201T181500Z", "parley-20261128T181500Z",
                                              "parley-20261002T000000Z"});
  CHECK(content_of(w.inside / "parley-20261128T181500Z" / "notes.txt") == "kept by hand");
  CHECK_FALSE(fs::exists(w.inside / "parley-20261128T181500Z" / "parley.db"));
  CHECK(fs::exists(w.inside / "mine"));
}

TEST_CASE("a manifest that is none of ours is refused") {
  backup_world w;
  auto folder = w.inside / w.make(w.day).name;
  auto manifest = content_of(folder / "backup.json");
  auto with = [&](const std::string& from, const std::string& to) {
    auto text = manifest;
    auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    write(folder / "backup.json", text);
    auto read = read_backup(folder);
    return read ? errc{} : code_of(read.error());
  };
  CHECK(with("parley.db", "../../parley.db") == errc::corrupt_data);
  CHECK(with("\"files\"", "\"file\"") == errc::corrupt_data);
  CHECK(with("sha256\":\"", "sha256\":\"0") == errc::corrupt_data);
  CHECK(with("\"schema\":", "\"schema\":\"x\",\"y\":") == errc::corrupt_data);
  CHECK(with("{", "") == errc::corrupt_data);
  write(folder / "backup.json", std::string(100'000, ' '));
  CHECK(code_of(read_backup(folder).error()) == errc::too_large);
  CHECK(code_of(read_backup(w.inside / "nothing").error()) == errc::not_found);
}

TEST_CASE("when a backup is due, and when it is late") {
  backup_plan plan;
  plan.every = 24h;
  plan.delay = 600s;
  auto due = [&](backup_past past) { return until_due(plan, past).value(); };
  CHECK(due({0s, {}, {}}) == 600s);
  CHECK(due({700s, {}, {}}) == 0s);
  CHECK(due({700s, 3600s, {}}) == 23h);
  CHECK(due({10s, 30h, {}}) == 590s);
  CHECK(due({3h, 30h, 60s}) == 3540s);
  CHECK(due({3h, 30h, 2h}) == 0s);
  CHECK_FALSE(is_late(plan, {47h, {}, {}}));
  CHECK(is_late(plan, {49h, {}, {}}));
  CHECK_FALSE(is_late(plan, {100h, 47h, {}}));
  CHECK(is_late(plan, {1h, 49h, {}}));
  plan.every = 0h;
  CHECK_FALSE(until_due(plan, {100h, {}, {}}));
  CHECK_FALSE(is_late(plan, {1000h, {}, {}}));
}

TEST_CASE("a keeper makes what is due, knows it, and ends in the middle of another") {
  backup_world w;
  backup_plan plan;
  plan.database = w.database;
  plan.folder = w.inside;
  plan.delay = 0s;
  plan.kept_max = 2;
  manual_wall_clock clock{w.day};
  backup_keeper keeper{plan, clock};
  CHECK(keeper.list().empty());
  keeper.start();
  for (int i = 0; i < 1000 && keeper.list().empty(); ++i) std::this_thread::sleep_for(10ms);
  REQUIRE(keeper.list().size() == 1);
  clock.advance(1h);
  CHECK(keeper.make({}));
  clock.advance(1h);
  CHECK(keeper.make({}));
  CHECK(keeper.list().size() == 2);
  CHECK(w.names().size() == 2);
  keeper.refresh_metrics();
  CHECK(metrics().text().find("parley_backup_age_seconds 0\n") != std::string::npos);
  clock.advance(90s);
  keeper.refresh_metrics();
  CHECK(metrics().text().find("parley_backup_age_seconds 90\n") != std::string::npos);

  std::atomic<bool> is_begun = false;
  std::thread other{[&] {
    auto made = keeper.make([&](int64_t, int64_t) {
      is_begun = true;
      std::this_thread::sleep_for(5ms);
      return true;
    });
    CHECK_FALSE(made);
  }};
  while (!is_begun) std::this_thread::sleep_for(1ms);
  keeper.stop();
  other.join();
  CHECK(w.names().size() == 2);
}

TEST_CASE("a backup that fails is counted, and tried again later") {
  backup_world w;
  backup_plan plan;
  plan.database = w.db.folder() / "nothing.db";
  plan.folder = w.inside;
  plan.delay = 0s;
  backup_keeper keeper{plan};
  auto failures = [] { return metrics().counter("parley_backup_failures_total", "").value(); };
  auto before = failures();
  keeper.start();
  for (int i = 0; i < 1000 && failures() == before; ++i) std::this_thread::sleep_for(10ms);
  std::this_thread::sleep_for(50ms);
  CHECK(failures() == before + 1);
}
