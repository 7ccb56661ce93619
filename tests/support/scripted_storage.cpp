#include "tests/support/scripted_storage.hpp"

#include <algorithm>

namespace parley::tests {

namespace {

bool is_same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return std::tolower(x) == std::tolower(y); });
}

/// One overload for each change; what a test never stores is refused.
struct applier {
  memory_tables& to;
  instant now;

  error operator()(const create_user& c) {
    if (c.only_first && !to.users.empty())
      return make_error(errc::conflict, "not_first", "There is an account already.");
    if (to.find_name(c.account.username) != nullptr)
      return make_error(errc::conflict, "name_taken", "This name is taken.");
    to.users[c.account.id] = c.account;
    return {};
  }
  error operator()(const update_user& c) {
    if (to.users.count(c.account.id) == 0) return make_error(errc::not_found);
    auto before = to.users[c.account.id];
    to.users[c.account.id] = c.account;
    if (has_admin() || !is_active_admin(before)) return {};
    to.users[c.account.id] = before;
    return last_admin();
  }
  error operator()(const erase_user& c) {
    auto node = to.users.extract(c.id);
    if (node.empty()) return make_error(errc::not_found);
    if (!has_admin() && is_active_admin(node.mapped())) {
      to.users.insert(std::move(node));
      return last_admin();
    }
    std::erase_if(to.logins, [&](const auto& item) { return item.second.owner_id == c.id; });
    return {};
  }
  error operator()(const create_login& c) {
    to.logins[c.entry.id] = c.entry;
    return {};
  }
  error operator()(const rotate_login& c) {
    if (to.logins.count(c.entry.id) == 0) return make_error(errc::not_found);
    to.logins[c.entry.id] = c.entry;
    to.spent[c.spent_hash] = {c.entry.id, now};
    return {};
  }
  error operator()(const erase_logins& c) {
    std::erase_if(to.logins, [&](const auto& item) {
      const auto& entry = item.second;
      if (entry.owner_id != c.owner_id) return false;
      return c.id.is_none() ? entry.id != c.kept : entry.id == c.id;
    });
    return {};
  }
  error operator()(const put_user_settings& c) {
    to.settings[c.owner_id] = c.settings;
    return {};
  }
  error operator()(const put_system_settings& c) {
    to.system = c.settings;
    return {};
  }
  error operator()(const create_model& c) {
    to.models[c.model.id] = c.model;
    return {};
  }
  error operator()(const update_model& c) {
    to.models[c.model.id] = c.model;
    return {};
  }
  error operator()(const erase_model& c) {
    return to.models.erase(c.id) == 1 ? error{} : make_error(errc::not_found);
  }
  error operator()(const create_folder& c) {
    to.folders[c.made.id] = c.made;
    return {};
  }
  error operator()(const update_folder& c) {
    to.folders[c.changed.id] = c.changed;
    return {};
  }
  error operator()(const erase_folder& c) {
    return to.folders.erase(c.id) == 1 ? error{} : make_error(errc::not_found);
  }
  error operator()(const change_metering& c) {
    if (c.create_key) to.api_keys[c.create_key->made.id] = c.create_key->made;
    if (c.touch_key) to.api_keys[c.touch_key->id].last_used_at = c.touch_key->last_used_at;
    if (c.quotas) to.quotas = c.quotas->quotas;
    if (c.usage) to.usage.push_back(c.usage->used);
    if (c.calibration) to.calibrations.items.push_back(c.calibration->known);
    if (c.erase_key && to.api_keys.erase(c.erase_key->id) == 0) return make_error(errc::not_found);
    return {};
  }
  error operator()(const change_transfer& c) {
    if (c.make_upload) {
      if (std::ssize(to.uploads) >= c.make_upload->uploads_max)
        return make_error(errc::quota_exceeded, "uploads_max", "Too many uploads.");
      to.uploads[c.make_upload->entry.id] = c.make_upload->entry;
    }
    if (c.grow_upload) to.uploads[c.grow_upload->entry.id] = c.grow_upload->entry;
    if (c.drop_upload) to.uploads.erase(c.drop_upload->id);
    if (c.make_job) to.jobs[c.make_job->entry.id] = c.make_job->entry;
    if (c.put_job && to.jobs.count(c.put_job->entry.id) == 0) return make_error(errc::not_found);
    if (c.put_job) to.jobs[c.put_job->entry.id] = c.put_job->entry;
    if (c.drop_job && to.jobs.erase(c.drop_job->id) == 0) return make_error(errc::not_found);
    return {};
  }
  error operator()(const create_session& c) {
    to.sessions[c.header.id] = c.header;
    return {};
  }
  error operator()(const remember_key& c) {
    for (const auto& known : to.keys)
      if (known.owner_id == c.owner_id && known.route == c.route && known.key == c.key)
        return make_error(errc::conflict, "key_known", "This Idempotency-Key was used already.");
    to.keys.push_back(c);
    return {};
  }
  error operator()(const append_audit& c) {
    to.audit.push_back(c.entry);
    return {};
  }
  error operator()(const change_invitation& c) {
    if (c.step == invitation_step::make) return to.invitations[c.entry.id] = c.entry, error{};
    auto found = to.invitations.find(c.entry.id);
    if (found == to.invitations.end()) return make_error(errc::not_found);
    if (c.step == invitation_step::erase) return to.invitations.erase(found), error{};
    auto& known = found->second;
    if (known.uses >= known.uses_max || known.expires_at <= c.at)
      return make_error(errc::forbidden, "invitation_spent", "This invitation is spent.");
    ++known.uses;
    return {};
  }
  template <class Other>
  error operator()(const Other&) {
    return make_error(errc::internal, "not in this script");
  }

