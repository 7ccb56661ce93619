// USER: what its replies use. Reserve, stream, settle: chat/quota_book keeps the sums, here they
// are brought together with the sessions whose replies they are of.
#include <algorithm>

#include "actors/impl/user_state.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/record_json.hpp"

namespace parley {

namespace {

/// Told to who must wait for something that no time brings.
constexpr uint32_t retry_never_s = 3600;

error quota_refusal(const quota_limit& limit, std::optional<instant> resets_at, instant now) {
  error_detail detail;
  detail.reason = "quota_" + to_string(limit.rule.measure);
  detail.retry_after_s = retry_never_s;
  if (resets_at)
    detail.retry_after_s =
        static_cast<uint32_t>(std::max<int64_t>(0, resets_at->ms - now.ms) / 1000 + 1);
  return make_error(errc::quota_exceeded,
                    "The quota of " + to_string(limit.rule.measure) + " is used up.",
                    std::move(detail));
}

}  // namespace

// What was used before this actor's life is read at the first need of it. Nothing that this actor
// grants is stored before that, so nothing is counted twice.
void user_state::with_book(const std::function<void(const error&)>& use) {
  auto zone = parts_->quotas->read()->zone;
  if (has_book_ && zone.name() == book_zone_.name()) {
    move_book();
    return use(error{});
  }
  auto periods = periods_around(now(), zone);
  sum_windows wanted{id_, periods[index_of(quota_window::day)].begin,
                     periods[index_of(quota_window::month)].begin};
  self->request(parts_->reader, caf::infinite, wanted)
      .await(
          [this, periods, zone, use](const window_sums& sums) {
            book_zone_ = zone;
            book_.begin(periods);
            for (const auto& sum : sums.items)
              book_.load({sum.model, sum.key, sum.currency}, sum.window,
                         {sum.requests, sum.tokens, sum.cost});
            has_book_ = true;
            use(error{});
          },
          [use](const error& cause) { use(cause); });
}

void user_state::move_book() {
  book_.move_to(periods_around(now(), book_zone_));
}

std::vector<quota_limit> user_state::limits_of_spend(const spender& by, model_id model) const {
  quota_applicant who{id_, account_.role, by.key, {}, model};
  if (const auto* entry = find_api_key(by.key)) who.budget = entry->budget;
  return limits_of(parts_->quotas->read()->rules, who);
}

caf::result<spend_granted> user_state::on(const reserve_spend& wanted) {
  TRY_DONE(check_present());
  if (!may_use(wanted.by.key, wanted.model))
    return make_error(errc::forbidden, "model_not_allowed", "This API key may not use the model.");
  // First: a promise takes the sender along.
  auto holder = caf::actor_cast<spending_actor>(self->current_sender());
  auto held = answers.hold<spend_granted>(self);
  with_book([this, key = held.first, wanted, holder](const error& fault) {
    if (fault) return answers.fail<spend_granted>(key, fault);
    grant(key, wanted, holder);
  });
  return held.second;
}

void user_state::grant(uint64_t key, const reserve_spend& wanted, const spending_actor& holder) {
  quota_claim claim;
  claim.reply = wanted.reply;
  claim.account = {wanted.model, wanted.by.key, wanted.prices ? wanted.prices->currency : ""};
  claim.prompt_tokens = wanted.prompt_tokens;
  claim.prices = wanted.prices;
  auto limits = limits_of_spend(wanted.by, wanted.model);
  if (auto full = book_.reserve(claim, limits))
    return answers.fail<spend_granted>(key, quota_refusal(*full, book_.reset_of(*full), now()));
  spends_[wanted.reply] = {holder, wanted.by, wanted.model};
  warn_of(limits);
  answers.deliver<spend_granted>(key, {book_.is_metered(wanted.reply)});
}

void user_state::on(const tokens_streamed& told) {
  auto found = spends_.find(told.reply);
  if (found == spends_.end()) return;
  move_book();
  auto progress = book_.stream(told.reply, told.tokens);
  for (const auto& over : progress.over)
    if (auto spend = spends_.find(over); spend != spends_.end())
      self->send(spend->second.holder, spend_ruled{over, 0, true});
  self->send(found->second.holder, spend_ruled{told.reply, progress.report_at, false});
  warn_of(limits_of_spend(found->second.by, found->second.model));
}

namespace {

void note_tokens(const usage_entry& used) {
  static auto count = [](const char* direction) -> metric_counter& {
    return metrics().counter("parley_tokens_total", "Tokens sent to models and got from them.",
                             {{"direction", direction}});
  };
  static auto& sent = count("in");
  static auto& got = count("out");
  sent.add(static_cast<uint64_t>(std::max<int64_t>(0, used.prompt_tokens)));
  got.add(static_cast<uint64_t>(std::max<int64_t>(0, used.completion_tokens)));
}

}  // namespace

void user_state::on(const spend_settled& told) {
  if (told.used) note_tokens(*told.used);
  auto found = spends_.find(told.reply);
  if (has_book_) {
    move_book();
    book_.settle(told.reply, told.used);
    if (told.used)
      warn_of(limits_of_spend({told.used->key_id, told.used->label}, told.used->model_id));
  }
  if (found != spends_.end()) spends_.erase(found);
}

// Of one that has ended without saying so.
void user_state::end_spends_of(const caf::actor_addr& ended) {
  std::erase_if(spends_, [&](const auto& spend) {
    if (spend.second.holder.address() != ended) return false;
    book_.forget(spend.first);
    return true;
  });
}

void user_state::store_usage(const usage_entry& used) {
  ++usage_writes_;
  auto end = [this] {
    if (--usage_writes_ > 0) return;
    for (auto& waiter : std::exchange(usage_waiters_, {})) waiter();
  };
  self->request(parts_->storage, caf::infinite, commit{{change_metering{add_usage{used}}}})
      .then([end](const done&) { end(); },
            [this, end](const error& cause) {
              log_warning("user.usage_lost", {{"user", id_}, {"error", cause}});
              end();
            });
}

void user_state::warn_of(const std::vector<quota_limit>& limits) {
  for (const auto& limit : book_.new_warnings(limits))
    tell_event("quota.warning", json_of(book_.state_of(limit)));
  if (!parts_->budgets) return;
  // A minute is over before anybody could do something.
  for (const auto& [limit, is_above] : book_.new_crossings(limits, parts_->budget_percent))
    if (limit.rule.window != quota_window::minute && limit.limit > 0)
      self->send(parts_->budgets,
                 budget_crossed{account_.username, book_.state_of(limit), is_above});
}

// For what is not worth a reservation of its own: summaries and titles.
expected<void> user_state::check_budget_left() const {
  if (!has_book_) return caf::unit;
  for (const auto& limit : limits_of_spend({}, {}))
    if (limit.rule.on_exceed == quota_action::refuse && book_.is_exceeded(limit))
      return quota_refusal(limit, book_.reset_of(limit), now());
  return caf::unit;
}

// -- Reports ------------------------------------------------------------------------------------

caf::result<usage_report> user_state::on(const list_usage& asked) {
  TRY_DONE(check_caller(asked.who));
  TRY(auto range, plan_usage(asked.query, parts_->quotas->read()->zone, now()));
  auto held = answers.hold<usage_report>(self);
  auto read = [this, key = held.first, range] {
    answers.hand_on<usage_report>(key, parts_->reader, read_usage{id_, range});
  };
  if (usage_writes_ == 0)
    read();
  else
    usage_waiters_.emplace_back(read);
  return held.second;
}

caf::result<limit_list> user_state::on(const list_limits& asked) {
  TRY_DONE(check_caller(asked.who));
  auto held = answers.hold<limit_list>(self);
  with_book([this, key = held.first](const error& fault) {
    if (fault) return answers.fail<limit_list>(key, fault);
    limit_list list;
    auto add = [&](const quota_applicant& who, quota_subject only) {
      for (const auto& limit : limits_of(parts_->quotas->read()->rules, who))
        if ((only == quota_subject::everyone && limit.key.is_none() && limit.model.is_none()) ||
            limit.rule.subject == only)
          list.items.push_back(book_.state_of(limit));
    };
    quota_applicant who{id_, account_.role, {}, {}, {}};
    add(who, quota_subject::everyone);
    for (const auto& entry : keys_) {
      who.key = entry.id;
      who.budget = entry.budget;
      add(who, quota_subject::key);
    }
    who.key = {};
    who.budget.reset();
    // One rule for each window and measure of a model.
    for (const auto& rule : parts_->quotas->read()->rules) {
      if (rule.subject != quota_subject::model) continue;
      auto model = model_id::parse(rule.subject_id.value_or(""));
      if (!model) continue;
      who.model = *model;
      for (const auto& limit : limits_of({rule}, who)) list.items.push_back(book_.state_of(limit));
    }
    answers.deliver<limit_list>(key, std::move(list));
  });
  return held.second;
}

}  // namespace parley
