/// Settings of the whole system that an ADMIN changes while it runs.
#pragma once

#include "base/ids.hpp"
#include "base/record.hpp"

namespace parley {

enum class registration : uint8_t { open = 1, closed };
constexpr std::array<std::string_view, 2> names_of(registration) {
  return {"open", "closed"};
}

struct system_settings {
  int64_t version = 1;
  parley::registration registration = parley::registration::closed;
  std::optional<model_id> default_model_id;
  std::optional<std::string> banner;
  std::optional<model_id> summary_model_id;  ///< none: each session's own model
  std::optional<model_id> title_model_id;    ///< none: titles are not made by a model
  std::string time_zone = "UTC";             ///< whose days quotas and usage have
};
PARLEY_RECORD(system_settings, FIELD(version, "version", .uses = out),
              FIELD(registration, "registration", .uses = in_patch | out),
              FIELD(default_model_id, "defaultModelId", .uses = in_patch | out | nullable),
              FIELD(banner, "banner", .uses = in_patch | out | nullable, .length_max = 2000),
              FIELD(summary_model_id, "summaryModelId", .uses = in_patch | out | nullable),
              FIELD(title_model_id, "titleModelId", .uses = in_patch | out | nullable),
              FIELD(time_zone, "timeZone", .uses = in_patch | out, .length_min = 1,
                    .length_max = 64))

}  // namespace parley
