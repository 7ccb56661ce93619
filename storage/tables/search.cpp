// Search over titles and messages, and what keeps its index (the triggers of 0001_initial.sql).
#include <cmath>

#include "chat/search_text.hpp"
#include "storage/page.hpp"
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

namespace {

/// No question holds a reader for longer.
constexpr std::chrono::milliseconds search_time_max{1000};
/// Up to so many texts are ranked; of more the newest come first.
constexpr int64_t ranked_rows_max = 50'000;
/// A list by relevance ends after so many.
constexpr size_t ranked_hits_max = 200;

expected<std::vector<part>> parts_in(const json_value& from) {
  std::vector<part> parts;
  if (!detail::restore_value(from, parts)) return make_error(errc::corrupt_data);
  return parts;
}

/// Where a page begins, and what all pages of one list have in common.
struct place {
  int64_t is_newest = 0;
  int64_t completes = 0;  ///< the last word, as a beginning
  int64_t passed = 0;     ///< hits by relevance before it
  int64_t below = 0;      ///< numbers of rows must be less
  int64_t now_ms = 0;     ///< ages are counted from then

  static constexpr size_t key_bytes = 5 * sizeof(int64_t);
  static place of_key(std::string_view key) {
    auto number = [&](size_t i) { return number_in_key(key.substr(i * sizeof(int64_t))); };
    return {number(0), number(1), number(2), number(3), number(4)};
  }
  std::string key() const {
    return key_of(is_newest) + key_of(completes) + key_of(passed) + key_of(below) + key_of(now_ms);
  }
};

/// The question with its conditions on the rows `r`.
class search_conditions {
 public:
  search_conditions(const search_texts& question, page_plan& plan) {
    const auto& filter = question.filter;
    plan.bind_to(key_of(question.owner_id));
    plan.bind_to(question.question);
    if (filter.type)
      add(plan, *filter.type == search_kind::session ? "r.message_seq IS NULL"
                                                     : "r.message_seq IS NOT NULL");
    if (filter.session) add(plan, "r.session_id=?", *filter.session);
    if (filter.role) add(plan, "r.role=?", *filter.role);
    if (filter.model) add(plan, "r.model_id=?", *filter.model);
    if (filter.from) add(plan, "r.created_at>=?", *filter.from);
    if (filter.to) add(plan, "r.created_at<?", *filter.to);
    if (filter.archived)
      add(plan,
          std::string{"r.session_id IN (SELECT s.id FROM sessions s WHERE s.archived="} +
              (*filter.archived ? "1" : "0") + " AND s.owner_id=?)",
          question.owner_id);
    if (filter.folder) {
      add(plan,
          "r.session_id IN (SELECT s.id FROM sessions s JOIN folders f ON f.id=s.folder_id"
          " WHERE s.folder_id=?",
          *filter.folder);
      add(plan, "s.owner_id=?)", question.owner_id);
    }
  }

  /// "… FROM search_index … WHERE …"
  const std::string& sql() const { return sql_; }
  void bind(query& to, const std::string& match, int64_t below, int64_t owner) const {
    to.bind(match, below, owner);
    for (const auto& parameter : parameters_) parameter(to);
  }

 private:
  void add(page_plan& plan, const std::string& sql) {
    plan.bind_to(sql);
    sql_ += " AND " + sql;
  }
  template <class Value>
  void add(page_plan& plan, const std::string& sql, const Value& value) {
    add(plan, sql);
    if constexpr (named_enum<Value>)
      plan.bind_to(name_of(value));
    else if constexpr (std::is_same_v<Value, instant>)
      plan.bind_to(key_of(value.ms));
    else
      plan.bind_to(key_of(value));
    parameters_.push_back([&value](query& q) { detail::bind_value(q, value); });
  }

  // The order of the tables is said, since SQLite knows nothing of how many rows have a word.
  std::string sql_ =
      " FROM search_index CROSS JOIN search_rows r ON r.number=search_index.rowid"
      " WHERE search_index MATCH ? AND search_index.rowid<? AND r.owner=?";
  std::vector<std::function<void(query&)>> parameters_;
};

struct found_row {
  double score = 0;
  int64_t number = 0;
};

// The words' weight (bm25), less for the long and more for the new: half of it once more for what
// was made now, and half of that for each month of age. The index does not know how long a text is
// (columnsize=0), for which bm25 takes one word: a quarter of each count makes up for that.
double score_of(const query& row, int64_t now_ms) {
  constexpr double month_ms = 30.0 * 24 * 3600 * 1000;
  constexpr double typical_bytes = 2000;
  auto age = std::max(0.0, static_cast<double>(now_ms - row.integer(2)) / month_ms);
  auto length = std::min(static_cast<double>(row.integer(3)) / typical_bytes, 8.0);
  auto of_title = row.is_null(4) ? 1.5 : 1.0;
  return -row.real(1) * of_title * (1 + 0.5 * std::exp2(-age)) / (0.75 + 0.25 * length);
}

/// One search as it is answered.
class search_run {
 public:
  search_run(const read_context& in, const search_texts& question)
      : in_(in), question_(question), query_(parse_search(question.question)) {}

