#include "actors/impl/alert_rules.hpp"

#include <algorithm>

#include "actors/channel_reports.hpp"
#include "base/money.hpp"

namespace parley {

namespace {

/// What has fired is well again only when it is a tenth, or of errors a fifth, beyond its bound.
constexpr uint64_t disk_slack_percent = 10;
constexpr uint64_t error_slack_percent = 20;

std::string mebibytes(uint64_t bytes) {
  return std::to_string(bytes >> 20U) + " MiB";
}

alert_finding disk_finding(const disk_room& room, const alert_limits& limits) {
  auto wanted = std::max(limits.disk_bytes, room.bytes / 100 * limits.disk_percent);
  alert_finding found{alert_kind::disk_low, room.setting};
  if (room.free_bytes < wanted)
    found.sign = alert_sign::bad;
  else if (room.free_bytes >= wanted + wanted / 100 * disk_slack_percent)
    found.sign = alert_sign::well;
  found.summary = mebibytes(room.free_bytes) + " of " + mebibytes(room.bytes) +
                  " are free on the disk of " + room.setting + " (" + room.path + ").";
  found.mend = "Make room, or move " + room.setting +
               ". When the disk is full nothing can be stored (507) and no backup be made.";
  return found;
}

alert_sign sign_of(const channel_report* report) {
  if (report == nullptr || report->condition == channel_condition::resting)
    return alert_sign::unclear;
  return report->condition == channel_condition::well ? alert_sign::well : alert_sign::bad;
}

/// What is used and what running replies are about to use.
std::string spent_text(const quota_state& state) {
  if (state.measure != quota_measure::money)
    return std::to_string(state.used.value_or(0) + state.reserved.value_or(0)) + " of " +
           std::to_string(state.limit.value_or(0)) + " " + to_string(state.measure);
  auto amount_of = [](const std::optional<std::string>& text) {
    return parse_money(text.value_or("0")).value_or(0);
  };
  return money_text(amount_of(state.used_amount) + amount_of(state.reserved_amount)) + " of " +
         state.amount.value_or("0") + " " + state.currency.value_or("");
}

}  // namespace

void request_window::add(steady_time at, uint64_t requests, uint64_t failures) {
  // Two looks that are close together are one point.
  auto step = std::chrono::milliseconds{span_} / (points_max / 2);
  if (points_.size() > 1 && at - points_[points_.size() - 2].at < step) points_.pop_back();
  points_.push_back({at, requests, failures});
  // The first one is the last that lies before the span.
  while (points_.size() > 2 && at - points_[1].at >= span_) points_.pop_front();
  if (points_.size() > points_max) points_.pop_front();
}

alert_finding finding_of(const request_window& recent, const alert_limits& limits) {
  auto requests = recent.requests();
  auto failures = recent.failures();
  alert_finding found{alert_kind::error_rate, "requests"};
  if (requests < limits.error_requests_min ||
      failures * 10'000 <= requests * limits.error_percent * (100 - error_slack_percent))
    found.sign = alert_sign::well;
  else if (failures * 100 > requests * limits.error_percent)
    found.sign = alert_sign::bad;
  found.summary = std::to_string(failures) + " of " + std::to_string(requests) +
                  " requests within " + std::to_string(recent.span().count()) +
                  " s were answered with 5xx.";
  found.mend = "parley logs --by reason says why, --by route where; the log has each request.";
  return found;
}

std::vector<alert_finding> findings_of(const alert_samples& samples, const alert_limits& limits) {
  std::vector<alert_finding> all;
  for (const auto& room : samples.disks) all.push_back(disk_finding(room, limits));
  if (!samples.backup_age_s || !limits.backup_age) return all;
  auto& backup = all.emplace_back();
  backup.kind = alert_kind::backup_late;
  backup.subject = "backup_dir";
  auto is_late = *samples.backup_age_s > limits.backup_age->count();
  backup.sign = is_late ? alert_sign::bad : alert_sign::well;
  backup.summary = "There has been no whole backup for " +
                   std::to_string(*samples.backup_age_s / 3600) + " hours.";
  backup.mend = "The log says backup.failed and why. Is there room in backup_dir? parley doctor.";
  return all;
}

std::vector<alert_finding> findings_of(const model_list& models, const channel_reports& reports) {
  std::vector<alert_finding> all;
  auto add = [&](const model_config& model, const std::string& channel,
                 const std::string& base_url) {
    auto& found = all.emplace_back();
    found.kind = alert_kind::upstream_down;
    found.subject = model.name + (channel.empty() ? "" : "/" + channel);
    found.sign = sign_of(find_report(reports, model.id, channel, base_url));
    found.summary = "The model " + model.name + " does not answer at " + origin_in(base_url) +
                    (channel.empty() ? "." : ", channel " + channel + ".");
    found.mend = "GET /api/admin/channels says how it is; parley model test " + model.name +
                 " what to do. A second channel or a fallback model would answer.";
  };
  for (const auto& model : models.items) {
    if (!model.enabled) continue;
    add(model, {}, model.base_url);
    for (const auto& channel : model.channels) add(model, channel.name, channel.base_url);
  }
  return all;
}

alert_finding finding_of(const budget_crossed& told) {
  const auto& state = told.state;
  alert_finding found;
  found.kind = alert_kind::budget;
  found.subject = told.username + "/" + to_string(state.window) + "/" + to_string(state.measure);
  auto whose = to_string(state.subject);
  if (state.subject == quota_subject::key || state.subject == quota_subject::model) {
    whose += " " + state.subject_id.value_or("");
    found.subject += "/" + whose;
  }
  if (state.currency) found.subject += "/" + *state.currency;
  found.sign = told.is_above ? alert_sign::bad : alert_sign::well;
  found.summary =
      told.username + " has used " + spent_text(state) +
      (state.window == quota_window::total ? " in total" : " of the " + to_string(state.window)) +
      "; the quota is that of " + whose + ".";
  found.mend = "GET /api/admin/usage?groupBy=model says on what; PUT /api/admin/quotas raises it.";
  found.ends_at = state.resets_at;
  return found;
}

}  // namespace parley
