#include "storage/sealed_keys.hpp"

#include "base/sealing.hpp"
#include "storage/rows.hpp"

namespace parley::storage {

expected<std::set<std::string>> sealing_keys_in_use(connection& db) {
  std::set<std::string> names;
  auto note = [&](std::string_view sealed) {
    if (auto name = sealer::key_of(sealed); !name.empty()) names.insert(std::move(name));
  };
  auto rows = db.prepare(
      "SELECT sealed_key FROM model_configs WHERE sealed_key<>'' UNION ALL "
      "SELECT each.value FROM model_configs, json_each(channel_keys) each WHERE each.value<>''");
  while (true) {
    TRY(bool is_there, rows.step());
    if (!is_there) return names;
    note(rows.text(0));
  }
}

expected<sealing_step> seal_keys_anew(connection& db, const seal_anew_function& seal,
                                      const model_id& after, int models_max) {
  static const auto sql = "SELECT " + columns_of<model_config>("m") +
                          " FROM model_configs m WHERE m.id>? ORDER BY m.id LIMIT ?";
  sealing_step step;
  TRY(auto writing, transaction::begin(db, transaction::kind::write));
  auto rows = db.prepare(sql);
  rows.bind(after, models_max);
  TRY(auto models, read_all<model_config>(rows));
  for (auto& model : models) {
    if (!seal(model)) continue;
    ++step.changed;
    auto change = db.prepare("UPDATE model_configs SET sealed_key=?, channel_keys=? WHERE id=?");
    change.bind(model.sealed_key);
    detail::bind_value(change, model.channel_keys);
    change.bind(model.id);
    TRY_DONE(change.run_on_one());
  }
  if (step.changed > 0) TRY_DONE(writing.commit());
  if (models.size() == static_cast<size_t>(models_max)) step.last = models.back().id;
  return step;
}

}  // namespace parley::storage
