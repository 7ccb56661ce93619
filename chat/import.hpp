/// Chats from elsewhere: what a conversation in another program's file becomes here. Pure.
///
/// Everything a conversation holds is counted once: taken as it is, taken but changed, or left out,
/// the last two by reason.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "schema/message.hpp"
#include "schema/session.hpp"

namespace parley {

enum class import_source : uint8_t { parley = 1, chatgpt, openwebui, librechat };
constexpr std::array<std::string_view, 4> names_of(import_source) {
  return {"parley", "chatgpt", "openwebui", "librechat"};
}

struct import_counts {
  int64_t taken = 0;
  std::map<std::string, int64_t> changed;   ///< by reason
  std::map<std::string, int64_t> left_out;  ///< by reason

  int64_t total() const;
  void add(const import_counts& more);
};

/// New ids, no owner and no model: those are the importer's business. What the file says of a
/// message beyond our fields stands in its metadata as `imported`.
struct imported_session {
  import_source source = import_source::parley;
  std::string source_id;  ///< of the conversation in that program
  session header;
  std::vector<message> messages;  ///< parents before children
  import_counts counts;           ///< of the messages
};

/// Halves of surrogate pairs in the escapes of a JSON text, where a program has cut a string amid a
/// character: each becomes U+FFFD, in place. Whether there were any.
bool mend_surrogates(std::string& json);

/// Whose conversation this is, by its content.
std::optional<import_source> source_of(const json_value& conversation);

/// errc::invalid_input if a conversation of that program lacks what makes it one. `now` stands
/// where the file knows no time.
expected<imported_session> read_conversation(import_source source, const json_value& conversation,
                                             instant now);

}  // namespace parley
