/// Time in the database by kind of question and change, for /metrics. Any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/metrics.hpp"

namespace parley::storage {

/// The name of a message's struct: "read_session".
template <class Statement>
constexpr std::string_view kind_name() {
  // "… [with Statement = parley::read_session; …]", in clang without the "with".
  std::string_view name = __PRETTY_FUNCTION__;
  constexpr std::string_view before = "Statement = ";
  name.remove_prefix(name.find(before) + before.size());
  name = name.substr(0, name.find_first_of(";]"));
  return name.substr(name.rfind(':') + 1);
}

/// Counts the time from its making to its end.
template <class Statement>
class statement_time {
 public:
  statement_time() = default;
  ~statement_time() {
    // 50 us to 1.6 s.
    static auto& times = metrics().histogram(
        "parley_storage_statement_seconds", "Time in the database, by what was asked or changed.",
        {0.00005, 2}, {{"kind", std::string{kind_name<Statement>()}}});
    times.observe(std::chrono::steady_clock::now() - begin_);
  }
  statement_time(const statement_time&) = delete;
  statement_time& operator=(const statement_time&) = delete;

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace parley::storage
