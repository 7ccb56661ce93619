#include "chat/title_prompt.hpp"

#include "base/text.hpp"

namespace parley {

namespace {

constexpr size_t told_bytes_max = 2'000;

std::string_view without(std::string_view text, std::string_view marks) {
  auto begin = text.find_first_not_of(marks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(marks) - begin + 1);
}

}  // namespace

std::string_view title_instruction() {
  return "You give conversations their titles. Write a title of two to six words, in the language "
         "of the conversation. Write nothing but the title: no quotes, no period, no remark.";
}

std::string title_request(std::string_view question, std::string_view reply) {
  std::string text = "User:\n";
  text.append(cut_utf8(question, told_bytes_max)).append("\n\nAssistant:\n");
  text.append(cut_utf8(reply, told_bytes_max)).append("\n\nTitle:");
  return text;
}

std::string title_from_reply(std::string_view answer) {
  while (!answer.empty()) {
    auto line = answer.substr(0, answer.find('\n'));
    answer.remove_prefix(std::min(answer.size(), line.size() + 1));
    auto title = without(line, " \t\r\"'`*#_");
    if (title.ends_with('.') && !title.ends_with("..")) title.remove_suffix(1);
    if (!title.empty()) return std::string{cut_utf8(title, title_bytes_max)};
  }
  return {};
}

}  // namespace parley
