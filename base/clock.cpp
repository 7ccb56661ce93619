#include "base/clock.hpp"

#include <algorithm>
#include <cstdio>

namespace parley {

namespace {

using namespace std::chrono;

constexpr int64_t first_ms = sys_days{year{0} / 1 / 1}.time_since_epoch().count() * 86'400'000LL;
constexpr int64_t end_ms = sys_days{year{10'000} / 1 / 1}.time_since_epoch().count() * 86'400'000LL;

class realtime_clock final : public wall_clock {
 public:
  instant now() const override {
    return {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
  }
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Reads from the left; a failed step leaves `is_good` false and reads on without harm.
struct instant_reader {
  std::string_view rest;
  bool is_good = true;

  int number(size_t digits) {
    int value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (i >= rest.size() || !is_digit(rest[i])) return is_good = false, 0;
      value = value * 10 + (rest[i] - '0');
    }
    rest.remove_prefix(digits);
    return value;
  }
  bool has(char c) const { return !rest.empty() && rest.front() == c; }
  void skip(char c) {
    if (!has(c)) return void(is_good = false);
    rest.remove_prefix(1);
  }
  char sign() {
    if (!has('+') && !has('-')) return is_good = false, '+';
    auto c = rest.front();
    rest.remove_prefix(1);
    return c;
  }
  int fraction_ms() {
    if (!has('.')) return 0;
    rest.remove_prefix(1);
    size_t digits = 0;
    int ms = 0;
    for (; digits < rest.size() && is_digit(rest[digits]); ++digits) {
      if (digits < 3) ms = ms * 10 + (rest[digits] - '0');
    }
    if (digits == 0 || digits > 9) is_good = false;
    for (auto i = digits; i < 3; ++i) ms *= 10;
    rest.remove_prefix(digits);
    return ms;
  }
  minutes offset() {
    if (has('Z') || has('z')) {
      rest.remove_prefix(1);
      return minutes{0};
    }
    auto direction = sign() == '-' ? -1 : 1;
    auto hour = number(2);
    skip(':');
    auto minute = number(2);
    if (hour > 23 || minute > 59) is_good = false;
    return minutes{direction * (hour * 60 + minute)};
  }
};

}  // namespace

std::string to_string(instant at) {
  sys_time<milliseconds> time{milliseconds{std::clamp(at.ms, first_ms, end_ms - 1)}};
  auto day = floor<days>(time);
  year_month_day date{day};
  hh_mm_ss clock{time - day};
  char text[64];
  std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

std::optional<instant> parse_instant(std::string_view text) {
  instant_reader reader{text};
  auto year_number = reader.number(4);
  reader.skip('-');
  auto month_number = reader.number(2);
  reader.skip('-');
  auto day_number = reader.number(2);
  reader.skip(reader.has('t') ? 't' : 'T');
  auto hour = reader.number(2);
  reader.skip(':');
  auto minute = reader.number(2);
  reader.skip(':');
  auto second = reader.number(2);
  auto ms = reader.fraction_ms();
  auto offset = reader.offset();
  year_month_day date{year{year_number}, month{static_cast<unsigned>(month_number)},
                      day{static_cast<unsigned>(day_number)}};
  if (!reader.is_good || !reader.rest.empty() || !date.ok()) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  auto time = sys_days{date} + hours{hour} + minutes{minute} + seconds{second} - offset;
  return instant{duration_cast<milliseconds>(time.time_since_epoch()).count() + ms};
}

const wall_clock& system_wall_clock() {
  static const realtime_clock clock;
  return clock;
}

}  // namespace parley
