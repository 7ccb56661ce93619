// The audit log and the invitations it tells of.
#include "base/crypto.hpp"
#include "base/text.hpp"
#include "storage/page.hpp"
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

namespace {

// Each field with its length before it: no two entries have one text.
void add_field(std::string& to, std::string_view field) {
  to.append(std::to_string(field.size())).append(":").append(field);
}

std::string hash_of(const audit_entry& entry, std::string_view before) {
  std::string text;
  add_field(text, before);
  add_field(text, std::to_string(entry.seq));
  add_field(text, std::to_string(entry.at.ms));
  add_field(text, entry.actor_id ? to_string(*entry.actor_id) : std::string{});
  for (const auto* field : {&entry.actor_name, &entry.action, &entry.target_id, &entry.target_name,
                            &entry.address, &entry.request_id, &entry.detail.text})
    add_field(text, *field);
  add_field(text, name_of(entry.result));
  return hex(sha256(text));
}

struct chain_end {
  int64_t seq = 0;
  std::string hash;
};

expected<chain_end> read_end(connection& db, const char* sql) {
  auto q = db.prepare(sql);
  chain_end end;
  TRY(bool has_row, q.step());
  if (has_row) end = {q.integer(0), std::string{q.text(1)}};
  return end;
}

constexpr auto anchor_sql = "SELECT seq, hash FROM audit_anchor";

expected<chain_end> read_last(connection& db) {
  TRY(auto last, read_end(db, "SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1"));
  if (last.seq > 0) return last;
  return read_end(db, anchor_sql);
}

}  // namespace

expected<void> apply(connection& db, const append_audit& change) {
  TRY(auto last, read_last(db));
  auto entry = change.entry;
  entry.seq = last.seq + 1;
  if (entry.actor_id) {
    auto actor = db.prepare("SELECT username FROM users WHERE id=?");
    actor.bind(*entry.actor_id);
    TRY(bool is_there, actor.step());
    if (is_there && actor.text_bytes(0) > 0) entry.actor_name = actor.text(0);
  }
  // A client's text that is no UTF-8 must not make the entry unreadable.
  for (auto* text : {&entry.actor_name, &entry.target_name, &entry.address, &entry.request_id})
    if (!is_utf8(*text)) *text = repair_utf8(*text);
  entry.hash = hash_of(entry, last.hash);
  static const auto sql = insert_sql<audit_entry>("audit_log");
  auto q = db.prepare(sql);
  bind_record(q, entry);
  return q.run();
}

expected<int64_t> cut_audit(connection& db, instant now, int64_t rows_max) {
  TRY(auto days, retention_days(db, "auditRetentionDays", system_settings{}.audit_days));
  if (days == 0) return int64_t{0};
  auto kept = std::chrono::hours{24} * days;
  auto old = db.prepare("SELECT seq, hash, at FROM audit_log ORDER BY seq LIMIT ?");
  old.bind(rows_max);
  chain_end cut;
  int64_t rows = 0;
  for (;; ++rows) {
    TRY(bool has_row, old.step());
    if (!has_row || instant{old.integer(2)} >= now - kept) break;
    cut = {old.integer(0), std::string{old.text(1)}};
  }
  if (rows == 0) return rows;
  auto anchor = db.prepare("UPDATE audit_anchor SET seq=?, hash=?");
  anchor.bind(cut.seq, cut.hash);
  TRY_DONE(anchor.run());
  auto erase = db.prepare("DELETE FROM audit_log WHERE seq<=?");
  erase.bind(cut.seq);
  TRY_DONE(erase.run());
  return rows;
}

expected<void> apply(connection& db, const change_invitation& change) {
  const auto& entry = change.entry;
  if (change.step == invitation_step::erase) {
    auto q = db.prepare("DELETE FROM invitations WHERE id=?");
    q.bind(entry.id);
    return q.run_on_one();
  }
  if (change.step == invitation_step::use) {
    auto q = db.prepare(
        "UPDATE invitations SET uses=uses+1, version=version+1, updated_at=?1"
        " WHERE id=?2 AND uses<uses_max AND expires_at>?1");
    q.bind(change.at, entry.id);
    auto used = q.run_on_one();
    if (used || code_of(used.error()) != errc::not_found) return used;
    return make_error(errc::forbidden, "invitation_spent", "This invitation is no longer valid.");
  }
  TRY(auto count, db.prepare("SELECT COUNT(*) FROM invitations").number());
  if (count.value_or(0) >= static_cast<int64_t>(invitations_max))
    return make_error(errc::quota_exceeded, "invitations_max",
                      "There are as many invitations as may be.");
  static const auto sql = insert_sql<invitation>("invitations");
  auto q = db.prepare(sql);
  bind_record(q, entry);
  return q.run();
}

// -- reads ---------------------------------------------------------------------------------------

