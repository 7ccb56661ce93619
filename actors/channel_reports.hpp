/// Finding in what PROVIDER reports the channels of a model. Pure.
#pragma once

#include "actors/provider_messages.hpp"

namespace parley {

/// "https://host:443": the scheme, host and port of a base URL, as channels are told apart by.
std::string origin_in(std::string_view base_url);

/// The model's own address has no name. Null: PROVIDER has not called it.
const channel_report* find_report(const channel_reports& all, model_id model,
                                  std::string_view channel, const std::string& base_url);

}  // namespace parley
