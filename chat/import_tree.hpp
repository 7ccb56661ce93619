/// What the readers of foreign conversations share: a message as the file has it, and the making of
/// a tree of ours from all of them. See import.hpp.
#pragma once

#include "chat/import.hpp"

namespace parley {

/// A message of the file.
struct import_node {
  std::string id;
  std::string parent;  ///< empty at the root
  std::optional<instant> at;
  message said;
  bool is_bare = false;  ///< holds the tree together and no message: not counted
  bool is_hidden = false;
  std::string author;                ///< a tool's name
  std::vector<std::string> missing;  ///< attachments that are not in the file
  std::string change;                ///< the first reason; empty: none
  std::string left_out;              ///< the reason; empty: it is taken

  void add_text(part_type type, std::string_view text);
  void add_code(std::string_view language, std::string_view text);
  /// A data: url, or the name of a picture that is not there.
  void add_image(std::string_view url, std::string_view name);
  void add_missing(std::string_view name);
  void note_change(std::string_view reason);
  /// False, and left out, if it is none of ours.
  bool take_role(std::string_view name);
};

/// A conversation of the file.
struct import_draft {
  import_source source = import_source::parley;
  std::string source_id;
  session header;
  std::vector<import_node> nodes;
  std::string leaf;  ///< of the branch shown
};

/// Parents before children, else by time. What hangs on a message that is left out hangs on that
/// one's parent instead; what nothing leads to is left out.
imported_session assemble(import_draft draft, instant now);

/// Seconds or milliseconds since 1970, or an RFC 3339 text; nothing for other values.
std::optional<instant> read_time(const std::optional<json_value>& value);
/// A title that fits, on one line.
std::string fit_title(std::string_view title);
/// Text that the API takes: without U+0000.
std::string clean_text(std::string_view text, bool& is_changed);

bool flag_at(const json_value& from, std::string_view key);
std::string text_at(const json_value& from, std::string_view key);
/// Of a member of a member, which may be absent.
std::string text_at(const json_value& from, std::string_view key, std::string_view inner);

expected<import_draft> read_parley(const json_value& conversation);
expected<import_draft> read_chatgpt(const json_value& conversation);
expected<import_draft> read_openwebui(const json_value& conversation);
expected<import_draft> read_librechat(const json_value& conversation);

}  // namespace parley
