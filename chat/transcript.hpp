/// A chat session as a file to keep: JSON with all its branches, Markdown or plain text with the
/// branch shown. Pure.
///
/// What is written is appended to a string as pages of messages come, so that nobody ever holds a
/// whole session. First `begin`; then, for JSON, `add` with each message of the tree and
/// `add_to_path` with each of the branch shown, for the others `add` with each of that branch; then
/// `end`. Messages come in the order of their making.
#pragma once

#include <array>
#include <string>
#include <string_view>

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
  /// Whether all branches are written, and then the path.
  bool has_tree() const { return format_ == transcript_format::json; }

  void begin(std::string& out);
  void add(std::string& out, const message& said);
  void begin_path(std::string& out);
  void add_to_path(std::string& out, const message& said);
  void end(std::string& out);

 private:
  transcript_format format_;
  session header_;
  instant now_;
  bool needs_comma_ = false;
};

/// A name for the file: the title without what a file system or a display would misread.
std::string transcript_file_name(const session& header, transcript_format format);

std::string_view media_type_of(transcript_format format);

}  // namespace parley
