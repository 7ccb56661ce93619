#include "base/money.hpp"

#include <algorithm>

namespace parley {

std::optional<int64_t> parse_money(std::string_view text) {
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  int64_t amount = 0;
  int places = -1;  // behind the point; -1 before it
  size_t digits = 0;
  for (auto c : text) {
    if (c == '.' && places < 0 && digits > 0) {
      places = 0;
      continue;
    }
    if (!is_digit(c) || places == 9) return std::nullopt;
    amount = amount * 10 + (c - '0');
    ++digits;
    if (places >= 0) ++places;
    if (amount > money_max) return std::nullopt;
  }
  if (digits == 0 || places == 0) return std::nullopt;
  for (auto i = places < 0 ? 0 : places; i < 9; ++i) {
    amount *= 10;
    if (amount > money_max) return std::nullopt;
  }
  return amount;
}

bool is_currency(std::string_view code) {
  auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  return code.size() == 3 && std::all_of(code.begin(), code.end(), is_capital);
}

std::string money_text(int64_t amount) {
  auto text = std::to_string(amount / nano_per_unit);
  auto fraction = std::to_string(amount % nano_per_unit);
  fraction.insert(0, 9 - fraction.size(), '0');
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  return fraction.empty() ? text : text + "." + fraction;
}

}  // namespace parley
