/// What a model is told to give a conversation a title, and what becomes of its answer. Pure.
#pragma once

#include <string>
#include <string_view>

namespace parley {

/// The instruction, as the system message of the call.
std::string_view title_instruction();
/// The first question and its reply, cut to what a title needs.
std::string title_request(std::string_view question, std::string_view reply);
/// The title in a model's answer: its first line that says anything, without quotes, marks of a
/// heading or the period at its end. Empty if there is none.
std::string title_from_reply(std::string_view answer);

/// The longest title.
constexpr size_t title_bytes_max = 120;
/// What of an answer is looked at.
constexpr size_t title_written_max = 1'000;
/// What the writer may use for it; some think before they write.
constexpr int32_t title_tokens_max = 200;

}  // namespace parley
