// Lists of sessions: filters that combine, orders, pages.
#include "storage/page.hpp"
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

namespace {

/// Conditions on sessions `s`, in the order of their parameters.
class condition_list {
 public:
  condition_list(const page_sessions& question, page_plan& plan) : question_(question) {
    const auto& filter = question.filter;
    plan.bind_to(key_of(question.owner_id));
    add(plan, "s.owner_id=?", [this](query& q) { q.bind(question_.owner_id); });
    add(plan, filter.archived ? "s.archived=1" : "s.archived=0");
    if (filter.pinned) add(plan, *filter.pinned ? "s.pinned=1" : "s.pinned=0");
    // A folder that is gone holds nothing (0001_initial.sql).
    constexpr auto has_folder = "EXISTS (SELECT 1 FROM folders f WHERE f.id=s.folder_id)";
    if (filter.folder_id && filter.folder_id->is_none()) {
      add(plan, std::string{"NOT "} + has_folder);
    } else if (filter.folder_id) {
      plan.bind_to(key_of(*filter.folder_id));
      add(plan, std::string{"s.folder_id=? AND "} + has_folder,
          [this](query& q) { q.bind(*question_.filter.folder_id); });
    }
    if (filter.tag) {
      plan.bind_to(*filter.tag);
      add(plan, "EXISTS (SELECT 1 FROM json_each(s.tags) t WHERE t.value=?)",
          [this](query& q) { q.bind(*question_.filter.tag); });
    }
    if (filter.model_id) {
      plan.bind_to(key_of(*filter.model_id));
      add(plan, "s.model_id=?", [this](query& q) { q.bind(*question_.filter.model_id); });
    }
    if (filter.updated_after) {
      plan.bind_to(key_of(filter.updated_after->ms));
      add(plan, "s.updated_at>?", [this](query& q) { q.bind(*question_.filter.updated_after); });
    }
    if (!filter.title_part.empty()) {
      plan.bind_to(filter.title_part);
      add(plan, "instr(lower(s.title),lower(?))>0",
          [this](query& q) { q.bind(question_.filter.title_part); });
    }
  }

  /// "s.owner_id=? AND …"
  const std::string& sql() const { return sql_; }
  void bind(query& to) const {
    for (const auto& parameter : parameters_) parameter(to);
  }

 private:
  void add(page_plan& plan, const std::string& sql, std::function<void(query&)> parameter = {}) {
    plan.bind_to(sql);
    sql_ += (sql_.empty() ? "" : " AND ") + sql;
    if (parameter) parameters_.push_back(std::move(parameter));
  }

  const page_sessions& question_;
  std::string sql_;
  std::vector<std::function<void(query&)>> parameters_;
};

struct order_column {
  std::string_view sql;
  int column;
};

order_column column_of(session_order order) {
  switch (order) {
    case session_order::created_at:
      return {"s.created_at", parameter_of<session>("created_at") - 1};
    case session_order::last_message_at:
      return {"COALESCE(s.last_message_at,0)", parameter_of<session>("last_message_at") - 1};
    case session_order::updated_at:
      break;
  }
  return {"s.updated_at", parameter_of<session>("updated_at") - 1};
}

}  // namespace

expected<page_of<session>> read(const read_context& in, const page_sessions& question) {
  page_plan plan{"sessions", question.page};
  condition_list conditions{question, plan};
  auto order = column_of(question.filter.order);
  plan.bind_to(order.sql);
  TRY_DONE(plan.check(sizeof(int64_t) + sizeof(session_id)));
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  const auto matches = std::string{visible_sessions} + " WHERE " + conditions.sql();
  auto direction = std::string{plan.direction()};
  auto ordered = " ORDER BY " + std::string{order.sql} + direction + ", s.id" + direction;
  // As rows_with: the index finds a page of them, each is then asked itself.
  auto sql = "SELECT " + session_columns() + " FROM sessions s WHERE s.rowid IN (SELECT s.rowid" +
             matches + plan.after("(" + std::string{order.sql} + ",s.id)", "(?,?)") + ordered +
             " LIMIT ?) AND +s.owner_id=?1" + ordered;
  auto q = in.db.prepare(sql);
  conditions.bind(q);
  if (!plan.key().empty()) {
    q.bind(number_in_key(plan.key()));
    q.bind_blob(plan.key().substr(sizeof(int64_t)));
  }
  q.bind(plan.limit() + 1);
  auto rows = std::pair{[](const query& row) { return read_record<session>(row); },
                        [&](const query& row) {
                          return key_of(row.integer(order.column)) + key_of(row.id<session_id>(0));
                        }};
  TRY(auto page, fill_page<session>(plan, q, in.page_bytes_max, rows));
  if (question.page.needs_total) {
    auto total = in.db.prepare("SELECT COUNT(*)" + matches);
    conditions.bind(total);
    TRY(page.total, total.number());
  }
  return page;
}

expected<old_sessions> read(const read_context& in, const find_old_sessions& question) {
  // Owner by owner, so that each of them is one look into the index. One that is being imported is
  // its job's.
  auto q = in.db.prepare(
      "SELECT s.owner_id, s.updated_at, s.id, s.version FROM users u CROSS JOIN sessions s"
      " ON s.owner_id=u.id AND s.updated_at<?1"
      " WHERE u.id>=?2 AND (u.id>?2 OR (s.updated_at,s.id)>(?3,?4)) AND u.status<>'erased'"
      " AND s.pinned=0 AND s.id NOT IN (SELECT i.session_id FROM unfinished_imports i)"
      " ORDER BY u.id, s.updated_at, s.id LIMIT ?5");
  const auto& after = question.after;
  q.bind(question.before, after.owner_id, after.updated_at, after.id, question.rows_max);
  old_sessions found;
  for (;;) {
    TRY(bool has_row, q.step());
    auto owner = has_row ? q.id<user_id>(0) : user_id{};
    if (!has_row || (!found.items.empty() && owner != found.last.owner_id)) return found;
    found.last = {owner, {q.integer(1)}, q.id<session_id>(2)};
    found.items.push_back({found.last.id, q.integer(3)});
  }
}

}  // namespace parley::storage
