#include "chat/usage_entry.hpp"

#include "base/money.hpp"
#include "chat/price.hpp"

namespace parley {

usage_entry priced_entry(const model_config& model, usage& used) {
  usage_entry entry;
  entry.model_id = model.id;
  entry.model_name = model.name;
  entry.prompt_tokens = used.prompt_tokens;
  entry.completion_tokens = used.completion_tokens;
  entry.reasoning_tokens = used.reasoning_tokens.value_or(0);
  entry.cached_tokens = used.cached_tokens.value_or(0);
  if (!model.prices) return entry;
  auto cost = nano_price_of(*model.prices,
                            {used.prompt_tokens, used.completion_tokens, entry.cached_tokens});
  if (!cost) return entry;
  entry.currency = model.prices->currency;
  entry.cost = *cost;
  used.cost = money{money_text(*cost), entry.currency};
  return entry;
}

}  // namespace parley
