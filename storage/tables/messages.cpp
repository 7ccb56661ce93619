// Messages and the checkpoints of running replies.
#include <limits>

#include "storage/page.hpp"
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

namespace {

// Behind the record's columns stand those of message_siblings.
const std::string& message_columns() {
  // The id of a model that is gone shows as null (0001_initial.sql).
  static const auto columns =
      columns_of<message>(
          "m", {{"model_id", "(SELECT c.id FROM model_configs c WHERE c.id=m.model_id)"}}) +
      ",(SELECT COUNT(*) FROM messages b WHERE b.session_id=m.session_id"
      " AND b.parent_id IS m.parent_id AND b.seq<m.seq)"
      ",(SELECT COUNT(*) FROM messages b WHERE b.session_id=m.session_id"
      " AND b.parent_id IS m.parent_id)";
  return columns;
}

// From the leaf ?3 of the session ?1 towards its root, as far as ?4 lies below, at most ?6
// messages. A parent's seq is lower than its child's, so the walk ends whatever the rows say.
const std::string path_sql =
    "WITH RECURSIVE path(seq, parent_id) AS ("
    " SELECT seq, parent_id FROM messages WHERE id=?3 AND session_id=?1 AND seq>?4"
    " UNION ALL"
    " SELECT p.seq, p.parent_id FROM path c JOIN messages p ON p.id=c.parent_id"
    " WHERE p.session_id=?1 AND p.seq<c.seq AND p.seq>?4 LIMIT ?6) ";

constexpr auto count_sql =
    "SELECT COUNT(*) FROM messages WHERE session_id=?1 AND seq>?4 AND ?3 IS NULL";

// Adds what the chunk brings beyond `end`, the position up to which the reply is known. A
// checkpoint that was lost leaves a gap until it is made again, from where it began: so chunks may
// overlap, and what stands behind a gap is left out.
void add_chunk(std::vector<part>& to, int64_t& end, const reply_chunk& added) {
  auto begin = added.position - std::ssize(added.text);
  auto index = static_cast<size_t>(added.part_index);
  if (index == to.size() && begin == end + 1) {
    to.emplace_back().type = added.type;
    to.back().text.emplace();
    end = begin;
  }
  if (index + 1 != to.size() || begin > end || added.position <= end) return;
  to.back().text->append(added.text, static_cast<size_t>(end - begin));
  end = added.position;
}

expected<void> add_chunks(connection& db, const message_id& reply, std::vector<part>& to) {
  auto q = db.prepare(
      "SELECT position, part_index, type, text FROM reply_chunks WHERE message_id=?"
      " ORDER BY position");
  q.bind(reply);
  // Behind what it had when it went on.
  int64_t end = 1;
  for (const auto& known : to) end += 1 + std::ssize(known.text.value_or(""));
  for (;;) {
    TRY(bool has_row, q.step());
    if (!has_row) break;
    auto type = enum_of<part_type>(q.text(2));
    if (!type) return make_error(errc::corrupt_data);
    add_chunk(to, end,
              {q.integer(0), static_cast<int32_t>(q.integer(1)), *type, std::string{q.text(3)}});
  }
  return {};
}

expected<message> read_whole(connection& db, const query& row, int first) {
  TRY(auto whole, read_record<message>(row, first));
  auto siblings = first + stored_count<message>();
  whole.siblings = {row.integer(siblings), row.integer(siblings + 1)};
  if (whole.status == message_status::streaming) TRY_DONE(add_chunks(db, whole.id, whole.parts));
  return whole;
}

expected<message_content> read_content(connection& db, const query& row, const message_id& id) {
  message_content content;
  content.id = id;
  message_status status{};
  if (!detail::read_value(row, 0, content.role) || !detail::read_value(row, 1, status) ||
      !detail::read_value(row, 2, content.parts))
    return detail::unreadable("role, status or parts");
  if (status == message_status::streaming) TRY_DONE(add_chunks(db, id, content.parts));
  return content;
}

// What `read_row` makes of the row of each message that is there, of which `sql` shows columns.
template <class Row, class Question, class ReadRow>
expected<std::vector<Row>> read_window(const read_context& in, const Question& question,
                                       const std::string& sql, ReadRow&& read_row) {
  std::vector<Row> rows;
  rows.reserve(question.ids.size());
  size_t bytes = 0;
  for (const auto& id : question.ids) {
    auto q = in.db.prepare(sql);
    q.bind(id, question.session);
    TRY(bool has_row, q.step());
    if (!has_row) continue;
    bytes += row_bytes(q);
    if (bytes > in.window_bytes_max)
      return make_error(errc::too_large, "window_too_large",
                        "The messages of the context window are too large together. Please choose "
                        "a smaller contextWindow, or go on in a new session.");
    TRY(auto row, read_row(q, id));
    rows.push_back(std::move(row));
  }
  return rows;
}

expected<void> need_session(connection& db, const user_id& owner, const session_id& id) {
  auto q = db.prepare(
      "SELECT 1 FROM sessions s JOIN users u ON u.id=s.owner_id AND u.status<>'erased'"
      " WHERE s.id=? AND s.owner_id=?");
  q.bind(id, owner);
  TRY(bool is_there, q.step());
  if (!is_there) return make_error(errc::not_found);
  return {};
}

// The place in the order of making behind which a page begins; 0: at the beginning.
expected<int64_t> seq_after(connection& db, const page_messages& question) {
  if (!question.after) return int64_t{0};
  auto q = db.prepare("SELECT seq FROM messages WHERE id=? AND session_id=?");
  q.bind(*question.after, question.session);
  TRY(auto seq, q.number());
  if (!seq) return make_error(errc::not_found);
  return *seq;
}

// Of the messages behind `above`. Only numbers are sorted, never the messages; as rows_with each is
// then asked itself.
expected<page_of<message>> read_page_of(const read_context& in, const page_messages& question,
                                        const page_plan& plan, int64_t above) {
  auto below = std::numeric_limits<int64_t>::max();
  auto& bound = question.page.is_descending ? below : above;
  if (!plan.key().empty()) bound = number_in_key(plan.key());
  auto order = std::string{" ORDER BY seq"}.append(plan.direction());
  auto sql = question.leaf ? path_sql : std::string{};
  sql.append("SELECT m.seq,").append(message_columns());
  sql.append(" FROM messages m WHERE m.seq IN (SELECT seq FROM ");
  sql += question.leaf ? "path WHERE" : "messages WHERE session_id=?1 AND ?3 IS NULL AND";
  sql.append(" seq>?4 AND seq<?5").append(order).append(" LIMIT ?2)");
  sql.append(" AND +m.session_id=?1").append(order);
  auto q = in.db.prepare(sql);
  q.bind(question.session, plan.limit() + 1);
  detail::bind_value(q, question.leaf);
  q.bind(above, below);
  // The newest of a branch are the first that the walk meets.
  auto is_newest = question.page.is_descending && plan.key().empty();
  if (question.leaf) q.bind(is_newest ? plan.limit() + 1 : int64_t{-1});
  auto rows = std::pair{[&](const query& row) { return read_whole(in.db, row, 1); },
                        [](const query& row) { return key_of(row.integer(0)); }};
  return fill_page<message>(plan, q, in.page_bytes_max, rows);
}

}  // namespace

