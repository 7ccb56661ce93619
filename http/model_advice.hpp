/// What to do about a model that does not answer. Pure.
#pragma once

#include "base/error.hpp"
#include "schema/model.hpp"

namespace parley::http {

/// One sentence for whoever has set the model up; empty where the error says all there is to say.
/// `is_contained`: this server runs in a container, so that localhost is not the machine it is on.
std::string advice_on(const error& cause, const model_config& model, bool is_contained);

/// Whether this process runs in a container, by the files that Docker and Podman leave there.
bool is_in_container();

}  // namespace parley::http
