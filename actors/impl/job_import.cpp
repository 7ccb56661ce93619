// An import: the file is read twice. The first time nothing is stored: a file that is not what it
// says, wherever that shows, leaves nothing behind. (docs/decisions/0044-an-import-reads-twice.md)
#include <fcntl.h>
#include <sys/stat.h>

#include "actors/impl/file_worker.hpp"
#include "actors/impl/job_worker.hpp"
#include "base/log.hpp"

namespace parley {

namespace {

job_counts counts_of(const import_counts& from) {
  job_counts to;
  to.total = from.total();
  to.taken = from.taken;
  for (const auto& [reason, count] : from.changed) to.changed.push_back({reason, count});
  for (const auto& [reason, count] : from.left_out) to.left_out.push_back({reason, count});
  return to;
}

job_report report_of(const import_outcome& from) {
  return {counts_of(from.sessions), counts_of(from.messages)};
}

/// What both readings do: they say how far they are, and end when they are to.
class reading : public import_sink {
 public:
  reading(job_run& run, int64_t behind, int64_t total)
      : run_(run), behind_(behind), total_(total) {}

  expected<void> advance(int64_t bytes) override {
    if (run_.is_stopped()) return job_run::stopped();
    run_.advance(behind_ + bytes, total_);
    return {};
  }

 protected:
  job_run& run() const { return run_; }

 private:
  job_run& run_;
  int64_t behind_;
  int64_t total_;
};

class checking final : public reading {
 public:
  using reading::reading;
  expected<import_verdict> take(imported_session&&) override { return import_verdict{}; }
};

class storing final : public reading {
 public:
  using reading::reading;

  expected<import_verdict> take(imported_session&& chat) override {
    if (run().is_stopped()) return job_run::stopped();
    if (chat.messages.size() > run().tools().messages_max) return import_verdict{"messages_max"};
    complete(chat);
    auto stored = store(chat);
    if (stored) {
      run().note_made(chat.header);
      ++so_far_.sessions.taken;
      so_far_.messages.add(chat.counts);
      return import_verdict{};
    }
    auto reason = detail_of(stored.error()).reason;
    if (reason == "already_imported" || reason == "sessions_max") return import_verdict{reason};
    return stored.error();
  }

  /// Of what is stored, whether the file was read to its end or not.
  job_report so_far() const { return report_of(so_far_); }

 private:
  void complete(imported_session& chat) const {
    auto& header = chat.header;
    header.owner_id = run().work().owner_id;
    header.source = session_source{to_string(chat.source), chat.source_id};
    header.message_count = std::ssize(chat.messages);
    if (!header.title.empty()) header.title_source = title_source::user;
    // Estimated; counted when it is sent.
    constexpr auto vocabulary = token_vocabulary::bytes;
    for (auto& said : chat.messages) {
      said.session_id = header.id;
      said.measure = run().tools().counter->measure(vocabulary, said.parts);
      said.tokens = {said.measure.guessed, std::string{to_string(vocabulary)}, true};
    }
  }

  bool fits_one_commit(const std::vector<message>& messages) const {
    size_t bytes = 0;
    for (const auto& said : messages) bytes += content_bytes_of(said);
    return messages.size() <= run().tools().batch_messages_max &&
           bytes <= run().tools().batch_bytes_max;
  }

  expected<void> store(imported_session& chat) {
    const auto& tools = run().tools();
    auto is_whole = fits_one_commit(chat.messages);
    commit batch;
    batch.changes.emplace_back(change_transfer{
        import_session{chat.header, run().work().id, tools.sessions_max, is_whole}});
    size_t bytes = 0;
    for (auto& said : chat.messages) {
      bytes += content_bytes_of(said);
      batch.changes.emplace_back(create_message{std::move(said)});
      if (is_whole) continue;
      if (batch.changes.size() <= tools.batch_messages_max && bytes <= tools.batch_bytes_max)
        continue;
      TRY_DONE(run().store(batch));
      batch.changes.clear();
      bytes = 0;
      if (run().is_stopped()) return job_run::stopped();
    }
    if (!is_whole) batch.changes.emplace_back(change_transfer{finish_import{chat.header}});
    return run().store(batch);
  }

  import_outcome so_far_;
};

int64_t bytes_of_file(int descriptor) {
  struct stat known {};
  return ::fstat(descriptor, &known) == 0 ? known.st_size : 0;
}

}  // namespace

void run_import(job_run& run) {
  const auto& tools = run.tools();
  auto path = tools.directory / file_name_of(run.work().upload_id.value_or(upload_id{}));
  file_descriptor from{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!from.is_open()) return run.fail(file_fault());
  auto bytes = bytes_of_file(from.number());
  auto now = tools.clock->now();
  checking first{run, 0, 2 * bytes};
  auto checked = read_import_file(from.number(), tools.limits, now, first);
  if (!checked) return run.fail(checked.error());
  storing second{run, bytes, 2 * bytes};
  auto stored = read_import_file(from.number(), tools.limits, now, second);
  if (!stored) return run.fail(stored.error(), second.so_far());
  run.end({{}, job_status::done, report_of(*stored)});
}

}  // namespace parley
