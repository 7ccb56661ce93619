// Model configurations.
#include "http/edge.hpp"
#include "http/model_advice.hpp"
#include "http/routes/routes.hpp"
#include "schema/requests.hpp"

namespace parley::http::routes {

namespace {

bool is_admin(const exchange& x) {
  return x.role == name_of(role::admin);
}

answer made(const model_config& model) {
  return created_answer(model, "/api/models/" + to_string(model.id));
}

std::string advice_for(const error& cause, const model_config& model) {
  static const bool is_contained = is_in_container();
  return advice_on(cause, model, is_contained);
}

/// What came of a trial.
answer trial_answer(const error& cause, const model_config& model, int64_t first_token_ms) {
  std::string body;
  json_writer json{body};
  json.begin_object().member("ok", !cause);
  if (!cause) {
    json.member("firstTokenMs", first_token_ms);
  } else {
    json.member("code", to_string(code_of(cause))).member("reason", detail_of(cause).reason);
    json.member("message", sentence_of(cause));
    if (auto advice = advice_for(cause, model); !advice.empty()) json.member("advice", advice);
  }
  json.end_object();
  return json_answer(200, std::move(body));
}

/// Calls `store` if the drafted model answers; else it is not stored, and the error says why.
template <class Store>
auto try_first(edge& at, exchange_key key, Store store) {
  return [&at, key, store](const model_config& drafted) {
    auto* open = at.find(key);
    if (open == nullptr) return;
    at.ask_actor_or<model_trial>(
        *open, at.provider(), try_model{drafted},
        [&at, key, store](const model_trial&) { store(*at.find(key)); },
        [&at, drafted](exchange& x, const error& cause) {
          auto advice = advice_for(cause, drafted);
          auto sentence = sentence_of(cause) + (advice.empty() ? "" : " ") + advice;
          at.fail(x, make_error(code_of(cause), std::move(sentence), detail_of(cause)));
        });
  };
}

bool is_tried_first(const parsed_request& request) {
  return request.query("test") == "true";
}

}  // namespace

expected<void> get_models(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<model_list>(x, list_models{x.who},
                          [](const model_list& list) { return list_answer(list.items); });
  return {};
}

expected<void> post_model(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto patch, read_body<model_config>(request, use::in_create));
  TRY(auto key, at.read_key(x, request));
  add_model wanted{x.who, patch, std::move(key)};
  auto store = [&at, wanted](exchange& open) { at.ask_user<model_config>(open, wanted, made); };
  if (is_tried_first(request))
    at.ask_user<model_config>(x, draft_model{x.who, std::move(patch)},
                              try_first(at, x.key(), store));
  else
    store(x);
  return {};
}

expected<void> post_system_model(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto patch, read_body<model_config>(request, use::in_create));
  TRY(auto key, read_owned_key(at, x, request));
  add_system_model wanted{patch, std::move(key), x.who};
  auto store = [&at, wanted](exchange& open) { at.ask_admin<model_config>(open, wanted, made); };
  if (is_tried_first(request))
    at.ask_admin<model_config>(x, draft_system_model{std::move(patch)},
                               try_first(at, x.key(), store));
  else
    store(x);
  return {};
}

expected<void> get_model(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<model_id>(x, 0));
  at.ask_user<model_config>(x, parley::get_model{x.who, id},
                            [](const model_config& model) { return record_answer(200, model); });
  return {};
}

expected<void> patch_model(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<model_id>(x, 0));
  TRY(auto version, read_if_match(request));
  TRY(auto patch, read_body<model_config>(request, use::in_patch));
  auto render = [](const model_config& model) { return record_answer(200, model); };
  change_model own{x.who, id, patch, version};
  // An ADMIN's id may be that of a system model or of one of their own.
  if (is_admin(x))
    at.ask_admin_or_user<model_config>(x, change_system_model{id, patch, version, x.who}, own,
                                       render);
  else
    at.ask_user<model_config>(x, own, render);
  return {};
}

expected<void> delete_model(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<model_id>(x, 0));
  TRY(auto version, read_if_match(request));
  auto render = [](const done&) { return empty_answer(); };
  drop_model own{x.who, id, version};
  if (is_admin(x))
    at.ask_admin_or_user<done>(x, drop_system_model{id, version, x.who}, own, render);
  else
    at.ask_user<done>(x, own, render);
  return {};
}

expected<void> test_model(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<model_id>(x, 0));
  at.ask_user<model_config>(x, get_tried_model{x.who, id},
                            [&at, key = x.key()](const model_config& model) {
                              auto* open = at.find(key);
                              if (open == nullptr) return;
                              at.ask_actor_or<model_trial>(
                                  *open, at.provider(), try_model{model},
                                  [model](const model_trial& told) {
                                    return trial_answer({}, model, told.first_token_ms);
                                  },
                                  [&at, model](exchange& asker, const error& cause) {
                                    at.answer_now(asker, trial_answer(cause, model, 0));
                                  });
                            });
  return {};
}

expected<void> discover_models(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<discovery_body>(request, use::in_create));
  draft_model wanted{x.who, {}, false};
  wanted.patch.set(&model_config::provider, body.value.provider);
  if (body.value.base_url) wanted.patch.set(&model_config::base_url, *body.value.base_url);
  if (body.value.api_key) wanted.patch.set(&model_config::api_key, *body.value.api_key);
  auto render = [](const offer_list& found) {
    std::string text;
    json_writer json{text};
    json.begin_object().key("items").begin_array();
    for (const auto& one : found.items) {
      json.begin_object().member("id", one.id).member("name", one.name);
      if (one.context_window > 0) json.member("contextWindow", one.context_window);
      if (one.max_tokens > 0) json.member("maxTokens", one.max_tokens);
      json.end_object();
    }
    json.end_array().key("nextCursor").null().end_object();
    return json_answer(200, std::move(text));
  };
  at.ask_user<model_config>(
      x, std::move(wanted), [&at, key = x.key(), render](const model_config& drafted) {
        if (auto* open = at.find(key))
          at.ask_actor<offer_list>(*open, at.provider(), list_offers{drafted}, render);
      });
  return {};
}

}  // namespace parley::http::routes
