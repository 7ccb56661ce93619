#include "base/time_zone.hpp"

#include <date/tz.h>

#include <algorithm>
#include <charconv>

namespace parley {

namespace {

using milliseconds = std::chrono::milliseconds;
using sys_ms = date::sys_time<milliseconds>;
using local_ms = date::local_time<milliseconds>;

// Days of the years 0 to 9999, like the texts of instants.
constexpr int64_t instant_min = -62'167'219'200'000, instant_max = 253'402'300'799'999;

local_ms local_of(const date::time_zone* zone, instant at) {
  sys_ms when{milliseconds{std::clamp(at.ms, instant_min, instant_max)}};
  if (zone == nullptr) return local_ms{when.time_since_epoch()};
  return zone->to_local(when);
}

// Of a midnight that there is twice the first one, of one that there is not the moment after.
instant begin_of(const date::time_zone* zone, date::local_days day) {
  if (zone == nullptr) return {milliseconds{day.time_since_epoch()}.count()};
  auto when = zone->to_sys(local_ms{day}, date::choose::earliest);
  return {when.time_since_epoch().count()};
}

std::optional<int> number_in(std::string_view digits) {
  int number = 0;
  auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (fault != std::errc{} || end != digits.data() + digits.size() || number < 0)
    return std::nullopt;
  return number;
}

}  // namespace

std::optional<time_zone> time_zone::find(std::string_view name) {
  time_zone found;
  if (name == found.name_) return found;
  // The library throws for a name that it does not know, and without a database.
  try {
    found.zone_ = date::locate_zone(std::string{name});
  } catch (const std::exception&) {
    return std::nullopt;
  }
  found.name_ = name;
  return found;
}

std::string time_zone::day_of(instant at) const {
  return date::format("%F", date::floor<date::days>(local_of(zone_, at)));
}

time_span time_zone::day_around(instant at) const {
  auto day = date::floor<date::days>(local_of(zone_, at));
  return {begin_of(zone_, day), begin_of(zone_, day + date::days{1})};
}

time_span time_zone::month_around(instant at) const {
  date::year_month_day day{date::floor<date::days>(local_of(zone_, at))};
  auto first = day.year() / day.month() / 1;
  auto next = first + date::months{1};
  return {begin_of(zone_, date::local_days{first}), begin_of(zone_, date::local_days{next})};
}

std::optional<instant> time_zone::begin_of_day(std::string_view day) const {
  if (day.size() != 10 || day[4] != '-' || day[7] != '-') return std::nullopt;
  auto year = number_in(day.substr(0, 4));
  auto month = number_in(day.substr(5, 2)), of_month = number_in(day.substr(8, 2));
  if (!year || !month || !of_month) return std::nullopt;
  date::year_month_day wanted{date::year{*year}, date::month(static_cast<unsigned>(*month)),
                              date::day(static_cast<unsigned>(*of_month))};
  if (!wanted.ok()) return std::nullopt;
  return begin_of(zone_, date::local_days{wanted});
}

}  // namespace parley
