#include "chat/quota_book.hpp"

#include <algorithm>
#include <utility>

#include "base/money.hpp"

namespace parley {

namespace {

constexpr int64_t warned_percent = 80;

int64_t part_of(const quota_amounts& amounts, quota_measure measure) {
  if (measure == quota_measure::requests) return amounts.requests;
  return measure == quota_measure::tokens ? amounts.tokens : amounts.cost;
}

bool is_counted(const quota_limit& limit, const quota_account& account) {
  if (!limit.key.is_none() && limit.key != account.key) return false;
  if (!limit.model.is_none() && limit.model != account.model) return false;
  return limit.rule.measure != quota_measure::money || limit.rule.currency == account.currency;
}

int64_t cost_of(const std::optional<model_prices>& prices, int64_t prompt, int64_t completion) {
  if (!prices) return 0;
  return nano_price_of(*prices, {prompt, completion, 0}).value_or(0);
}

// What a limit is told apart by; it warns once while its window lasts.
std::string name_of_limit(const quota_limit& limit) {
  const auto& rule = limit.rule;
  return to_string(rule.window) + ' ' + to_string(rule.measure) + ' ' + to_string(rule.subject) +
         ' ' + rule.subject_id.value_or("") + ' ' + rule.currency.value_or("");
}

std::string window_prefix(size_t window) {
  return to_string(static_cast<quota_window>(window + 1)) + ' ';
}

}  // namespace

quota_amounts& quota_amounts::operator+=(const quota_amounts& more) {
  requests += more.requests;
  tokens += more.tokens;
  cost += more.cost;
  return *this;
}

void quota_book::begin(const quota_periods& now) {
  used_.clear();
  warned_.clear();
  periods_ = now;
}

void quota_book::load(const quota_account& account, quota_window window,
                      const quota_amounts& used) {
  used_[account][index_of(window)] += used;
}

void quota_book::move_to(const quota_periods& now) {
  for (size_t i = 0; i < quota_windows; ++i) {
    if (periods_[i] == now[i]) continue;
    periods_[i] = now[i];
    for (auto& [account, windows] : used_) windows[i] = {};
    std::erase_if(warned_,
                  [&](const std::string& known) { return known.starts_with(window_prefix(i)); });
  }
}

int64_t quota_book::used_of(const quota_limit& limit) const {
  int64_t sum = 0;
  for (const auto& [account, windows] : used_)
    if (is_counted(limit, account))
      sum += part_of(windows[index_of(limit.rule.window)], limit.rule.measure);
  return sum;
}

int64_t quota_book::reserved_of(const quota_limit& limit) const {
  int64_t sum = 0;
  for (const auto& [reply, spend] : running_)
    if (is_counted(limit, spend.account)) sum += part_of(spend.amounts, limit.rule.measure);
  return sum;
}

int64_t quota_book::left_of(const quota_limit& limit) const {
  return limit.limit - used_of(limit) - reserved_of(limit);
}

void quota_book::weigh(running& reply) {
  reply.amounts.requests = 1;
  reply.amounts.tokens = reply.prompt_tokens + reply.completion_tokens;
  reply.amounts.cost = cost_of(reply.prices, reply.prompt_tokens, reply.completion_tokens);
}

std::optional<quota_limit> quota_book::reserve(const quota_claim& claim,
                                               std::vector<quota_limit> limits) {
  running wanted;
  wanted.account = claim.account;
  wanted.prices = claim.prices;
  wanted.prompt_tokens = claim.prompt_tokens;
  // A reply of no token at all is none.
  wanted.completion_tokens = 1;
  weigh(wanted);
  for (const auto& limit : limits) {
    if (limit.rule.on_exceed != quota_action::refuse || !is_counted(limit, claim.account)) continue;
    if (left_of(limit) < part_of(wanted.amounts, limit.rule.measure)) return limit;
    // Without a price a model costs nothing that could be counted.
    if (left_of(limit) <= 0) return limit;
  }
  wanted.limits = std::move(limits);
  running_[claim.reply] = std::move(wanted);
  return std::nullopt;
}

bool quota_book::is_metered(const message_id& reply) const {
  auto found = running_.find(reply);
  if (found == running_.end()) return false;
  const auto& limits = found->second.limits;
  return std::any_of(limits.begin(), limits.end(), [](const quota_limit& limit) {
    return limit.rule.measure != quota_measure::requests;
  });
}

// Requests were weighed when it began.
bool quota_book::is_over(const running& reply) const {
  return std::any_of(reply.limits.begin(), reply.limits.end(), [&](const quota_limit& limit) {
    return limit.rule.on_exceed == quota_action::refuse &&
           limit.rule.measure != quota_measure::requests && is_counted(limit, reply.account) &&
           left_of(limit) < 0;
  });
}

int64_t quota_book::tokens_left(const running& reply) const {
  auto left = INT64_MAX;
  for (const auto& limit : reply.limits) {
    if (limit.rule.on_exceed != quota_action::refuse || !is_counted(limit, reply.account)) continue;
    if (limit.rule.measure == quota_measure::tokens) left = std::min(left, left_of(limit));
    if (limit.rule.measure != quota_measure::money) continue;
    constexpr int64_t sample = 1'000'000;
    auto price = cost_of(reply.prices, 0, sample);
    if (price > 0)
      left = std::min(left, static_cast<int64_t>(static_cast<double>(left_of(limit)) * sample /
                                                 static_cast<double>(price)));
  }
  return std::max<int64_t>(left, 0);
}

quota_progress quota_book::stream(const message_id& reply, int64_t completion_tokens) {
  quota_progress progress;
  auto found = running_.find(reply);
  if (found == running_.end()) return progress;
  auto& spend = found->second;
  spend.completion_tokens = std::max(spend.completion_tokens, completion_tokens);
  weigh(spend);
  for (const auto& [id, other] : running_)
    if (is_over(other)) progress.over.push_back(id);
  // All that run may use half of what is left before they report again.
  auto share = tokens_left(spend) / (2 * static_cast<int64_t>(running_.size()));
  progress.report_at = completion_tokens + std::clamp<int64_t>(share, 1, 1 << 20);
  return progress;
}

void quota_book::settle(const message_id& reply, const std::optional<usage_entry>& used) {
  running_.erase(reply);
  if (!used) return;
  quota_amounts amounts{used->requests, used->prompt_tokens + used->completion_tokens, used->cost};
  auto& windows = used_[{used->model_id, used->key_id, used->currency}];
  for (auto& window : windows) window += amounts;
}

std::optional<instant> quota_book::reset_of(const quota_limit& limit) const {
  if (limit.rule.window == quota_window::total) return std::nullopt;
  return periods_[index_of(limit.rule.window)].end;
}

quota_state quota_book::state_of(const quota_limit& limit) const {
  const auto& rule = limit.rule;
  quota_state state;
  state.subject = rule.subject;
  state.subject_id = rule.subject_id;
  state.window = rule.window;
  state.measure = rule.measure;
  state.on_exceed = rule.on_exceed;
  state.resets_at = reset_of(limit);
  if (rule.measure == quota_measure::money) {
    state.amount = rule.amount;
    state.currency = rule.currency;
    state.used_amount = money_text(used_of(limit));
    state.reserved_amount = money_text(reserved_of(limit));
  } else {
    state.limit = rule.limit;
    state.used = used_of(limit);
    state.reserved = reserved_of(limit);
  }
  return state;
}

bool quota_book::is_spent(const quota_limit& limit, int64_t percent) const {
  auto spent = static_cast<double>(limit.limit - left_of(limit));
  return spent * 100 >= static_cast<double>(limit.limit) * static_cast<double>(percent);
}

std::vector<quota_crossing> quota_book::new_crossings(const std::vector<quota_limit>& limits,
                                                      int64_t percent) {
  std::vector<quota_crossing> crossings;
  for (const auto& limit : limits) {
    auto is_above = is_spent(limit, percent);
    auto [known, is_new] = crossed_.try_emplace(name_of_limit(limit), is_above);
    if (!is_new && std::exchange(known->second, is_above) == is_above) continue;
    crossings.push_back({limit, is_above});
  }
  return crossings;
}

std::vector<quota_limit> quota_book::new_warnings(const std::vector<quota_limit>& limits) {
  std::vector<quota_limit> warnings;
  for (const auto& limit : limits) {
    if (!is_spent(limit, warned_percent)) continue;
    if (warned_.insert(name_of_limit(limit)).second) warnings.push_back(limit);
  }
  return warnings;
}

}  // namespace parley