// -- writes --------------------------------------------------------------------------------------

expected<void> apply(connection& db, const create_message& change) {
  const auto& entry = change.entry;
  auto place = db.prepare(
      "SELECT ?2 IS NULL OR EXISTS (SELECT 1 FROM messages p WHERE p.id=?2 AND p.session_id=s.id)"
      " FROM sessions s JOIN users u ON u.id=s.owner_id AND u.status<>'erased' WHERE s.id=?1");
  place.bind(entry.session_id);
  detail::bind_value(place, entry.parent_id);
  TRY(auto is_there, place.number());
  if (is_there.value_or(0) == 0) return make_error(errc::not_found);
  static const auto sql = insert_sql<message>("messages");
  auto q = db.prepare(sql);
  bind_record(q, entry);
  return q.run();
}

expected<void> apply(connection& db, const finish_message& change) {
  static const auto sql = update_sql<message>("messages") + " AND session_id=?" +
                          std::to_string(parameter_of<message>("session_id"));
  auto q = db.prepare(sql);
  bind_record(q, change.entry);
  TRY_DONE(q.run_on_one());
  auto drop = db.prepare("DELETE FROM reply_chunks WHERE message_id=?");
  drop.bind(change.entry.id);
  return drop.run();
}

expected<void> apply(connection& db, const mark_message& change) {
  auto q = db.prepare(
      "UPDATE messages SET pinned=?3, updated_at=?4, rating=?5, metadata=?6, version=version+1"
      " WHERE id=?1 AND session_id=?2");
  q.bind(change.id, change.session, change.pinned, change.updated_at);
  detail::bind_value(q, change.rating);
  detail::bind_value(q, change.metadata);
  return q.run_on_one();
}

expected<void> apply(connection& db, const erase_messages& change) {
  auto q = db.prepare(
      "WITH RECURSIVE gone(id) AS ("
      " SELECT id FROM messages WHERE id=?2 AND session_id=?1"
      " UNION ALL"
      " SELECT m.id FROM gone g JOIN messages m ON m.session_id=?1 AND m.parent_id=g.id)"
      " DELETE FROM messages WHERE id IN (SELECT id FROM gone)");
  q.bind(change.session, change.root);
  TRY_DONE(q.run());
  if (db.changes() == 0) return make_error(errc::not_found);
  return {};
}

expected<void> apply(connection& db, const copy_messages& change) {
  static const auto sql = [] {
    auto insert = insert_sql<message>("messages");
    return insert.substr(0, insert.find(" VALUES(")) + " SELECT " +
           columns_of<message>(
               "m", {{"id", "?1"}, {"version", "1"}, {"session_id", "?2"}, {"parent_id", "?3"}}) +
           " FROM messages m JOIN sessions f ON f.id=m.session_id JOIN sessions t ON t.id=?2"
           " WHERE m.id=?4 AND m.session_id=?5 AND m.status<>'streaming'"
           " AND f.owner_id=t.owner_id";
  }();
  std::optional<message_id> parent;
  for (const auto& copy : change.messages) {
    auto q = db.prepare(sql);
    q.bind(copy.to, change.to);
    detail::bind_value(q, parent);
    q.bind(copy.from, change.from);
    TRY_DONE(q.run_on_one());
    parent = copy.to;
  }
  return {};
}

