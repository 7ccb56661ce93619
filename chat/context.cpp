#include "chat/context.hpp"

#include <cmath>

namespace parley {

namespace {

error too_long(int64_t tokens, int64_t limit, const char* what) {
  return make_error(errc::invalid_input, "context_too_long",
                    std::string{what} + " needs " + std::to_string(tokens) + " tokens, but only " +
                        std::to_string(limit) + " are left by the model's context window.");
}

}  // namespace

int64_t reply_budget(int64_t window) {
  constexpr int64_t enough_for_most = 4096;
  return std::min(window / 4, enough_for_most);
}

expected<context_plan> plan_context(std::span<const context_item> path,
                                    const context_budget& budget) {
  auto guarded = [&](int64_t tokens) {
    return static_cast<int64_t>(std::ceil(static_cast<double>(tokens) * (1 + budget.guard)));
  };
  // A reply budget above half of the window would leave too little to talk about.
  auto reply = std::min(budget.reply_max, budget.window / 2);
  context_plan plan;
  plan.limit = budget.window - reply;
  plan.tokens = guarded(budget.fixed_tokens);
  plan.first_kept = path.size();
  while (plan.first_kept > 0) {
    auto next = plan.tokens + guarded(path[plan.first_kept - 1].tokens);
    if (next > plan.limit) break;
    plan.tokens = next;
    --plan.first_kept;
  }
  if (plan.first_kept == path.size())
    return too_long(guarded(budget.fixed_tokens) + guarded(path.empty() ? 0 : path.back().tokens),
                    plan.limit, "This message");
  if (plan.first_kept > 0 && budget.strategy == context_strategy::none) {
    int64_t whole = budget.fixed_tokens;
    for (const auto& item : path) whole += item.tokens;
    return too_long(guarded(whole), plan.limit, "This conversation");
  }
  while (plan.first_kept > 0 && plan.first_kept + 1 < path.size() &&
         path[plan.first_kept].role == message_role::assistant) {
    plan.tokens -= guarded(path[plan.first_kept].tokens);
    ++plan.first_kept;
  }
  plan.dropped = static_cast<int64_t>(plan.first_kept);
  plan.kept = static_cast<int64_t>(path.size() - plan.first_kept);
  return plan;
}

}  // namespace parley
