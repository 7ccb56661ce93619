// SESSION's record and what of its messages is still to be stored.
#include "actors/impl/session_state.hpp"
#include "base/log.hpp"
#include "chat/event_text.hpp"
#include "chat/session_tags.hpp"

namespace parley {

// -- One writer at a time -----------------------------------------------------------------------

// Each commit that holds the record is built on what the last one stored. Two at once, of which the
// first fails, would store with the second what the first one's asker was told is not stored.
void session_state::write_record(std::function<void()> write) {
  record_writes_.push_back(std::move(write));
  if (!std::exchange(is_record_busy_, true)) next_record_write();
}

void session_state::next_record_write() {
  is_record_busy_ = !record_writes_.empty();
  if (!is_record_busy_) return;
  auto write = std::move(record_writes_.front());
  record_writes_.pop_front();
  write();
}

// Only from a write of write_record; the next one follows when this is over.
void session_state::commit_record(commit batch, session changed,
                                  const std::function<void(const error&)>& then) {
  auto name = is_fresh_ ? "session.created" : "session.updated";
  self_->request(parts_.storage, caf::infinite, std::move(batch))
      .then(
          [this, name, changed = std::move(changed), then](const done&) {
            header_ = changed;
            note(name, event_text(header_));
            then(error{});
            next_record_write();
          },
          [this, then](const error& cause) {
            then(cause);
            reload();
          });
}

// A commit that failed may have been stored all the same (a COMMIT that met an I/O error): what the
// database says counts.
void session_state::reload() {
  if (is_fresh_) return next_record_write();
  self_->request(parts_.reader, caf::infinite, load_session{parts_.owner, parts_.id})
      .await(
          [this](const session_loaded& loaded) {
            header_ = loaded.header;
            messages_ = loaded.messages;
            summary_ = loaded.summary;
            for (auto& row : unsaved_) note_row(row);
            mend_interrupted();
            next_record_write();
          },
          [this](const error& cause) {
            // Nothing can be read either: the record stays as the last good commit left it.
            log_warning("session.reload_failed", {{"session", parts_.id}, {"error", cause}});
            next_record_write();
          });
}

// A temporary session is known to the device that began it alone.
void session_state::note(std::string name, std::string data) {
  if (header_.temporary) return;
  self_->send(parts_.parent, note_event{std::move(name), std::move(data)});
}

// -- Changes ------------------------------------------------------------------------------------

caf::result<session> session_state::on(const change_session& change) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_absent() || is_fresh_) return refuse_absent();
  if (answers_.size() >= parts_.limits.askers_max) return too_many_askers();
  TRY_DONE(changed_by(change));
  auto promise = self_->make_response_promise<session>();
  auto held = answers_.keep(answer<session>{promise});
  auto& model = change.patch.value.model_id;
  if (!change.patch.has(&session::model_id) || !model) {
    store_change(held, change);
    return promise;
  }
  self_->request(parts_.parent, caf::infinite, find_model{*model})
      .then(
          [this, held, change](const model_config& found) {
            store_change(held, change, token_rule_of(found.model).vocabulary);
          },
          [this, held](const error& cause) { answers_.fail<session>(held, cause); });
  return promise;
}

expected<session> session_state::changed_by(const change_session& change) const {
  if (change.if_version != 0 && change.if_version != header_.version)
    return make_error(errc::conflict, "version_mismatch", "The session was changed meanwhile.");
  auto changed = header_;
  change.patch.apply_to(changed);
  if (change.patch.has(&session::title)) changed.title_source = title_source::user;
  TRY(changed.tags, joined_tags(changed.tags, change.added_tags));
  if (changed.active_leaf_id && header_of(*changed.active_leaf_id) == nullptr)
    return make_error(errc::not_found);
  ++changed.version;
  changed.updated_at = parts_.clock->now();
  return changed;
}

// The next turn shall find the messages counted for the model that was chosen.
void session_state::store_change(uint64_t held, const change_session& change,
                                 std::optional<token_vocabulary> vocabulary) {
  write_record([this, held, change, vocabulary] {
    // Looked at again: another change may have come first.
    auto checked =
        is_absent() ? expected<session>{make_error(errc::not_found)} : changed_by(change);
    if (!checked) {
      answers_.fail<session>(held, std::move(checked.error()));
      return next_record_write();
    }
    commit_record(commit{{update_session{*checked}}}, *checked,
                  [this, held, changed = *checked, vocabulary](const error& cause) {
                    if (cause) return answers_.fail<session>(held, cause);
                    answers_.deliver<session>(held, changed);
                    if (vocabulary) vocabulary_ = vocabulary;
                    if (vocabulary) recount();
                  });
  });
}

