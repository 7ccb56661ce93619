/// Whether the settings of alerts' receivers make sense together. Pure, any thread.
///
/// Their URLs are secrets, so what is said of one names the setting and never the value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/settings.hpp"

namespace parley {

struct setting_fault {
  std::string_view setting;
  std::string what;  ///< "must be …", without a full stop
};

std::vector<setting_fault> check_alert_settings(const settings& values);

/// Whether the host of a URL is this machine: localhost, 127.0.0.0/8 or ::1.
bool is_of_this_machine(std::string_view url);

}  // namespace parley
