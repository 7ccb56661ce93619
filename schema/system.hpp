/// Settings of the whole system that an ADMIN changes while it runs.
#pragma once

#include "base/ids.hpp"
#include "base/record.hpp"

namespace parley {

/// `invite`: with the code of an invitation.
enum class registration : uint8_t { open = 1, closed, invite };
constexpr std::array<std::string_view, 3> names_of(registration) {
  return {"open", "closed", "invite"};
}

struct system_settings {
  int64_t version = 1;
  parley::registration registration = parley::registration::closed;
  std::optional<model_id> default_model_id;
  std::optional<std::string> banner;
  std::optional<model_id> summary_model_id;  ///< none: each session's own model
  std::optional<model_id> title_model_id;    ///< none: titles are not made by a model
  /// Why only ADMINs may begin turns now; none: everybody may.
  std::optional<std::string> maintenance;
  std::string time_zone = "UTC";  ///< IANA's name
  std::string currency = "USD";   ///< of prices and limits that name none; ISO 4217's code
  // None: as the setting of the same name says.
  std::optional<int64_t> sessions_per_user_max;
  std::optional<int32_t> streams_per_user_max;
  std::optional<int32_t> models_per_user_max;
  // None of these goes for its age where it is 0.
  int32_t audit_days = 365;  ///< older entries of the audit log go
  int32_t chat_days = 0;     ///< chats go that nobody has touched for so long, but pinned ones
  int32_t usage_days = 0;    ///< of older usage the sums are kept alone
};
PARLEY_RECORD(
    system_settings, FIELD(version, "version", .uses = out),
    FIELD(registration, "registration", .uses = in_patch | out),
    FIELD(default_model_id, "defaultModelId", .uses = in_patch | out | nullable),
    FIELD(banner, "banner", .uses = in_patch | out | nullable, .length_max = 2000),
    FIELD(summary_model_id, "summaryModelId", .uses = in_patch | out | nullable),
    FIELD(title_model_id, "titleModelId", .uses = in_patch | out | nullable),
    FIELD(maintenance, "maintenance", .uses = in_patch | out | nullable, .length_min = 1,
          .length_max = 2000),
    FIELD(time_zone, "timeZone", .uses = in_patch | out, .length_min = 1, .length_max = 64),
    FIELD(currency, "currency", .uses = in_patch | out, .length_min = 3, .length_max = 3),
    FIELD(sessions_per_user_max, "sessionsPerUserMax", .uses = in_patch | out | nullable, .min = 1,
          .max = 10'000'000),
    FIELD(streams_per_user_max, "streamsPerUserMax", .uses = in_patch | out | nullable, .min = 1,
          .max = 10'000),
    FIELD(models_per_user_max, "modelsPerUserMax", .uses = in_patch | out | nullable, .min = 0,
          .max = 10'000),
    FIELD(audit_days, "auditRetentionDays", .uses = in_patch | out, .min = 0, .max = 3650),
    FIELD(chat_days, "chatRetentionDays", .uses = in_patch | out, .min = 0, .max = 3650),
    FIELD(usage_days, "usageRetentionDays", .uses = in_patch | out, .min = 0, .max = 3650))

}  // namespace parley
