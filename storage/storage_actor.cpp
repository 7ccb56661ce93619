#include "storage/storage_actor.hpp"

#include "base/log.hpp"

namespace parley::storage {

namespace {

// Faults of the database itself, not of what one commit asked.
bool is_storage_fault(const error& cause) {
  auto code = code_of(cause);
  return code == errc::storage_full || code == errc::storage_failed || code == errc::corrupt_data;
}

// An account or chat that goes, or a job that ends, may leave much.
bool leaves_rows(const commit& unit) {
  return std::any_of(unit.changes.begin(), unit.changes.end(), [](const change& one) {
    if (caf::holds_alternative<erase_user>(one)) return true;
    if (caf::holds_alternative<erase_session>(one)) return true;
    const auto* moved = caf::get_if<change_transfer>(&one);
    return moved != nullptr && moved->put_job && is_over(moved->put_job->entry.status);
  });
}

}  // namespace

storage_state::~storage_state() {
  if (!parts_.files) return;
  is_stopping_ = true;
  flush_now();
  if (db_ && !db_->is_suspect()) (void)db_->checkpoint(true);
}

void storage_state::start(storage_parts parts) {
  parts_ = std::move(parts);
  if (!parts_.health) parts_.health = std::make_shared<storage_health>();
  auto& registry = metrics();
  commits_ = &registry.counter("parley_storage_commits_total", "Commits stored.");
  failures_ = &registry.counter("parley_storage_failures_total", "Commits not stored.");
  transactions_ = &registry.counter("parley_storage_transactions_total", "Transactions written.");
  swept_ = &registry.counter("parley_storage_swept_rows_total",
                             "Rows removed that nobody could see any more, or that were too old.");
  waiting_ = &registry.gauge("parley_storage_waiting", "Commits waiting for a transaction.");
  write_time_ = &registry.histogram("parley_storage_write_seconds", "Time of one transaction.",
                                    metric_histogram::seconds);
  if (auto opened = reopen(); !opened) note_health(opened.error());
  self_->send(self_, sweep{});
}

expected<void> storage_state::reopen() {
  if (db_) db_->forgo_checkpoint_on_close();
  db_.reset();
  TRY(auto fresh, parts_.files->open_writer());
  // Reads the schema and, if need be, recovers the log: a file that fails here stays closed.
  TRY_DONE(fresh->execute("SELECT COUNT(*) FROM sqlite_schema"));
  db_ = std::move(fresh);
  return {};
}

caf::result<done> storage_state::on(commit&& message) {
  if (queue_.size() >= parts_.storage_queue_max) {
    failures_->add();
    return make_error(errc::unavailable, "Too much waits to be stored.",
                      error_detail{"storage_queue_full", {}, 1, {}});
  }
  auto promise = self_->make_response_promise<done>();
  queue_.push_back({std::move(message), answer<done>{promise}, {}});
  waiting_->set(static_cast<int64_t>(queue_.size()));
  // Behind everything that is in the mailbox now: all of it is written together.
  if (!std::exchange(is_flush_sent_, true)) self_->send(self_, flush{});
  return promise;
}

void storage_state::on(checkpoint_reply&& message) {
  waiting_checkpoint added{std::move(message), {}};
  if (auto sender = self_->current_sender())
    added.sender = caf::actor_cast<checkpoint_sender_actor>(sender);
  if (checkpoints_.size() >= parts_.storage_queue_max) return tell_lost(added);
  checkpoints_.push_back(std::move(added));
  auto now = self_->clock().now();
  if (now < late_flush_due_) return;
  late_flush_due_ = now + parts_.checkpoint_wait;
  self_->delayed_send(self_, parts_.checkpoint_wait, flush{});
}

void storage_state::tell_lost(const waiting_checkpoint& lost) {
  if (lost.sender && !is_stopping_)
    self_->send(lost.sender, checkpoint_lost{lost.added.id, lost.added.after});
}

void storage_state::tell_stored(const waiting_checkpoint& stored) {
  const auto& added = stored.added;
  if (added.is_awaited && !added.chunks.empty() && stored.sender && !is_stopping_)
    self_->send(stored.sender, checkpoint_stored{added.id, added.chunks.back().position});
}

void storage_state::on(const flush&) {
  is_flush_sent_ = false;
  if (!queue_.empty() || !checkpoints_.empty()) return flush_now();
  if (!parts_.health->is_ok() && self_->clock().now() >= probe_due_) {
    auto probed = probe();
    note_health(probed ? error{} : probed.error());
  }
}

void storage_state::flush_now() {
  auto units = std::exchange(queue_, {});
  auto checkpoints = std::exchange(checkpoints_, {});
  if (units.empty() && checkpoints.empty()) return;
  waiting_->set(0);
  auto started = std::chrono::steady_clock::now();
  auto written = write_all(units, checkpoints);
  write_time_->observe(std::chrono::steady_clock::now() - started);
  error fault;
  if (!written) fault = written.error();
  for (const auto& one : units)
    if (!fault && one.cause && is_storage_fault(one.cause)) fault = one.cause;
  answer_all(units, written);
  for (const auto& one : checkpoints) written ? tell_stored(one) : tell_lost(one);
  if (!is_stopping_) note_health(fault);
  // After the answers: nobody waits for it.
  checkpoint_if_long();
}

void storage_state::answer_all(std::vector<waiting>& units, const expected<void>& written) {
  bool has_left = false;
  for (auto& [unit, reply, cause] : units) {
    if (!written && !cause) cause = written.error();
    (cause ? failures_ : commits_)->add();
    has_left = has_left || (!cause && leaves_rows(unit));
    if (cause)
      reply.fail(std::move(cause));
    else
      reply.deliver(done{});
  }
  if (has_left && !is_stopping_) self_->send(self_, sweep{});
}

expected<void> storage_state::apply_unit(const commit& unit) {
  TRY(auto point, savepoint::begin(*db_));
  for (const auto& one : unit.changes) TRY_DONE(apply(*db_, one));
  return point.release();
}

// A reply that is over or gone needs no checkpoint; any other error is the transaction's.
expected<void> storage_state::apply_checkpoints(
    const std::vector<waiting_checkpoint>& checkpoints) {
  for (const auto& [added, sender] : checkpoints) {
    auto applied = apply(*db_, added);
    if (!applied && (code_of(applied.error()) != errc::not_found || db_->is_autocommit()))
      return applied.error();
  }
  return {};
}

// An error is the transaction's and fails every unit; a unit's own stands in its `cause`.
expected<void> storage_state::write_all(std::vector<waiting>& units,
                                        const std::vector<waiting_checkpoint>& checkpoints) {
  if (!db_ || db_->is_suspect()) TRY_DONE(reopen());
  TRY(auto writing, transaction::begin(*db_, transaction::kind::write));
  // First: a commit that came later may end the reply.
  TRY_DONE(apply_checkpoints(checkpoints));
  bool has_good = !checkpoints.empty();
  for (auto& [unit, reply, cause] : units) {
    auto applied = apply_unit(unit);
    if (!applied) cause = applied.error();
    // After some errors (disk full, I/O, out of memory) SQLite rolls all back by itself.
    if (db_->is_autocommit()) return cause ? cause : make_error(errc::storage_failed);
    has_good = has_good || !cause;
  }
  if (!has_good) return {};
  TRY_DONE(writing.commit());
  transactions_->add();
  return {};
}

void storage_state::checkpoint_if_long() {
  if (!db_ || db_->is_suspect() || db_->wal_frames() < parts_.checkpoint_frames) return;
  // A reader may hold it up: the next commit tries again. A fault is logged where it happened and
  // makes the connection suspect.
  (void)db_->checkpoint(false);
}

// -- health --------------------------------------------------------------------------------------

void storage_state::note_health(const error& fault) {
  auto is_fault = fault && is_storage_fault(fault);
  auto before =
      parts_.health->failing.exchange(is_fault ? static_cast<uint8_t>(code_of(fault)) : uint8_t{0});
  if (is_fault && before == 0) log_error("storage.failing", {{"cause", fault}});
  if (!is_fault && before != 0) log_info("storage.recovered");
  if (!is_fault) return;
  auto now = self_->clock().now();
  if (now < probe_due_) return;
  probe_due_ = now + parts_.probe_every;
  self_->delayed_send(self_, parts_.probe_every, flush{});
}

// A write that changes nothing: does the disk take it?
expected<void> storage_state::probe() {
  if (!db_ || db_->is_suspect()) TRY_DONE(reopen());
  TRY(auto version, db_->prepare("PRAGMA user_version").number());
  TRY(auto writing, transaction::begin(*db_, transaction::kind::write));
  TRY_DONE(db_->run_script("PRAGMA user_version = " + std::to_string(version.value_or(0))));
  TRY_DONE(writing.commit());
  return db_->checkpoint(false);
}

// -- sweeping ------------------------------------------------------------------------------------

void storage_state::on(const sweep&) {
  auto swept = sweep_once();
  if (!swept) note_health(swept.error());
  if (swept && swept->has_more) return self_->send(self_, sweep{});
  auto now = self_->clock().now();
  if (now < sweep_due_) return;
  sweep_due_ = now + parts_.sweep_every;
  self_->delayed_send(self_, parts_.sweep_every, sweep{});
}

void storage_state::on(const release_memory&) {
  if (db_) db_->release_memory();
}

expected<sweep_result> storage_state::sweep_once() {
  if (!db_ || db_->is_suspect()) TRY_DONE(reopen());
  sweep_result swept;
  {
    TRY(auto writing, transaction::begin(*db_, transaction::kind::write));
    TRY(swept, sweep_rows(*db_, parts_.clock->now()));
    if (!swept.has_more) {
      TRY(auto purged, purge_search(*db_, parts_.clock->now()));
      swept.rows += purged.rows;
      swept.has_more = purged.has_more;
    }
    if (swept.rows > 0) TRY_DONE(writing.commit());
    swept_->add(static_cast<uint64_t>(swept.rows));
  }
  if (!swept.has_more) {
    TRY(swept.has_more, shrink_some());
  }
  checkpoint_if_long();
  if (!swept.has_more) {
    TRY(swept.has_more, seal_some_anew());
  }
  return swept;
}

// Free pages are used again; only when they are many the file shrinks, a piece at a time. Whether
// there is more to do.
expected<bool> storage_state::shrink_some() {
  TRY(auto before, db_->prepare("PRAGMA freelist_count").number());
  TRY(auto pages, db_->prepare("PRAGMA page_count").number());
  auto is_much = [](int64_t free, int64_t all) { return free > 1000 && free > all / 4; };
  if (!is_much(before.value_or(0), pages.value_or(0))) return false;
  TRY_DONE(db_->execute("PRAGMA incremental_vacuum(500)"));
  TRY(auto after, db_->prepare("PRAGMA freelist_count").number());
  auto freed = before.value_or(0) - after.value_or(0);
  return freed > 0 && is_much(after.value_or(0), pages.value_or(0) - freed);
}

// Whether there is more to seal.
expected<bool> storage_state::seal_some_anew() {
  if (!parts_.seal_anew) return false;
  TRY(auto step, seal_keys_anew(*db_, parts_.seal_anew, sealed_until_));
  sealed_until_ = step.last;
  sealed_anew_ += step.changed;
  if (!step.last.is_none()) return true;
  parts_.seal_anew = nullptr;
  log_info("secrets.sealed_anew", {{"models", sealed_anew_}});
  return false;
}

storage_actor::behavior_type storage_writer(storage_actor::stateful_pointer<storage_state> self,
                                            storage_parts parts) {
  harden(self);
  self->state.start(std::move(parts));
  return handle_table<storage_actor>(self);
}

}  // namespace parley::storage
