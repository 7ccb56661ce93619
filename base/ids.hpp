/// Identifiers: distinct types over UUIDv7 (RFC 9562), ordered by time of making. Never a secret.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/inspect.hpp"

namespace parley {

using uuid_bytes = std::array<uint8_t, 16>;

/// A new UUIDv7 of the present moment; ids of one process rise strictly. Thread-safe.
uuid_bytes make_uuid();
/// 36 characters, lower case.
std::string uuid_text(const uuid_bytes& bytes);
/// Accepts exactly the 36-character form, either case; nothing else.
std::optional<uuid_bytes> parse_uuid(std::string_view text);

/// One kind of id per Tag: a user_id cannot be passed as a session_id.
template <class Tag>
struct basic_id {
  uuid_bytes bytes{};

  static basic_id make() { return {make_uuid()}; }
  static std::optional<basic_id> parse(std::string_view text) {
    if (auto bytes = parse_uuid(text)) return basic_id{*bytes};
    return std::nullopt;
  }
  /// The all-zero id stands for "none" and is never made.
  bool is_none() const { return bytes == uuid_bytes{}; }
  friend auto operator<=>(const basic_id&, const basic_id&) = default;
};

template <class Tag>
std::string to_string(const basic_id<Tag>& id) {
  return uuid_text(id.bytes);
}

template <class Inspector, class Tag>
typename Inspector::result_type inspect(Inspector& inspector, basic_id<Tag>& id) {
  return inspector(caf::meta::type_name("id"), id.bytes);
}

using user_id = basic_id<struct user_tag>;
using login_id = basic_id<struct login_tag>;
using model_id = basic_id<struct model_tag>;
using session_id = basic_id<struct session_tag>;
using message_id = basic_id<struct message_tag>;
using folder_id = basic_id<struct folder_tag>;
using api_key_id = basic_id<struct api_key_tag>;
using invitation_id = basic_id<struct invitation_tag>;
using upload_id = basic_id<struct upload_tag>;
using job_id = basic_id<struct job_tag>;

}  // namespace parley

template <class Tag>
struct std::hash<parley::basic_id<Tag>> {
  size_t operator()(const parley::basic_id<Tag>& id) const {
    // The last eight bytes of a UUIDv7 are random: they need no mixing.
    size_t result;
    std::memcpy(&result, id.bytes.data() + 8, sizeof result);
    return result;
  }
};
