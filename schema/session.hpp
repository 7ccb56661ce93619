/// Chat sessions.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/record.hpp"
#include "schema/model.hpp"

namespace parley {

enum class title_source : uint8_t { by_default = 1, model, user };
constexpr std::array<std::string_view, 3> names_of(title_source) {
  return {"default", "model", "user"};
}

/// What to do when a conversation outgrows the window: drop the oldest, refuse the turn, or drop
/// the oldest and let a summary stand for it.
enum class context_strategy : uint8_t { slide = 1, none, summarise };
constexpr std::array<std::string_view, 3> names_of(context_strategy) {
  return {"slide", "none", "summarise"};
}

struct session {
  session_id id;
  int64_t version = 1;
  instant created_at;
  instant updated_at;
  user_id owner_id;
  std::string title;
  parley::title_source title_source = parley::title_source::by_default;
  std::optional<parley::model_id> model_id;
  std::optional<std::string> system_prompt;
  reply_params params;
  parley::context_strategy context_strategy = parley::context_strategy::slide;
  std::optional<message_id> active_leaf_id;
  int64_t message_count = 0;
  std::optional<instant> last_message_at;
  json_text metadata;
  /// Where the end of the conversation that the last request sent began; none: at its beginning.
  std::optional<message_id> context_begin;
};
PARLEY_RECORD(session, FIELD(id, "id"), FIELD(version, "version"), FIELD(created_at, "createdAt"),
              FIELD(updated_at, "updatedAt"), FIELD(owner_id, "ownerId"),
              FIELD(title, "title", .uses = in_create | in_patch | out | stored, .length_max = 200),
              FIELD(title_source, "titleSource"),
              FIELD(model_id, "modelId", .uses = in_create | in_patch | out | stored | nullable),
              FIELD(system_prompt, "systemPrompt",
                    .uses = in_create | in_patch | out | stored | nullable, .length_max = 32768),
              FIELD(params, "params", .uses = in_create | in_patch | out | stored),
              FIELD(context_strategy, "contextStrategy",
                    .uses = in_create | in_patch | out | stored),
              FIELD(active_leaf_id, "activeLeafId", .uses = in_patch | out | stored | nullable),
              FIELD(message_count, "messageCount"),
              FIELD(last_message_at, "lastMessageAt", .uses = out | stored | nullable),
              FIELD(metadata, "metadata", .uses = in_create | in_patch | out | stored,
                    .length_max = 4096),
              FIELD(context_begin, "contextBegin", .uses = stored))

enum class summary_source : uint8_t { model = 1, user };
constexpr std::array<std::string_view, 2> names_of(summary_source) {
  return {"model", "user"};
}

/// What stands for the beginning of a conversation. The user's to read, correct and drop.
struct session_summary {
  parley::session_id session_id;
  int64_t version = 1;
  instant created_at;
  instant updated_at;
  std::string text;
  message_id covers;  ///< the last message it stands for, and with it all those before
  int64_t messages = 0;
  summary_source source = summary_source::model;
  std::optional<std::string> model_name;
};
PARLEY_RECORD(session_summary, FIELD(session_id, "sessionId"), FIELD(version, "version"),
              FIELD(created_at, "createdAt"), FIELD(updated_at, "updatedAt"),
              FIELD(text, "text", .uses = in_create | required | out | stored, .length_min = 1,
                    .length_max = 32768),
              FIELD(covers, "covers"), FIELD(messages, "messages"), FIELD(source, "source"),
              FIELD(model_name, "modelName"))

}  // namespace parley
