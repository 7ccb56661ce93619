// The summary of a session: its user's to read, write and drop, a model's to write. A call of its
// own, which no turn waits for; what fails is tried again after the next turn.
#include "actors/impl/session_state.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "chat/summary_prompt.hpp"

namespace parley {

namespace {

error no_summary() {
  return make_error(errc::not_found, "no_summary", "This session has no summary.");
}

error nothing_to_summarise() {
  return make_error(errc::conflict, "nothing_to_summarise",
                    "There is nothing yet that a summary could stand for.");
}

error summary_changed() {
  return make_error(errc::conflict, "version_mismatch", "The summary was changed meanwhile.");
}

// What of the writer's window one call may fill with messages: the rest is for the instruction, the
// notes so far, the notes to come and the error of an estimate.
int64_t part_tokens_max(const model_config& model) {
  return std::max<int64_t>(200, (model.context_window - 2 * summary_tokens_max) * 6 / 10);
}

// A message longer than a part stands alone in it, and is told in pieces, a call each.
void take_piece(summary_job& job, std::vector<told_message>& told) {
  if (job.tokens[job.next - 1] <= part_tokens_max(job.model)) return;
  if (told.empty()) {
    job.told_bytes = 0;
    return;
  }
  // By its own bytes a token; beside images a text may be short.
  constexpr size_t bytes_min = 600;
  auto& text = told.back().text;
  auto share = static_cast<double>(part_tokens_max(job.model)) /
               static_cast<double>(job.tokens[job.next - 1]);
  auto bytes_max =
      std::max(static_cast<size_t>(static_cast<double>(text.size()) * share), bytes_min);
  text.erase(0, std::min(job.told_bytes, text.size()));
  if (text.size() <= bytes_max) {
    job.told_bytes = 0;
    return;
  }
  text.resize(cut_utf8(text, bytes_max).size());
  job.told_bytes += text.size();
  --job.next;
}

std::string cut_at_line(std::string_view text) {
  if (text.size() <= summary_bytes_max) return std::string{text};
  auto head = cut_utf8(text, summary_bytes_max);
  auto line_end = head.rfind('\n');
  return std::string{line_end == head.npos || line_end == 0 ? head : head.substr(0, line_end)};
}

}  // namespace

// -- Its user -----------------------------------------------------------------------------------

caf::result<session_summary> session_state::on(const get_summary&) {
  ++seen_;
  if (is_absent() || is_fresh_) return refuse_absent();
  if (!summary_) return no_summary();
  return *summary_;
}

caf::result<session_summary> session_state::on(const write_summary& given) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_absent() || is_fresh_) return refuse_absent();
  if (given.if_version != 0 && given.if_version != (summary_ ? summary_->version : 0))
    return summary_changed();
  if (answers_.size() >= parts_.limits.askers_max) return too_many_askers();
  auto made = summary_ ? *summary_ : session_summary{};
  if (!summary_) {
    // All but the end that the last request sent; of a session without such, all but its last turn.
    auto path = path_to(header_.active_leaf_id.value_or(message_id{}));
    auto begin = header_.context_begin ? index_of(*header_.context_begin, path) : path.size();
    if (begin == path.size())
      while (begin > 0 && path[--begin]->role != message_role::user) continue;
    if (begin == 0) return nothing_to_summarise();
    made.covers = path[begin - 1]->id;
    made.messages = static_cast<int64_t>(begin);
  }
  made.text = given.text;
  made.source = summary_source::user;
  made.model_name.reset();
  auto held = answers_.hold<session_summary>(self_);
  store_summary(std::move(made), [this, key = held.first](const error& fault) {
    if (fault) return answers_.fail<session_summary>(key, fault);
    answers_.deliver<session_summary>(key, *summary_);
  });
  return held.second;
}

