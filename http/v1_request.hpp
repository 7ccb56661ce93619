/// Requests of /v1: the bodies that OpenAI's and Anthropic's clients send, as what CALL is asked.
///
/// Pure. Every documented field may be there, unknown ones are passed over, `null` stands for
/// absent; a wrong type or value is errc::malformed, with the field in its detail. What no dialect
/// could carry (sound, files, several choices) is refused, not dropped.
#pragma once

#include "actors/call.hpp"
#include "base/json.hpp"

namespace parley::http {

constexpr size_t v1_messages_max = 10'000;  ///< of one request
constexpr size_t v1_tools_max = 128;
constexpr size_t v1_texts_max = 2'048;  ///< of one embedding, as OpenAI has it

/// A reply that is asked for.
struct v1_wish {
  std::string model;
  start_call call;  ///< without provider and credit
  bool is_stream = false;
  bool has_usage = false;  ///< OpenAI's stream_options.include_usage
};

struct v1_embedding_wish {
  std::string model;
  start_embedding call;  ///< without provider
  bool is_base64 = false;
};

/// POST /v1/chat/completions.
expected<v1_wish> read_openai_chat(const json_value& body);
/// POST /v1/embeddings.
expected<v1_embedding_wish> read_openai_embedding(const json_value& body);
/// POST /v1/messages; without `max_tokens` also /v1/messages/count_tokens.
expected<v1_wish> read_anthropic_messages(const json_value& body, bool needs_max_tokens = true);

}  // namespace parley::http
