#include "chat/import_tree.hpp"

#include <algorithm>
#include <queue>
#include <unordered_map>

#include "base/text.hpp"

namespace parley {

namespace {

constexpr size_t text_bytes_max = size_t{4} << 20;  // of a part
constexpr size_t metadata_bytes_max = 4096;
constexpr size_t missing_max = 16;
constexpr size_t name_bytes_max = 100;

std::string metadata_of(const import_node& node, bool with_names) {
  std::string text;
  json_writer json{text};
  json.begin_object().key("imported").begin_object();
  json.member("id", cut_utf8(node.id, name_bytes_max));
  if (node.is_hidden) json.member("hidden", true);
  if (!node.author.empty()) json.member("author", cut_utf8(node.author, name_bytes_max));
  if (!node.missing.empty()) json.member("missingCount", node.missing.size());
  if (with_names && !node.missing.empty()) {
    json.key("missing").begin_array();
    for (size_t i = 0; i < std::min(node.missing.size(), missing_max); ++i)
      json.value(cut_utf8(node.missing[i], name_bytes_max));
    json.end_array();
  }
  json.end_object().end_object();
  return text;
}

/// The nodes of one draft, while they become a tree.
class tree_maker {
 public:
  tree_maker(import_draft& draft, instant now) : draft_(draft), now_(now) {}

  imported_session make() {
    index_nodes();
    link_nodes();
    while (!ready_.empty()) {
      auto next = ready_.top().second;
      ready_.pop();
      take(next);
      for (auto child : children_[next]) make_ready(child, at_[next]);
    }
    finish();
    return std::move(result_);
  }

 private:
  using entry = std::pair<int64_t, size_t>;  // when, and the place in the file

  std::vector<import_node>& nodes() { return draft_.nodes; }

  void index_nodes() {
    auto count = nodes().size();
    children_.resize(count);
    at_.resize(count);
    is_reached_.resize(count);
    // Where a message is found for those that hang on it, also if it is left out itself.
    taken_.resize(count);
    for (size_t i = 0; i < count; ++i)
      if (!places_.emplace(nodes()[i].id, i).second) nodes()[i].left_out = "duplicate_id";
  }

  void link_nodes() {
    auto start = draft_.header.created_at.ms == 0 ? now_ : draft_.header.created_at;
    for (size_t i = 0; i < nodes().size(); ++i) {
      auto& node = nodes()[i];
      auto found = node.parent.empty() ? places_.end() : places_.find(node.parent);
      if (found != places_.end()) {
        children_[found->second].push_back(i);
        continue;
      }
      if (!node.parent.empty()) node.note_change("parent_missing");
      make_ready(i, start);
    }
  }

  void make_ready(size_t place, instant parent_at) {
    auto& node = nodes()[place];
    at_[place] = node.at.value_or(parent_at);
    is_reached_[place] = true;
    ready_.emplace(at_[place].ms, place);
  }

  void take(size_t place) {
    auto& node = nodes()[place];
    auto parent = parent_of(node);
    if (node.is_bare) {
      taken_[place] = parent;
      return;
    }
    if (node.left_out.empty() && node.said.parts.empty()) node.left_out = "empty";
    if (!node.left_out.empty()) {
      ++result_.counts.left_out[node.left_out];
      taken_[place] = parent;
      return;
    }
    if (!node.at) node.note_change("time_missing");
    auto& said = node.said;
    said.id = message_id::make();
    said.parent_id = parent;
    said.created_at = said.updated_at = at_[place];
    if (said.metadata.text == "{}") {
      said.metadata.text = metadata_of(node, true);
      if (said.metadata.text.size() > metadata_bytes_max)
        said.metadata.text = metadata_of(node, false);
    }
    taken_[place] = said.id;
    if (node.change.empty())
      ++result_.counts.taken;
    else
      ++result_.counts.changed[node.change];
    result_.messages.push_back(std::move(said));
  }

  std::optional<message_id> parent_of(const import_node& node) const {
    auto found = node.parent.empty() ? places_.end() : places_.find(node.parent);
    return found == places_.end() ? std::nullopt : taken_[found->second];
  }

