// API keys and quotas.
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

expected<void> apply(connection& db, const create_api_key& change) {
  static const auto sql = insert_sql<api_key>("api_keys");
  auto q = db.prepare(sql);
  bind_record(q, change.made);
  return q.run();
}

expected<void> apply(connection& db, const touch_api_key& change) {
  auto q = db.prepare("UPDATE api_keys SET last_used_at=? WHERE id=?");
  q.bind(change.last_used_at, change.id);
  return q.run();
}

expected<void> apply(connection& db, const erase_api_key& change) {
  auto q = db.prepare("DELETE FROM api_keys WHERE id=? AND owner_id=?");
  q.bind(change.id, change.owner_id);
  return q.run_on_one();
}

expected<void> apply(connection& db, const put_quotas& change) {
  auto q =
      db.prepare("INSERT INTO quotas(id,quotas) VALUES(1,?1) ON CONFLICT DO UPDATE SET quotas=?1");
  detail::bind_value(q, change.quotas);
  return q.run();
}

expected<void> apply(connection& db, const change_metering& change) {
  if (change.create_key) TRY_DONE(apply(db, *change.create_key));
  if (change.touch_key) TRY_DONE(apply(db, *change.touch_key));
  if (change.erase_key) TRY_DONE(apply(db, *change.erase_key));
  if (change.quotas) TRY_DONE(apply(db, *change.quotas));
  if (change.usage) TRY_DONE(apply(db, *change.usage));
  if (change.calibration) TRY_DONE(apply(db, *change.calibration));
  return {};
}

}  // namespace parley::storage
