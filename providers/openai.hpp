/// The dialect of OpenAI's chat completions, which most providers and local servers speak as well:
/// https://platform.openai.com/docs/api-reference/chat. Pure; see dialect.hpp.
#pragma once

#include "providers/dialect.hpp"

namespace parley::providers {

/// `openai`, `openai-compatible`, `deepseek`, `qwen`, `mistral`, `azure`.
const std::vector<const dialect*>& openai_dialects();

std::unique_ptr<reply_parser> make_openai_parser(const parser_wish& wish);

// What the Responses API shares with chat completions.
/// A model of OpenAI's own that thinks.
bool is_reasoning_model(std::string_view model);
/// Temperature and its like, which a model that is to think refuses.
bool takes_sampling(const prompt& asked);
std::string openai_embedding_body(const embedding_prompt& asked);
expected<embeddings> read_openai_embedding(std::string_view body, size_t count,
                                           json_reader& reader);
expected<std::vector<offered_model>> read_openai_models(std::string_view body, json_reader& reader);

}  // namespace parley::providers
