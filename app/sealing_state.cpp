#include "app/sealing_state.hpp"

#include "base/log.hpp"
#include "base/secrets_file.hpp"
#include "storage/sealed_keys.hpp"
#include "storage/sqlite.hpp"

namespace parley::app {

expected<sealing_state> examine_sealing(storage::database& files, const std::string& data_dir,
                                        const key_ring& ring) {
  TRY(auto reader, files.open_reader());
  TRY(auto used, storage::sealing_keys_in_use(*reader));
  sealing_state state;
  for (const auto& name : used) {
    if (ring.find(name) == nullptr)
      state.has_foreign = true;
    else if (name != ring.active)
      state.has_old = true;
  }
  std::set<std::string> unneeded;
  for (const auto& [name, key] : ring.keys)
    if (name != ring.active && used.count(name) == 0) unneeded.insert(name);
  if (unneeded.empty()) return state;
  if (auto dropped = drop_sealing_keys(data_dir, unneeded); !dropped)
    log_warning("secrets.old_keys_stay", {{"error", dropped.error()}});
  else
    log_info("secrets.old_keys_dropped", {{"keys", unneeded.size()}});
  return state;
}

}  // namespace parley::app
