/// Files of the log, as a server would have written them.
#pragma once

#include <fstream>
#include <string>

#include "base/clock.hpp"
#include "base/log_files.hpp"

namespace parley::test {

inline std::string log_line_of(instant at, const std::string& event, const std::string& rest = "",
                               const std::string& level = "info") {
  return R"({"at":")" + to_string(at) + R"(","level":")" + level + R"(","event":")" + event + '"' +
         (rest.empty() ? "" : "," + rest) + "}\n";
}

struct made_request {
  std::string request = "r";
  std::string route = "/api/x";
  int status = 200;
  double took_ms = 1;
  std::string rest{};
};

inline std::string request_line(instant at, const made_request& made) {
  return log_line_of(at, "http.request",
                     R"("request":")" + made.request + R"(","method":"GET","route":")" +
                         made.route + R"(","status":)" + std::to_string(made.status) +
                         R"(,"took_ms":)" + std::to_string(made.took_ms) +
                         (made.rest.empty() ? "" : "," + made.rest));
}

inline void write_log_file(const std::filesystem::path& directory, uint64_t number,
                           const std::string& text) {
  std::filesystem::create_directories(directory);
  auto digits = std::to_string(number);
  digits.insert(0, 8 - digits.size(), '0');
  std::ofstream{directory / ("log-" + digits + ".jsonl"), std::ios::app} << text;
}

}  // namespace parley::test
