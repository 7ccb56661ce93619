/// A chat session as a file to keep: JSON with all its branches, Markdown or plain text with the
/// branch shown. Pure.
///
/// What is written is appended to a string as pages of messages come, so that nobody ever holds a
/// whole session. First `begin`; then `add` with each message of the tree, or of the branch shown
/// if there is no tree, in the order of their making; then `end`, which tells the branch shown of a
/// tree: for that the ids are kept, 32 bytes a message.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "schema/message.hpp"
#include "schema/session.hpp"

namespace parley {

enum class transcript_format : uint8_t { json = 1, md, txt };
constexpr std::array<std::string_view, 3> names_of(transcript_format) {
  return {"json", "md", "txt"};
}

class transcript {
 public:
  transcript(transcript_format format, session header, instant now)
      : format_(format), header_(std::move(header)), now_(now) {}

  const session& header() const { return header_; }
  /// Whether all branches are written, and then which of them is shown.
  bool has_tree() const { return format_ == transcript_format::json; }

  void begin(std::string& out);
  void add(std::string& out, const message& said);
  void end(std::string& out);

 private:
  struct link {
    message_id id;
    message_id parent;  ///< none for a root
  };

  std::vector<message_id> path() const;

  transcript_format format_;
  session header_;
  instant now_;
  std::vector<link> tree_;
};

/// A name for the file: the title without what a file system or a display would misread.
std::string transcript_file_name(const session& header, transcript_format format);

std::string_view media_type_of(transcript_format format);

}  // namespace parley
