// SESSION's part of a turn between the draft and the commit (docs/house.md, "A turn"), and its
// second try when the provider finds it too long.
#include <charconv>

#include "actors/impl/make_once.hpp"
#include "actors/impl/session_state.hpp"
#include "base/log.hpp"
#include "base/release.hpp"
#include "base/text.hpp"
#include "chat/title_prompt.hpp"

namespace parley {

namespace {

// As stored: without the model's factor, so that a better calibration needs no recount.
message_tokens tokens_of(const content_measure& measure, const token_rule& rule) {
  auto sum = sum_of(measure);
  auto by_cl100k = rule.vocabulary == token_vocabulary::cl100k_base;
  auto is_counted = parley::is_counted(measure, rule.vocabulary);
  message_tokens tokens;
  tokens.count = is_counted ? (by_cl100k ? sum.cl100k : sum.o200k) : measure.guessed;
  tokens.vocabulary = to_string(is_counted ? rule.vocabulary : token_vocabulary::bytes);
  tokens.estimated = is_estimated(rule, sum);
  return tokens;
}

// The first line that says anything.
std::string title_from(const std::vector<part>& parts) {
  auto text = content_of(parts);
  auto line = std::string_view{text};
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t\r\n")));
  line = line.substr(0, line.find_first_of("\r\n"));
  return std::string{cut_utf8(line, title_bytes_max)};
}

/// The limit that a provider names when it refuses a request as too long; 0 if it names none.
std::optional<int64_t> limit_in(const error& cause) {
  auto detail = detail_of(cause);
  if (code_of(cause) != errc::provider_refused || detail.reason != "context_too_long")
    return std::nullopt;
  int64_t limit = 0;
  for (const auto& fault : detail.fields)
    if (fault.rule == "tokens_max")
      std::from_chars(fault.bound.data(), fault.bound.data() + fault.bound.size(), limit);
  return std::max<int64_t>(limit, 0);
}

}  // namespace

void session_state::prepare(reply& running) {
  compose(running.made, [this, id = running.id()](const error& fault) {
    auto* entry = find(id);
    if (entry == nullptr) return;
    if (fault) return abandon(id, fault);
    const auto& made = *entry->made;
    entry->meter = parts_.counter->meter(made.rule.vocabulary);
    entry->reasoning = parts_.counter->meter(made.rule.vocabulary);
    for (const auto& known : entry->row.parts)
      (known.type == part_type::reasoning ? entry->reasoning : entry->meter)
          .append(known.text.value_or(""));
    entry->row.context = made.record();
    reserve(*entry);
  });
}

// What is not known from the last turn is read; rows that are gone are left out.
void session_state::read_texts(std::vector<message_id> ids, texts_read then,
                               std::function<void(const error&)> fail) {
  auto history = std::make_shared<std::vector<message_content>>(ids.size());
  read_contents wanted{parts_.owner, parts_.id, {}};
  for (size_t i = 0; i < ids.size(); ++i) {
    auto& content = (*history)[i];
    content.id = ids[i];
    if (!texts_.find(content.id, content.role, content.parts)) wanted.ids.push_back(content.id);
  }
  if (wanted.ids.empty()) return then(*history);
  self_->request(parts_.reader, caf::infinite, std::move(wanted))
      .then(
          [this, history, then = std::move(then)](content_list& found) {
            auto next = found.items.begin();
            for (auto& content : *history)
              if (next != found.items.end() && next->id == content.id) content = std::move(*next++);
            keep_texts(*history);
            then(*history);
          },
          std::move(fail));
}

// The newest, for the next turn. What is still being written is asked for anew.
void session_state::keep_texts(const std::vector<message_content>& history) {
  texts_.clear();
  auto first = history.end();
  for (size_t bytes = 0; first != history.begin(); --first) {
    for (const auto& each : std::prev(first)->parts) bytes += each.text ? each.text->size() : 0;
    if (bytes > parts_.limits.texts_bytes_max) break;
  }
  for (; first != history.end(); ++first) {
    const auto* header = header_of(first->id);
    if (header != nullptr && header->status != message_status::streaming)
      texts_.keep(first->id, first->role, first->parts);
  }
}

void session_state::read_window(reply& running) {
  read_texts(
      sent_ids(*running.made),
      [this, id = running.id()](std::vector<message_content>& history) {
        store_turn(id, std::move(history));
      },
      [this, id = running.id()](const error& cause) { abandon(id, cause); });
}

// As soon as no other commit of the record is under way, which is nearly always now.
void session_state::store_turn(message_id id, std::vector<message_content> history) {
  write_record([this, id, history = std::move(history)]() mutable {
    auto* running = find(id);
    if (running == nullptr) return next_record_write();
    dispatch(*running, std::move(history));
  });
}

void session_state::fill_rows(reply& running, message& asked, session& header) const {
  auto now = parts_.clock->now();
  const auto& start = running.log.start();
  const auto& made = *running.made;
  auto kind = made.content.kind;
  asked.id = start.user_message_id;
  asked.created_at = asked.updated_at = now;
  asked.session_id = parts_.id;
  asked.parent_id = made.content.parent_id;
  asked.role = message_role::user;
  asked.parts = made.content.parts;
  asked.measure = made.asked;
  asked.tokens = tokens_of(made.asked, made.rule);

  auto& row = running.row;
  if (kind == turn_kind::go_on) {
    ++row.version;
  } else {
    row.id = start.message_id;
    row.created_at = now;
    row.session_id = parts_.id;
    row.parent_id = start.user_message_id;
    row.role = message_role::assistant;
  }
  row.updated_at = now;
  row.status = message_status::streaming;
  row.error.reset();
  row.model_id = made.model.id;
  row.model_name = made.model.name;
  row.tokens.vocabulary = asked.tokens.vocabulary;
  row.tokens.estimated = asked.tokens.estimated;

  header = header_;
  header.updated_at = now;
  header.last_message_at = now;
  header.message_count += kind == turn_kind::say ? 2 : kind == turn_kind::again ? 1 : 0;
  header.active_leaf_id = row.id;
  header.context_begin = made.begin();
  if (!header.model_id) header.model_id = made.model.id;
  if (header.title.empty() && kind == turn_kind::say) header.title = title_from(asked.parts);
  if (!is_fresh_) ++header.version;
}

// Commit and call go out at the same time; until the commit is answered nothing is shown.
void session_state::dispatch(reply& running, std::vector<message_content> history) {
  auto& made = *running.made;
  auto start = running.log.start();
  auto kind = made.content.kind;
  made.name_newest(kind == turn_kind::go_on ? start.message_id : start.user_message_id);
  running.row.context = made.record();
  message asked;
  session header;
  fill_rows(running, asked, header);
  start.model_id = made.model.id;
  start.context = *running.row.context;
  running.log = reply_log{start, running.row};
  running.begun_at = running.log.text_bytes();
  if (kind == turn_kind::go_on) running.checkpointed = running.stored = running.log.position();
  auto call = call_for(made, std::move(history));
  if (kind == turn_kind::say) {
    texts_.keep(asked.id, asked.role, made.content.parts);
    release(made.content.parts);
  }
  vocabulary_ = made.rule.vocabulary;

  commit stored;
  if (is_fresh_)
    stored.changes.emplace_back(create_session{header});
  else
    stored.changes.emplace_back(update_session{header});
  if (kind == turn_kind::say) stored.changes.emplace_back(create_message{asked});
  if (kind == turn_kind::go_on)
    stored.changes.emplace_back(finish_message{running.row});
  else
    stored.changes.emplace_back(create_message{running.row});
  if (running.key) {
    auto once = remembered({parts_.owner, *running.key}, asked.created_at);
    once.session = parts_.id;
    once.message = running.id();
    stored.changes.emplace_back(std::move(once));
  }
  running.at = reply::phase::storing;
  asked.parts.clear();
  commit_record(std::move(stored), std::move(header),
                [this, id = running.id(), asked](const error& cause) {
                  if (cause) return abandon(id, cause);
                  if (auto* entry = find(id)) on_stored(*entry, asked);
                });
  // Stopped before it began: there is nothing to call for, but the message stays.
  if (!running.ending) begin_call(running, std::move(call));
}

// -- The second try -----------------------------------------------------------------------------

// Once, and only while nothing was said: what the provider calls too long is shrunk to the limit it
// names. The first failure is shown if that cannot be.
bool session_state::is_retried(reply& running, const error& cause) {
  auto limit = limit_in(cause);
  if (!limit || running.refused || running.log.text_bytes() > running.begun_at || running.ending)
    return false;
  if (running.at != reply::phase::storing && running.at != reply::phase::streaming) return false;
  release_call(running);
  running.refused = *limit;
  // Its message has to be stored first: it is read back from there.
  if (running.at == reply::phase::streaming) try_again(running);
  return true;
}

void session_state::try_again(reply& running) {
  auto made = std::make_shared<composition>(*running.made);
  auto goes_on = made->content.kind == turn_kind::go_on;
  if (!goes_on) {
    made->is_stored = true;
    made->content.parent_id = running.log.start().user_message_id;
  }
  auto window = static_cast<int64_t>(made->model.context_window);
  if (*running.refused > 0) {
    window = std::min(window, *running.refused);
    named_window_ = {made->model.id, window};
  }
  // What was planned had room by our count, so that count is too low: at least a fifth less.
  constexpr int64_t kept_tenths = 8;
  auto reply_share = made->model.context_window - made->plan.limit;
  made->window = std::min(window, made->plan.tokens * kept_tenths / 10 + reply_share);
  auto fail = [this, id = running.id()] {
    if (auto* entry = find(id); entry != nullptr && entry->at == reply::phase::streaming)
      fail_call(*entry, make_error(errc::provider_refused, "context_too_long",
                                   "The conversation is too long for the model."));
  };
  if (!plan(*made)) return fail();
  if (goes_on) made->name_newest(running.id());
  running.made = made;
  running.row.context = made->record();
  running.row.context->refused_tokens = running.refused;
  log_info("reply.tried_again", {{"message", running.id()}, {"limit", *running.refused}});
  read_texts(
      sent_ids(*made),
      [this, id = running.id()](std::vector<message_content>& history) {
        send_again(id, std::move(history));
      },
      [fail](const error&) { fail(); });
}

void session_state::send_again(message_id id, std::vector<message_content> history) {
  auto* running = find(id);
  if (running == nullptr || running->at != reply::phase::streaming || running->ending) return;
  begin_call(*running, call_for(*running->made, std::move(history)));
}

}  // namespace parley
