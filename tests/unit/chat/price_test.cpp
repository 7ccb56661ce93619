#include "chat/price.hpp"

#include <catch2/catch.hpp>

using namespace parley;

TEST_CASE("tokens cost what the model's prices say", "[price]") {
  model_prices prices{"USD", "2.50", "10", "0.25"};
  auto cost = [&](priced_tokens used) { return price_of(prices, used)->amount; };
  CHECK(cost({.input_tokens = 1'000'000}) == "2.5");
  CHECK(cost({.input_tokens = 1000, .output_tokens = 200}) == "0.0045");
  CHECK(cost({.input_tokens = 1000, .cached_tokens = 800}) == "0.0007");
  // More cached than there was is a provider's fault, not a gift.
  CHECK(cost({.input_tokens = 1000, .cached_tokens = 5000}) == "0.00025");
  CHECK(price_of(prices, {.input_tokens = 1})->currency == "USD");
  prices.input = "1000000";
  CHECK(cost({.input_tokens = 1'000'000'000}) == "1000000000");
  prices.input = "free";
  CHECK_FALSE(price_of(prices, {.input_tokens = 1}));
}
