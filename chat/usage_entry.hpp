/// What a reply has used, as it is stored. Pure.
#pragma once

#include "schema/usage.hpp"

namespace parley {

/// Of one reply of the model; whose and when is left out. Its cost goes into `used` as well, where
/// there is a price.
usage_entry priced_entry(const model_config& model, usage& used);

}  // namespace parley
