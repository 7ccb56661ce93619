// Our own export (transcript.hpp). Fields that a later version may add are passed over.
#include "base/record_json.hpp"
#include "chat/import_tree.hpp"
#include "chat/session_tags.hpp"

namespace parley {

namespace {

void add_part(import_node& node, const json_value& shown) {
  auto type = enum_of<part_type>(shown.string_at("type").value_or(""));
  if (!type) return node.add_missing(shown.string_at("type").value_or(""));
  if (*type != part_type::image) return node.add_text(*type, shown.string_at("text").value_or(""));
  node.add_image(text_at(shown, "url"), text_at(shown, "alt"));
  auto& added = node.said.parts.back();
  if (auto alt = shown.string_at("alt"); alt && added.type == part_type::image) added.alt = *alt;
}

void read_message(import_node& node, const json_value& said) {
  node.id = text_at(said, "id");
  node.parent = text_at(said, "parentId");
  node.at = read_time(said.find("createdAt"));
  if (!node.take_role(said.string_at("role").value_or(""))) return;
  if (auto parts = said.find("parts"))
    for (const auto& shown : parts->items()) add_part(node, shown);
  auto status = enum_of<message_status>(said.string_at("status").value_or("complete"));
  node.said.status = status.value_or(message_status::complete);
  // Nobody writes it any more.
  if (node.said.status == message_status::streaming) node.said.status = message_status::interrupted;
  if (auto model = said.string_at("modelName")) node.said.model_name = fit_title(*model);
  node.said.pinned = flag_at(said, "pinned");
  node.said.rating = enum_of<message_rating>(said.string_at("rating").value_or(""));
  if (auto about = said.find("metadata"); about && about->type() == json_type::object)
    node.said.metadata.text = about->text();
}

void read_header(session& header, const json_value& from) {
  header.title = fit_title(from.string_at("title").value_or(""));
  header.created_at = read_time(from.find("createdAt")).value_or(instant{});
  header.updated_at = read_time(from.find("updatedAt")).value_or(instant{});
  header.archived = flag_at(from, "archived");
  header.pinned = flag_at(from, "pinned");
  if (auto prompt = from.string_at("systemPrompt"))
    header.system_prompt = std::string{cut_utf8(*prompt, 32768)};
  if (auto params = from.find("params"))
    if (auto known = decode<reply_params>(*params, use::in_create)) header.params = known->value;
  if (auto strategy = enum_of<context_strategy>(from.string_at("contextStrategy").value_or("")))
    header.context_strategy = *strategy;
  if (auto about = from.find("metadata"); about && about->type() == json_type::object)
    header.metadata.text = about->text();
  std::vector<std::string> tags;
  if (auto listed = from.find("tags"))
    for (const auto& tag : listed->items())
      if (auto name = tag.as_string()) tags.emplace_back(*name);
  if (auto joined = joined_tags(tags)) header.tags = std::move(*joined);
}

}  // namespace

expected<import_draft> read_parley(const json_value& conversation) {
  import_draft draft;
  auto header = conversation.find("session");
  auto listed = conversation.find("messages");
  if (!header || !listed || conversation.integer_at("formatVersion") != 1)
    return make_error(errc::invalid_input, "format_version", "This export is of no known version.");
  draft.source_id = text_at(*header, "id");
  if (draft.source_id.empty())
    return make_error(errc::invalid_input, "conversation_id", "A session has no id.");
  read_header(draft.header, *header);
  draft.leaf = text_at(*header, "activeLeafId");
  for (const auto& said : listed->items()) read_message(draft.nodes.emplace_back(), said);
  return draft;
}

}  // namespace parley