  bool has_admin() const {
    return std::any_of(to.users.begin(), to.users.end(),
                       [](const auto& item) { return is_active_admin(item.second); });
  }
  static bool is_active_admin(const user& account) {
    return account.role == role::admin && account.status == user_status::active;
  }
  static error last_admin() {
    return make_error(errc::conflict, "last_admin", "The last administrator stays.");
  }
};

struct storage_state {
  static inline const char* name = "scripted_storage";
  explicit storage_state(storage_actor::pointer) {}

  caf::result<done> on(const commit& message) {
    script->commits.push_back(message);
    if (script->fail_commit) return script->fail_commit;
    auto tables = script->tables;
    for (const auto& wanted : message.changes)
      if (auto fault = tables.apply(wanted, script->clock->now())) return fault;
    script->tables = std::move(tables);
    return done{};
  }
  void on(const checkpoint_reply&) {}
  void on(const flush&) {}
  void on(const sweep&) {}
  void on(const release_memory&) {}

  scripted_storage* script = nullptr;
};

storage_actor::behavior_type run_storage(storage_actor::stateful_pointer<storage_state> self,
                                         scripted_storage* script) {
  harden(self);
  self->state.script = script;
  return handle_table<storage_actor>(self);
}

struct reader_state {
  static inline const char* name = "scripted_reader";
  explicit reader_state(reader_actor::pointer) {}

  caf::result<found_user> on(const find_username& asked) {
    if (script->fail_read) return script->fail_read;
    auto* found = tables().find_name(asked.username);
    return found == nullptr ? found_user{} : found_user{found->id};
  }
  caf::result<user_state_loaded> on(const load_user& asked) {
    if (script->fail_read) return script->fail_read;
    auto found = tables().users.find(asked.id);
    if (found == tables().users.end()) return make_error(errc::not_found);
    user_state_loaded loaded;
    loaded.account = found->second;
    for (const auto& [id, entry] : tables().logins)
      if (entry.owner_id == asked.id) loaded.logins.push_back(entry);
    for (const auto& [id, model] : tables().models)
      if (model.owner_id == asked.id) loaded.models.push_back(model);
    for (const auto& [id, known] : tables().folders)
      if (known.owner_id == asked.id) loaded.folders.push_back(known);
    for (const auto& [id, known] : tables().api_keys)
      if (known.owner_id == asked.id) loaded.keys.push_back(known);
    loaded.settings = tables().settings[asked.id];
    for (const auto& [id, header] : tables().sessions)
      loaded.session_count += header.owner_id == asked.id ? 1 : 0;
    return loaded;
  }
  caf::result<spent_token> on(const find_spent_token& asked) {
    if (script->fail_read) return script->fail_read;
    auto found = tables().spent.find(asked.hash);
    return found == tables().spent.end() ? spent_token{} : found->second;
  }
  caf::result<page_of<user>> on(const list_accounts& asked) {
    page_of<user> page;
    for (const auto& [id, account] : tables().users)
      if (account.username.find(asked.search) != std::string::npos) page.items.push_back(account);
    return page;
  }
  caf::result<system_loaded> on(const load_system&) {
    if (script->fail_read) return script->fail_read;
    system_loaded loaded{tables().system, {}, static_cast<int64_t>(tables().users.size())};
    for (const auto& [id, model] : tables().models)
      if (model.is_system()) loaded.models.push_back(model);
    loaded.quotas = tables().quotas;
    return loaded;
  }
  caf::result<session_loaded> on(const load_session&) { return make_error(errc::not_found); }
  caf::result<message_list> on(const read_messages&) { return message_list{}; }
  caf::result<content_list> on(const read_contents&) { return content_list{}; }
  caf::result<search_page> on(const search_texts&) { return search_page{}; }
  caf::result<session> on(const read_session& asked) {
    auto found = tables().sessions.find(asked.id);
    if (found == tables().sessions.end() || found->second.owner_id != asked.owner_id)
      return make_error(errc::not_found);
    return found->second;
  }
  caf::result<page_of<session>> on(const page_sessions& asked) {
    page_of<session> page;
    for (const auto& [id, header] : tables().sessions)
      if (header.owner_id == asked.owner_id) page.items.push_back(header);
    return page;
  }
  void on(const release_memory&) {}
  // As they come: owners have no order here.
  caf::result<old_sessions> on(const find_old_sessions& asked) {
    if (script->fail_read) return script->fail_read;
    old_sessions found;
    for (const auto& [id, header] : tables().sessions) {
      if (header.pinned || header.updated_at >= asked.before) continue;
      if (std::tuple{header.owner_id, id} <= std::tuple{asked.after.owner_id, asked.after.id})
        continue;
      if (!found.items.empty() && header.owner_id != found.last.owner_id) continue;
      if (std::ssize(found.items) == asked.rows_max) break;
      found.items.push_back({id, header.version});
      found.last = {header.owner_id, header.updated_at, id};
    }
    return found;
  }
  caf::result<page_of<message>> on(const page_messages& asked) {
    page_of<message> page;
    for (const auto& [id, entry] : tables().messages)
      if (entry.session_id == asked.session && is_owned(entry, asked.owner_id))
        page.items.push_back(entry);
    return page;
  }
  caf::result<message> on(const read_message& asked) {
    if (script->fail_read) return script->fail_read;
    auto found = tables().messages.find(asked.id);
    if (found == tables().messages.end() || !is_owned(found->second, asked.owner_id))
      return make_error(errc::not_found);
    return found->second;
  }
  caf::result<known_key> on(const find_key& asked) {
    if (script->fail_read) return script->fail_read;
    for (const auto& made : tables().keys)
      if (made.owner_id == asked.owner_id && made.route == asked.route && made.key == asked.key)
        return known_key{made};
    return known_key{};
  }

