/// What the audit log is told of, by whoever commits it. Pure.
#pragma once

#include "actors/protocol.hpp"
#include "base/record_json.hpp"
#include "schema/change.hpp"

namespace parley {

/// What was changed.
struct audit_target {
  std::string id;
  std::string name;
};
inline audit_target target_of(const user& of) {
  return {to_string(of.id), of.username};
}
inline audit_target target_of(const model_config& of) {
  return {to_string(of.id), of.name};
}

/// The entry of something done by `by`; `detail` is a JSON object.
append_audit audited(const caller& by, instant at, std::string action, audit_target on,
                     std::string detail = "{}");
/// Somebody did it who has no token yet: `who` logs in, registers, or tries to.
append_audit audited(const client& from, std::optional<user_id> who, instant at, std::string action,
                     audit_target on);

/// {"fields":["name","apiKey"]}: what a patch gives, without its values.
template <record Record>
std::string given_names(const patch_of<Record>& patch) {
  std::string text;
  json_writer json{text};
  json.begin_object().key("fields").begin_array();
  each_field<Record>([&](const auto& f, size_t index) {
    if ((patch.given >> index & 1) != 0) json.value(f.name);
  });
  json.end_array().end_object();
  return text;
}

/// {"registration":"open"}: what a patch gives; long values and those that JSON never shows are
/// named only.
template <record Record>
std::string given_values(const patch_of<Record>& patch) {
  constexpr size_t value_bytes_max = 300;
  std::string text;
  json_writer json{text};
  json.begin_object();
  each_field<Record>([&](const auto& f, size_t index) {
    if ((patch.given >> index & 1) == 0) return;
    json.key(f.name);
    std::string shown;
    if (f.rule.is(use::out) && !f.rule.is(use::secret)) {
      if constexpr (!std::is_same_v<std::decay_t<decltype(patch.value.*f.member)>, secret_text>)
        shown = json_of(patch.value.*f.member);
    }
    if (shown.empty() || shown.size() > value_bytes_max)
      json.value("(changed)");
    else
      json.raw(shown);
  });
  json.end_object();
  return text;
}

}  // namespace parley
