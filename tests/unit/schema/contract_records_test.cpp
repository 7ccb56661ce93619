// The schemas of schema/openapi.yaml against the field lists of the records.
#include <catch2/catch.hpp>

#include "base/record_json.hpp"
#include "chat/reply_event.hpp"
#include "schema/alert.hpp"
#include "schema/api_key.hpp"
#include "schema/audit.hpp"
#include "schema/job.hpp"
#include "schema/logs.hpp"
#include "schema/requests.hpp"
#include "schema/search.hpp"
#include "schema/system.hpp"
#include "schema/usage.hpp"
#include "tests/support/contract.hpp"

using namespace parley;
using namespace parley::test;

namespace {

constexpr field_rule unbounded{};

/// What a record is called where it stands inside another: as it is shown, or as it is given.
template <class T>
std::string_view nested_name(field_use as) {
  if constexpr (std::is_same_v<T, reply_params>)
    return as == use::out ? "ReplyParams" : "NewReplyParams";
  if constexpr (std::is_same_v<T, model_capabilities>)
    return as == use::out ? "ModelCapabilities" : "NewModelCapabilities";
  if constexpr (std::is_same_v<T, model_channel>)
    return as == use::out ? "ModelChannel" : "NewModelChannel";
  if constexpr (std::is_same_v<T, model_access>)
    return as == use::out ? "ModelAccess" : "NewModelAccess";
  if constexpr (std::is_same_v<T, reply_source>) return "ReplySource";
  if constexpr (std::is_same_v<T, part>) return as == use::out ? "Part" : "NewPart";
  if constexpr (std::is_same_v<T, usage>) return "Usage";
  if constexpr (std::is_same_v<T, bulk_fault>) return "BulkFault";
  if constexpr (std::is_same_v<T, search_hit>) return "SearchHit";
  if constexpr (std::is_same_v<T, excerpt_piece>) return "ExcerptPiece";
  if constexpr (std::is_same_v<T, message_siblings>) return "MessageSiblings";
  if constexpr (std::is_same_v<T, message_tokens>) return "MessageTokens";
  if constexpr (std::is_same_v<T, reply_timing>) return "ReplyTiming";
  if constexpr (std::is_same_v<T, context_used>) return "ContextUsed";
  if constexpr (std::is_same_v<T, message_error>) return "MessageError";
  if constexpr (std::is_same_v<T, model_prices>)
    return as == use::out ? "ModelPrices" : "NewModelPrices";
  if constexpr (std::is_same_v<T, context_parts>) return "ContextParts";
  if constexpr (std::is_same_v<T, context_span>) return "ContextSpan";
  if constexpr (std::is_same_v<T, money>) return "Money";
  if constexpr (std::is_same_v<T, counted_message>) return "CountedMessage";
  if constexpr (std::is_same_v<T, offered_tool>) return "OfferedTool";
  if constexpr (std::is_same_v<T, tool_function>) return "ToolFunction";
  if constexpr (std::is_same_v<T, key_budget>) return as == use::out ? "KeyBudget" : "NewKeyBudget";
  if constexpr (std::is_same_v<T, session_source>) return "SessionSource";
  if constexpr (std::is_same_v<T, reason_count>) return "ReasonCount";
  if constexpr (std::is_same_v<T, job_counts>) return "JobCounts";
  if constexpr (std::is_same_v<T, job_report>) return "JobReport";
  if constexpr (std::is_same_v<T, job_file>) return "JobFile";
  if constexpr (std::is_same_v<T, kept_backup>) return "Backup";
  if constexpr (std::is_same_v<T, alert>) return "Alert";
  if constexpr (std::is_same_v<T, alert_outlet>) return "AlertOutlet";
  if constexpr (std::is_same_v<T, alert_trial>) return "AlertTrial";
  if constexpr (std::is_same_v<T, log_figures>) return "LogFigures";
  if constexpr (std::is_same_v<T, log_sum>) return "LogSum";
  if constexpr (std::is_same_v<T, slow_request>) return "SlowRequest";
  if constexpr (std::is_same_v<T, quota_rule>) return as == use::out ? "Quota" : "NewQuota";
  return "?";
}

/// One property of one schema, and the field it must say.
struct property {
  json_value schema;
  field_rule rule;
  field_use as;
  bool is_nullable = false;
  bool may_narrow = false;  ///< its enum may leave values out

