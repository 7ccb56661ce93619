// What only an ADMIN sees: the audit log, who is on, how the models' channels are, what alerts
// fire.
#include "actors/channel_reports.hpp"
#include "http/edge.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

namespace {

/// The address of a channel as reports name it: without path and query.
void write_channel(json_writer& json, std::string_view name, const std::string& base_url,
                   const channel_report* known) {
  json.begin_object().member("name", name).member("baseUrl", base_url);
  json.member("state", known == nullptr ? "unknown" : name_of(known->condition));
  json.key("firstTokenMs");
  write_json(json, known == nullptr ? std::optional<int64_t>{} : known->first_token_ms);
  json.member("restMs", known == nullptr ? int64_t{0} : known->rest_ms);
  json.end_object();
}

answer channels_answer(const model_list& models, const channel_reports& reports) {
  std::string body;
  json_writer json{body};
  json.begin_object().key("items").begin_array();
  for (const auto& model : models.items) {
    json.begin_object().member("modelId", to_string(model.id)).member("modelName", model.name);
    json.member("enabled", model.enabled).key("channels").begin_array();
    write_channel(json, "", model.base_url, find_report(reports, model.id, "", model.base_url));
    for (const auto& channel : model.channels)
      write_channel(json, channel.name, channel.base_url,
                    find_report(reports, model.id, channel.name, channel.base_url));
    json.end_array().end_object();
  }
  json.end_array().key("nextCursor").null().end_object();
  return json_answer(200, std::move(body));
}

}  // namespace

expected<void> get_audit(edge& at, exchange& x, const parsed_request& request) {
  fault_list faults;
  audit_filter filter;
  if (auto text = request.query("actorId")) {
    filter.actor = user_id::parse(*text);
    if (!filter.actor) faults.add("/actorId", "id", "This is not an id.");
  }
  filter.action = request.query("action").value_or("");
  filter.target = request.query("targetId").value_or("");
  if (auto text = request.query("result")) {
    filter.result = enum_of<audit_result>(*text);
    if (!filter.result)
      faults.add("/result", "one_of", "Must be done or refused.", R"(["done","refused"])");
  }
  filter.from = query_instant(request, "from", faults);
  filter.until = query_instant(request, "to", faults);
  TRY(auto page, read_page(request, "at", true, std::move(faults)));
  at.ask_admin<page_of<audit_entry>>(
      x, list_audit{page, std::move(filter)},
      [](const page_of<audit_entry>& found) { return page_answer(found); });
  return {};
}

expected<void> get_streams(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<done>(x, admit{x.who}, [&at](const done&) {
    auto [shown, total] = at.status().streams.look();
    std::string body;
    json_writer json{body};
    json.begin_object().key("items").begin_array();
    for (const auto& one : shown) {
      json.begin_object().member("userId", to_string(one.user));
      json.member("kind", name_of(one.kind));
      if (one.kind == stream_kind::reply)
        json.member("sessionId", to_string(one.session))
            .member("messageId", to_string(one.message));
      json.member("since", to_string(one.since)).member("address", one.address).end_object();
    }
    json.end_array().key("nextCursor").null().member("total", total).end_object();
    return json_answer(200, std::move(body));
  });
  return {};
}

// Those of the system: whoever has models of their own tests them.
expected<void> get_channels(edge& at, exchange& x, const parsed_request&) {
  at.ask_admin<model_list>(x, list_system_models{}, [&at, key = x.key()](const model_list& models) {
    auto* open = at.find(key);
    if (open == nullptr) return;
    at.ask_actor<channel_reports>(
        *open, at.provider(), read_channels{},
        [models](const channel_reports& reports) { return channels_answer(models, reports); });
  });
  return {};
}

expected<void> get_alerts(edge& at, exchange& x, const parsed_request&) {
  at.ask_alerts<alert_overview>(
      x, read_alerts{}, [](const alert_overview& found) { return record_answer(200, found); });
  return {};
}

expected<void> post_alert_test(edge& at, exchange& x, const parsed_request&) {
  at.ask_alerts<alert_trials>(x, test_receivers{},
                              [](const alert_trials& made) { return record_answer(200, made); });
  return {};
}

}  // namespace parley::http::routes
