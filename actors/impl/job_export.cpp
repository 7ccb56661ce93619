// An export: what an account owns as one zip, a page of messages in memory at a time.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <unordered_set>

#include "actors/impl/file_worker.hpp"
#include "actors/impl/job_worker.hpp"
#include "base/zip.hpp"
#include "chat/transcript.hpp"

namespace parley {

namespace {

page_request whole_pages() {
  page_request page;
  page.limit = 100;
  page.is_descending = false;
  return page;
}

/// The zip's bytes on their way to the disk.
class zip_file {
 public:
  explicit zip_file(const std::filesystem::path& path)
      : to_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) {}

  bool is_open() const { return to_.is_open(); }
  int64_t bytes() const { return bytes_; }
  expected<void> add(std::string_view more) {
    TRY_DONE(to_.write_all(more, bytes_));
    bytes_ += std::ssize(more);
    return {};
  }
  expected<void> finish() const {
    if (::fsync(to_.number()) != 0) return file_fault();
    return {};
  }

 private:
  file_descriptor to_;
  int64_t bytes_ = 0;
};

class account_writer {
 public:
  account_writer(job_run& run, zip_writer& to)
      : run_(run), to_(to), now_(run.tools().clock->now()) {}

  expected<void> write() {
    TRY(auto account, run_.read<user_state_loaded>(load_user{owner()}));
    sessions_.total = account.session_count;
    TRY_DONE(write_account(account));
    // Those in the archive are another list.
    for (auto archived : {false, true}) TRY_DONE(write_sessions(archived));
    sessions_.total = sessions_.taken;
    return {};
  }

  job_report report() const { return {sessions_, messages_, {}}; }

 private:
  user_id owner() const { return run_.work().owner_id; }

  expected<void> write_account(const user_state_loaded& account) {
    std::string text;
    json_writer json{text};
    json.begin_object().member("format", "parley.account").member("formatVersion", 1);
    json.member("exportedAt", to_string(now_)).key("user");
    write_json(json, account.account);
    json.key("settings");
    write_json(json, account.settings);
    json.key("folders");
    write_json(json, account.folders);
    json.key("models");
    write_json(json, account.models);
    json.end_object();
    TRY_DONE(to_.begin("account.json", now_));
    return to_.write(text);
  }

  expected<void> write_sessions(bool archived) {
    page_sessions wanted{owner(), whole_pages(), {}};
    wanted.filter.archived = archived;
    // Chats that change meanwhile keep their place in this order.
    wanted.filter.order = session_order::created_at;
    for (;;) {
      TRY(auto page, run_.read<page_of<session>>(wanted));
      for (const auto& header : page.items) {
        if (run_.is_stopped()) return job_run::stopped();
        // Moved from one list to the other meanwhile.
        if (!seen_.insert(header.id).second) continue;
        TRY_DONE(write_session(header));
        run_.advance(++sessions_.taken, sessions_.total);
      }
      if (!page.next_cursor) return {};
      wanted.page.cursor = *page.next_cursor;
    }
  }

  expected<void> write_session(const session& header) {
    transcript chat{transcript_format::json, header, now_};
    TRY_DONE(to_.begin("sessions/" + to_string(header.id) + ".json", header.updated_at));
    std::string text;
    chat.begin(text);
    page_messages wanted{owner(), header.id, whole_pages(), {}, {}};
    for (;;) {
      auto page = run_.read<page_of<message>>(wanted);
      // Deleted meanwhile: what there was of it stays in the zip.
      if (!page && code_of(page.error()) == errc::not_found) break;
      if (!page) return std::move(page.error());
      for (const auto& said : page->items) {
        chat.add(text, said);
        ++messages_.total;
        ++messages_.taken;
        TRY_DONE(to_.write(std::exchange(text, {})));
      }
      if (run_.is_stopped()) return job_run::stopped();
      if (!page->next_cursor) break;
      wanted.page.cursor = *page->next_cursor;
    }
    chat.end(text);
    return to_.write(text);
  }

  job_run& run_;
  zip_writer& to_;
  instant now_;
  job_counts sessions_;
  job_counts messages_;
  std::unordered_set<session_id> seen_;
};

}  // namespace

void run_export(job_run& run) {
  const auto& directory = run.tools().directory;
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return run.fail(file_fault());
  zip_file file{directory / file_name_of(run.work().id)};
  if (!file.is_open()) return run.fail(file_fault());
  zip_writer zip{[&file](std::string_view bytes) { return file.add(bytes); }};
  account_writer writer{run, zip};
  auto written = [&]() -> expected<void> {
    TRY_DONE(writer.write());
    TRY_DONE(zip.finish());
    return file.finish();
  }();
  if (!written) return run.fail(written.error());
  run.end({{}, job_status::done, writer.report(), {}, file.bytes()});
}

}  // namespace parley
