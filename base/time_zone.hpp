/// Local days and months, by the system's time zone database (IANA names). Read-only, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace date {
class time_zone;
}

namespace parley {

/// From `begin` on, before `end`.
struct time_span {
  instant begin;
  instant end;

  friend bool operator==(const time_span&, const time_span&) = default;
};

class time_zone {
 public:
  /// UTC, which needs no database.
  time_zone() = default;
  /// "Europe/Berlin", "UTC"; nothing for a name that the system's database does not have.
  static std::optional<time_zone> find(std::string_view name);

  const std::string& name() const { return name_; }
  /// "2026-07-25"
  std::string day_of(instant at) const;
  /// The local day or month that `at` is of.
  time_span day_around(instant at) const;
  time_span month_around(instant at) const;
  /// When the day "2026-07-25" begins; nothing for what is no such day.
  std::optional<instant> begin_of_day(std::string_view day) const;

 private:
  const date::time_zone* zone_ = nullptr;  ///< lives as long as the process; null: UTC
  std::string name_ = "UTC";
};

}  // namespace parley
