// What SESSION's calls use: reserved with USER before, told while tokens come, stored and settled
// after (chat/quota_book).
#include "actors/impl/session_state.hpp"
#include "actors/impl/spend_pace.hpp"
#include "base/log.hpp"
#include "chat/usage_entry.hpp"

namespace parley {

namespace {

int64_t guessed_tokens(size_t bytes) {
  return (static_cast<int64_t>(bytes) + bytes_per_token - 1) / bytes_per_token;
}

}  // namespace

// -- Before and while ---------------------------------------------------------------------------

void session_state::reserve(reply& running) {
  reserve_spend wanted;
  wanted.reply = running.id();
  wanted.by = running.by;
  wanted.model = running.made->model.id;
  wanted.prices = running.made->model.prices;
  wanted.prompt_tokens = running.row.context->tokens;
  self_->request(parts_.parent, caf::infinite, std::move(wanted))
      .then(
          [this, id = running.id()](const spend_granted& granted) {
            auto* entry = find(id);
            // The session was removed meanwhile.
            if (entry == nullptr) return self_->send(parts_.parent, spend_settled{id, {}});
            entry->is_reserved = true;
            entry->is_metered = granted.is_metered;
            read_window(*entry);
          },
          [this, id = running.id()](const error& cause) { abandon(id, cause); });
}

int64_t session_state::streamed_tokens(reply& running) const {
  auto thought = sum_of(running.reasoning.measure());
  auto all = content_tokens(running.made->rule, sum_of(running.meter.measure()) + thought);
  return running.before ? std::max<int64_t>(0, all - running.before->completion_tokens) : all;
}

void session_state::report(reply& running) {
  if (!running.is_metered) return;
  auto now = self_->clock().now();
  auto tokens = streamed_tokens(running);
  if (tokens < running.report_at && now - running.reported < spend_told_each) return;
  running.reported = now;
  running.report_at = INT64_MAX;  // until USER has answered
  self_->send(parts_.parent, tokens_streamed{running.id(), tokens});
}

void session_state::on(const spend_ruled& ruling) {
  auto* running = find(ruling.reply);
  if (running == nullptr || !running->is_running()) return;
  if (!ruling.is_over) {
    running->report_at = ruling.report_at;
    return report(*running);
  }
  if (running->at == reply::phase::finishing || running->ending) return;
  cancel(*running);
  reply_ending ending;
  ending.status = message_status::quota;
  end_reply(*running, std::move(ending));
}

// -- After --------------------------------------------------------------------------------------

const model_config& session_state::priced_model(const reply& running) const {
  const auto& made = *running.made;
  const auto& source = running.row.answered_by;
  if (source && made.fallback && source->model_id == made.fallback->id) return *made.fallback;
  return made.model;
}

/// Where the provider did not say: of this call alone.
usage session_state::counted_usage(reply& running) const {
  usage counted;
  counted.prompt_tokens = running.row.context ? running.row.context->tokens : 0;
  auto thought = sum_of(running.reasoning.measure());
  if (thought.messages > 0) {
    auto known = running.before ? running.before->reasoning_tokens.value_or(0) : 0;
    counted.reasoning_tokens =
        std::max<int64_t>(0, content_tokens(running.made->rule, thought) - known);
  }
  counted.completion_tokens = streamed_tokens(running);
  counted.source = running.row.tokens.estimated ? usage_source::estimated : usage_source::counted;
  return counted;
}

usage_entry session_state::entry_of(const model_config& model, const spender& by,
                                    usage& used) const {
  auto entry = priced_entry(model, used);
  entry.owner_id = parts_.owner;
  entry.slot = usage_slot_of(parts_.clock->now());
  entry.key_id = by.key;
  entry.label = by.label;
  return entry;
}

void session_state::settle(reply& running) {
  if (!std::exchange(running.is_reserved, false)) return;
  self_->send(parts_.parent, spend_settled{running.id(), running.spent.take()});
}

// Of a reply whose session goes: what it has used is all that stays.
void session_state::end_unfinished(reply& running) {
  if (running.was_called && running.log.text_bytes() > running.begun_at && running.made) {
    auto used = counted_usage(running);
    running.spent = entry_of(priced_model(running), running.by, used);
    self_
        ->request(parts_.storage, caf::infinite,
                  commit{{change_metering{add_usage{*running.spent}}}})
        .then([](const done&) {},
              [](const error& cause) {
                log_warning("session.usage_lost", {{"error", cause}});
              });
  }
  settle(running);
}

// A summary or a title: what its user said before is all there is to know whose budget it is of.
void session_state::note_side_call(const side_call& call, const std::optional<usage>& used) {
  usage all = used.value_or(usage{});
  if (!used) {
    all.prompt_tokens = guessed_tokens(call.asked_bytes);
    all.completion_tokens = guessed_tokens(call.written.size());
  }
  auto entry = entry_of(call.model, last_by_, all);
  self_->request(parts_.storage, caf::infinite, commit{{change_metering{add_usage{entry}}}})
      .then(
          [this, entry](const done&) {
            self_->send(parts_.parent, spend_settled{{}, entry});
          },
          [](const error& cause) {
            log_warning("session.usage_lost", {{"error", cause}});
          });
}

// One that failed before it wrote anything has cost nothing.
void session_state::note_side_end(call_id call, const std::optional<usage>& used) {
  auto note = [&](const side_call& over) {
    if (used || !over.written.empty()) note_side_call(over, used);
  };
  if (title_job_ && title_job_->call == call)
    return note({title_job_->model, title_job_->asked_bytes, title_job_->written});
  if (job_ && job_->call == call) note({job_->model, job_->asked_bytes, job_->written});
}

}  // namespace parley
