/// Dialects in tests: requests made from little, and replies told in lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "providers/dialect.hpp"

namespace parley::providers {

json_reader& shared_reader();

part text_part(std::string text);
part image_part(std::string url);

/// What a reply is, one line for each thing that happened, however its bytes come in pieces.
std::string replay(std::string_view dialect, const std::vector<std::string_view>& pieces,
                   bool has_tools = true);

/// "code/reason", then the numbers it names and the wait it asks for.
std::string line_of(const error& cause);
/// The same for a response that is not 2xx.
std::string refusal(std::string_view dialect, int status, std::string_view body,
                    uint32_t retry_after_s = 0);

/// A model "model-x" that writes at most 1,000 tokens of a window of 8,192.
model_config some_model(std::string name = "model-x");

struct asked_for {
  std::vector<prompt_message> messages;
  reply_params params;
  std::vector<tool_offer> tools;
  std::vector<tool_round> rounds;
  model_config model = some_model();
  std::string key = "sk-key";
  call_wishes wishes = {};
};
/// A question with a linked picture, the call of the tool "weather", its result; that tool is to be
/// called again.
asked_for tool_conversation();
expected<dialect_request> build(std::string_view dialect, const asked_for& asked);

/// Whether a request's body, or any text, has this piece in it.
inline bool holds(std::string_view text, std::string_view piece) {
  return text.find(piece) != text.npos;
}

}  // namespace parley::providers
