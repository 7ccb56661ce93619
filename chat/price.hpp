/// What tokens cost at a model's prices. Pure; in whole numbers of 10^-9 (base/money).
#pragma once

#include <optional>

#include "schema/message.hpp"
#include "schema/model.hpp"

namespace parley {

struct priced_tokens {
  int64_t input_tokens = 0;  ///< with those that were cached
  int64_t output_tokens = 0;
  int64_t cached_tokens = 0;
};

/// In 10^-9 of the prices' currency, rounded; none if a price cannot be read.
std::optional<int64_t> nano_price_of(const model_prices& prices, const priced_tokens& used);
/// The same as a text.
std::optional<money> price_of(const model_prices& prices, const priced_tokens& used);

}  // namespace parley
