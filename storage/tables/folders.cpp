// Folders. That they form a tree is their USER's to see to.
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

expected<void> apply(connection& db, const create_folder& change) {
  static const auto sql = insert_sql<folder>("folders");
  auto q = db.prepare(sql);
  bind_record(q, change.made);
  return q.run();
}

expected<void> apply(connection& db, const update_folder& change) {
  static const auto sql = update_sql<folder>("folders") + " AND owner_id=?" +
                          std::to_string(parameter_of<folder>("owner_id"));
  auto q = db.prepare(sql);
  bind_record(q, change.changed);
  return q.run_on_one();
}

expected<void> apply(connection& db, const erase_folder& change) {
  auto q = db.prepare("DELETE FROM folders WHERE id=?");
  q.bind(change.id);
  return q.run_on_one();
}

}  // namespace parley::storage
