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

constexpr size_t session_tags_max = 32;

/// What a session was imported from: a program, and the conversation's id there.
struct session_source {
  std::string kind;
  std::string id;
};
PARLEY_RECORD(session_source, FIELD(kind, "kind"), FIELD(id, "id"))

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
  std::optional<parley::folder_id> folder_id;
  std::vector<std::string> tags;  ///< each once
  bool pinned = false;            ///< to be shown above the others
  bool archived = false;          ///< out of the list, unless it is asked for
  bool temporary = false;         ///< in memory alone, and gone when it is left
  std::optional<message_id> active_leaf_id;
  int64_t message_count = 0;
  std::optional<instant> last_message_at;
  json_text metadata;
  /// Where the end of the conversation that the last request sent began; none: at its beginning.
  std::optional<message_id> context_begin;
  std::optional<session_source> source{};  ///< once for each owner
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
              FIELD(folder_id, "folderId", .uses = in_create | in_patch | out | stored | nullable),
              FIELD(tags, "tags", .uses = in_create | in_patch | out | stored,
                    .length_max = session_tags_max, .item_length_min = 1, .item_length_max = 64),
              FIELD(pinned, "pinned", .uses = in_create | in_patch | out | stored),
              FIELD(archived, "archived", .uses = in_create | in_patch | out | stored),
              FIELD(temporary, "temporary", .uses = out),
              FIELD(active_leaf_id, "activeLeafId", .uses = in_patch | out | stored | nullable),
              FIELD(message_count, "messageCount"),
              FIELD(last_message_at, "lastMessageAt", .uses = out | stored | nullable),
              FIELD(metadata, "metadata", .uses = in_create | in_patch | out | stored,
                    .length_max = 4096),
              FIELD(context_begin, "contextBegin", .uses = stored), FIELD(source, "source"))

/// What a list of sessions is ordered by.
enum class session_order : uint8_t { updated_at = 1, created_at, last_message_at };
constexpr std::array<std::string_view, 3> names_of(session_order) {
  return {"updatedAt", "createdAt", "lastMessageAt"};
}

/// Which sessions a list has; all conditions hold.
struct session_filter {
  std::optional<parley::folder_id> folder_id;  ///< an id that is none: those in no folder
  std::optional<std::string> tag;
  std::optional<bool> pinned;
  bool archived = false;
  std::optional<parley::model_id> model_id;
  std::optional<instant> updated_after;
  std::string title_part;
  session_order order = session_order::updated_at;
};
PARLEY_INSPECT(session_filter, folder_id, tag, pinned, archived, model_id, updated_after,
               title_part, order)

/// A place for sessions; what it says of prompt and model, sessions begun in it take over.
struct folder {
  parley::folder_id id;
  int64_t version = 1;
  instant created_at;
  instant updated_at;
  user_id owner_id;
  std::string name;
  std::optional<parley::folder_id> parent_id;
  int64_t place = 0;  ///< among its neighbours, as the client orders them
  std::optional<std::string> system_prompt;
  std::optional<parley::model_id> model_id;
};
PARLEY_RECORD(folder, FIELD(id, "id"), FIELD(version, "version"), FIELD(created_at, "createdAt"),
              FIELD(updated_at, "updatedAt"), FIELD(owner_id, "ownerId"),
              FIELD(name, "name", .uses = in_create | required | in_patch | out | stored,
                    .length_min = 1, .length_max = 200),
              FIELD(parent_id, "parentId", .uses = in_create | in_patch | out | stored | nullable),
              FIELD(place, "order", .uses = in_create | in_patch | out | stored, .min = -1e9,
                    .max = 1e9),
              FIELD(system_prompt, "systemPrompt",
                    .uses = in_create | in_patch | out | stored | nullable, .length_max = 32768),
              FIELD(model_id, "modelId", .uses = in_create | in_patch | out | stored | nullable))

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
