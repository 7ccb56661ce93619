#include "chat/transcript.hpp"

#include <algorithm>

#include "base/record_json.hpp"
#include "base/text.hpp"

namespace parley {

namespace {

std::string title_of(const session& header) {
  std::string title;
  for (char c : header.title)
    // A heading is one line.
    title += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return title.empty() ? "Untitled chat" : title;
}

std::string speaker_of(const message& said) {
  switch (said.role) {
    case message_role::system:
      return "System";
    case message_role::user:
      return "User";
    case message_role::tool:
      return "Tool";
    case message_role::assistant:
      break;
  }
  return said.model_name ? "Assistant (" + *said.model_name + ")" : "Assistant";
}

std::string image_of(const part& shown) {
  auto what = shown.alt && !shown.alt->empty() ? *shown.alt : shown.media_type.value_or("");
  return what.empty() ? "[Image]" : "[Image: " + what + "]";
}

void append_part_md(std::string& out, const part& shown) {
  auto text = shown.text.value_or("");
  switch (shown.type) {
    case part_type::image:
      out += image_of(shown);
      break;
    case part_type::reasoning:
      out += "<details><summary>Reasoning</summary>\n\n" + text + "\n\n</details>";
      break;
    case part_type::text:
    case part_type::refusal:
      out += text;
      break;
  }
  out += "\n\n";
}

void append_part_txt(std::string& out, const part& shown) {
  if (shown.type == part_type::image)
    out += image_of(shown);
  else if (shown.type == part_type::reasoning)
    out += "(Reasoning)\n" + shown.text.value_or("") + "\n(End of reasoning)";
  else
    out += shown.text.value_or("");
  out += '\n';
}

void append_md(std::string& out, const message& said) {
  out += "## " + speaker_of(said) + "\n\n*" + to_string(said.created_at) + "*\n\n";
  for (const auto& shown : said.parts) append_part_md(out, shown);
  if (said.status != message_status::complete) out += "*(" + to_string(said.status) + ")*\n\n";
}

void append_txt(std::string& out, const message& said) {
  out += "[" + speaker_of(said) + ", " + to_string(said.created_at) + "]\n";
  for (const auto& shown : said.parts) append_part_txt(out, shown);
  if (said.status != message_status::complete) out += "(" + to_string(said.status) + ")\n";
  out += '\n';
}

/// The bytes of the code point at the front of valid UTF-8.
std::string_view first_code_point(std::string_view text) {
  size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
  return text.substr(0, size);
}

/// Controls of C1 and of the direction of writing: with those a name shows as another one.
bool is_unseen(std::string_view code_point) {
  if (code_point.size() == 2)
    return code_point[0] == '\xC2' && static_cast<unsigned char>(code_point[1]) < 0xA0;
  if (code_point.size() != 3 || code_point[0] != '\xE2') return false;
  auto last = static_cast<unsigned char>(code_point[2]);
  if (code_point[1] == '\x80')
    return last == 0x8E || last == 0x8F || (last >= 0xAA && last <= 0xAE);
  return code_point[1] == '\x81' && last >= 0xA6 && last <= 0xA9;
}

}  // namespace

void transcript::begin(std::string& out) {
  if (format_ == transcript_format::json) {
    out += R"({"format":"parley.session","formatVersion":1,"exportedAt":")" + to_string(now_) +
           R"(","session":)" + json_of(header_) + R"(,"messages":[)";
    return;
  }
  auto title = title_of(header_);
  auto times = "Created " + to_string(header_.created_at) + ", exported " + to_string(now_);
  auto prompt = header_.system_prompt.value_or("");
  if (format_ == transcript_format::md) {
    out += "# " + title + "\n\n" + times + "\n\n";
    if (!prompt.empty()) out += "## System prompt\n\n" + prompt + "\n\n";
  } else {
    out += title + "\n" + times + "\n\n";
    if (!prompt.empty()) out += "[System prompt]\n" + prompt + "\n\n";
  }
}

void transcript::add(std::string& out, const message& said) {
  if (format_ == transcript_format::md) return append_md(out, said);
  if (format_ == transcript_format::txt) return append_txt(out, said);
  out += tree_.empty() ? "\n" : ",\n";
  json_writer json{out};
  write_json(json, said);
  tree_.push_back({said.id, said.parent_id.value_or(message_id{})});
}

void transcript::end(std::string& out) {
  if (format_ != transcript_format::json) return;
  out += "\n],\"activePath\":";
  json_writer json{out};
  write_json(json, path());
  out += "}\n";
}

// From the leaf to the root: a parent was made before its child.
std::vector<message_id> transcript::path() const {
  std::vector<message_id> found;
  auto next = header_.active_leaf_id.value_or(message_id{});
  for (auto at = tree_.rbegin(); at != tree_.rend() && !next.is_none(); ++at) {
    if (at->id != next) continue;
    found.push_back(next);
    next = at->parent;
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::string transcript_file_name(const session& header, transcript_format format) {
  constexpr size_t bytes_max = 120;
  constexpr std::string_view refused = "/\\:*?\"<>|\x7f";
  std::string stem;
  std::string_view left = header.title;
  while (!left.empty()) {
    auto next = first_code_point(left);
    left.remove_prefix(next.size());
    if (static_cast<unsigned char>(next[0]) < 0x20 || refused.find(next[0]) != refused.npos)
      stem += '_';
    else if (!is_unseen(next))
      stem += next;
  }
  stem = cut_utf8(stem, bytes_max);
  constexpr std::string_view edges = " .";
  stem.erase(0, std::min(stem.find_first_not_of(edges), stem.size()));
  stem.erase(stem.find_last_not_of(edges) + 1);
  return (stem.empty() ? "chat" : stem) + "." + to_string(format);
}

std::string_view media_type_of(transcript_format format) {
  switch (format) {
    case transcript_format::json:
      return "application/json";
    case transcript_format::md:
      return "text/markdown; charset=utf-8";
    case transcript_format::txt:
      break;
  }
  return "text/plain; charset=utf-8";
}

}  // namespace parley