  caf::result<found_invitation> on(const find_invitation& asked) {
    if (script->fail_read) return script->fail_read;
    for (const auto& [id, known] : tables().invitations)
      if (known.code_hash == asked.code_hash || id == asked.id) return found_invitation{known};
    return found_invitation{};
  }
  caf::result<page_of<invitation>> on(const page_invitations&) {
    page_of<invitation> page;
    for (const auto& [id, known] : tables().invitations) page.items.push_back(known);
    return page;
  }
  caf::result<page_of<audit_entry>> on(const page_audit&) {
    return page_of<audit_entry>{tables().audit, {}, {}};
  }
  caf::result<audit_check> on(const check_audit&) { return audit_check{}; }
  caf::result<calibration_list> on(const load_calibrations&) {
    if (script->fail_read) return script->fail_read;
    return tables().calibrations;
  }

  caf::result<window_sums> on(const sum_windows& asked) {
    window_sums sums;
    for (const auto& used : tables().usage)
      for (auto window : {quota_window::day, quota_window::month, quota_window::total})
        if (used.owner_id == asked.owner_id)
          sums.items.push_back({used.model_id, used.key_id, used.currency, window, used.requests,
                                used.prompt_tokens + used.completion_tokens, used.cost});
    return sums;
  }
  caf::result<usage_report> on(const read_usage& asked) { return usage_report{asked.range, {}}; }

  template <class Entry, class Id>
  caf::result<Entry> read_own(const std::map<Id, Entry>& table, const user_id& owner, Id id) {
    if (script->fail_read) return script->fail_read;
    auto found = table.find(id);
    if (found == table.end() || found->second.owner_id != owner) return make_error(errc::not_found);
    return found->second;
  }
  caf::result<upload> on(const read_upload& asked) {
    return read_own(tables().uploads, asked.owner_id, asked.id);
  }
  caf::result<job> on(const read_job& asked) {
    return read_own(tables().jobs, asked.owner_id, asked.id);
  }
  caf::result<page_of<job>> on(const page_jobs& asked) {
    page_of<job> page;
    for (const auto& [id, entry] : tables().jobs)
      if (entry.owner_id == asked.owner_id) page.items.insert(page.items.begin(), entry);
    return page;
  }
  caf::result<transfers_loaded> on(const load_transfers&) {
    if (script->fail_read) return script->fail_read;
    transfers_loaded loaded;
    for (const auto& [id, entry] : tables().uploads) loaded.uploads.push_back(id);
    for (const auto& [id, entry] : tables().jobs) {
      if (!is_over(entry.status)) loaded.unfinished.push_back(entry);
      if (entry.file) loaded.files.push_back(id);
    }
    return loaded;
  }

  bool is_owned(const message& entry, user_id owner) {
    auto found = tables().sessions.find(entry.session_id);
    return found != tables().sessions.end() && found->second.owner_id == owner;
  }
  memory_tables& tables() { return script->tables; }

  scripted_storage* script = nullptr;
};

reader_actor::behavior_type run_reader(reader_actor::stateful_pointer<reader_state> self,
                                       scripted_storage* script) {
  harden(self);
  self->state.script = script;
  return handle_table<reader_actor>(self);
}

}  // namespace

error memory_tables::apply(const change& wanted, instant now) {
  return caf::visit(applier{*this, now}, wanted);
}

user* memory_tables::find_name(std::string_view username) {
  for (auto& [id, account] : users)
    if (is_same_name(account.username, username)) return &account;
  return nullptr;
}

storage_actor scripted_storage::spawn_storage(caf::actor_system& system) {
  return system.spawn(run_storage, this);
}

reader_actor scripted_storage::spawn_reader(caf::actor_system& system) {
  return system.spawn(run_reader, this);
}

}  // namespace parley::tests
