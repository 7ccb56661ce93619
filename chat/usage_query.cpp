#include "chat/usage_query.hpp"

namespace parley {

namespace {

constexpr int64_t day_ms = 24 * 3600 * 1000;
constexpr int64_t days_by_default = 30;

// A day stands for its begin.
std::optional<instant> moment_in(const std::string& text, const time_zone& zone) {
  if (auto day = zone.begin_of_day(text)) return day;
  return parse_instant(text);
}

void add_field(std::string& row, std::string_view text) {
  if (!row.empty()) row += ',';
  auto is_formula =
      !text.empty() && std::string_view{"=+-@\t\r"}.find(text.front()) != std::string_view::npos;
  if (!is_formula && text.find_first_of("\",\r\n") == std::string_view::npos) {
    row += text;
    return;
  }
  row += '"';
  if (is_formula) row += '\'';
  for (auto c : text) {
    if (c == '"') row += '"';
    row += c;
  }
  row += '"';
}

std::string group_head(usage_group group) {
  switch (group) {
    case usage_group::day:
      return "day";
    case usage_group::model:
      return "modelId,modelName";
    case usage_group::user:
      return "userId,username";
    case usage_group::label:
      return "keyId,label";
  }
  return {};
}

// An empty first field must not look like no field.
void add_group(std::string& row, usage_group group, const usage_sum& item) {
  auto pair = [&row](std::string id, const std::optional<std::string>& name) {
    row = std::move(id) + ',';
    std::string second;
    add_field(second, name.value_or(""));
    row += second;
  };
  if (group == usage_group::day) row = item.day.value_or("");
  if (group == usage_group::model)
    pair(item.model_id ? to_string(*item.model_id) : "", item.model_name);
  if (group == usage_group::user) pair(item.user_id ? to_string(*item.user_id) : "", item.username);
  if (group == usage_group::label) pair(item.key_id ? to_string(*item.key_id) : "", item.label);
}

}  // namespace

expected<usage_range> plan_usage(const usage_query& query, const time_zone& otherwise,
                                 instant now) {
  fault_list faults;
  auto zone = query.zone.empty() ? otherwise : time_zone::find(query.zone);
  if (!zone) {
    faults.add("/tz", "time_zone", "There is no such time zone.");
    zone = otherwise;
  }
  usage_range range;
  range.zone = zone->name();
  if (!query.group_by.empty()) {
    auto group = enum_of<usage_group>(query.group_by);
    constexpr auto choices = R"(["day","model","user","label"])";
    if (!group)
      faults.add("/groupBy", "one_of", std::string{"Must be one of "} + choices + ".", choices);
    range.group = group.value_or(usage_group::day);
  }
  range.to = zone->day_around(now).end;
  if (!query.to.empty()) {
    auto to = moment_in(query.to, *zone);
    if (!to) faults.add("/to", "instant", "Must be a day or an RFC 3339 date-time.");
    range.to = to.value_or(range.to);
  }
  auto first = zone->day_around({range.to.ms - 1 - (days_by_default - 1) * day_ms}).begin;
  range.from = first;
  if (!query.from.empty()) {
    auto from = moment_in(query.from, *zone);
    if (!from) faults.add("/from", "instant", "Must be a day or an RFC 3339 date-time.");
    range.from = from.value_or(first);
  }
  if (range.from.ms >= range.to.ms)
    faults.add("/from", "order", "Must be before `to`.");
  else if (range.to.ms - range.from.ms > usage_days_max * day_ms)
    faults.add("/from", "days_max", "Must be at most 400 days before `to`.", "400");
  if (!faults.is_empty()) return std::move(faults).to_error();
  return range;
}

std::string usage_csv(usage_group group, const std::vector<usage_sum>& items) {
  auto text = group_head(group) +
              ",requests,promptTokens,completionTokens,reasoningTokens,cachedTokens,cost,"
              "currency\r\n";
  for (const auto& item : items) {
    std::string row;
    add_group(row, group, item);
    for (auto number : {item.requests, item.prompt_tokens, item.completion_tokens,
                        item.reasoning_tokens, item.cached_tokens})
      row += ',' + std::to_string(number);
    row += ',' + (item.cost ? item.cost->amount : "") + ',';
    row += item.cost ? item.cost->currency : "";
    text += row + "\r\n";
  }
  return text;
}

}  // namespace parley
