#include "base/password_rules.hpp"

#include <algorithm>
#include <array>

#include "base/password.hpp"
#include "base/text.hpp"
#include "base/weak_passwords.hpp"

namespace parley {

namespace {

constexpr std::string_view keyboard_lines[] = {"abcdefghijklmnopqrstuvwxyz",
                                               "01234567890",
                                               "qwertyuiop",
                                               "qwertzuiop",
                                               "azertyuiop",
                                               "asdfghjkl",
                                               "zxcvbnm",
                                               "yxcvbnm",
                                               "1q2w3e4r5t6y7u8i9o0p",
                                               "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
                                               "qazwsxedcrfvtgbyhnujmikolp",
                                               "!@#$%^&*()"};

// Characters before and after a word that do not make it strong ("monkey2024!").
constexpr size_t ornament_max = 5;

const std::vector<std::string_view>& weak_words() {
  static const auto words = [] {
    std::vector<std::string_view> list;
    for (auto rest = weak_password_words; !rest.empty();) {
      auto word = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(word.size() + 1, rest.size()));
      list.push_back(word);
    }
    std::sort(list.begin(), list.end());
    return list;
  }();
  return words;
}

bool is_listed(std::string_view word) {
  return std::binary_search(weak_words().begin(), weak_words().end(), word);
}

bool is_listed_or_two(std::string_view text) {
  if (is_listed(text)) return true;
  for (size_t split = 3; split + 3 <= text.size(); ++split) {
    if (is_listed(text.substr(0, split)) && is_listed(text.substr(split))) return true;
  }
  return false;
}

bool is_letter(char c) {
  return c >= 'a' && c <= 'z';
}

std::string to_lower(std::string_view text) {
  std::string lower{text};
  for (auto& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// "p4$$w0rd" is "password"; `one_as` because '1' stands for i and for l.
std::string read_disguise(std::string_view text, char one_as) {
  constexpr std::string_view disguises = "0@43$578!";
  constexpr std::string_view letters = "oaaesstbi";
  std::string result{text};
  for (auto& c : result) {
    if (c == '1') c = one_as;
    auto at = disguises.find(c);
    if (at != std::string_view::npos) c = letters[at];
  }
  return result;
}

bool is_ornamented_word(std::string_view text) {
  size_t begin = 0;
  auto end = text.size();
  while (begin < end && !is_letter(text[begin])) ++begin;
  while (end > begin && !is_letter(text[end - 1])) --end;
  // A disguise may begin or end the word, so each shorter ornament is tried as well.
  for (size_t before = 0; before <= std::min(begin, ornament_max); ++before) {
    for (size_t after = 0; before + after <= ornament_max && after <= text.size() - end; ++after) {
      auto word = text.substr(before, text.size() - before - after);
      for (auto one_as : {'i', 'l'}) {
        if (is_listed_or_two(read_disguise(word, one_as))) return true;
      }
      if (is_listed_or_two(word)) return true;
    }
  }
  return false;
}

bool is_repeated_group(std::string_view text) {
  for (size_t period = 1; period * 2 <= text.size(); ++period) {
    if (text.substr(period) != text.substr(0, text.size() - period)) continue;
    return period <= 4 || is_listed_or_two(text.substr(0, period));
  }
  return false;
}

// How far from `at` the text follows one line of the keyboard, forwards or backwards.
size_t run_length(std::string_view text, size_t at) {
  size_t longest = 1;
  for (auto line : keyboard_lines) {
    for (int step : {1, -1}) {
      auto place = static_cast<int>(line.find(text[at]));
      size_t length = 0;
      while (place >= 0 && place < static_cast<int>(line.size()) && at + length < text.size() &&
             text[at + length] == line[static_cast<size_t>(place)]) {
        ++length;
        place += step;
      }
      longest = std::max(longest, length);
    }
  }
  return longest;
}

bool is_made_of_runs(std::string_view text) {
  size_t runs = 0;
  for (size_t at = 0; at < text.size(); at += run_length(text, at)) ++runs;
  return runs * 3 <= text.size();
}

// Eight digits that are a day: YYYYMMDD, DDMMYYYY or MMDDYYYY.
bool is_date(std::string_view text) {
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 8 || !std::all_of(text.begin(), text.end(), is_digit)) return false;
  auto number = [&](size_t at, size_t count) {
    return std::stoi(std::string{text.substr(at, count)});
  };
  auto is_year = [](int year) { return year >= 1900 && year <= 2099; };
  auto is_day = [](int day, int month) {
    return day >= 1 && day <= 31 && month >= 1 && month <= 12;
  };
  if (is_year(number(0, 4)) && is_day(number(6, 2), number(4, 2))) return true;
  return is_year(number(4, 4)) &&
         (is_day(number(0, 2), number(2, 2)) || is_day(number(2, 2), number(0, 2)));
}

}  // namespace

bool is_weak_password(std::string_view password) {
  auto lower = to_lower(password);
  return is_repeated_group(lower) || is_made_of_runs(lower) || is_date(lower) ||
         is_ornamented_word(lower);
}

std::vector<field_fault> password_faults(std::string_view password, std::string_view username,
                                         std::string_view path) {
  std::vector<field_fault> faults;
  auto add = [&](std::string_view rule, std::string message, size_t bound = 0) {
    faults.push_back({std::string{path}, std::string{rule}, bound ? std::to_string(bound) : "",
                      std::move(message)});
  };
  // The costly rules read only what has passed the cheap ones.
  if (password.size() > password_bytes_max) {
    add("bytes_max", "The password is too long.", password_bytes_max);
    return faults;
  }
  if (!is_utf8(password)) {
    add("utf8", "The password is not valid UTF-8.");
    return faults;
  }
  if (password.find('\0') != std::string_view::npos)
    add("no_nul", "The password must not hold the character U+0000.");
  auto length = count_code_points(password);
  if (length < password_length_min)
    add("length_min", "The password must have at least 8 characters.", password_length_min);
  if (length > password_length_max)
    add("length_max", "The password must have at most 128 characters.", password_length_max);
  if (!username.empty() && to_lower(password) == to_lower(username))
    add("not_username", "The password must not be the user name.");
  if (length >= password_length_min && is_weak_password(password))
    add("not_weak", "The password is among the first that anybody would guess.");
  return faults;
}

}  // namespace parley
