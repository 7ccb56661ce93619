/// What a model is told to write a conversation's summary, and how a summary is sent. Pure.
#pragma once

#include <span>
#include <string>

#include "schema/message.hpp"
#include "schema/session.hpp"

namespace parley {

/// One message as the summary's writer reads it.
struct told_message {
  message_role role = message_role::user;
  std::string text;
};

/// The instruction, as the system message of the call.
std::string_view summary_instruction();
/// The notes so far, if any, and how the conversation went on.
std::string summary_request(std::string_view notes, std::span<const told_message> messages);
/// The text that stands for the messages a summary covers; part of the system message.
std::string summary_text(const session_summary& summary);

/// The longest summary that is kept; a longer one is cut at a line.
constexpr size_t summary_bytes_max = 32'768;
/// What the writer may use for it.
constexpr int32_t summary_tokens_max = 1'500;

}  // namespace parley