  void finish() {
    // What hangs in a ring has no beginning.
    for (size_t i = 0; i < nodes().size(); ++i)
      if (!is_reached_[i] && !nodes()[i].is_bare) ++result_.counts.left_out["cycle"];
    auto& header = draft_.header;
    header.id = session_id::make();
    if (auto leaf = places_.find(draft_.leaf); leaf != places_.end())
      header.active_leaf_id = taken_[leaf->second];
    if (!result_.messages.empty()) {
      const auto& last = result_.messages.back();
      if (!header.active_leaf_id) header.active_leaf_id = last.id;
      header.last_message_at = last.created_at;
      if (header.created_at.ms == 0) header.created_at = result_.messages.front().created_at;
    }
    if (header.created_at.ms == 0) header.created_at = now_;
    header.updated_at = std::max(header.updated_at, header.created_at);
    header.message_count = static_cast<int64_t>(result_.messages.size());
    for (auto& said : result_.messages) said.session_id = header.id;
    header.title_source = header.title.empty() ? title_source::by_default : title_source::user;
    result_.source = draft_.source;
    result_.source_id = draft_.source_id;
    result_.header = std::move(header);
  }

  import_draft& draft_;
  instant now_;
  imported_session result_;
  std::unordered_map<std::string, size_t> places_;
  std::vector<std::vector<size_t>> children_;
  std::vector<instant> at_;
  std::vector<bool> is_reached_;
  std::vector<std::optional<message_id>> taken_;
  std::priority_queue<entry, std::vector<entry>, std::greater<>> ready_;
};

}  // namespace

std::string clean_text(std::string_view text, bool& is_changed) {
  std::string clean{text};
  for (auto at = clean.find('\0'); at != std::string::npos; at = clean.find('\0', at)) {
    clean.replace(at, 1, "\xEF\xBF\xBD");
    is_changed = true;
  }
  return clean;
}

void import_node::note_change(std::string_view reason) {
  if (change.empty()) change = reason;
}

bool import_node::take_role(std::string_view name) {
  auto role = enum_of<message_role>(name);
  if (role)
    said.role = *role;
  else
    left_out = "unknown_role";
  return role.has_value();
}

// A text too long for one part goes on in the next: `content` joins them.
void import_node::add_text(part_type type, std::string_view text) {
  bool is_changed = false;
  auto clean = clean_text(text, is_changed);
  if (is_changed) note_change("text_repaired");
  std::string_view left = clean;
  while (!left.empty()) {
    auto piece = cut_utf8(left, text_bytes_max);
    auto& added = said.parts.emplace_back();
    added.type = type;
    added.text = std::string{piece};
    left.remove_prefix(piece.size());
  }
}

void import_node::add_code(std::string_view language, std::string_view text) {
  if (text.empty()) return;
  // Longer than any fence inside.
  std::string fence = "```";
  while (text.find(fence) != text.npos) fence += '`';
  add_text(part_type::text,
           fence + std::string{language} + "\n" + std::string{text} + "\n" + fence);
}

void import_node::add_image(std::string_view url, std::string_view name) {
  constexpr size_t url_bytes_max = size_t{20} << 20;
  auto comma = url.find(';');
  if (!url.starts_with("data:image/") || comma == url.npos || url.size() > url_bytes_max)
    return add_missing(name);
  auto& added = said.parts.emplace_back();
  added.type = part_type::image;
  added.url = std::string{url};
  added.media_type = std::string{url.substr(5, comma - 5)};
}

void import_node::add_missing(std::string_view name) {
  bool is_changed = false;
  auto clean = clean_text(cut_utf8(name.empty() ? "unnamed" : name, 200), is_changed);
  add_text(part_type::text, "[Missing attachment: " + clean + "]");
  missing.push_back(std::move(clean));
  note_change("attachment_missing");
}

imported_session assemble(import_draft draft, instant now) {
  return tree_maker{draft, now}.make();
}

std::optional<instant> read_time(const std::optional<json_value>& value) {
  if (!value) return std::nullopt;
  if (auto text = value->as_string()) return parse_instant(*text);
  auto number = value->as_number();
  constexpr double ms_begin = 1e11;  // as seconds it would be the year 5138
  constexpr double ms_max = 253e12;  // the year 9987
  if (!number || !(*number > 0) || *number > ms_max) return std::nullopt;
  return instant{static_cast<int64_t>(*number >= ms_begin ? *number : *number * 1000)};
}

std::string fit_title(std::string_view title) {
  constexpr size_t length_max = 200;
  std::string fit;
  size_t length = 0;
  for (char c : title) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80 && ++length > length_max) break;
    fit += byte < 0x20 ? ' ' : c;
  }
  return fit;
}

bool flag_at(const json_value& from, std::string_view key) {
  auto found = from.find(key);
  return found && found->as_bool().value_or(false);
}

std::string text_at(const json_value& from, std::string_view key) {
  return std::string{from.string_at(key).value_or("")};
}

std::string text_at(const json_value& from, std::string_view key, std::string_view inner) {
  auto found = from.find(key);
  return found ? text_at(*found, inner) : std::string{};
}

}  // namespace parley
