// Lists of accounts: filters that combine, orders, pages.
#include "storage/page.hpp"
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

namespace {

/// Each condition is there whatever is asked, so that the statement stays one.
constexpr auto matches =
    " FROM users u WHERE u.status<>'erased' AND (?1='' OR instr(lower(u.username),lower(?1))>0"
    " OR instr(lower(COALESCE(u.display_name,'')),lower(?1))>0"
    " OR instr(lower(COALESCE(u.email,'')),lower(?1))>0)"
    " AND (?2='' OR u.role=?2) AND (?3='' OR u.status=?3)";

void bind_filter(query& q, const list_accounts& question) {
  q.bind(question.search);
  q.bind(question.role ? name_of(*question.role) : std::string_view{});
  q.bind(question.status ? name_of(*question.status) : std::string_view{});
}

/// What is ordered by before the id.
std::string head_of(user_order order) {
  switch (order) {
    case user_order::created_at:
      return "u.created_at";
    case user_order::last_login_at:
      return "COALESCE(u.last_login_at,0)";
    case user_order::username:
      break;
  }
  return "lower(u.username)";
}

}  // namespace

expected<page_of<user>> read(const read_context& in, const list_accounts& question) {
  page_plan plan{"accounts", question.page};
  plan.bind_to(question.search);
  plan.bind_to(question.role ? name_of(*question.role) : std::string_view{});
  plan.bind_to(question.status ? name_of(*question.status) : std::string_view{});
  plan.bind_to(name_of(question.order));
  // A key is the id, and before it in the order a number or a name.
  auto is_by_name = question.order == user_order::username;
  constexpr size_t name_bytes_max = 64;
  TRY_DONE(is_by_name ? plan.check(sizeof(user_id), name_bytes_max)
                      : plan.check(sizeof(user_id) + sizeof(int64_t)));
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  auto head = head_of(question.order);
  auto direction = std::string{plan.direction()};
  auto sql = "SELECT " + columns_of<user>("u") + "," + head + matches +
             plan.after("(" + head + ",u.id)", "(?5,?6)") + " ORDER BY " + head + direction +
             ", u.id" + direction + " LIMIT ?4";
  auto q = in.db.prepare(sql);
  bind_filter(q, question);
  q.bind(plan.limit() + 1);
  if (!plan.key().empty()) {
    auto rest = plan.key().substr(sizeof(user_id));
    if (is_by_name)
      q.bind(rest);
    else
      q.bind(number_in_key(rest));
    q.bind_blob(plan.key().substr(0, sizeof(user_id)));
  }
  constexpr auto head_column = stored_count<user>();
  auto key_at = [&](const query& row) {
    auto rest = is_by_name ? std::string{row.text(head_column)} : key_of(row.integer(head_column));
    return key_of(row.id<user_id>(0)) + rest;
  };
  auto rows = std::pair{[](const query& row) { return read_record<user>(row); }, key_at};
  TRY(auto page, fill_page<user>(plan, q, in.page_bytes_max, rows));
  for (auto& account : page.items) {
    account.password_hash.clear();
    account.reset_hash.clear();
  }
  if (question.page.needs_total) {
    auto total = in.db.prepare(std::string{"SELECT COUNT(*)"} + matches);
    bind_filter(total, question);
    TRY(page.total, total.number());
  }
  return page;
}

}  // namespace parley::storage
