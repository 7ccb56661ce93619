/// `parley doctor`: looks at an installation and says what is wrong with it and what to do.
///
/// Changes nothing. Blocks; may run beside the server.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/settings.hpp"

namespace parley::app {

enum class finding_level : uint8_t { ok, warning, fault };

struct finding {
  std::string check;  ///< "file system"
  finding_level level = finding_level::ok;
  std::string what;
  std::string mend;  ///< what to do; empty when all is well
};

/// Of a statfs f_type; none for one on which SQLite's locks hold.
std::optional<finding> file_system_fault(int64_t kind);
/// Of a clock that reads `now`: against when this program was built and what the files say.
std::optional<finding> clock_fault(int64_t now_s, int64_t built_s, int64_t newest_file_s);
/// Of a limit of open files against what the settings would have.
std::optional<finding> descriptor_fault(const settings& values, uint64_t limit);

std::vector<finding> examine_installation(const configuration& config);

struct doctor_options {
  std::string bundle;  ///< a file to make (app/support_bundle); empty: none
  bool is_json = false;
};
/// 1 if there is a fault, or the bundle could not be made; warnings are told.
int doctor(const configuration& config, const doctor_options& options);

}  // namespace parley::app
