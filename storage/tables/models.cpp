// Model configurations and the settings of the system.
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

expected<void> apply(connection& db, const create_model& change) {
  if (change.model.owner_id) {
    auto owner = db.prepare("SELECT 1 FROM users WHERE id=? AND status<>'erased'");
    owner.bind(*change.model.owner_id);
    TRY(bool is_there, owner.step());
    if (!is_there) return make_error(errc::not_found);
  }
  static const auto sql = insert_sql<model_config>("model_configs");
  auto q = db.prepare(sql);
  bind_record(q, change.model);
  return q.run();
}

expected<void> apply(connection& db, const update_model& change) {
  // A model never changes its owner; IS also compares the NULL of a system model.
  static const auto sql = update_sql<model_config>("model_configs") + " AND owner_id IS ?" +
                          std::to_string(parameter_of<model_config>("owner_id"));
  auto q = db.prepare(sql);
  bind_record(q, change.model);
  return q.run_on_one();
}

expected<void> apply(connection& db, const erase_model& change) {
  auto q = db.prepare("DELETE FROM model_configs WHERE id=?");
  q.bind(change.id);
  return q.run_on_one();
}

expected<void> apply(connection& db, const put_system_settings& change) {
  auto q = db.prepare(
      "INSERT INTO system_settings(id,settings) VALUES(1,?1) ON CONFLICT DO UPDATE SET "
      "settings=?1");
  detail::bind_value(q, change.settings);
  return q.run();
}

expected<system_loaded> read(const read_context& in, const load_system&) {
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  system_loaded loaded;
  auto settings = in.db.prepare("SELECT settings FROM system_settings");
  TRY(bool has_settings, settings.step());
  if (has_settings) {
    TRY(loaded.settings, restore_record<system_settings>(settings, 0));
  }
  static const auto models_sql = "SELECT " + columns_of<model_config>("m") +
                                 " FROM model_configs m WHERE m.owner_id IS NULL ORDER BY m.id";
  auto models = in.db.prepare(models_sql);
  TRY(loaded.models, read_all<model_config>(models));
  auto quotas = in.db.prepare("SELECT quotas FROM quotas");
  TRY(bool has_quotas, quotas.step());
  if (has_quotas) {
    TRY(loaded.quotas, restore_record<quota_settings>(quotas, 0));
  }
  auto count = in.db.prepare("SELECT COUNT(*) FROM users WHERE status<>'erased'");
  TRY(auto number, count.number());
  loaded.user_count = number.value_or(0);
  return loaded;
}

}  // namespace parley::storage
