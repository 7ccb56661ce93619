#include "providers/request_parts.hpp"

#include <algorithm>
#include <charconv>

#include "providers/refusal.hpp"

namespace parley::providers {

expected<dialect_request> begin_request(std::string path, std::string_view auth,
                                        const secret_text& key) {
  auto& text = key.reveal();
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x21 && c <= 0x7e; }))
    return refusal_by_status({401, 0, {}});
  dialect_request request;
  request.path = std::move(path);
  request.headers = {"Content-Type: application/json", "Accept: text/event-stream",
                     "User-Agent: parley/" PARLEY_VERSION};
  if (!key.empty()) request.auth_header = secret_text{std::string{auth} + text};
  return request;
}

std::optional<inline_image> image_of(const part& part) {
  if (part.type != part_type::image || !part.url) return std::nullopt;
  std::string_view url{*part.url};
  if (url.substr(0, 11) != "data:image/") return std::nullopt;
  auto comma = url.find(',');
  if (comma == url.npos) return std::nullopt;
  auto head = url.substr(5, comma - 5);
  constexpr std::string_view suffix = ";base64";
  if (head.size() <= suffix.size() || head.substr(head.size() - suffix.size()) != suffix)
    return std::nullopt;
  return inline_image{head.substr(0, head.find(';')), url.substr(comma + 1)};
}

std::optional<std::string_view> image_link_of(const part& part) {
  if (part.type != part_type::image || !part.url || !part.url->starts_with("https://"))
    return std::nullopt;
  return *part.url;
}

bool has_image(const prompt_message& message) {
  return message.role == message_role::user &&
         std::any_of(message.parts.begin(), message.parts.end(),
                     [](auto& part) { return image_of(part) || image_link_of(part); });
}

expected<void> check_no_image_links(const prompt& asked) {
  for (auto& message : asked.messages) {
    for (auto& part : message.parts) {
      if (image_link_of(part))
        return make_error(errc::invalid_input, "image_url_unsupported",
                          "This model takes images as data: URLs only.");
    }
  }
  return caf::unit;
}

bool is_spoken(const part& part) {
  return (part.type == part_type::text || part.type == part_type::refusal) && part.text &&
         !part.text->empty();
}

std::string text_of(const prompt_message& message) {
  std::string text;
  for (auto& part : message.parts) {
    if (is_spoken(part)) text += *part.text;
  }
  return text;
}

std::string reasoning_of(const prompt_message& message) {
  std::string text;
  for (auto& part : message.parts) {
    if (part.type == part_type::reasoning && part.text) text += *part.text;
  }
  return text;
}

std::string system_text_of(const prompt& asked) {
  std::string all;
  for (auto& message : asked.messages) {
    if (message.role != message_role::system) continue;
    auto text = text_of(message);
    if (!all.empty() && !text.empty()) all += "\n\n";
    all += text;
  }
  return all;
}

void write_list(json_writer& json, std::string_view name,
                const std::optional<std::vector<std::string>>& texts) {
  if (!texts || texts->empty()) return;
  json.key(name).begin_array();
  for (auto& text : *texts) json.value(text);
  json.end_array();
}

std::string object_or_empty(std::string_view text, json_reader& reader) {
  auto value = reader.parse(text);
  return value && value->type() == json_type::object ? value->text() : "{}";
}

std::string arguments_of(const tool_call& made) {
  json_reader reader{{.bytes_max = std::max<size_t>(made.arguments.size(), 1), .strict = false}};
  return object_or_empty(made.arguments, reader);
}

std::optional<tool_choice> choice_of(const prompt& asked) {
  if (!asked.wishes || asked.tools.empty()) return std::nullopt;
  return asked.wishes->choice;
}

std::optional<int32_t> max_tokens_of(const prompt& asked) {
  return asked.params.max_tokens ? asked.params.max_tokens : asked.model.max_tokens;
}

model_version version_behind(std::string_view model, std::string_view family) {
  model_version version;
  auto at = model.find(family);
  if (at == model.npos) return version;
  auto take_number = [&model](size_t& from, int& number) {
    auto end = std::min(model.find_first_not_of("0123456789", from), model.size());
    if (end == from || end - from > 2) return false;
    std::from_chars(model.data() + from, model.data() + end, number);
    from = end;
    return true;
  };
  at += family.size();
  if (!take_number(at, version.major)) return version;
  if (at < model.size() && (model[at] == '-' || model[at] == '.')) take_number(++at, version.minor);
  return version;
}

std::vector<float> read_vector(const json_value& list) {
  std::vector<float> vector;
  for (auto& item : list.items()) {
    auto number = item.as_number();
    if (!number) return {};
    vector.push_back(static_cast<float>(*number));
  }
  return vector;
}

expected<embeddings> checked(embeddings found, size_t count) {
  auto& vectors = found.vectors;
  auto is_ragged = [&vectors](auto& vector) {
    return vector.empty() || vector.size() != vectors.front().size();
  };
  if (vectors.size() != count || std::any_of(vectors.begin(), vectors.end(), is_ragged))
    return reply_broken();
  return found;
}

expected<std::vector<offered_model>> read_models(std::string_view body, json_reader& reader,
                                                 const model_list_shape& shape) {
  auto answer = reader.parse(body);
  auto list = answer ? answer->find(shape.list_key) : std::nullopt;
  // Together AI sends the bare list.
  if (answer && answer->type() == json_type::array) list = *answer;
  if (!list || list->type() != json_type::array) return reply_broken();
  auto first_of = [](const json_value& item, const std::vector<std::string_view>& keys) {
    for (auto key : keys) {
      auto number = item.integer_at(key);
      if (number && *number > 0 && *number <= 100'000'000) return *number;
    }
    return int64_t{0};
  };
  std::vector<offered_model> models;
  for (auto& item : list->items()) {
    auto id = item.string_at(shape.id_key);
    if (!id || id->empty() || id->size() > 200) continue;
    if (models.size() == offered_models_max) break;
    auto name = item.string_at(shape.name_key).value_or(*id).substr(0, 200);
    models.push_back({std::string{*id}, std::string{name}, first_of(item, shape.context_keys),
                      first_of(item, shape.output_keys)});
  }
  return models;
}

}  // namespace parley::providers
