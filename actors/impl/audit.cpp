#include "actors/impl/audit.hpp"

#include "base/text.hpp"

namespace parley {

namespace {

constexpr size_t text_bytes_max = 300;

std::string bounded(std::string_view text) {
  return std::string{
      cut_utf8(repair_utf8(std::string{text.substr(0, text_bytes_max)}), text_bytes_max)};
}

}  // namespace

append_audit audited(const caller& by, instant at, std::string action, audit_target on,
                     std::string detail) {
  append_audit change;
  auto& entry = change.entry;
  entry.at = at;
  if (!by.user.is_none()) entry.actor_id = by.user;
  entry.action = std::move(action);
  entry.target_id = std::move(on.id);
  entry.target_name = bounded(on.name);
  entry.address = bounded(by.address);
  entry.request_id = bounded(by.request_id);
  entry.detail.text = std::move(detail);
  return change;
}

append_audit audited(const client& from, std::optional<user_id> who, instant at, std::string action,
                     audit_target on) {
  caller by;
  by.user = who.value_or(user_id{});
  by.address = from.address;
  by.request_id = from.request_id;
  return audited(by, at, std::move(action), std::move(on));
}

}  // namespace parley