  bool is_given() const { return as != use::out; }
  std::optional<double> number(std::string_view keyword) const {
    auto found = schema.find(keyword);
    return found ? found->as_number() : std::nullopt;
  }
};

using bound = std::optional<double>;

bound bound_if(bool is_bounded, double value) {
  return is_bounded ? bound{value} : bound{};
}

void check_type(const property& in, std::string type) {
  name_set types{std::move(type)};
  if (in.is_nullable) types.insert("null");
  CHECK(names_in(in.schema.find("type")) == types);
}

void check_text(const property& in, bool is_secret) {
  check_type(in, "string");
  CHECK(in.schema.find("writeOnly").has_value() == is_secret);
  if (is_secret) CHECK(in.schema.string_at("format") == "password");
  auto& rule = in.rule;
  auto is_bounded = in.is_given() && rule.length_max != unbounded.length_max;
  CHECK(in.number("maxLength") == bound_if(is_bounded, static_cast<double>(rule.length_max)));
  // A text of two bytes may be one character.
  CHECK(in.number("minLength") == bound_if(in.is_given() && rule.length_min > 0, 1));
  CHECK(in.number("x-bytes-min") ==
        bound_if(in.is_given() && rule.length_min > 1, static_cast<double>(rule.length_min)));
}

void check_number(const property& in, std::string type, std::string_view format) {
  check_type(in, std::move(type));
  if (!format.empty()) CHECK(in.schema.string_at("format") == format);
  if (!in.is_given()) return;
  CHECK(in.number("minimum") == bound_if(in.rule.min != unbounded.min, in.rule.min));
  CHECK(in.number("maximum") == bound_if(in.rule.max != unbounded.max, in.rule.max));
}

template <class T>
void check_enum(const property& in) {
  check_type(in, "string");
  name_set values;
  for (auto name : names_of(T{})) values.emplace(name);
  auto listed = in.schema.find("enum");
  REQUIRE(listed);
  auto written = names_in(*listed);
  auto items = listed->items();
  auto has_null =
      std::any_of(items.begin(), items.end(), [](auto& item) { return item.is_null(); });
  CHECK(has_null == in.is_nullable);
  if (in.may_narrow)
    CHECK(std::includes(values.begin(), values.end(), written.begin(), written.end()));
  else
    CHECK(written == values);
}

template <class T>
void check_value(property in) {
  if constexpr (is_optional<T>) {
    in.is_nullable = in.is_given() || in.rule.is(use::nullable);
    check_value<typename T::value_type>(in);
  } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, secret_text>) {
    check_text(in, std::is_same_v<T, secret_text>);
  } else if constexpr (std::is_same_v<T, bool>) {
    check_type(in, "boolean");
  } else if constexpr (std::is_floating_point_v<T>) {
    check_number(in, "number", "");
  } else if constexpr (std::is_integral_v<T>) {
    check_number(in, "integer", sizeof(T) == 4 ? "int32" : "int64");
  } else if constexpr (is_id<T> || std::is_same_v<T, instant>) {
    check_type(in, "string");
    CHECK(in.schema.string_at("format") == (is_id<T> ? "uuid" : "date-time"));
  } else if constexpr (named_enum<T>) {
    check_enum<T>(in);
  } else if constexpr (std::is_same_v<T, json_text>) {
    check_type(in, "object");
    CHECK(in.number("x-bytes-max") ==
          bound_if(in.is_given(), static_cast<double>(in.rule.length_max)));
  } else if constexpr (is_list<T>) {
    check_type(in, "array");
    auto& rule = in.rule;
    auto is_bounded = in.is_given() && rule.length_max != unbounded.length_max;
    CHECK(in.number("maxItems") == bound_if(is_bounded, static_cast<double>(rule.length_max)));
    CHECK(in.number("minItems") ==
          bound_if(in.is_given() && rule.length_min > 0, static_cast<double>(rule.length_min)));
    field_rule of_items{.length_min = rule.item_length_min, .length_max = rule.item_length_max};
    check_value<typename T::value_type>({member_at(in.schema, {"items"}), of_items, in.as});
  } else {
    static_assert(record<T>);
    auto named = in.schema;
    if (in.is_nullable) {
      auto choices = member_at(in.schema, {"oneOf"}).items();
      REQUIRE(choices.size() == 2);
      CHECK(choices[1].string_at("type") == "null");
      named = choices[0];
    }
    CHECK(named.string_at("$ref") == "#/components/schemas/" + std::string{nested_name<T>(in.as)});
  }
}

/// The members that write_derived adds.
template <class Record>
name_set derived_names() {
  if constexpr (has_derived<Record>) {
    std::string text;
    json_writer json{text};
    json.begin_object();
    write_derived(json, Record{});
    json.end_object();
    json_reader reader;
    return names_in(*reader.parse(text));
  }
  return {};
}

