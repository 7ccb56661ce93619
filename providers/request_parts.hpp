/// Pieces that the requests of several dialects have in common. Pure.
#pragma once

#include "providers/dialect.hpp"

namespace parley::providers {

/// Headers, and the key behind `auth` ("Authorization: Bearer "). Fails with provider_refused /
/// upstream_auth for a key that cannot stand in a header.
expected<dialect_request> begin_request(std::string path, std::string_view auth,
                                        const secret_text& key);

/// A picture inside the conversation: only base64 data: URLs of pictures, nothing is fetched.
struct inline_image {
  std::string_view media_type;
  std::string_view base64;
};
std::optional<inline_image> image_of(const part& part);
/// A picture elsewhere, which the provider is to fetch. Only https.
std::optional<std::string_view> image_link_of(const part& part);
/// Of a user's message, of either kind.
bool has_image(const prompt_message& message);
/// Fails with invalid_input / image_url_unsupported: for providers that fetch nothing.
expected<void> check_no_image_links(const prompt& asked);

bool is_spoken(const part& part);  ///< text or refusal, with text in it
/// What was said, parts joined; reasoning is nobody's business later.
std::string text_of(const prompt_message& message);
/// What an assistant thought.
std::string reasoning_of(const prompt_message& message);
/// All system messages, joined by empty lines: for dialects that want them apart.
std::string system_text_of(const prompt& asked);

template <class T>
void write_if(json_writer& json, std::string_view name, const std::optional<T>& value) {
  if (value) json.member(name, *value);
}
/// Nothing for an empty list.
void write_list(json_writer& json, std::string_view name,
                const std::optional<std::vector<std::string>>& texts);
/// A JSON object from elsewhere; `{}` in its place if it is none.
std::string object_or_empty(std::string_view text, json_reader& reader);
/// The same for a reader of one's own: arguments of a tool's call.
std::string arguments_of(const tool_call& made);
/// The choice of a tool, if one was made.
std::optional<tool_choice> choice_of(const prompt& asked);

/// None: the provider decides.
std::optional<int32_t> max_tokens_of(const prompt& asked);

/// The version in a model's name: "claude-sonnet-4-5-20250929" behind "claude-sonnet-" is {4, 5}.
/// A number of more than two digits is a date. {0, 0} without one.
struct model_version {
  int major = 0;
  int minor = 0;
  friend auto operator<=>(const model_version&, const model_version&) = default;
};
model_version version_behind(std::string_view model, std::string_view family);

/// Reads one vector of numbers; empty if it is none.
std::vector<float> read_vector(const json_value& list);
/// Fails with upstream_broken unless there are `count` vectors of one length.
expected<embeddings> checked(embeddings found, size_t count);

/// A list of models at `list_key`, each with its id at `id_key`.
struct model_list_shape {
  std::string_view list_key;
  std::string_view id_key;
  std::string_view name_key;
  std::vector<std::string_view> context_keys;  ///< the first that is there counts
  std::vector<std::string_view> output_keys;
};
expected<std::vector<offered_model>> read_models(std::string_view body, json_reader& reader,
                                                 const model_list_shape& shape);

}  // namespace parley::providers