expected<void> apply(connection& db, const recount_messages& change) {
  // A reply that is being written gets its measure with its last commit.
  for (const auto& entry : change.entries) {
    auto q = db.prepare(
        "UPDATE messages SET measure=?3 WHERE id=?1 AND session_id=?2 AND status<>'streaming'");
    q.bind(entry.id, change.session);
    detail::bind_value(q, entry.measure);
    TRY_DONE(q.run());
  }
  return {};
}

expected<void> apply(connection& db, const checkpoint_reply& added) {
  for (const auto& chunk : added.chunks) {
    auto q = db.prepare(
        "INSERT OR REPLACE INTO reply_chunks(message_id,position,part_index,type,text)"
        " SELECT id,?2,?3,?4,?5 FROM messages WHERE id=?1 AND status='streaming'");
    q.bind(added.id, chunk.position, chunk.part_index, name_of(chunk.type), chunk.text);
    TRY_DONE(q.run_on_one());
  }
  return {};
}

expected<int64_t> interrupt_replies(connection& db, instant now, int64_t replies_max) {
  static const auto sql = "SELECT " + columns_of<message>("m") +
                          " FROM messages m WHERE m.status='streaming' ORDER BY m.seq LIMIT ?";
  std::vector<message> running;
  {
    auto q = db.prepare(sql);
    q.bind(replies_max);
    TRY(running, read_all<message>(q));
  }
  for (auto& reply : running) {
    TRY_DONE(add_chunks(db, reply.id, reply.parts));
    // The last checkpoint may end inside a character.
    for (auto& part : reply.parts)
      if (part.text && !is_utf8(*part.text)) part.text = repair_utf8(*part.text);
    reply.status = message_status::interrupted;
    reply.updated_at = std::max(now, reply.updated_at);
    ++reply.version;
    TRY_DONE(apply(db, finish_message{reply}));
  }
  return static_cast<int64_t>(running.size());
}

// -- reads ---------------------------------------------------------------------------------------

expected<message_list> read(const read_context& in, const read_messages& question) {
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  TRY_DONE(need_session(in.db, question.owner_id, question.session));
  static const auto sql =
      "SELECT " + message_columns() + " FROM messages m WHERE m.id=? AND m.session_id=?";
  auto row = [&](const query& q, const message_id&) { return read_whole(in.db, q, 0); };
  TRY(auto items, read_window<message>(in, question, sql, row));
  return message_list{std::move(items)};
}

expected<content_list> read(const read_context& in, const read_contents& question) {
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  TRY_DONE(need_session(in.db, question.owner_id, question.session));
  static const std::string sql =
      "SELECT role,status,parts FROM messages WHERE id=? AND session_id=?";
  auto row = [&](const query& q, const message_id& id) { return read_content(in.db, q, id); };
  TRY(auto items, read_window<message_content>(in, question, sql, row));
  return content_list{std::move(items)};
}

expected<message> read(const read_context& in, const read_message& question) {
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  static const auto sql = "SELECT " + message_columns() +
                          " FROM messages m JOIN sessions s ON s.id=m.session_id"
                          " JOIN users u ON u.id=s.owner_id AND u.status<>'erased'"
                          " WHERE m.id=?1 AND s.owner_id=?2 AND (?3 IS NULL OR m.session_id=?3)";
  auto q = in.db.prepare(sql);
  q.bind(question.id, question.owner_id);
  if (question.session.is_none())
    q.bind_null();
  else
    q.bind(question.session);
  TRY(bool has_row, q.step());
  if (!has_row) return make_error(errc::not_found);
  return read_whole(in.db, q, 0);
}

expected<page_of<message>> read(const read_context& in, const page_messages& question) {
  page_plan plan{"messages", question.page};
  plan.bind_to(key_of(question.session));
  plan.bind_to(question.leaf ? key_of(*question.leaf) : "");
  plan.bind_to(question.after ? key_of(*question.after) : "");
  TRY_DONE(plan.check(sizeof(int64_t)));
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  TRY_DONE(need_session(in.db, question.owner_id, question.session));
  TRY(auto above, seq_after(in.db, question));
  TRY(auto page, read_page_of(in, question, plan, above));
  if (question.page.needs_total) {
    auto total = in.db.prepare(question.leaf ? path_sql + "SELECT COUNT(*) FROM path" : count_sql);
    total.bind(question.session);
    total.bind_null();
    detail::bind_value(total, question.leaf);
    total.bind(above);
    if (question.leaf) {
      total.bind_null();
      total.bind(int64_t{-1});
    }
    TRY(page.total, total.number());
  }
  return page;
}

}  // namespace parley::storage
