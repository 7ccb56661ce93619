// Conversations of the export of ChatGPT: `mapping` is a tree of nodes, of which some hold a
// message.
#include "chat/import_tree.hpp"

namespace parley {

namespace {

bool is_missing_asset(std::string_view type) {
  return type.ends_with("_asset_pointer");
}

void add_piece(import_node& node, const json_value& piece, std::string& assets) {
  if (auto text = piece.as_string()) return node.add_text(part_type::text, *text);
  auto type = piece.string_at("content_type").value_or("");
  if (is_missing_asset(type)) {
    auto pointer = text_at(piece, "asset_pointer");
    assets += pointer + '\n';
    return node.add_missing(pointer.empty() ? type : pointer);
  }
  if (auto text = piece.string_at("text")) return node.add_text(part_type::text, *text);
  node.add_missing(type);
}

void add_thoughts(import_node& node, const json_value& content) {
  auto thoughts = content.find("thoughts");
  if (!thoughts) return;
  for (const auto& thought : thoughts->items()) {
    auto summary = text_at(thought, "summary");
    auto whole = text_at(thought, "content");
    if (!summary.empty() && !whole.empty()) summary += "\n\n";
    node.add_text(part_type::reasoning, summary + whole);
  }
}

void add_content(import_node& node, const json_value& content, std::string& assets) {
  auto type = content.string_at("content_type").value_or("text");
  if (type == "thoughts") return add_thoughts(node, content);
  if (type == "reasoning_recap")
    return node.add_text(part_type::reasoning, text_at(content, "content"));
  if (type == "code") return node.add_code(text_at(content, "language"), text_at(content, "text"));
  if (type == "execution_output") return node.add_code("", text_at(content, "text"));
  if (type == "tether_browsing_display")
    return node.add_text(part_type::text, text_at(content, "result"));
  if (type == "user_editable_context") {
    node.add_text(part_type::text, text_at(content, "user_profile"));
    return node.add_text(part_type::text, text_at(content, "user_instructions"));
  }
  if (type == "model_editable_context")
    return node.add_text(part_type::text, text_at(content, "model_set_context"));
  if (auto pieces = content.find("parts")) {
    for (const auto& piece : pieces->items()) add_piece(node, piece, assets);
    return;
  }
  for (auto key : {"title", "url", "name", "text"})
    if (auto text = text_at(content, key); !text.empty())
      node.add_text(part_type::text, text + (key == std::string_view{"text"} ? "" : "\n"));
  if (node.said.parts.empty()) node.left_out = "unknown_content";
}

// A picture in the text is named there and among the attachments.
void add_attachments(import_node& node, const json_value& about, const std::string& assets) {
  auto listed = about.find("attachments");
  if (!listed) return;
  for (const auto& file : listed->items()) {
    auto id = text_at(file, "id");
    if (!id.empty() && assets.find(id) != std::string::npos) continue;
    auto name = text_at(file, "name");
    node.add_missing(name.empty() ? id : name);
  }
}

message_status status_of(const json_value& said, const json_value& about) {
  if (said.string_at("status") == "in_progress") return message_status::interrupted;
  auto end = text_at(about, "finish_details", "type");
  if (end == "max_tokens") return message_status::length;
  if (end == "interrupted") return message_status::stopped;
  return message_status::complete;
}

void read_message(import_node& node, const json_value& said) {
  std::string assets;
  if (!node.take_role(text_at(said, "author", "role"))) return;
  node.author = text_at(said, "author", "name");
  node.at = read_time(said.find("create_time"));
  if (auto content = said.find("content")) add_content(node, *content, assets);
  auto about = said.find("metadata");
  if (!about) return;
  add_attachments(node, *about, assets);
  node.is_hidden = flag_at(*about, "is_visually_hidden_from_conversation");
  node.said.status = status_of(said, *about);
  if (node.said.role == message_role::assistant)
    if (auto model = about->string_at("model_slug")) node.said.model_name = fit_title(*model);
}

}  // namespace

expected<import_draft> read_chatgpt(const json_value& conversation) {
  import_draft draft;
  auto id = conversation.string_at("conversation_id");
  if (!id) id = conversation.string_at("id");
  if (!id || id->empty())
    return make_error(errc::invalid_input, "conversation_id", "A conversation has no id.");
  draft.source_id = *id;
  draft.header.title = fit_title(conversation.string_at("title").value_or(""));
  draft.header.created_at = read_time(conversation.find("create_time")).value_or(instant{});
  draft.header.updated_at = read_time(conversation.find("update_time")).value_or(instant{});
  draft.header.archived = flag_at(conversation, "is_archived");
  draft.header.pinned = flag_at(conversation, "is_starred");
  draft.leaf = text_at(conversation, "current_node");

  for (const auto& [key, entry] : conversation.find("mapping")->members()) {
    auto& node = draft.nodes.emplace_back();
    node.id = key;
    node.parent = text_at(entry, "parent");
    auto said = entry.find("message");
    node.is_bare = !said || said->type() != json_type::object;
    if (!node.is_bare) read_message(node, *said);
  }
  return draft;
}

}  // namespace parley
