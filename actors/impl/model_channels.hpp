/// What the channels and certificates of a model must keep, and the keys of channels. Pure.
#pragma once

#include "actors/impl/model_changes.hpp"

namespace parley {

/// invalid_input names each fault: two channels of one name, certificates that are none, or that
/// somebody who is no ADMIN brings along.
expected<void> check_extras(const model_config& model, const patch_of<model_config>& given);

/// Seals the keys that channels bring. One without keeps that of `present`'s channel of its name as
/// long as the origin is the same. invalid_input for an address that may not be called.
expected<void> seal_channels(model_config& model, const model_config* present,
                             const model_tools& tools);

}  // namespace parley
