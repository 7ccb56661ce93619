#include "bench/load/mock_request.hpp"

#include <optional>

namespace parley::bench {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;
using fault = std::optional<request_fault>;

fault fault_at(const std::string& param, std::string_view rule) {
  return request_fault{"Invalid '" + param + "': " + std::string{rule}, param};
}

/// The member, unless it is absent or null.
std::optional<element> member(const object& from, std::string_view name) {
  element found;
  if (from.at_key(name).get(found) != simdjson::SUCCESS || found.is_null()) return std::nullopt;
  return found;
}

fault read_flag(const object& from, std::string_view name, bool& flag) {
  const auto found = member(from, name);
  if (!found || found->get(flag) == simdjson::SUCCESS) return std::nullopt;
  return fault_at(std::string{name}, "expected a boolean.");
}

fault read_limit(const object& from, std::string_view name, uint64_t& limit) {
  const auto found = member(from, name);
  if (!found || (found->get(limit) == simdjson::SUCCESS && limit > 0)) return std::nullopt;
  return fault_at(std::string{name}, "expected an integer of at least 1.");
}

fault check_range(const object& from, std::string_view name, double least, double most) {
  const auto found = member(from, name);
  double number = 0;
  if (!found) return std::nullopt;
  if (found->get(number) == simdjson::SUCCESS && number >= least && number <= most) {
    return std::nullopt;
  }
  return fault_at(std::string{name}, "expected a number within its bounds.");
}

/// The text of a message's content: a string, or the text parts of a list.
fault read_content(const element& content, const std::string& path, std::string& text) {
  std::string_view plain;
  if (content.get(plain) == simdjson::SUCCESS) {
    text = plain;
    return std::nullopt;
  }
  simdjson::dom::array parts;
  if (content.get(parts) != simdjson::SUCCESS) {
    return fault_at(path, "expected a string or a list of parts.");
  }
  for (const auto part : parts) {
    std::string_view type;
    if (part["type"].get(type) != simdjson::SUCCESS) {
      return fault_at(path, "each part needs a type.");
    }
    if (type != "text") continue;
    if (part["text"].get(plain) != simdjson::SUCCESS) {
      return fault_at(path, "a text part needs its text.");
    }
    text += plain;
  }
  return std::nullopt;
}

/// One message; words stand for tokens in the count of the prompt.
fault read_message(const element& message, const std::string& path, chat_request& request) {
  object fields;
  std::string_view role;
  if (message.get(fields) != simdjson::SUCCESS || fields["role"].get(role) != simdjson::SUCCESS) {
    return fault_at(path, "expected an object with a role.");
  }
  constexpr std::string_view roles[] = {"system", "developer", "user", "assistant", "tool"};
  bool is_known = false;
  for (const auto known : roles) is_known = is_known || role == known;
  if (!is_known) return fault_at(path + ".role", "not one of the known roles.");
  std::string text;
  if (const auto content = member(fields, "content")) {
    if (auto wrong = read_content(*content, path + ".content", text)) return wrong;
  } else if (role != "assistant") {
    return fault_at(path + ".content", "expected a string or a list of parts.");
  }
  request.prompt_tokens += 4;  // what a message costs beside its text
  bool in_word = false;
  for (const char byte : text) {
    if (byte != ' ' && !in_word) ++request.prompt_tokens;
    in_word = byte != ' ';
  }
  if (role == "user") request.last_user_text = std::move(text);
  return std::nullopt;
}

fault read_messages(const object& root, chat_request& request) {
  simdjson::dom::array messages;
  if (root["messages"].get(messages) != simdjson::SUCCESS || messages.size() == 0) {
    return fault_at("messages", "expected a list with at least one message.");
  }
  size_t index = 0;
  for (const auto message : messages) {
    const auto path = "messages[" + std::to_string(index++) + "]";
    if (auto wrong = read_message(message, path, request)) return wrong;
  }
  return std::nullopt;
}

fault read_fields(const object& root, chat_request& request) {
  std::string_view model;
  if (root["model"].get(model) != simdjson::SUCCESS || model.empty()) {
    return request_fault{"you must provide a model parameter", "model"};
  }
  request.model = model;
  if (auto wrong = read_messages(root, request)) return wrong;
  if (auto wrong = read_flag(root, "stream", request.stream)) return wrong;
  if (auto wrong = read_limit(root, "max_tokens", request.tokens_max)) return wrong;
  if (auto wrong = read_limit(root, "max_completion_tokens", request.tokens_max)) return wrong;
  if (auto wrong = check_range(root, "temperature", 0, 2)) return wrong;
  if (auto wrong = check_range(root, "top_p", 0, 1)) return wrong;
  if (const auto options = member(root, "stream_options")) {
    object fields;
    if (!request.stream) return fault_at("stream_options", "only allowed when 'stream' is true.");
    if (options->get(fields) != simdjson::SUCCESS) {
      return fault_at("stream_options", "expected an object.");
    }
    if (auto wrong = read_flag(fields, "include_usage", request.include_usage)) return wrong;
  }
  return std::nullopt;
}

}  // namespace

std::variant<chat_request, request_fault> chat_request_reader::read(std::string_view body) {
  chat_request request;
  object root;
  if (parser_.parse(body.data(), body.size()).get(root) != simdjson::SUCCESS) {
    return request_fault{"We could not parse the JSON body of your request.", ""};
  }
  if (auto wrong = read_fields(root, request)) return *wrong;
  return request;
}

}  // namespace parley::bench
