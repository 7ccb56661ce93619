#include "base/money.hpp"

#include <catch2/catch.hpp>

using namespace parley;

TEST_CASE("money is read without floating point", "[money]") {
  CHECK(parse_money("0") == 0);
  CHECK(parse_money("12") == 12 * nano_per_unit);
  CHECK(parse_money("0.28") == 280'000'000);
  CHECK(parse_money("0.000000001") == 1);
  CHECK(parse_money("1.25") == 1'250'000'000);
  CHECK(parse_money("0000.5") == 500'000'000);
  CHECK(parse_money("1000000") == money_max);
  for (auto text : {"", ".", ".5", "5.", "-1", "+1", "1e3", "1,5", "0.0000000001", "1000000.000001",
                    "1000001", "99999999999999999999999999", " 1", "1 ", "1..2", "0x1", "nan"}) {
    INFO(text);
    CHECK_FALSE(parse_money(text));
  }
}

TEST_CASE("money is written shortest, and reads back", "[money]") {
  CHECK(money_text(0) == "0");
  CHECK(money_text(280'000'000) == "0.28");
  CHECK(money_text(1) == "0.000000001");
  CHECK(money_text(10 * nano_per_unit) == "10");
  for (int64_t amount = 1; amount < money_max; amount = amount * 7 + 3)
    CHECK(parse_money(money_text(amount)) == amount);
}
