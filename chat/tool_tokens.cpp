#include "chat/tool_tokens.hpp"

namespace parley {

namespace {

// The names are those of the cookbook.
struct recipe {
  int64_t func_init;
  int64_t prop_init = 3;
  int64_t prop_key = 3;
  int64_t enum_init = -3;
  int64_t enum_item = 3;
  int64_t func_end = 12;
};

class tool_counter {
 public:
  tool_counter(const token_counter& counter, token_vocabulary vocabulary)
      : counter_(counter),
        vocabulary_(vocabulary),
        recipe_{vocabulary_ == token_vocabulary::cl100k_base ? 10 : 7} {}

  int64_t count(const json_value& tools) const {
    int64_t tokens = 0;
    auto items = tools.items();
    for (const auto& tool : items) tokens += recipe_.func_init + function_tokens(tool);
    return items.empty() ? 0 : tokens + recipe_.func_end;
  }

 private:
  int64_t text_tokens(std::string_view text) const {
    return static_cast<int64_t>(counter_.count_content(vocabulary_, text).tokens);
  }

  // A full stop at the end is not sent on.
  static std::string_view description_of(const json_value& object) {
    auto text = object.string_at("description").value_or("");
    if (text.ends_with('.')) text.remove_suffix(1);
    return text;
  }

  int64_t function_tokens(const json_value& tool) const {
    auto function = tool.find("function");
    if (!function) return 0;
    auto head = std::string{function->string_at("name").value_or("")} + ":";
    auto tokens = text_tokens(head.append(description_of(*function)));
    auto parameters = function->find("parameters");
    auto properties = parameters ? parameters->find("properties") : std::nullopt;
    auto members =
        properties ? properties->members() : std::vector<std::pair<std::string_view, json_value>>{};
    if (members.empty()) return tokens;
    tokens += recipe_.prop_init;
    for (const auto& [name, property] : members) tokens += property_tokens(name, property);
    return tokens;
  }

  int64_t property_tokens(std::string_view name, const json_value& property) const {
    auto tokens = recipe_.prop_key;
    if (auto choices = property.find("enum")) {
      tokens += recipe_.enum_init;
      for (const auto& choice : choices->items())
        tokens += recipe_.enum_item + text_tokens(choice.as_string().value_or(""));
    }
    std::string line{name};
    line.append(":").append(property.string_at("type").value_or(""));
    return tokens + text_tokens(line.append(":").append(description_of(property)));
  }

  const token_counter& counter_;
  token_vocabulary vocabulary_;
  recipe recipe_;
};

}  // namespace

int64_t tool_tokens(const token_counter& counter, token_vocabulary vocabulary,
                    const json_value& tools) {
  return tool_counter{counter, vocabulary}.count(tools);
}

}  // namespace parley
