/// What is asked of a search over one's sessions and messages, and what it finds.
#pragma once

#include "schema/message.hpp"
#include "schema/session.hpp"

namespace parley {

enum class search_kind : uint8_t { session = 1, message };
constexpr std::array<std::string_view, 2> names_of(search_kind) {
  return {"session", "message"};
}

enum class search_order : uint8_t { relevance = 1, newest };
constexpr std::array<std::string_view, 2> names_of(search_order) {
  return {"relevance", "newest"};
}

/// All conditions hold.
struct search_filter {
  std::optional<search_kind> type;
  std::optional<parley::session_id> session;
  std::optional<parley::folder_id> folder;
  std::optional<message_role> role;
  std::optional<parley::model_id> model;
  std::optional<bool> archived;
  std::optional<instant> from;  ///< made then or later
  std::optional<instant> to;    ///< made before
};
PARLEY_INSPECT(search_filter, type, session, folder, role, model, archived, from, to)

struct excerpt_piece {
  std::string text;
  bool hit = false;
};
PARLEY_RECORD(excerpt_piece, FIELD(text, "text"), FIELD(hit, "hit"))

/// A message, or a session by its title.
struct search_hit {
  search_kind type = search_kind::message;
  parley::session_id session_id;
  std::optional<parley::message_id> message_id;
  std::string title;  ///< the session's
  bool archived = false;
  std::optional<message_role> role;
  std::vector<excerpt_piece> excerpt;
  std::optional<double> score;  ///< higher is better; none when the newest come first
  instant created_at;
};
PARLEY_RECORD(search_hit, FIELD(type, "type"), FIELD(session_id, "sessionId"),
              FIELD(message_id, "messageId"), FIELD(title, "title"), FIELD(archived, "archived"),
              FIELD(role, "role"), FIELD(excerpt, "excerpt"), FIELD(score, "score"),
              FIELD(created_at, "createdAt"))

struct search_page {
  std::vector<search_hit> items;
  std::optional<std::string> next_cursor;
  search_order order = search_order::relevance;
};
PARLEY_RECORD(search_page, FIELD(items, "items"),
              FIELD(next_cursor, "nextCursor", .uses = out | stored | nullable),
              FIELD(order, "order"))

}  // namespace parley
