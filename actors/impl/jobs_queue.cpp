// JOBS: what waits, and the records of all jobs.
#include "actors/impl/jobs_state.hpp"

namespace parley {

job jobs_state::new_job(user_id owner, job_kind kind) const {
  job made;
  made.id = job_id::make();
  made.owner_id = owner;
  made.kind = kind;
  made.created_at = made.updated_at = now();
  return made;
}

caf::result<job> jobs_state::on(const start_import& asked) {
  auto held = answers.hold<job>(self);
  make_once<job>(
      *this, held.first, owned_by(asked.by.user, asked.key),
      [this, key = held.first, asked] { queue_import(key, asked); },
      [this, key = held.first, owner = asked.by.user](const remember_key& known) {
        repeat(key, owner, known.job);
      });
  return held.second;
}

caf::result<job> jobs_state::on(const start_export& asked) {
  return queue_once(asked.by, asked.key, job_kind::export_all);
}

caf::result<job> jobs_state::on(const start_backup& asked) {
  return queue_once(asked.by, asked.key, job_kind::backup);
}

caf::result<job> jobs_state::queue_once(const caller& by, const std::optional<request_key>& once,
                                        job_kind kind) {
  auto held = answers.hold<job>(self);
  make_once<job>(
      *this, held.first, owned_by(by.user, once),
      [this, key = held.first, by, once, kind] { queue(key, new_job(by.user, kind), by, once); },
      [this, key = held.first, owner = by.user](const remember_key& known) {
        repeat(key, owner, known.job);
      });
  return held.second;
}

void jobs_state::queue_import(uint64_t key, const start_import& asked) {
  self->request(parts_.reader, caf::infinite, read_upload{asked.by.user, asked.upload})
      .await(
          [this, key, asked](const upload& known) {
            if (!known.is_whole())
              return answers.fail<job>(
                  key, make_error(errc::conflict, "upload_incomplete",
                                  "The file is not whole yet: " + std::to_string(known.received) +
                                      " of " + std::to_string(known.bytes) + " bytes are here."));
            if (is_in_use(known.id))
              return answers.fail<job>(
                  key, make_error(errc::conflict, "upload_in_use", "Another job reads this file."));
            auto made = new_job(asked.by.user, job_kind::import_chats);
            made.upload_id = known.id;
            made.total = known.bytes;
            queue(key, made, asked.by, asked.key);
          },
          [this, key](error& cause) { answers.fail<job>(key, std::move(cause)); });
}

expected<void> jobs_state::check_room(user_id owner) const {
  auto own = std::count_if(entries_.begin(), entries_.end(), [owner](const auto& known) {
    return known.second.work.owner_id == owner;
  });
  if (static_cast<size_t>(own) >= parts_.limits.waiting_per_user_max)
    return make_error(errc::rate_limited, "jobs_max", "As many jobs of yours wait as may.");
  if (entries_.size() >= parts_.limits.waiting_max)
    return make_error(errc::unavailable, "jobs_queue_full", "Too many jobs wait.");
  return caf::unit;
}

void jobs_state::queue(uint64_t key, const job& made, const caller& by,
                       const std::optional<request_key>& once) {
  if (auto room = check_room(by.user); !room) return answers.fail<job>(key, room.error());
  std::vector<change> changes;
  remember(changes, owned_by(by.user, once), now(), &remember_key::job, made.id);
  changes.emplace_back(change_transfer{create_job{made}});
  auto action = to_string(made.kind) + ".started";
  changes.emplace_back(audited(by, now(), std::move(action), {to_string(made.id), {}}));
  store_then<job>(*this, key, std::move(changes), [this, made] {
    entries_[made.id].work = made;
    work();
    return made;
  });
}

void jobs_state::repeat(uint64_t key, user_id owner, job_id made) {
  if (auto* known = find(owner, made)) return answers.deliver<job>(key, known->work);
  answers.hand_on<job>(key, parts_.reader, read_job{owner, made});
}

// -- Records ------------------------------------------------------------------------------------

// Of what waits or runs JOBS knows more than the database.
caf::result<page_of<job>> jobs_state::on(const list_jobs& asked) {
  auto held = answers.hold<page_of<job>>(self);
  self->request(parts_.reader, caf::infinite, page_jobs{asked.owner_id, asked.page})
      .then(
          [this, key = held.first](page_of<job>& page) {
            for (auto& shown : page.items)
              if (auto* known = find(shown.id)) shown = known->work;
            answers.deliver<page_of<job>>(key, std::move(page));
          },
          [this, key = held.first](error& cause) {
            answers.fail<page_of<job>>(key, std::move(cause));
          });
  return held.second;
}

caf::result<job> jobs_state::on(const get_job& asked) {
  if (auto* known = find(asked.owner_id, asked.id)) return known->work;
  return hand_on(self, parts_.reader, read_job{asked.owner_id, asked.id});
}

caf::result<done> jobs_state::on(const drop_job& asked) {
  if (auto* known = find(asked.owner_id, asked.id)) {
    // The worker looks, and says when it has ended.
    *known->is_stopped = true;
    if (known->is_waiting()) finish(*known, {asked.id, job_status::cancelled});
    return done{};
  }
  auto held = answers.hold<done>(self);
  self->request(parts_.reader, caf::infinite, read_job{asked.owner_id, asked.id})
      .then(
          [this, key = held.first](const job& known) {
            store_then<done>(*this, key, {change_transfer{erase_job{known.owner_id, known.id}}},
                             [this, gone = known.id] {
                               self->send(files_, erase_file{file_name_of(gone)});
                               return done{};
                             });
          },
          [this, key = held.first](error& cause) { answers.fail<done>(key, std::move(cause)); });
  return held.second;
}

}  // namespace parley
