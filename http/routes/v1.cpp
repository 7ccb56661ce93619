// /v1: the routes that OpenAI's and Anthropic's clients know.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"
#include "http/v1_request.hpp"

namespace parley::http::routes {

namespace {

v1_reply_name name_of(const edge& at, std::string_view prefix, const v1_wish& wish) {
  v1_reply_name name;
  name.id = std::string{prefix} + to_string(message_id::make());
  name.model = wish.model;
  name.created = at.clock().now().ms / 1000;
  name.has_usage = wish.has_usage;
  return name;
}

/// Reads the body with `read`, while the values of its parse live.
template <class Read>
auto read_v1(const parsed_request& request, Read read) -> decltype(read(json_value{})) {
  json_reader reader{{.bytes_max = std::max<size_t>(request.body().size(), 1)}};
  TRY(auto body, reader.parse(request.body()));
  return read(body);
}

/// What the caller may call, in the list's order; a personal model hides the system's of its name.
/// An ADMIN is told of models that are open to others alone, too: those are left out.
std::vector<model_config> callable(const model_list& list, const exchange& x) {
  auto is_open = [&](const model_config& model) {
    auto open_to = [&](role as) { return is_usable_by(model, {x.who.user, as}); };
    // A key does not say what its owner is.
    return x.role.empty() ? open_to(role::user) || open_to(role::admin)
                          : open_to(x.role == name_of(role::admin) ? role::admin : role::user);
  };
  std::vector<model_config> open;
  for (const auto& model : list.items) {
    auto hides = [&](const model_config& other) {
      return other.name == model.name && !other.is_system() && other.enabled;
    };
    auto is_hidden = model.is_system() && std::any_of(list.items.begin(), list.items.end(), hides);
    if (is_open(model) && !is_hidden) open.push_back(model);
  }
  return open;
}

/// What of a request is counted: texts and pictures, arguments of calls like texts.
parley::count_tokens count_of(const exchange& x, const v1_wish& wish, model_id config) {
  parley::count_tokens asked;
  asked.who = x.who;
  asked.config = config;
  asked.is_conversation = true;
  for (const auto& message : wish.call.messages) {
    auto& parts = asked.messages.emplace_back(message.parts);
    for (const auto& made : message.calls) parts.emplace_back().text = made.arguments;
  }
  const auto& tools = wish.call.wishes.tools;
  if (tools.empty()) return asked;
  json_writer json{asked.tools};
  json.begin_array();
  for (const auto& tool : tools) {
    json.begin_object().member("type", "function").key("function").begin_object();
    json.member("name", tool.name).member("description", tool.description);
    json.key("parameters").raw(tool.parameters).end_object().end_object();
  }
  json.end_array();
  return asked;
}

}  // namespace

expected<void> get_v1_models(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<model_list>(x, list_models{x.who}, [&at, key = x.key()](const model_list& list) {
    if (auto* open = at.find(key))
      at.answer_now(*open, json_answer(200, v1_models_json(callable(list, *open))));
  });
  return {};
}

expected<void> get_v1_model(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<model_config>(
      x, get_named_model{x.who, x.request.path_values[0]},
      [](const model_config& model) { return json_answer(200, v1_model_json(model)); });
  return {};
}

expected<void> post_v1_chat(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto wish, read_v1(request, read_openai_chat));
  auto writer = make_openai_writer(name_of(at, "chatcmpl-", wish));
  at.ask_for_call(x, std::move(wish), std::move(writer));
  return {};
}

expected<void> post_v1_embeddings(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto wish, read_v1(request, read_openai_embedding));
  at.ask_for_embedding(x, std::move(wish));
  return {};
}

expected<void> post_v1_messages(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto wish,
      read_v1(request, [](const json_value& body) { return read_anthropic_messages(body, true); }));
  auto writer = make_anthropic_writer(name_of(at, "msg_", wish));
  at.ask_for_call(x, std::move(wish), std::move(writer));
  return {};
}

// The model first: its name says which one the tokens are counted for.
expected<void> post_v1_count(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto wish, read_v1(request, [](const json_value& body) {
        return read_anthropic_messages(body, false);
      }));
  get_named_model asked{x.who, wish.model};
  // Shared, because CAF copies what a callback holds.
  auto held = std::make_shared<const v1_wish>(std::move(wish));
  at.ask_user<model_config>(
      x, std::move(asked), [&at, key = x.key(), held](const model_config& model) {
        auto* open = at.find(key);
        if (open == nullptr) return;
        at.ask_user<counted_tokens>(*open, count_of(*open, *held, model.id),
                                    [](const counted_tokens& counted) {
                                      std::string text;
                                      json_writer json{text};
                                      json.begin_object().member("input_tokens", counted.tokens);
                                      json.end_object();
                                      return json_answer(200, std::move(text));
                                    });
      });
  return {};
}

}  // namespace parley::http::routes
