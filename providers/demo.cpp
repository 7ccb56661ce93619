#include "providers/demo.hpp"

#include "base/text.hpp"
#include "providers/ollama.hpp"
#include "providers/request_parts.hpp"

namespace parley::providers {

namespace {

constexpr size_t quoted_bytes_max = 200;

/// What the user wrote last, its beginning.
std::string question_of(const prompt& asked) {
  std::string found;
  for (auto& message : asked.messages)
    if (message.role == message_role::user) found = text_of(message);
  if (found.size() <= quoted_bytes_max) return found;
  return std::string{cut_utf8(found, quoted_bytes_max)} + "…";
}

std::string answer_to(const prompt& asked) {
  auto question = question_of(asked);
  std::string text =
      "This is a scripted answer of Parley's demo model: no provider was called, no key was "
      "needed, and nothing left this machine.\n\n";
  if (!question.empty()) text += "You wrote: “" + question + "”\n\n";
  text += "The model was shown " + std::to_string(asked.messages.size()) +
          (asked.messages.size() == 1 ? " message" : " messages") +
          " of this chat, after the rules of its context window. These words come one by one, as "
          "those of a real model do: each is an event with a position, and a client that is cut "
          "off goes on at the position it had, even after a restart of the server.\n\n"
          "For a real answer add a model:\n\n"
          "    parley model add --provider openai --api-key-file key.txt\n\n"
          "It works in the same way with anthropic, gemini, ollama and whatever speaks like them.";
  return text;
}

void append_line(std::string& body, std::string_view word, bool is_last) {
  json_writer json{body};
  json.begin_object().key("message").begin_object();
  json.member("role", "assistant").member("content", word).end_object();
  json.member("done", is_last);
  if (is_last) json.member("done_reason", "stop");
  json.end_object();
  body += '\n';
}

/// One line a word, with the spaces behind it.
std::string reply_of(std::string_view text) {
  std::string body;
  while (!text.empty()) {
    auto space = text.find(' ');
    auto end = space == text.npos ? text.npos : text.find_first_not_of(' ', space);
    append_line(body, text.substr(0, end), false);
    text = end == text.npos ? std::string_view{} : text.substr(end);
  }
  append_line(body, "", true);
  return body;
}

class scripted_dialect final : public dialect {
 public:
  std::string_view name() const override { return "demo"; }
  bool is_scripted() const override { return true; }

  expected<dialect_request> build(const prompt& asked, const secret_text& key) const override {
    TRY(auto request, begin_request("/", auth, key));
    request.body = reply_of(answer_to(asked));
    return request;
  }

  std::unique_ptr<reply_parser> make_parser(const parser_wish& wish) const override {
    return ollama_dialect().make_parser(wish);
  }

  expected<dialect_request> build_discovery(const model_config&,
                                            const secret_text& key) const override {
    TRY(auto request, begin_request("/", auth, key));
    request.body = R"({"models":[{"name":"demo"}]})";
    return request;
  }

  expected<std::vector<offered_model>> read_discovery(std::string_view body,
                                                      json_reader& reader) const override {
    return ollama_dialect().read_discovery(body, reader);
  }

 private:
  static constexpr std::string_view auth = "Authorization: Bearer ";
};

}  // namespace

const dialect& demo_dialect() {
  static const scripted_dialect dialect;
  return dialect;
}

}  // namespace parley::providers
