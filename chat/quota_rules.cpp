#include "chat/quota_rules.hpp"

#include <algorithm>
#include <set>

#include "base/money.hpp"

namespace parley {

namespace {

constexpr int64_t minute_ms = 60'000;

bool is_of_account(quota_subject subject) {
  return subject != quota_subject::key && subject != quota_subject::model;
}

bool is_subject(const quota_rule& rule, const quota_applicant& who) {
  auto is_named = [&](const auto& id) { return !id.is_none() && rule.subject_id == to_string(id); };
  switch (rule.subject) {
    case quota_subject::everyone:
      return true;
    case quota_subject::role:
      return rule.subject_id == name_of(who.role);
    case quota_subject::user:
      return is_named(who.user);
    case quota_subject::key:
      return is_named(who.key);
    case quota_subject::model:
      return is_named(who.model);
  }
  return false;
}

quota_limit limit_from(const quota_rule& rule, const quota_applicant& who) {
  quota_limit made{rule, {}, {}, 0};
  if (rule.subject == quota_subject::key) made.key = who.key;
  if (rule.subject == quota_subject::model) made.model = who.model;
  made.limit = rule.measure == quota_measure::money
                   ? parse_money(rule.amount.value_or("")).value_or(0)
                   : rule.limit.value_or(0);
  return made;
}

bool is_same_place(const quota_rule& a, const quota_rule& b) {
  return a.window == b.window && a.measure == b.measure && a.currency == b.currency;
}

quota_rule rule_of(const key_budget& budget, api_key_id key) {
  return {quota_subject::key, to_string(key), budget.window,   budget.measure,
          budget.limit,       budget.amount,  budget.currency, quota_action::refuse};
}

template <class Rule>
void check_amount(const Rule& rule, const std::string& path, fault_list& faults) {
  auto is_money = rule.measure == quota_measure::money;
  auto need = [&](const char* field, bool is_there, bool is_wanted) {
    if (is_there == is_wanted) return;
    faults.add(path + field, is_wanted ? "required" : "not_here",
               is_wanted ? "This measure needs it." : "This measure does not have it.");
  };
  need("/limit", rule.limit.has_value(), !is_money);
  need("/amount", rule.amount.has_value(), is_money);
  need("/currency", rule.currency.has_value(), is_money);
  if (is_money && rule.amount && !parse_money(*rule.amount))
    faults.add(path + "/amount", "decimal", "Must be a decimal like \"2.50\".");
  if (rule.currency && !is_currency(*rule.currency))
    faults.add(path + "/currency", "currency", "Must be a currency's code like \"USD\".");
}

void check_subject(const quota_rule& rule, const std::string& path, fault_list& faults) {
  auto field = path + "/subjectId";
  if (rule.subject == quota_subject::everyone) {
    if (rule.subject_id) faults.add(field, "not_here", "Everyone has no id.");
  } else if (!rule.subject_id) {
    faults.add(field, "required", "This subject needs it.");
  } else if (rule.subject == quota_subject::role) {
    if (!enum_of<role>(*rule.subject_id))
      faults.add(field, "one_of", R"(Must be one of ["USER","ADMIN"].)", R"(["USER","ADMIN"])");
  } else if (!user_id::parse(*rule.subject_id)) {
    faults.add(field, "id", "This is not an id.");
  }
}

}  // namespace

std::vector<quota_limit> limits_of(const std::vector<quota_rule>& rules,
                                   const quota_applicant& who) {
  std::vector<quota_limit> limits;
  for (const auto& rule : rules) {
    if (!is_subject(rule, who)) continue;
    if (is_of_account(rule.subject)) {
      auto rival = std::find_if(limits.begin(), limits.end(), [&](const quota_limit& known) {
        return is_of_account(known.rule.subject) && is_same_place(known.rule, rule);
      });
      if (rival != limits.end()) {
        if (rival->rule.subject <= rule.subject) *rival = limit_from(rule, who);
        continue;
      }
    }
    limits.push_back(limit_from(rule, who));
  }
  if (who.budget && !who.key.is_none())
    limits.push_back(limit_from(rule_of(*who.budget, who.key), who));
  return limits;
}

quota_periods periods_around(instant now, const time_zone& zone) {
  instant minute{now.ms - now.ms % minute_ms};
  return {time_span{minute, {minute.ms + minute_ms}}, zone.day_around(now), zone.month_around(now),
          time_span{{0}, {INT64_MAX}}};
}

void check_rules(const std::vector<quota_rule>& rules, fault_list& faults) {
  std::set<std::string> seen;
  for (size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    auto path = "/items/" + std::to_string(i);
    check_subject(rule, path, faults);
    check_amount(rule, path, faults);
    auto place = to_string(rule.subject) + ' ' + rule.subject_id.value_or("") + ' ' +
                 to_string(rule.window) + ' ' + to_string(rule.measure) + ' ' +
                 rule.currency.value_or("");
    if (!seen.insert(place).second)
      faults.add(path, "unique", "There is a rule for this subject, window and measure already.");
  }
}

void check_budget(const key_budget& budget, const std::string& path, fault_list& faults) {
  check_amount(budget, path, faults);
}

}  // namespace parley
