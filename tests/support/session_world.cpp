#include "tests/support/session_world.hpp"

#include <set>

#include "base/record_json.hpp"

namespace parley::tests {

namespace {

part text_part(std::string text) {
  part made;
  made.text = std::move(text);
  return made;
}

/// What one change does to the tables of the script.
struct applier {
  session_script& to;

  void operator()(const create_session& c) {
    if (c.header.id == to.header.id) to.header = c.header;
  }
  void operator()(const update_session& c) { to.header = c.header; }
  void operator()(const erase_session&) { to.is_absent = true; }
  void operator()(const create_message& c) {
    const auto& m = c.entry;
    to.rows[m.id] = m;
    to.headers.push_back(
        {m.id, m.parent_id.value_or(message_id{}), m.role, m.status, m.pinned, m.measure});
  }
  void operator()(const finish_message& c) {
    to.rows[c.entry.id] = c.entry;
    for (auto& known : to.headers) {
      if (known.id != c.entry.id) continue;
      known.status = c.entry.status;
      known.measure = c.entry.measure;
    }
  }
  void operator()(const erase_messages& c) {
    std::set<message_id> gone{c.root};
    for (const auto& known : to.headers)
      if (gone.count(known.parent_id) != 0) gone.insert(known.id);
    for (const auto& id : gone) to.rows.erase(id);
    std::erase_if(to.headers, [&](const auto& known) { return gone.count(known.id) != 0; });
  }
  void operator()(const mark_message& c) {
    auto& row = to.rows[c.id];
    row.pinned = c.pinned;
    row.rating = c.rating;
    row.metadata = c.metadata;
    for (auto& known : to.headers)
      if (known.id == c.id) known.is_pinned = c.pinned;
  }
  void operator()(const recount_messages& c) {
    for (const auto& entry : c.entries) {
      to.rows[entry.id].measure = entry.measure;
      for (auto& known : to.headers)
        if (known.id == entry.id) known.measure = entry.measure;
    }
  }
  void operator()(const put_summary& c) {
    if (c.summary.session_id == to.header.id) to.summary = c.summary;
  }
  void operator()(const erase_summary&) { to.summary.reset(); }
  template <class Other>
  void operator()(const Other&) {}
};

storage_actor::behavior_type run_storage(storage_actor::pointer self, session_script* script) {
  harden(self);
  return {[=](const commit& wanted) -> caf::result<done> {
            script->commits.push_back(wanted);
            if (script->holds_commits) {
              auto promise = self->make_response_promise<done>();
              script->held_commits.emplace_back(promise);
              return promise;
            }
            if (auto fault = script->store(wanted)) return fault;
            return done{};
          },
          [=](const checkpoint_reply& added) {
            script->checkpoints.push_back(added);
            auto sender = caf::actor_cast<checkpoint_sender_actor>(self->current_sender());
            if (!script->fail_commit) {
              script->keep(added);
              if (added.is_awaited && !script->holds_checkpoints)
                self->send(sender, checkpoint_stored{added.id, added.chunks.back().position});
              return;
            }
            self->send(sender, checkpoint_lost{added.id, added.after});
          },
          [=](const flush&) { script->answer_oldest(); }, [](const sweep&) {},
          [](const release_memory&) {}};
}

reader_actor::behavior_type run_reader(reader_actor::pointer self, session_script* script) {
  harden(self);
  return {
      [](const find_username&) -> caf::result<found_user> { return make_error(errc::internal); },
      [](const load_user&) -> caf::result<user_state_loaded> { return make_error(errc::internal); },
      [](const find_spent_token&) -> caf::result<spent_token> {
        return make_error(errc::internal);
      },
      [](const list_accounts&) -> caf::result<page_of<user>> { return make_error(errc::internal); },
      [](const load_system&) -> caf::result<system_loaded> { return make_error(errc::internal); },
      [=](const load_session&) -> caf::result<session_loaded> {
        ++script->loads;
        if (script->fail_read) return script->fail_read;
        if (script->is_absent) return make_error(errc::not_found);
        return session_loaded{script->header, script->headers, script->summary};
      },
      [=](const read_messages& asked) -> caf::result<message_list> {
        if (script->fail_read) return script->fail_read;
        message_list list;
        for (const auto& id : asked.ids)
          if (script->rows.count(id) != 0) list.items.push_back(script->rows[id]);
        return list;
      },
      [=](const read_contents& asked) -> caf::result<content_list> {
        script->windows.push_back(asked);
        if (script->fail_read) return script->fail_read;
        content_list list;
        for (const auto& id : asked.ids)
          if (auto found = script->rows.find(id); found != script->rows.end())
            list.items.push_back({id, found->second.role, found->second.parts});
        return list;
      },
      [](const read_session&) -> caf::result<session> { return make_error(errc::internal); },
      [](const page_sessions&) -> caf::result<page_of<session>> {
        return make_error(errc::internal);
      },
      [](const find_old_sessions&) { return old_sessions{}; },
      [](const page_messages&) -> caf::result<page_of<message>> {
        return make_error(errc::internal);
      },
      [=](const read_message& asked) -> caf::result<message> {
        if (script->fail_read) return script->fail_read;
        auto found = script->rows.find(asked.id);
        if (found == script->rows.end()) return make_error(errc::not_found);
        return found->second;
      },
      [](const find_key&) -> caf::result<known_key> { return make_error(errc::internal); },
      [](const find_invitation&) { return found_invitation{}; },
      [](const page_audit&) { return page_of<audit_entry>{}; },
      [](const check_audit&) { return audit_check{}; },
      [](const page_invitations&) { return page_of<invitation>{}; },
      [](const load_calibrations&) -> caf::result<calibration_list> { return calibration_list{}; },
      [](const sum_windows&) -> caf::result<window_sums> { return window_sums{}; },
      [](const read_usage&) -> caf::result<usage_report> { return make_error(errc::internal); },
      [](const read_upload&) -> caf::result<upload> { return make_error(errc::internal); },
      [](const read_job&) -> caf::result<job> { return make_error(errc::internal); },
      [](const page_jobs&) -> caf::result<page_of<job>> { return make_error(errc::internal); },
      [](const load_transfers&) { return transfers_loaded{}; },
      [](const search_texts&) -> caf::result<search_page> { return make_error(errc::internal); },
      [](const release_memory&) {}};
}

session_parent_actor::behavior_type run_user(session_parent_actor::pointer self,
                                             session_script* script) {
  harden(self);
  return {[=](const find_model& asked) -> caf::result<model_config> {
            script->models_asked.push_back(asked);
            if (script->holds_models) {
              auto promise = self->make_response_promise<model_config>();
              script->held_models.emplace_back(promise);
              return promise;
            }
            if (script->fail_model) return script->fail_model;
            if (asked.purpose == model_purpose::title) {
              if (script->title_model) return *script->title_model;
              return make_error(errc::not_found);
            }
            if (asked.purpose == model_purpose::summary && script->summary_model)
              return *script->summary_model;
            if (script->fallback && asked.id == script->fallback->id) return *script->fallback;
            if (asked.id == script->model.fallback_model_id) return make_error(errc::not_found);
            return script->model;
          },
          [=](const session_idle& farewell) { script->farewells.push_back(farewell); },
          [=](const turn_ended& ended) {
            if (!ended.session.is_none()) {
              ++script->turns_ended;
              return;
            }
            for (auto& asker : std::exchange(script->held_models, {})) asker.deliver(script->model);
          },
          [=](const session_weighs& told) { script->weights.push_back(told.bytes); },
          [=](const note_event& told) { script->events.push_back(told); },
          [=](const reserve_spend& wanted) -> caf::result<spend_granted> {
            script->reserved.push_back(wanted);
            if (script->fail_spend) return script->fail_spend;
            return spend_granted{script->is_metered};
          },
          [=](const tokens_streamed& told) { script->streamed.push_back(told); },
          [=](const spend_settled& told) { script->settled.push_back(told); }};
}

provider_actor::behavior_type run_provider(provider_actor::pointer self, session_script* script) {
  harden(self);
  return {[=](const complete& call) { script->calls.push_back(call); },
          [=](const cancel_call& end) { script->cancelled.push_back(end.call); },
          [=](const pause_call& told) { script->pauses.push_back(told); },
          [](const embed&) -> caf::result<embedded> { return make_error(errc::internal); },
          [](const try_model&) -> caf::result<model_trial> { return make_error(errc::internal); },
          [](const list_offers&) -> caf::result<offer_list> { return make_error(errc::internal); },
          [](const read_channels&) { return channel_reports{}; },
          [](const channel_changed&) {},
          [](const meet_providers&) {},
          [](const fail_calls&) {}};
}

slice_reader_actor::behavior_type run_edge(slice_reader_actor::pointer self,
                                           session_script* script) {
  harden(self);
  return {[=](const slice& one) { script->slices[one.stream].push_back(one); }};
}

std::string at(int64_t position) {
  return "@" + std::to_string(position);
}

std::string text_of(const slice& one) {
  std::string out;
  auto add = [&out](const std::string& word) { out += (out.empty() ? "" : " ") + word; };
  if (one.start) add("start@1");
  if (one.snapshot)
    add("snapshot'" + content_of(one.snapshot->parts) + "'" + at(one.snapshot->position));
  for (const auto& event : one.events) {
    if (event.is_opening)
      add((event.type == part_type::text ? "part" : std::string{name_of(event.type)}) +
          at(event.position));
    else
      add("'" + event.text + "'" + at(event.position));
  }
  if (one.usage) add("usage");
  if (one.error)
    add("error:" + (one.error->reason.empty() ? one.error->code : one.error->reason) +
        at(one.error_position));
  if (one.status) add("done:" + std::string{name_of(*one.status)} + at(one.status_position));
  return out;
}

struct namer {
  std::string operator()(const create_session&) { return "create_session"; }
  std::string operator()(const update_session&) { return "update_session"; }
  std::string operator()(const erase_session&) { return "erase_session"; }
  std::string operator()(const create_message&) { return "create_message"; }
  std::string operator()(const finish_message&) { return "finish_message"; }
  std::string operator()(const remember_key&) { return "remember_key"; }
  std::string operator()(const mark_message&) { return "mark_message"; }
  std::string operator()(const erase_messages&) { return "erase_messages"; }
  std::string operator()(const recount_messages&) { return "recount_messages"; }
  std::string operator()(const put_summary&) { return "put_summary"; }
  std::string operator()(const erase_summary&) { return "erase_summary"; }
  std::string operator()(const copy_messages&) { return "copy_messages"; }
  std::string operator()(const change_metering&) { return "change_metering"; }
  template <class Other>
  std::string operator()(const Other&) {
    return "other";
  }
};

}  // namespace

error session_script::store(const commit& wanted) {
  if (judge)
    if (auto fault = judge(wanted)) return fault;
  if (fail_commit) return fail_commit;
  for (const auto& one : wanted.changes) caf::visit(applier{*this}, one);
  return {};
}

void session_script::keep(const checkpoint_reply& added) {
  auto& parts = rows[added.id].parts;
  for (const auto& chunk : added.chunks) {
    while (std::ssize(parts) <= chunk.part_index) parts.emplace_back().type = chunk.type;
    auto& text = parts[static_cast<size_t>(chunk.part_index)].text;
    text = text.value_or("") + chunk.text;
  }
}

void session_script::answer_oldest() {
  auto asker = std::move(held_commits.front());
  held_commits.pop_front();
  auto cause = std::exchange(release_cause, {});
  if (!cause) cause = store(commits[commits.size() - held_commits.size() - 1]);
  if (cause)
    asker.fail(cause);
  else
    asker.deliver(done{});
}

session_world::session_world() {
  storage = own(system.spawn(run_storage, &script));
  reader = own(system.spawn(run_reader, &script));
  user = own(system.spawn(run_user, &script));
  provider = own(system.spawn(run_provider, &script));
  edge = own(system.spawn(run_edge, &script));
  counter_parts counts;
  counts.storage = storage;
  counts.reader = reader;
  counts.start_worker = [this] {
    return spawn_count_worker(system, counter, counting_thread::shared);
  };
  counting = own(spawn_counter(system, counts));
  script.model.id = model_id::make();
  script.model.name = "Test model";
  script.model.model = "gpt-4o";
  script.header.id = session_id::make();
  script.header.owner_id = owner;
  script.header.title = "Old";
}

session_world::~session_world() {
  script.holds_commits = script.holds_models = false;
  while (!script.held_commits.empty()) release_commit(make_error(errc::unavailable));
  release_models();
  if (target) kill(target);
}

void session_world::spawn(std::optional<session> fresh) {
  session_parts parts;
  parts.storage = storage;
  parts.reader = reader;
  parts.parent = user;
  parts.owner = owner;
  parts.id = script.header.id;
  parts.fresh = std::move(fresh);
  parts.clock = &clock;
  parts.counter = &counter;
  parts.counting = counting;
  parts.limits = limits;
  target = spawn_session(system, std::move(parts));
  has_ended_ = std::make_shared<bool>(false);
  target->attach_functor([ended = has_ended_](const error&) { *ended = true; });
  run();
}

void session_world::start() {
  spawn(std::nullopt);
}

void session_world::start_fresh() {
  session made;
  made.id = script.header.id;
  made.owner_id = owner;
  spawn(made);
}

message_id session_world::add(message_role role, std::string text, int32_t tokens) {
  message row;
  row.id = message_id::make();
  row.session_id = script.header.id;
  row.parent_id = script.header.active_leaf_id;
  row.role = role;
  row.parts.push_back(text_part(std::move(text)));
  row.tokens.count = tokens;
  if (tokens > 0) row.measure.cl100k = row.measure.o200k = tokens;
  applier{script}(create_message{row});
  script.header.active_leaf_id = row.id;
  ++script.header.message_count;
  return row.id;
}

follower session_world::follow(uint64_t stream, int64_t after, int64_t credit) {
  follower who;
  who.reader = edge;
  who.stream = stream;
  who.after = after;
  who.credit = credit;
  who.login = login_id::make();
  return who;
}

start_turn session_world::turn(std::string text, uint64_t stream, int64_t credit) {
  start_turn wanted;
  wanted.content.parts.push_back(text_part(std::move(text)));
  wanted.provider = provider;
  if (stream != 0) wanted.follow = follow(stream, 0, credit);
  return wanted;
}

reply_ticket session_world::begin(std::string text, uint64_t stream, int64_t credit) {
  auto ticket = ask<reply_ticket>(turn(std::move(text), stream, credit));
  if (!ticket) throw std::logic_error(describe(ticket.error()));
  return *ticket;
}

void session_world::say(std::string text, part_type type) {
  tell(reply_delta{last_call(), {{type, std::move(text)}}});
}

void session_world::finish(std::optional<usage> used) {
  tell(reply_finished{last_call(), finish_reason::stop, std::move(used)});
}

void session_world::fail(error cause) {
  tell(reply_failed{last_call(), std::move(cause)});
}

// An answer can be given by the actor alone that was asked, while it runs.
void session_world::release_commit(error cause) {
  script.release_cause = std::move(cause);
  caf::anon_send(storage, flush{});
  run();
}

void session_world::release_models() {
  caf::anon_send(user, turn_ended{});
  run();
}

std::string session_world::shown(uint64_t stream) const {
  std::string out;
  auto found = script.slices.find(stream);
  if (found == script.slices.end()) return out;
  for (const auto& one : found->second) out += (out.empty() ? "" : " | ") + text_of(one);
  return out;
}

std::string names_of(const commit& wanted) {
  std::string out;
  for (const auto& one : wanted.changes) out += (out.empty() ? "" : " ") + caf::visit(namer{}, one);
  return out;
}

std::string reason_of(const error& cause) {
  return detail_of(cause).reason;
}

patch_of<session> session_patch(std::string_view json) {
  json_reader reader;
  auto body = reader.parse(json);
  if (!body) throw std::logic_error(describe(body.error()));
  auto patch = decode<session>(*body, use::in_patch);
  if (!patch) throw std::logic_error(describe(patch.error()));
  return *patch;
}

}  // namespace parley::tests
