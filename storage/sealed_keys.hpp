/// The API keys of models as they lie in the database, sealed: with which keys, and anew when the
/// ring of sealing keys has turned (base/sealing).
///
/// On a connection of the caller's thread; what a text holds is not known here.
#pragma once

#include <functional>
#include <set>

#include "schema/model.hpp"
#include "storage/connection.hpp"

namespace parley::storage {

/// The names of the keys that something is sealed with.
expected<std::set<std::string>> sealing_keys_in_use(connection& db);

/// Seals anew what needs it; whether there was any.
using seal_anew_function = std::function<bool(model_config&)>;

struct sealing_step {
  model_id last;  ///< where the next step begins; none when all have been seen
  int changed = 0;
};

/// The next `models_max` models behind `after`, in the order of their ids. Versions stay: to their
/// owners nothing has changed.
expected<sealing_step> seal_keys_anew(connection& db, const seal_anew_function& seal,
                                      const model_id& after, int models_max = 100);

}  // namespace parley::storage