caf::result<done> session_state::on(const drop_summary& drop) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_absent() || is_fresh_) return refuse_absent();
  if (!summary_) return no_summary();
  if (drop.if_version != 0 && drop.if_version != summary_->version) return summary_changed();
  if (answers_.size() >= parts_.limits.askers_max) return too_many_askers();
  auto held = answers_.hold<done>(self_);
  self_->request(parts_.storage, caf::infinite, commit{{erase_summary{parts_.id}}})
      .then(
          [this, key = held.first](const done&) {
            summary_.reset();
            end_summary(make_error(errc::conflict, "summary_dropped", "The summary was dropped."));
            answers_.deliver<done>(key, done{});
          },
          [this, key = held.first](const error& cause) { answers_.fail<done>(key, cause); });
  return held.second;
}

caf::result<session_summary> session_state::on(const make_summary& wanted) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_absent() || is_fresh_) return refuse_absent();
  if (answers_.size() >= parts_.limits.askers_max) return too_many_askers();
  if (!job_) {
    // All but the last turn, from the beginning: what there is may be what the user is tired of.
    auto path = path_to(header_.active_leaf_id.value_or(message_id{}));
    while (!path.empty() && path.back()->role != message_role::user) path.pop_back();
    if (!path.empty()) path.pop_back();
    if (!begin_summary(wanted.provider, {std::move(path), false})) return nothing_to_summarise();
  }
  if (job_->askers.size() >= parts_.limits.askers_max) return too_many_askers();
  auto promise = self_->make_response_promise<session_summary>();
  job_->askers.emplace_back(promise);
  return promise;
}

void session_state::store_summary(session_summary made,
                                  const std::function<void(const error&)>& then) {
  auto now = parts_.clock->now();
  made.session_id = parts_.id;
  made.updated_at = now;
  made.created_at = summary_ ? summary_->created_at : now;
  made.version = summary_ ? summary_->version + 1 : 1;
  self_->request(parts_.storage, caf::infinite, commit{{put_summary{made}}})
      .then(
          [this, made, then](const done&) {
            summary_ = made;
            then(error{});
          },
          [then](const error& cause) { then(cause); });
}

// -- A model ------------------------------------------------------------------------------------

// What the last request dropped, down to the end that it sent. A summary of another branch is no
// beginning for this one.
session_state::summary_task session_state::unsummarised() const {
  summary_task task;
  if (!last_) return task;
  auto path = path_to(last_->path.back());
  auto end = std::min(last_->plan.begin, path.size());
  auto covered = summary_ ? index_of(summary_->covers, path) : path.size();
  task.goes_on = covered < path.size();
  for (auto index = task.goes_on ? covered + 1 : 0; index < end; ++index)
    task.covered.push_back(path[index]);
  return task;
}

bool session_state::begin_summary(provider_actor provider, const summary_task& task) {
  if (task.covered.empty() || !provider) return false;
  job_.emplace();
  job_->number = ++jobs_;
  job_->provider = std::move(provider);
  if (summary_ && task.goes_on) job_->made = *summary_;
  job_->base_version = summary_ ? summary_->version : 0;
  job_->made.source = summary_source::model;
  auto rule = last_ ? last_->rule : token_rule{};
  for (const auto* known : task.covered) {
    job_->covered.push_back(known->id);
    job_->tokens.push_back(message_tokens_of(rule, sum_of(known->measure)));
  }
  find_summary_model();
  return true;
}

void session_state::find_summary_model() {
  find_model wanted{header_.model_id.value_or(model_id{}), model_purpose::summary};
  self_->request(parts_.parent, caf::infinite, wanted)
      .then(
          [this, number = job_->number](const model_config& model) {
            if (!is_writing(number)) return;
            job_->model = model;
            read_summary_part();
          },
          [this, number = job_->number](const error& cause) {
            if (is_writing(number)) end_summary(cause);
          });
}