caf::result<done> session_state::on(const drop_session& drop) {
  ++seen_;
  if (is_absent() || is_fresh_) return refuse_absent();
  if (drop.if_version != 0 && drop.if_version != header_.version)
    return make_error(errc::conflict, "version_mismatch", "The session was changed meanwhile.");
  auto promise = self_->make_response_promise<done>();
  auto held = answers_.keep(answer<done>{promise});
  is_dropping_ = true;
  write_record([this, held] {
    self_->request(parts_.storage, caf::infinite, commit{{erase_session{parts_.id}}})
        .then(
            [this, held](const done&) {
              answers_.deliver<done>(held, done{});
              on_dropped();
            },
            [this, held](const error& cause) {
              is_dropping_ = false;
              answers_.fail<done>(held, cause);
              reload();
            });
  });
  return promise;
}

void session_state::on_dropped() {
  auto gone = make_error(errc::not_found, "The session was deleted.");
  for (auto& entry : replies_) {
    cancel(*entry);
    if (entry->is_running()) end_unfinished(*entry);
    for (auto& reader : entry->readers) cut_off(reader, gone);
    for (auto& asker : entry->askers) asker.fail(gone);
    for (auto& stopper : entry->stoppers) stopper.deliver(done{});
    if (entry->is_running()) self_->send(parts_.parent, turn_ended{parts_.id});
  }
  replies_.clear();
  end();
}

// -- Rows that could not be stored in time ------------------------------------------------------

void session_state::note_row(const message& row) {
  for (auto& known : messages_) {
    if (known.id != row.id) continue;
    known.status = row.status;
    known.measure = row.measure;
  }
}

const message* session_state::unsaved_row(message_id id) const {
  for (const auto& row : unsaved_)
    if (row.id == id) return &row;
  return nullptr;
}

// A long one is only guessed: the next turn has it counted away from here.
void session_state::measure_row(message& row) const {
  auto vocabulary = row.tokens.vocabulary == to_string(token_vocabulary::cl100k_base)
                        ? token_vocabulary::cl100k_base
                        : token_vocabulary::o200k_base;
  auto is_long = measured_bytes_of(row.parts) > parts_.limits.count_inline_bytes;
  static const token_counter guessing;
  const auto& counter = is_long ? guessing : *parts_.counter;
  row.measure = counter.measure(vocabulary, row.parts);
  auto counted =
      vocabulary == token_vocabulary::cl100k_base ? row.measure.cl100k : row.measure.o200k;
  row.tokens.estimated = row.tokens.estimated || counted < 0;
  if (counted < 0) row.tokens.vocabulary = to_string(token_vocabulary::bytes);
  row.tokens.count = counted < 0 ? row.measure.guessed : counted;
}

// A row that still says `streaming` is left from a SESSION or a server that crashed: what was
// checkpointed is what there is, and nobody has counted it. A server that starts says `interrupted`
// itself, without a count.
void session_state::mend_interrupted() {
  read_messages left{parts_.owner, parts_.id, {}};
  for (auto& known : messages_) {
    auto is_left =
        known.status == message_status::streaming ||
        (known.status == message_status::interrupted && known.measure == content_measure{});
    if (is_left && find(known.id) == nullptr && unsaved_row(known.id) == nullptr)
      left.ids.push_back(known.id);
  }
  if (left.ids.empty()) return;
  self_->request(parts_.reader, caf::infinite, std::move(left))
      .await(
          [this](const message_list& rows) {
            for (auto row : rows.items) {
              auto is_known = row.status == message_status::interrupted;
              row.status = message_status::interrupted;
              measure_row(row);
              if (is_known && is_empty(row.measure)) continue;
              row.updated_at = parts_.clock->now();
              ++row.version;
              note_row(row);
              unsaved_.push_back(std::move(row));
            }
            store_unsaved();
          },
          [this](const error& cause) {
            log_warning("session.mend_failed", {{"session", parts_.id}, {"error", cause}});
          });
}

// One row at a time: a row that is refused must not hold up the others.
void session_state::store_unsaved() {
  if (unsaved_.empty() || is_saving_) return;
  is_saving_ = true;
  commit batch{{finish_message{unsaved_.front()}}};
  if (auto used = unsaved_usage_.find(unsaved_.front().id); used != unsaved_usage_.end())
    batch.changes.emplace_back(change_metering{add_usage{used->second}});
  self_->request(parts_.storage, caf::infinite, std::move(batch))
      .then(
          [this](const done&) {
            note_row(unsaved_.front());
            drop_unsaved();
          },
          [this](const error& cause) {
            auto code = code_of(cause);
            log_warning("session.unsaved", {{"message", unsaved_.front().id}, {"error", cause}});
            // The row is gone, by whatever way: trying again would never end.
            if (code == errc::not_found || code == errc::conflict) return drop_unsaved();
            is_saving_ = false;
            schedule_check();
          });
}

void session_state::drop_unsaved() {
  unsaved_usage_.erase(unsaved_.front().id);
  unsaved_.pop_front();
  is_saving_ = false;
  store_unsaved();
}

}  // namespace parley