expected<found_invitation> read(const read_context& in, const find_invitation& question) {
  static const auto sql =
      "SELECT " + columns_of<invitation>("i") + " FROM invitations i WHERE i.code_hash=? OR i.id=?";
  auto q = in.db.prepare(sql);
  q.bind(question.code_hash, question.id);
  found_invitation found;
  TRY(bool is_there, q.step());
  if (is_there) {
    TRY(found.known, read_record<invitation>(q));
  }
  return found;
}

expected<page_of<invitation>> read(const read_context& in, const page_invitations& question) {
  page_plan plan{"invitations", question.page};
  TRY_DONE(plan.check(sizeof(invitation_id)));
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  auto sql = "SELECT " + columns_of<invitation>("i") + " FROM invitations i WHERE 1" +
             plan.after("i.id", "?2") + " ORDER BY i.id" + std::string{plan.direction()} +
             " LIMIT ?1";
  auto q = in.db.prepare(sql);
  q.bind(plan.limit() + 1);
  if (!plan.key().empty()) q.bind_blob(plan.key());
  auto rows = std::pair{[](const query& row) { return read_record<invitation>(row); },
                        [](const query& row) { return key_of(row.id<invitation_id>(0)); }};
  TRY(auto page, fill_page<invitation>(plan, q, in.page_bytes_max, rows));
  if (question.page.needs_total) {
    TRY(page.total, in.db.prepare("SELECT COUNT(*) FROM invitations").number());
  }
  return page;
}

namespace {

/// Conditions on entries `a`; each is there whatever is asked, so that the statement stays one.
constexpr auto audit_matches =
    " FROM audit_log a WHERE (?1 IS NULL OR a.actor_id=?1)"
    " AND (?2='' OR a.action=?2 OR substr(a.action,1,length(?2)+1)=?2||'.')"
    " AND (?3='' OR a.target_id=?3) AND (?4='' OR a.result=?4) AND a.at>=?5 AND a.at<?6";

void bind_filter(query& q, const audit_filter& filter) {
  if (filter.actor)
    q.bind(*filter.actor);
  else
    q.bind_null();
  q.bind(std::string_view{filter.action}, std::string_view{filter.target},
         filter.result ? name_of(*filter.result) : std::string_view{});
  q.bind(filter.from.value_or(instant{std::numeric_limits<int64_t>::min()}));
  q.bind(filter.until.value_or(instant{std::numeric_limits<int64_t>::max()}));
}

}  // namespace

expected<page_of<audit_entry>> read(const read_context& in, const page_audit& question) {
  const auto& filter = question.filter;
  page_plan plan{"audit", question.page};
  plan.bind_to(filter.actor ? key_of(*filter.actor) : std::string{});
  plan.bind_to(filter.action);
  plan.bind_to(filter.target);
  plan.bind_to(filter.result ? name_of(*filter.result) : std::string_view{});
  for (const auto& bound : {filter.from, filter.until})
    plan.bind_to(bound ? key_of(bound->ms) : std::string{});
  TRY_DONE(plan.check(sizeof(int64_t)));
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  auto sql = "SELECT " + columns_of<audit_entry>("a") + audit_matches + plan.after("a.seq", "?8") +
             " ORDER BY a.seq" + std::string{plan.direction()} + " LIMIT ?7";
  auto q = in.db.prepare(sql);
  bind_filter(q, filter);
  q.bind(plan.limit() + 1);
  if (!plan.key().empty()) q.bind(number_in_key(plan.key()));
  auto rows = std::pair{[](const query& row) { return read_record<audit_entry>(row); },
                        [](const query& row) { return key_of(row.integer(0)); }};
  TRY(auto page, fill_page<audit_entry>(plan, q, in.page_bytes_max, rows));
  if (question.page.needs_total) {
    auto total = in.db.prepare(std::string{"SELECT COUNT(*)"} + audit_matches);
    bind_filter(total, filter);
    TRY(page.total, total.number());
  }
  return page;
}

expected<audit_check> read(const read_context& in, const check_audit& question) {
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  TRY(auto anchor, read_end(in.db, anchor_sql));
  audit_check result;
  // Retention may have cut the log since the last piece: then the anchor is where it goes on.
  auto goes_on = question.after > anchor.seq;
  result.last = goes_on ? question.after : anchor.seq;
  result.hash = goes_on ? question.hash : anchor.hash;
  static const auto sql = "SELECT " + columns_of<audit_entry>("a") +
                          " FROM audit_log a WHERE a.seq>?1 ORDER BY a.seq LIMIT ?2";
  auto q = in.db.prepare(sql);
  // From the very beginning, so that nothing stands before the anchor either.
  q.bind(goes_on ? question.after : std::numeric_limits<int64_t>::min(), question.rows_max + 1);
  for (;;) {
    TRY(bool has_row, q.step());
    if (!has_row) return result;
    if (result.rows == question.rows_max) return result.has_more = true, result;
    auto entry = read_record<audit_entry>(q);
    if (!entry || entry->seq != result.last + 1 || entry->hash != hash_of(*entry, result.hash)) {
      result.broken = q.integer(0);
      return result;
    }
    ++result.rows;
    result.last = entry->seq;
    result.hash = entry->hash;
  }
}

}  // namespace parley::storage
