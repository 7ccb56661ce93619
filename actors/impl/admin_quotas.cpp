// ADMIN: quotas, and the usage of everyone.
#include "actors/impl/account_rules.hpp"
#include "actors/impl/admin_state.hpp"
#include "actors/impl/audit.hpp"
#include "base/log.hpp"
#include "chat/quota_rules.hpp"

namespace parley {

// To the USERs of this node, who look at each turn.
void admin_state::publish_quotas() const {
  quota_notice notice;
  notice.rules = quotas_.items;
  notice.currency = settings_.currency;
  if (auto zone = time_zone::find(settings_.time_zone))
    notice.zone = *zone;
  else
    log_warning("admin.no_time_zone", {{"zone", settings_.time_zone}});
  parts_.quotas->publish(std::move(notice));
}

caf::result<quota_settings> admin_state::on(const get_quotas&) {
  return quotas_;
}

caf::result<quota_settings> admin_state::on(const change_quotas& message) {
  TRY_DONE(check_version(message.if_version, quotas_.version));
  auto changed = message.quotas;
  for (auto& rule : changed.items) complete_amount(rule, settings_.currency);
  fault_list faults;
  check_rules(changed.items, faults);
  if (!faults.is_empty()) return std::move(faults).to_error();
  changed.version = quotas_.version + 1;
  auto told = audited(message.by, now(), "quotas.changed", {}, json_of(changed));
  return store_then<quota_settings>(*this, {change_metering{put_quotas{changed}}, told},
                                    [this, changed] {
                                      quotas_ = changed;
                                      publish_quotas();
                                      return quotas_;
                                    });
}

caf::result<usage_report> admin_state::on(const list_all_usage& message) {
  TRY(auto range, plan_usage(message.query, parts_.quotas->read()->zone, now()));
  return hand_on(self, parts_.reader, read_usage{std::nullopt, std::move(range)});
}

}  // namespace parley
