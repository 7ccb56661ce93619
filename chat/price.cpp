#include "chat/price.hpp"

#include <algorithm>

#include "base/money.hpp"

namespace parley {

namespace {

constexpr int64_t tokens_per_price = 1'000'000, tokens_max = 1'000'000'000;

// Tokens at a price for a million, in whole and in millionths of 10^-9; neither overflows.
struct cost {
  int64_t whole = 0, millionths = 0;

  void add(int64_t price, int64_t tokens) {
    tokens = std::clamp<int64_t>(tokens, 0, tokens_max);
    whole += price / tokens_per_price * tokens;
    millionths += price % tokens_per_price * tokens;
  }
  int64_t rounded() const { return whole + (millionths + tokens_per_price / 2) / tokens_per_price; }
};

}  // namespace

std::optional<int64_t> nano_price_of(const model_prices& prices, const priced_tokens& used) {
  auto input = parse_money(prices.input), output = parse_money(prices.output);
  auto cached = prices.cached ? parse_money(*prices.cached) : input;
  if (!input || !output || !cached) return std::nullopt;
  auto cached_tokens = std::clamp<int64_t>(used.cached_tokens, 0, used.input_tokens);
  cost sum;
  sum.add(*input, used.input_tokens - cached_tokens);
  sum.add(*cached, cached_tokens);
  sum.add(*output, used.output_tokens);
  return sum.rounded();
}

std::optional<money> price_of(const model_prices& prices, const priced_tokens& used) {
  auto amount = nano_price_of(prices, used);
  if (!amount) return std::nullopt;
  return money{money_text(*amount), prices.currency};
}

}  // namespace parley
