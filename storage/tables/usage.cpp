// What replies have used.
#include <map>

#include "base/money.hpp"
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

namespace {

/// Groups of one report; of models, users and labels those with most tokens.
constexpr int64_t groups_max = 10'000;

constexpr std::string_view sums =
    "SUM(u.requests),SUM(u.prompt_tokens),SUM(u.completion_tokens),SUM(u.reasoning_tokens),"
    "SUM(u.cached_tokens),SUM(u.cost)";

constexpr auto add_to_known =
    " ON CONFLICT DO UPDATE SET model_name=excluded.model_name,label=excluded.label,"
    "requests=requests+excluded.requests,prompt_tokens=prompt_tokens+excluded.prompt_tokens,"
    "completion_tokens=completion_tokens+excluded.completion_tokens,"
    "reasoning_tokens=reasoning_tokens+excluded.reasoning_tokens,"
    "cached_tokens=cached_tokens+excluded.cached_tokens,cost=cost+excluded.cost";

struct group_sql {
  std::string_view columns;  ///< two
  std::string_view by;
};

// The latest name of a model or key stands for all its rows: of a bare column beside MAX, SQLite
// takes the row that has it.
group_sql sql_of(usage_group group) {
  switch (group) {
    case usage_group::day:
      return {"u.slot,NULL", "u.slot"};
    case usage_group::model:
      return {"u.model_id,u.model_name", "u.model_id"};
    case usage_group::user:
      return {"u.owner_id,(SELECT n.username FROM users n WHERE n.id=u.owner_id)", "u.owner_id"};
    case usage_group::label:
      return {"u.key_id,u.label", "u.key_id"};
  }
  return {};
}

// The columns from the third on are the currency and `sums`.
void add_sums(const query& row, usage_sum& to, int64_t& cost) {
  to.requests += row.integer(3);
  to.prompt_tokens += row.integer(4);
  to.completion_tokens += row.integer(5);
  to.reasoning_tokens += row.integer(6);
  to.cached_tokens += row.integer(7);
  cost += row.integer(8);
}

void set_cost(usage_sum& to, std::string currency, int64_t cost) {
  if (!currency.empty()) to.cost = money{money_text(cost), std::move(currency)};
}

void set_group(const query& row, usage_group group, usage_sum& to) {
  auto name = std::string{row.text(1)};
  if (group == usage_group::model) {
    to.model_id = row.id<model_id>(0);
    to.model_name = std::move(name);
  } else if (group == usage_group::user) {
    to.user_id = row.id<user_id>(0);
    to.username = std::move(name);
  } else {
    auto key = row.id<api_key_id>(0);
    if (!key.is_none()) to.key_id = key;
    to.label = std::move(name);
  }
}

expected<std::vector<usage_sum>> sums_by_day(query& rows, const std::string& zone_name) {
  auto zone = time_zone::find(zone_name);
  if (!zone) return make_error(errc::invalid_input);
  struct day_sum {
    usage_sum sum;
    int64_t cost = 0;
  };
  std::map<std::pair<std::string, std::string>, day_sum> days;
  for (;;) {
    TRY(bool has_row, rows.step());
    if (!has_row) break;
    auto& day = days[{zone->day_of({rows.integer(0)}), std::string{rows.text(2)}}];
    add_sums(rows, day.sum, day.cost);
  }
  std::vector<usage_sum> items;
  for (auto& [key, day] : days) {
    day.sum.day = key.first;
    set_cost(day.sum, key.second, day.cost);
    items.push_back(std::move(day.sum));
  }
  return items;
}

}  // namespace

expected<void> apply(connection& db, const add_usage& change) {
  static const auto sql = insert_sql<usage_entry>("usage_slots") + add_to_known;
  auto q = db.prepare(sql);
  bind_record(q, change.used);
  return q.run();
}

expected<int64_t> fold_usage(connection& db, instant now, int64_t rows_max) {
  TRY(auto days, retention_days(db, "usageRetentionDays", system_settings{}.usage_days));
  if (days == 0) return int64_t{0};
  auto before = now - std::chrono::hours{24} * days;
  // The same rows for both: the index of slots has the rest of the key behind them.
  constexpr auto oldest =
      " FROM usage_slots WHERE slot>0 AND slot<? ORDER BY slot,owner_id,model_id,key_id,currency"
      " LIMIT ?";
  constexpr auto values =
      "model_id,key_id,currency,model_name,label,requests,prompt_tokens,completion_tokens,"
      "reasoning_tokens,cached_tokens,cost";
  auto add = db.prepare(std::string{"INSERT INTO usage_slots(owner_id,slot,"} + values +
                        ") SELECT owner_id,0," + values + " FROM (SELECT *" + oldest +
                        ") WHERE true" + add_to_known);
  auto erase = db.prepare(
      std::string{"DELETE FROM usage_slots WHERE (owner_id,slot,model_id,key_id,currency) IN"
                  " (SELECT owner_id,slot,model_id,key_id,currency"} +
      oldest + ")");
  for (auto* each : {&add, &erase}) {
    each->bind(before, rows_max);
    TRY_DONE(each->run());
  }
  return db.changes();
}

expected<window_sums> read(const read_context& in, const sum_windows& question) {
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  window_sums found;
  for (auto [window, begin] : {std::pair{quota_window::day, question.day_begin},
                               std::pair{quota_window::month, question.month_begin},
                               std::pair{quota_window::total, instant{0}}}) {
    auto q = in.db.prepare(
        "SELECT model_id,key_id,currency,SUM(requests),SUM(prompt_tokens+completion_tokens),"
        "SUM(cost) FROM usage_slots WHERE owner_id=? AND slot>=? GROUP BY 1,2,3");
    q.bind(question.owner_id, begin);
    for (;;) {
      TRY(bool has_row, q.step());
      if (!has_row) break;
      found.items.push_back({q.id<model_id>(0), q.id<api_key_id>(1), std::string{q.text(2)}, window,
                             q.integer(3), q.integer(4), q.integer(5)});
    }
  }
  return found;
}

expected<usage_report> read(const read_context& in, const read_usage& question) {
  usage_report report{question.range, {}};
  auto group = question.range.group;
  auto by = sql_of(group);
  auto is_by_day = group == usage_group::day;
  std::string sql = "SELECT ";
  sql.append(by.columns).append(",u.currency,").append(sums);
  if (!is_by_day) sql += ",MAX(u.slot)";
  sql += " FROM usage_slots u JOIN users o ON o.id=u.owner_id AND o.status<>'erased'";
  sql += " WHERE u.slot>=?1 AND u.slot<?2";
  if (question.owner_id) sql += " AND u.owner_id=?3";
  sql.append(" GROUP BY ").append(by.by).append(",u.currency");
  if (!is_by_day)
    sql += " ORDER BY SUM(u.prompt_tokens+u.completion_tokens) DESC,1 LIMIT " +
           std::to_string(groups_max);
  auto q = in.db.prepare(sql);
  q.bind(question.range.from, question.range.to);
  if (question.owner_id) q.bind(*question.owner_id);
  if (is_by_day) {
    TRY(report.items, sums_by_day(q, question.range.zone));
    return report;
  }
  for (;;) {
    TRY(bool has_row, q.step());
    if (!has_row) return report;
    auto& item = report.items.emplace_back();
    int64_t cost = 0;
    set_group(q, group, item);
    add_sums(q, item, cost);
    set_cost(item, std::string{q.text(2)}, cost);
  }
}

}  // namespace parley::storage
