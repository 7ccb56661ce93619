#include "app/terminal.hpp"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace parley::app {

namespace {

bool has_colour() {
  const auto* refusal = std::getenv("NO_COLOR");
  const auto* kind = std::getenv("TERM");
  auto is_dumb = kind == nullptr || std::string_view{kind} == "dumb";
  return is_shown() && !is_dumb && (refusal == nullptr || *refusal == '\0');
}

std::string dressed(const char* how, std::string_view text) {
  if (!has_colour()) return std::string{text};
  return how + std::string{text} + "\033[0m";
}

/// The terminal's echo is off while it lives.
class silence {
 public:
  silence() : is_on_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_on_) return;
    auto quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  ~silence() {
    if (is_on_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  silence(const silence&) = delete;
  silence& operator=(const silence&) = delete;

 private:
  termios before_{};
  bool is_on_;
};

/// Code points, which is close enough to columns for names and titles.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

}  // namespace

bool can_ask() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
}

bool is_shown() {
  return ::isatty(STDOUT_FILENO) == 1;
}

std::string faint(std::string_view text) {
  return dressed("\033[2m", text);
}

std::string bold(std::string_view text) {
  return dressed("\033[1m", text);
}

std::string shown(std::string_view text) {
  if (!is_shown()) return std::string{text};
  std::string clean;
  clean.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are 0xc2 and the byte of their number.
    auto is_c1 =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (is_c1) {
      ++i;
      continue;
    }
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f) continue;
    clean += text[i];
  }
  return clean;
}

expected<std::string> ask_line(const std::string& question) {
  std::cerr << question << std::flush;
  std::string line;
  if (!std::getline(std::cin, line)) return make_error(errc::invalid_input, "Nothing was typed.");
  return line;
}

expected<secret_text> ask_secret(const std::string& question) {
  silence while_typing;
  auto line = ask_line(question);
  std::cerr << "\n";
  if (!line) return line.error();
  return secret_text{std::move(*line)};
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += shown(row[i]);
      if (i + 1 < row.size()) line.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    std::cout << line << "\n";
  }
}

}  // namespace parley::app