  expected<search_page> answer() {
    page_plan plan{"search", question_.page};
    search_conditions conditions{question_, plan};
    TRY_DONE(plan.check(place::key_bytes));
    time_limit limit{in_.db, search_time_max};
    TRY(auto reading, transaction::begin(in_.db, transaction::kind::read));
    auto owner = in_.db.prepare("SELECT number FROM search_owners WHERE owner_id=?");
    owner.bind(question_.owner_id);
    TRY(auto number, owner.number());
    if (!number || !query_.has_wanted()) return search_page{};
    owner_ = *number;
    if (plan.key().empty()) {
      TRY(at_, first_place());
    } else {
      at_ = place::of_key(plan.key());
    }
    TRY(auto rows, at_.is_newest != 0 ? newest(conditions) : best(conditions));
    return page_of_rows(plan, rows);
  }

 private:
  std::string match(bool completes) const { return match_expression(query_, owner_, completes); }

  expected<bool> has_many(bool completes) {
    auto q = in_.db.prepare(
        "SELECT COUNT(*) FROM (SELECT 1 FROM search_index WHERE search_index MATCH ? LIMIT ?)");
    auto words = match(completes);
    q.bind(words, ranked_rows_max + 1);
    TRY(auto count, q.number());
    return count.value_or(0) > ranked_rows_max;
  }

  // A word that is found often enough as it stands is not completed.
  expected<place> first_place() {
    place first;
    first.now_ms = in_.now.ms;
    TRY(auto top, in_.db.prepare("SELECT MAX(number) FROM search_rows").number());
    first.below = top.value_or(0) + 1;
    TRY(bool is_newest, has_many(false));
    if (!is_newest && query_.has_unfinished()) {
      first.completes = 1;
      TRY(is_newest, has_many(true));
    }
    first.is_newest = is_newest ? 1 : 0;
    return first;
  }

  expected<std::vector<found_row>> newest(const search_conditions& conditions) {
    auto q = in_.db.prepare("SELECT search_index.rowid" + conditions.sql() +
                            " ORDER BY search_index.rowid DESC LIMIT ?");
    auto words = match(at_.completes != 0);
    conditions.bind(q, words, at_.below, owner_);
    q.bind(question_.page.limit + 1);
    std::vector<found_row> rows;
    for (;;) {
      TRY(bool has_row, q.step());
      if (!has_row) return rows;
      rows.push_back({0, q.integer(0)});
    }
  }

  expected<std::vector<found_row>> best(const search_conditions& conditions) {
    auto q = in_.db.prepare(
        "SELECT search_index.rowid, bm25(search_index, 0.25), r.created_at, r.text_bytes,"
        " r.message_seq" +
        conditions.sql());
    auto words = match(at_.completes != 0);
    conditions.bind(q, words, at_.below, owner_);
    std::vector<found_row> rows;
    for (;;) {
      TRY(bool has_row, q.step());
      if (!has_row) break;
      rows.push_back({score_of(q, at_.now_ms), q.integer(0)});
    }
    auto count = std::min(rows.size(), ranked_hits_max);
    std::partial_sort(rows.begin(), rows.begin() + static_cast<ptrdiff_t>(count), rows.end(),
                      [](const found_row& a, const found_row& b) {
                        return a.score != b.score ? a.score > b.score : a.number > b.number;
                      });
    rows.resize(count);
    auto passed = std::min(static_cast<size_t>(std::max<int64_t>(at_.passed, 0)), count);
    rows.erase(rows.begin(), rows.begin() + static_cast<ptrdiff_t>(passed));
    return rows;
  }