// As many messages as one call's window holds, or a piece of one that is longer; the notes it
// writes lead the next call.
void session_state::read_summary_part() {
  auto& job = *job_;
  read_contents wanted{parts_.owner, parts_.id, {}};
  auto part = part_tokens_max(job.model);
  for (auto left = part; job.next < job.covered.size(); ++job.next) {
    auto tokens = job.tokens[job.next];
    auto is_alone = tokens > part;
    if (is_alone ? !wanted.ids.empty() : tokens > left) break;
    left -= tokens;
    wanted.ids.push_back(job.covered[job.next]);
    if (!is_alone) continue;
    ++job.next;
    break;
  }
  self_->request(parts_.reader, caf::infinite, std::move(wanted))
      .then(
          [this, number = job.number](const content_list& rows) {
            if (is_writing(number)) call_summary_model(rows);
          },
          [this, number = job.number](const error& cause) {
            if (is_writing(number)) end_summary(cause);
          });
}

void session_state::call_summary_model(const content_list& rows) {
  auto& job = *job_;
  std::vector<told_message> told;
  for (const auto& row : rows.items) {
    auto text = sent_text_of(row.parts);
    for (const auto& p : row.parts)
      if (p.type == part_type::image) text += "[image" + (p.alt ? ": " + *p.alt : "") + "]";
    told.push_back({row.role, std::move(text)});
  }
  take_piece(job, told);
  complete call;
  call.call = make_call_id();
  call.sink = caf::actor_cast<reply_sink_actor>(self_);
  call.caller = parts_.owner;
  call.model = job.model;
  call.params = job.model.params;
  call.params.max_tokens = summary_tokens_max;
  prompt_message system{message_role::system, {}}, asked{message_role::user, {}};
  system.parts.emplace_back().text = std::string{summary_instruction()};
  asked.parts.emplace_back().text = summary_request(job.made.text, told);
  job.asked_bytes = system.parts[0].text->size() + asked.parts[0].text->size();
  call.messages.push_back(std::move(system));
  call.messages.push_back(std::move(asked));
  job.written.clear();
  if (!watches(job.provider)) self_->monitor(job.provider);
  job.call = call.call;
  self_->send(job.provider, std::move(call));
}

void session_state::hear(const reply_delta& delta) {
  if (title_job_ && title_job_->call == delta.call) return hear_title(delta);
  if (!job_ || job_->call != delta.call) return;
  for (const auto& added : delta.deltas)
    if (added.type == part_type::text && job_->written.size() <= summary_bytes_max)
      job_->written += added.text;
}

void session_state::end_summary_part(call_id call) {
  if (!job_ || job_->call != call) return;
  auto& job = *job_;
  job.call = 0;
  if (!watches(job.provider)) self_->demonitor(job.provider.address());
  if (job.written.find_first_not_of(" \t\r\n") == std::string::npos)
    return end_summary(
        make_error(errc::provider_failed, "summary_empty", "The model wrote no summary."));
  job.made.text = cut_at_line(job.written);
  if (job.next < job.covered.size()) return read_summary_part();
  job.made.covers = job.covered.back();
  job.made.messages += static_cast<int64_t>(job.covered.size());
  job.made.model_name = job.model.name;
  // One that its user has written meanwhile is newer than what this one began with.
  if (job.base_version != (summary_ ? summary_->version : 0)) return end_summary(summary_changed());
  store_summary(job.made, [this, number = job.number](const error& fault) {
    if (is_writing(number)) end_summary(fault);
  });
}

void session_state::end_summary(const error& fault) {
  if (!job_) return;
  auto over = std::move(*job_);
  job_.reset();
  if (over.call != 0) {
    if (!over.written.empty()) note_side_call({over.model, over.asked_bytes, over.written}, {});
    self_->send(over.provider, cancel_call{over.call});
    if (!watches(over.provider)) self_->demonitor(over.provider.address());
  }
  if (fault) log_warning("session.summary_failed", {{"session", parts_.id}, {"error", fault}});
  for (auto& asker : over.askers) {
    if (fault)
      asker.fail(fault);
    else
      asker.deliver(*summary_);
  }
}

}  // namespace parley
