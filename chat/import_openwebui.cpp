// Chats of the export of Open WebUI: `chat.history.messages` by id, or in old ones a list.
#include "base/text.hpp"
#include "chat/import_tree.hpp"
#include "chat/session_tags.hpp"

namespace parley {

namespace {

constexpr std::string_view details_end = "</details>";

/// What stands in HTML for the characters that it uses itself.
std::string unescape_html(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 5> known{
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}}};
  std::string plain;
  while (!text.empty()) {
    auto found = std::find_if(known.begin(), known.end(),
                              [&](const auto& one) { return text.starts_with(one.first); });
    plain += found == known.end() ? text.front() : found->second;
    text.remove_prefix(found == known.end() ? 1 : found->first.size());
  }
  return plain;
}

/// The inside of a block of reasoning: without its summary, and each line without the `> ` before
/// it.
std::string reasoning_in(std::string_view block) {
  if (auto end = block.find("</summary>"); end != block.npos) block.remove_prefix(end + 10);
  std::string text;
  while (!block.empty()) {
    auto line = block.substr(0, block.find('\n'));
    block.remove_prefix(std::min(block.size(), line.size() + 1));
    if (line.starts_with("> "))
      line.remove_prefix(2);
    else if (line == ">")
      line = {};
    if (text.empty() && line.empty()) continue;
    text.append(line).append("\n");
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return unescape_html(text);
}

// Reasoning stands in the text, as `<details type="reasoning" …>`.
void add_content(import_node& node, std::string_view text) {
  constexpr std::string_view begin = "<details type=\"reasoning\"";
  for (;;) {
    auto at = text.find(begin);
    auto end = at == text.npos ? text.npos : text.find(details_end, at);
    if (end == text.npos) break;
    auto block = text.substr(at, end - at);
    block.remove_prefix(std::min(block.size(), block.find('>') + 1));
    node.add_text(part_type::text, text.substr(0, at));
    node.add_text(part_type::reasoning, reasoning_in(block));
    text.remove_prefix(end + details_end.size());
    text.remove_prefix(std::min(text.size(), text.find_first_not_of('\n')));
  }
  node.add_text(part_type::text, text);
}

void add_files(import_node& node, const json_value& said) {
  auto files = said.find("files");
  if (!files) return;
  for (const auto& file : files->items()) {
    auto name = text_at(file, "name");
    if (name.empty()) name = text_at(file, "id");
    node.add_image(text_at(file, "url"), name);
  }
}

void read_message(import_node& node, const json_value& said) {
  node.parent = text_at(said, "parentId");
  node.at = read_time(said.find("timestamp"));
  if (!node.take_role(said.string_at("role").value_or(""))) return;
  add_content(node, said.string_at("content").value_or(""));
  add_files(node, said);
  if (node.said.role != message_role::assistant) return;
  auto model = said.string_at("modelName");
  if (!model) model = said.string_at("model");
  if (model) node.said.model_name = fit_title(*model);
  auto fault = said.find("error");
  if (fault && fault->type() == json_type::object) {
    node.said.status = message_status::error;
    node.said.error = message_error{"provider_failed", "imported", text_at(*fault, "content")};
    if (node.said.parts.empty()) node.add_text(part_type::text, node.said.error->message);
  } else if (auto is_done = said.find("done"); is_done && is_done->as_bool() == false) {
    node.said.status = message_status::interrupted;
  }
}

void read_tags(session& header, const json_value& chat, const json_value& outer) {
  std::vector<std::string> names;
  auto add_all = [&](const std::optional<json_value>& listed) {
    if (!listed) return;
    for (const auto& tag : listed->items()) {
      auto name = tag.as_string() ? std::string{*tag.as_string()} : text_at(tag, "name");
      if (!name.empty() && count_code_points(name) <= 64) names.push_back(std::move(name));
    }
  };
  add_all(chat.find("tags"));
  if (auto meta = outer.find("meta")) add_all(meta->find("tags"));
  if (auto tags = joined_tags(names)) header.tags = std::move(*tags);
}

}  // namespace

expected<import_draft> read_openwebui(const json_value& conversation) {
  import_draft draft;
  auto chat = *conversation.find("chat");
  draft.source_id = text_at(conversation, "id");
  if (draft.source_id.empty()) draft.source_id = text_at(chat, "id");
  if (draft.source_id.empty())
    return make_error(errc::invalid_input, "conversation_id", "A chat has no id.");
  auto title = conversation.string_at("title");
  draft.header.title = fit_title(title ? *title : chat.string_at("title").value_or(""));
  draft.header.created_at = read_time(conversation.find("created_at"))
                                .value_or(read_time(chat.find("timestamp")).value_or(instant{}));
  draft.header.updated_at = read_time(conversation.find("updated_at")).value_or(instant{});
  draft.header.archived = flag_at(conversation, "archived");
  draft.header.pinned = flag_at(conversation, "pinned");
  if (auto prompt = text_at(chat, "params", "system"); !prompt.empty())
    draft.header.system_prompt = std::string{cut_utf8(prompt, 32768)};
  read_tags(draft.header, chat, conversation);

  auto history = chat.find("history");
  auto known = history ? history->find("messages") : std::nullopt;
  if (known && known->type() == json_type::object) {
    draft.leaf = text_at(chat, "history", "currentId");
    for (const auto& [key, said] : known->members()) {
      auto& node = draft.nodes.emplace_back();
      node.id = key;
      read_message(node, said);
    }
  } else if (auto listed = chat.find("messages")) {
    // Without ids of parents each message follows the one before.
    std::string before;
    for (const auto& said : listed->items()) {
      auto& node = draft.nodes.emplace_back();
      read_message(node, said);
      node.id = text_at(said, "id");
      if (node.id.empty()) node.id = "#" + std::to_string(draft.nodes.size());
      if (!said.find("parentId")) node.parent = before;
      before = draft.leaf = node.id;
    }
  }
  return draft;
}

}  // namespace parley