  expected<search_page> page_of_rows(const page_plan& plan, const std::vector<found_row>& rows) {
    search_page page;
    page.order = at_.is_newest != 0 ? search_order::newest : search_order::relevance;
    size_t bytes = 0;
    for (const auto& row : rows) {
      auto is_full = std::ssize(page.items) == plan.limit() || bytes > in_.page_bytes_max;
      if (is_full) {
        page.next_cursor = plan.cursor_at(at_.key());
        return page;
      }
      TRY(auto hit, read_hit(row, bytes));
      if (hit) page.items.push_back(std::move(*hit));
      if (at_.is_newest != 0)
        at_.below = row.number;
      else
        ++at_.passed;
    }
    return page;
  }

  expected<std::optional<search_hit>> read_hit(const found_row& row, size_t& bytes) {
    auto q = in_.db.prepare(
        "SELECT s.id, s.title, s.archived, r.created_at, m.id, m.role, m.parts, r.message_seq"
        " FROM search_rows r JOIN sessions s ON s.id=r.session_id AND s.owner_id=?2"
        " LEFT JOIN messages m ON m.seq=r.message_seq AND +m.session_id=s.id WHERE r.number=?1");
    q.bind(row.number, question_.owner_id);
    TRY(bool has_row, q.step());
    // A row that names another session's message is damaged.
    if (!has_row || (q.is_null(4) && !q.is_null(7))) return std::optional<search_hit>{};
    bytes += row_bytes(q);
    search_hit hit;
    hit.session_id = q.id<session_id>(0);
    hit.title = q.text(1);
    hit.archived = q.integer(2) != 0;
    hit.created_at = {q.integer(3)};
    if (at_.is_newest == 0) hit.score = row.score;
    auto text = hit.title;
    if (q.is_null(4)) {
      hit.type = search_kind::session;
    } else {
      hit.message_id = q.id<message_id>(4);
      if (!detail::read_value(q, 5, hit.role)) return make_error(errc::corrupt_data);
      auto parsed = in_.db.json().parse(q.text(6));
      if (!parsed) return make_error(errc::corrupt_data);
      TRY(auto parts, parts_in(*parsed));
      text = content_of(parts);
    }
    hit.excerpt = search_excerpt(text, query_);
    return std::optional{std::move(hit)};
  }

  const read_context& in_;
  const search_texts& question_;
  search_query query_;
  int64_t owner_ = 0;
  place at_;
};

// A day for a million rows, and never longer.
std::chrono::milliseconds purge_wait(int64_t rows) {
  constexpr std::chrono::milliseconds day{std::chrono::hours{24}};
  return std::min(day, day * rows / 1'000'000);
}

}  // namespace

std::string indexed_parts(int64_t owner, std::string_view json) {
  json_reader reader{{.bytes_max = size_t{64} << 20, .strict = false}};
  auto parsed = reader.parse(json);
  if (!parsed) return {};
  auto parts = parts_in(*parsed);
  if (!parts || parts->empty()) return {};
  // Nearly always the text of one part is all of it: then it is not copied once more.
  const auto& first = parts->front();
  if (parts->size() == 1 && first.type == part_type::text && first.text)
    return indexed_text(owner, *first.text);
  return indexed_text(owner, content_of(*parts));
}

expected<void> define_search(connection& db) {
  TRY_DONE(db.define("indexed_text", indexed_text));
  return db.define("indexed_parts", indexed_parts);
}

expected<sweep_result> purge_search(connection& db, instant now, int64_t pages_max) {
  auto state = db.prepare(
      "SELECT p.erased, p.is_running, p.began_at, (SELECT MAX(number) FROM search_rows)"
      " FROM search_purge p");
  TRY(bool has_row, state.step());
  if (!has_row) return sweep_result{};
  auto is_running = state.integer(1) != 0;
  auto is_due =
      state.integer(0) > 0 && now - instant{state.integer(2)} >= purge_wait(state.integer(3));
  if (!is_running && !is_due) return sweep_result{};
  auto before = db.total_changes();
  auto merge = db.prepare("INSERT INTO search_index(search_index, rank) VALUES('merge', ?)");
  // A negative number makes all parts one piece of work; positive ones go on with it.
  merge.bind(is_running ? pages_max : -pages_max);
  TRY_DONE(merge.run());
  // One change is the statement's own (sqlite.org/fts5.html, 6.8).
  auto has_more = db.total_changes() - before >= 2;
  auto note =
      db.prepare(is_running ? "UPDATE search_purge SET is_running=?1"
                            : "UPDATE search_purge SET is_running=?1, erased=0, began_at=?2");
  note.bind(has_more);
  if (!is_running) note.bind(now);
  TRY_DONE(note.run());
  return sweep_result{1, has_more};
}

expected<search_page> read(const read_context& in, const search_texts& question) {
  return search_run{in, question}.answer();
}

}  // namespace parley::storage
