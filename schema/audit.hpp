/// The audit log: who changed what, when, from where; and invitations, which it tells of.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/record.hpp"
#include "schema/user.hpp"

namespace parley {

enum class audit_result : uint8_t { done = 1, refused };
constexpr std::array<std::string_view, 2> names_of(audit_result) {
  return {"done", "refused"};
}

/// One link of the chain. Place, hash and the actor's name are STORAGE's to fill in. `detail` is a
/// JSON object and never holds a secret.
struct audit_entry {
  int64_t seq = 0;
  instant at;
  std::optional<user_id> actor_id;  ///< none: the command line, or somebody unknown
  std::string actor_name;
  std::string action;  ///< "user.created": the kind of its target, then what happened
  std::string target_id;
  std::string target_name;
  audit_result result = audit_result::done;
  std::string address;
  std::string request_id;
  json_text detail;
  std::string hash;  ///< SHA-256, hex, of this entry and the hash before it
};
PARLEY_RECORD(audit_entry, FIELD(seq, "seq"), FIELD(at, "at"),
              FIELD(actor_id, "actorId", .uses = out | stored | nullable),
              FIELD(actor_name, "actorName"), FIELD(action, "action"), FIELD(target_id, "targetId"),
              FIELD(target_name, "targetName"), FIELD(result, "result"), FIELD(address, "address"),
              FIELD(request_id, "requestId"), FIELD(detail, "detail"), FIELD(hash, "hash"))

/// Which entries a list has; all conditions hold.
struct audit_filter {
  std::optional<user_id> actor{};
  std::string action{};  ///< "user" stands for all that begins with "user."
  std::string target{};
  std::optional<audit_result> result{};
  std::optional<instant> from{};
  std::optional<instant> until{};
};
PARLEY_INSPECT(audit_filter, actor, action, target, result, from, until)

constexpr size_t invitations_max = 1'000;

/// A code that lets somebody register. It is shown once; only its SHA-256 is kept.
struct invitation {
  invitation_id id;
  int64_t version = 1;
  instant created_at;
  instant updated_at;
  user_id created_by;
  std::optional<std::string> note;
  parley::role role = parley::role::user;
  int32_t uses = 0;
  int32_t uses_max = 1;
  instant expires_at;
  std::string code_hash;
};
PARLEY_RECORD(invitation, FIELD(id, "id"), FIELD(version, "version"),
              FIELD(created_at, "createdAt"), FIELD(updated_at, "updatedAt"),
              FIELD(created_by, "createdBy"), FIELD(note, "note"), FIELD(role, "role"),
              FIELD(uses, "uses"), FIELD(uses_max, "usesMax"), FIELD(expires_at, "expiresAt"),
              FIELD(code_hash, "codeHash", .uses = stored | secret))

struct new_invitation_body {
  std::optional<std::string> note;
  parley::role role = parley::role::user;
  int32_t uses_max = 1;
  int32_t expires_in_hours = 168;
};
PARLEY_RECORD(new_invitation_body, FIELD(note, "note", .uses = in_create, .length_max = 200),
              FIELD(role, "role", .uses = in_create),
              FIELD(uses_max, "usesMax", .uses = in_create, .min = 1, .max = 1000),
              FIELD(expires_in_hours, "expiresInHours", .uses = in_create, .min = 1, .max = 8760))

}  // namespace parley