class record_check {
 public:
  template <class Record>
  void compare(const std::string& name, field_use as) {
    INFO(name);
    seen_.insert(name);
    auto found = known_.schemas().find(name);
    REQUIRE(found);
    auto schema = *found;
    CHECK(schema.string_at("type") == "object");
    auto is_closed = schema.find("additionalProperties");
    CHECK((is_closed && is_closed->as_bool() == false) == (as != use::out));

    auto names = as == use::out ? derived_names<Record>() : name_set{};
    auto required = names;
    each_field<Record>([&](const auto& f, size_t) {
      using member_type = typename std::decay_t<decltype(f)>::member_type;
      if (!f.rule.is(as) || (as == use::out && f.rule.is(use::secret))) return;
      INFO(f.name);
      names.emplace(f.name);
      if (as == use::out ? !is_optional<member_type> || f.rule.is(use::nullable)
                         : as == use::in_create && f.rule.is(use::required))
        required.emplace(f.name);
      auto at = schema.find("properties")->find(f.name);
      if (at) check_value<member_type>({*at, f.rule, as, false, name == "NewPart"});
    });
    CHECK(names_in(schema.find("properties")) == names);
    CHECK(names_in(schema.find("required")) == required);
  }

  const name_set& seen() const { return seen_; }
  const contract& known() const { return known_; }

 private:
  contract known_;
  name_set seen_;
};

void compare_records(record_check& check) {
  check.compare<user>("User", use::out);
  check.compare<user>("UserPatch", use::in_patch);
  check.compare<login>("Login", use::out);
  check.compare<user_settings>("Settings", use::out);
  check.compare<user_settings>("SettingsPatch", use::in_patch);
  check.compare<system_settings>("SystemSettings", use::out);
  check.compare<system_settings>("SystemSettingsPatch", use::in_patch);
  check.compare<model_config>("Model", use::out);
  check.compare<model_config>("NewModel", use::in_create);
  check.compare<model_config>("ModelPatch", use::in_patch);
  check.compare<model_capabilities>("ModelCapabilities", use::out);
  check.compare<model_capabilities>("NewModelCapabilities", use::in_create);
  check.compare<model_channel>("ModelChannel", use::out);
  check.compare<model_channel>("NewModelChannel", use::in_create);
  check.compare<model_access>("ModelAccess", use::out);
  check.compare<model_access>("NewModelAccess", use::in_create);
  check.compare<invitation>("Invitation", use::out);
  check.compare<audit_entry>("AuditEntry", use::out);
  check.compare<reply_source>("ReplySource", use::out);
  check.compare<reply_params>("ReplyParams", use::out);
  check.compare<reply_params>("NewReplyParams", use::in_create);
  check.compare<session>("Session", use::out);
  check.compare<session>("NewSession", use::in_create);
  check.compare<session>("SessionPatch", use::in_patch);
  check.compare<message>("Message", use::out);
  check.compare<message>("MessagePatch", use::in_patch);
  check.compare<session_summary>("Summary", use::out);
  check.compare<model_prices>("ModelPrices", use::out);
  check.compare<model_prices>("NewModelPrices", use::in_create);
  check.compare<context_parts>("ContextParts", use::out);
  check.compare<context_span>("ContextSpan", use::out);
  check.compare<money>("Money", use::out);
  check.compare<counted_message>("CountedMessage", use::in_create);
  check.compare<offered_tool>("OfferedTool", use::in_create);
  check.compare<tool_function>("ToolFunction", use::in_create);
  check.compare<part>("Part", use::out);
  check.compare<part>("NewPart", use::in_create);
  check.compare<usage>("Usage", use::out);
  check.compare<message_tokens>("MessageTokens", use::out);
  check.compare<reply_timing>("ReplyTiming", use::out);
  check.compare<context_used>("ContextUsed", use::out);
  check.compare<message_error>("MessageError", use::out);
  check.compare<reply_start>("ReplyStart", use::out);
  check.compare<reply_snapshot>("ReplySnapshot", use::out);
  check.compare<search_page>("SearchPage", use::out);
  check.compare<search_hit>("SearchHit", use::out);
  check.compare<excerpt_piece>("ExcerptPiece", use::out);
  check.compare<folder>("Folder", use::out);
  check.compare<folder>("NewFolder", use::in_create);
  check.compare<folder>("FolderPatch", use::in_patch);
  check.compare<message_siblings>("MessageSiblings", use::out);
  check.compare<api_key>("ApiKey", use::out);
  check.compare<api_key>("NewApiKey", use::in_create);
  check.compare<key_budget>("KeyBudget", use::out);
  check.compare<key_budget>("NewKeyBudget", use::in_create);
  check.compare<quota_rule>("Quota", use::out);
  check.compare<quota_rule>("NewQuota", use::in_create);
  check.compare<quota_settings>("Quotas", use::out);
  check.compare<quota_settings>("NewQuotas", use::in_create);
  check.compare<quota_state>("QuotaState", use::out);
  check.compare<usage_sum>("UsageSum", use::out);
  check.compare<session_source>("SessionSource", use::out);
}

