// USER: folders for sessions, and what is done to many sessions at once.
#include "actors/impl/user_state.hpp"

namespace parley {

namespace {

// Sessions asked at a time: their loading is what takes long.
constexpr size_t bulk_width = 16;

error no_folder() {
  return make_error(errc::not_found, "no_folder", "There is no such folder.");
}

}  // namespace

// -- Folders ------------------------------------------------------------------------------------

const folder* user_state::find_folder(const std::optional<folder_id>& wanted) const {
  if (!wanted) return nullptr;
  auto found = std::find_if(folders_.begin(), folders_.end(),
                            [&](const folder& known) { return known.id == *wanted; });
  return found == folders_.end() ? nullptr : &*found;
}

/// The folder that a session shall be in is there, if one is named.
expected<void> user_state::check_folder(const patch_of<session>& patch) const {
  if (!patch.has(&session::folder_id) || !patch.value.folder_id) return {};
  if (find_folder(patch.value.folder_id) == nullptr) return no_folder();
  return {};
}

/// Its parent is there and does not lie within it.
expected<void> user_state::check_place(const folder& changed) const {
  if (!changed.parent_id) return {};
  for (auto above = changed.parent_id; above;) {
    const auto* known = find_folder(above);
    if (known == nullptr) return no_folder();
    if (known->id == changed.id)
      return make_error(errc::conflict, "folder_cycle", "A folder can't be within itself.");
    above = known->parent_id;
  }
  return {};
}

caf::result<folder_list> user_state::on(const list_folders& message) {
  TRY_DONE(check_caller(message.who));
  return folder_list{folders_};
}

caf::result<folder> user_state::on(const get_folder& message) {
  TRY_DONE(check_caller(message.who));
  if (const auto* known = find_folder(message.id)) return *known;
  return no_folder();
}

caf::result<folder> user_state::on(const add_folder& message) {
  TRY_DONE(check_caller(message.who));
  auto held = answers.hold<folder>(self);
  make_once<folder>(
      *this, held.first, own(message.key),
      [this, key = held.first, message] {
        need_model(message.patch.value.model_id, [this, key, message](error fault) {
          if (fault) return answers.fail<folder>(key, std::move(fault));
          make_folder(key, message);
        });
      },
      [this, key = held.first](const remember_key& made) {
        if (const auto* known = find_folder(made.folder))
          answers.deliver<folder>(key, *known);
        else
          answers.fail<folder>(key, no_folder());
      });
  return held.second;
}

void user_state::make_folder(uint64_t key, const add_folder& asked) {
  if (folders_.size() >= parts_->limits.folders_max)
    return answers.fail<folder>(key, make_error(errc::quota_exceeded, "folders_max",
                                                "You have as many folders as you may."));
  folder made;
  asked.patch.apply_to(made);
  made.id = folder_id::make();
  made.owner_id = id_;
  made.created_at = made.updated_at = now();
  if (auto placed = check_place(made); !placed) return answers.fail<folder>(key, placed.error());
  std::vector<change> changes;
  remember(changes, own(asked.key), now(), &remember_key::folder, made.id);
  changes.emplace_back(create_folder{made});
  store_then<folder>(*this, key, std::move(changes), [this, made] {
    folders_.push_back(made);
    return made;
  });
}

caf::result<folder> user_state::on(const change_folder& message) {
  TRY_DONE(check_caller(message.who));
  const auto* known = find_folder(message.id);
  if (known == nullptr) return no_folder();
  auto held = answers.hold<folder>(self);
  auto model = message.patch.value.model_id;
  if (model == known->model_id) model.reset();
  need_model(model, [this, key = held.first, message](error fault) {
    if (fault) return answers.fail<folder>(key, std::move(fault));
    store_folder(key, message);
  });
  return held.second;
}

void user_state::store_folder(uint64_t key, const change_folder& asked) {
  auto fail = [&](error cause) { answers.fail<folder>(key, std::move(cause)); };
  const auto* known = find_folder(asked.id);
  if (known == nullptr) return fail(no_folder());
  if (auto same = check_version(asked.if_version, known->version); !same) return fail(same.error());
  auto changed = *known;
  asked.patch.apply_to(changed);
  ++changed.version;
  changed.updated_at = now();
  if (auto placed = check_place(changed); !placed) return fail(placed.error());
  store_then<folder>(*this, key, {update_folder{changed}}, [this, changed] {
    put_folder(changed);
    return changed;
  });
}

void user_state::put_folder(const folder& changed) {
  for (auto& known : folders_)
    if (known.id == changed.id) known = changed;
}

caf::result<done> user_state::on(const drop_folder& message) {
  TRY_DONE(check_caller(message.who));
  const auto* known = find_folder(message.id);
  if (known == nullptr) return no_folder();
  TRY_DONE(check_version(message.if_version, known->version));
  std::vector<folder> moved;
  std::vector<change> changes;
  for (auto child : folders_) {
    if (child.parent_id != message.id) continue;
    child.parent_id = known->parent_id;
    ++child.version;
    child.updated_at = now();
    changes.emplace_back(update_folder{child});
    moved.push_back(child);
  }
  changes.emplace_back(erase_folder{message.id});
  return store_then<done>(*this, std::move(changes), [this, moved, dropped = message.id] {
    for (const auto& child : moved) put_folder(child);
    std::erase_if(folders_, [&](const folder& entry) { return entry.id == dropped; });
    return done{};
  });
}

// -- Many sessions ------------------------------------------------------------------------------

/// Sessions that wait for one and the same change.
struct user_state::bulk_job {
  uint64_t key = 0;
  bulk_body wanted;
  change_session change;
  std::vector<int64_t> versions;  ///< of each of `wanted.ids`; none: as they are now
  size_t next = 0;
  size_t running = 0;
  bulk_result result;
};

caf::result<bulk_result> user_state::on(const change_sessions& asked) {
  TRY_DONE(check_caller(asked.who));
  auto job = std::make_shared<bulk_job>();
  job->wanted = asked.wanted;
  auto& patch = job->change.patch;
  auto action = asked.wanted.action;
  if (action == session_action::archive || action == session_action::restore)
    patch.set(&session::archived, action == session_action::archive);
  if (action == session_action::move) patch.set(&session::folder_id, asked.wanted.folder_id);
  if (action == session_action::tag) job->change.added_tags = asked.wanted.tags;
  TRY_DONE(check_folder(patch));
  std::unordered_set<session_id> seen;
  std::erase_if(job->wanted.ids, [&](session_id one) { return !seen.insert(one).second; });
  auto held = answers.hold<bulk_result>(self);
  job->key = held.first;
  go_on(job);
  return held.second;
}

caf::result<bulk_result> user_state::on(const expire_sessions& asked) {
  TRY_DONE(check_present());
  auto job = std::make_shared<bulk_job>();
  job->wanted.action = session_action::erase;
  for (const auto& [id, version] : asked.items) {
    job->wanted.ids.push_back(id);
    job->versions.push_back(version);
  }
  auto held = answers.hold<bulk_result>(self);
  job->key = held.first;
  go_on(job);
  return held.second;
}

void user_state::go_on(const std::shared_ptr<bulk_job>& job) {
  const auto& ids = job->wanted.ids;
  while (job->running < bulk_width && job->next < ids.size()) {
    auto version = job->versions.empty() ? 0 : job->versions[job->next];
    auto one = ids[job->next++];
    ++job->running;
    auto note = [job, one](const error& fault) {
      --job->running;
      if (!fault)
        job->result.changed.push_back(one);
      else
        job->result.failed.push_back({one, message_error_of(fault)});
    };
    auto entry = reach(one);
    if (!entry) {
      note(entry.error());
      continue;
    }
    auto then = [this, job, note](const error& fault) {
      note(fault);
      go_on(job);
    };
    if (job->wanted.action == session_action::erase) {
      remove(one, drop_session{version}, then);
      continue;
    }
    ++(*entry)->sent;
    self->request((*entry)->holder, caf::infinite, job->change)
        .then([then](const session&) { then({}); }, then);
  }
  if (job->running == 0 && job->next == ids.size())
    answers.deliver<bulk_result>(job->key, std::move(job->result));
}

}  // namespace parley
