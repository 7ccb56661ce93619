// What is known of closed tokenizers.
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

expected<void> apply(connection& db, const put_calibration& change) {
  static const auto sql = [] {
    auto text = insert_sql<stored_calibration>("token_calibrations");
    text.replace(0, std::string_view{"INSERT"}.size(), "INSERT OR REPLACE");
    return text;
  }();
  auto q = db.prepare(sql);
  bind_record(q, change.known);
  return q.run();
}

expected<calibration_list> read(const read_context& in, const load_calibrations& question) {
  static const auto sql = "SELECT " + columns_of<stored_calibration>("t") +
                          " FROM token_calibrations t ORDER BY t.updated_at DESC LIMIT ?";
  auto q = in.db.prepare(sql);
  q.bind(question.rows_max);
  calibration_list list;
  TRY(list.items, read_all<stored_calibration>(q));
  return list;
}

}  // namespace parley::storage