void compare_transfers(record_check& check) {
  check.compare<upload>("Upload", use::out);
  check.compare<upload>("NewUpload", use::in_create);
  check.compare<job>("Job", use::out);
  check.compare<job_report>("JobReport", use::out);
  check.compare<job_counts>("JobCounts", use::out);
  check.compare<reason_count>("ReasonCount", use::out);
  check.compare<job_file>("JobFile", use::out);
  check.compare<kept_backup>("Backup", use::out);
  check.compare<import_body>("ImportRequest", use::in_create);
}

void compare_logs(record_check& check) {
  check.compare<log_figures>("LogFigures", use::out);
  check.compare<log_sum>("LogSum", use::out);
  check.compare<slow_request>("SlowRequest", use::out);
  check.compare<log_summary>("LogSummary", use::out);
}

void compare_alerts(record_check& check) {
  check.compare<alert>("Alert", use::out);
  check.compare<alert_outlet>("AlertOutlet", use::out);
  check.compare<alert_overview>("AlertOverview", use::out);
  check.compare<alert_trial>("AlertTrial", use::out);
  check.compare<alert_trials>("AlertTrials", use::out);
}

void compare_bodies(record_check& check) {
  check.compare<new_invitation_body>("NewInvitation", use::in_create);
  check.compare<reset_body>("PasswordReset", use::in_create);
  check.compare<discovery_body>("DiscoveryRequest", use::in_create);
  check.compare<summary_body>("NewSummary", use::in_create);
  check.compare<count_body>("CountRequest", use::in_create);
  check.compare<register_body>("Registration", use::in_create);
  check.compare<login_body>("Credentials", use::in_create);
  check.compare<refresh_body>("RefreshRequest", use::in_create);
  check.compare<password_body>("PasswordChange", use::in_create);
  check.compare<new_user_body>("NewUser", use::in_create);
  check.compare<user_change_body>("AccountChange", use::in_patch);
  check.compare<chat_body>("Turn", use::in_create);
  check.compare<bulk_body>("BulkRequest", use::in_create);
  check.compare<bulk_fault>("BulkFault", use::out);
  check.compare<bulk_result>("BulkResult", use::out);
  check.compare<fork_body>("ForkRequest", use::in_create);
  check.compare<again_body>("AgainRequest", use::in_create);
  check.compare<stop_body>("StopRequest", use::in_create);
}

}  // namespace

TEST_CASE("the contract's schemas are the records' fields") {
  record_check check;
  compare_records(check);
  compare_bodies(check);
  compare_transfers(check);
  compare_logs(check);
  compare_alerts(check);

  // Written member by member: no record stands behind them.
  name_set others{"ErrorAnswer",
                  "Error",
                  "FieldFault",
                  "Readiness",
                  "Health",
                  "About",
                  "LoginMethods",
                  "LoginList",
                  "LoginTicket",
                  "UserPage",
                  "ModelList",
                  "SessionPage",
                  "MessagePage",
                  "ReplyTicket",
                  "ReplyStream",
                  "PartOpened",
                  "TextAdded",
                  "ReplyError",
                  "ReplyDone",
                  "TurnPreview",
                  "TokenCount",
                  "FolderList",
                  "JobPage",
                  "JobStream",
                  "JobChanged",
                  "ChangeStream",
                  "SessionChanged",
                  "RecordChanged",
                  "MessageChanged",
                  "ReplyChanged",
                  "ApiKeyTicket",
                  "ApiKeyList",
                  "LimitList",
                  "UsageReport",
                  "MadeUser",
                  "ResetCode",
                  "InvitationPage",
                  "MadeInvitation",
                  "AuditPage",
                  "BackupList",
                  "LogPage",
                  "LogLine",
                  "StreamList",
                  "ChannelList",
                  "ModelTrial",
                  "OfferList",
                  "SessionExport",
                  "AnthropicError",
                  "OpenaiError",
                  "V1ChatCompletion",
                  "V1ChatRequest",
                  "V1EmbeddingRequest",
                  "V1Embeddings",
                  "V1Message",
                  "V1MessagesRequest",
                  "V1Model",
                  "V1Models",
                  "V1TokenCount"};
  others.insert(check.seen().begin(), check.seen().end());
  CHECK(names_in(check.known().schemas()) == others);
}
