/// Money as whole numbers of 10^-9 of a currency: prices and costs are never floating point.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parley {

constexpr int64_t nano_per_unit = 1'000'000'000;
constexpr int64_t money_max = 1'000'000 * nano_per_unit;  ///< of one text

/// "12", "0.28", "0.000000001": digits with at most nine behind the point. Empty for anything else,
/// and beyond money_max.
std::optional<int64_t> parse_money(std::string_view text);

/// Three capital letters, as the codes of ISO 4217 are.
bool is_currency(std::string_view code);

/// The shortest text that reads back equal; `amount` must not be negative.
std::string money_text(int64_t amount);

}  // namespace parley
