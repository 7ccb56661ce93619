#include "providers/dialect.hpp"

#include "providers/anthropic.hpp"
#include "providers/demo.hpp"
#include "providers/gemini.hpp"
#include "providers/ollama.hpp"
#include "providers/openai.hpp"
#include "providers/openai_responses.hpp"

namespace parley::providers {

namespace {

/// All dialects, by name.
const std::vector<const dialect*>& dialects() {
  static const auto all = [] {
    std::vector<const dialect*> list{&anthropic_dialect(), &demo_dialect(), &gemini_dialect(),
                                     &ollama_dialect(), &openai_responses_dialect()};
    for (auto* each : openai_dialects()) list.push_back(each);
    std::sort(list.begin(), list.end(),
              [](auto* left, auto* right) { return left->name() < right->name(); });
    return list;
  }();
  return all;
}

error no_embeddings() {
  return make_error(errc::invalid_input, "embedding_unsupported",
                    "This model provider has no embeddings.");
}

}  // namespace

const dialect* find_dialect(std::string_view name) {
  for (auto* each : dialects()) {
    if (each->name() == name) return each;
  }
  return nullptr;
}

std::vector<std::string_view> dialect_names() {
  std::vector<std::string_view> names;
  for (auto* each : dialects()) names.push_back(each->name());
  return names;
}

expected<dialect_request> dialect::build_embedding(const embedding_prompt&,
                                                   const secret_text&) const {
  return no_embeddings();
}

expected<embeddings> dialect::read_embedding(std::string_view, size_t, json_reader&) const {
  return no_embeddings();
}

json_limits reply_json_limits(const reply_limits& limits) {
  json_limits result;
  // Escapes take up to six bytes for one of text.
  result.bytes_max = 6 * limits.reply_bytes_max;
  result.strict = false;
  return result;
}

}  // namespace parley::providers
