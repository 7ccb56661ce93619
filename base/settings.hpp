/// The settings of one node: read once at start by app/, const afterwards, any thread.
///
/// Every setting is one row of base/settings_table.inc. Each has a flag (--out-bytes-max), a
/// variable (PARLEY_OUT_BYTES_MAX) and a key of the TOML file (out_bytes_max); the first of these
/// that is there counts, else the default. A secret has no flag, because everybody on the machine
/// can read a command line; beside its variable it has PARLEY_X_FILE, the path of a file that holds
/// it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"

namespace parley {

enum class operating_profile : uint8_t { development, production };
enum class operating_mode : uint8_t { multi, single };
/// automatic: what ADMIN has set, `closed` if nothing; invite: with the code of an invitation. The
/// first account can always be made.
enum class registration_rule : uint8_t { automatic, open, closed, invite };
enum class proxy_reach : uint8_t { admins, everyone };
enum class alert_security : uint8_t { required, optional };

inline namespace size_literals {
constexpr size_t operator""_KiB(unsigned long long count) {
  return count << 10;
}
constexpr size_t operator""_MiB(unsigned long long count) {
  return count << 20;
}
constexpr size_t operator""_GiB(unsigned long long count) {
  return count << 30;
}
}  // namespace size_literals

/// The columns: TEXT(name, default, form, meaning), SECRET(name, meaning), CHOICE(type, name,
/// default, texts in the order of the enumerators, meaning), NUMBER, SIZE, SECONDS, MILLISECONDS
/// and DAYS(name, default, min, max, meaning), LIST(name, form of an item, meaning), PORTS(name,
/// meaning).
struct settings {
#define GROUP(title)
#define TEXT(name, value, form, meaning) std::string name = value;
#define SECRET(name, meaning) secret_text name;
#define CHOICE(type, name, value, texts, meaning) ::parley::type name = ::parley::type::value;
#define NUMBER(name, value, min, max, meaning) size_t name = value;
#define SIZE(name, value, min, max, meaning) size_t name = value;
#define SECONDS(name, value, min, max, meaning) std::chrono::seconds name{value};
#define MILLISECONDS(name, value, min, max, meaning) std::chrono::milliseconds name{value};
#define DAYS(name, value, min, max, meaning) std::chrono::days name{value};
#define LIST(name, form, meaning) std::vector<std::string> name;
#define PORTS(name, meaning) std::vector<uint16_t> name;
#include "base/settings_table.inc"
#undef GROUP
#undef TEXT
#undef SECRET
#undef CHOICE
#undef NUMBER
#undef SIZE
#undef SECONDS
#undef MILLISECONDS
#undef DAYS
#undef LIST
#undef PORTS

  /// What one I/O thread may have of a limit that is the node's: threads share nothing, and the
  /// system spreads connections evenly. At least one.
  size_t share_of_thread(size_t node_max) const {
    auto threads = io_threads == 0 ? 1 : io_threads;
    return node_max / threads + (node_max % threads == 0 ? 0 : 1);
  }
};

/// What `listen` names; IPv6 stands in brackets.
struct listen_address {
  std::string host;  ///< an IP address, without brackets
  uint16_t port = 0;

  static std::optional<listen_address> parse(std::string_view text);
  bool is_loopback() const;
};

struct setting_sources {
  /// Names with '-' or '_', without the leading "--". "config" names the TOML file.
  std::vector<std::pair<std::string, std::string>> flags;
  /// PARLEY_* only. PARLEY_CONFIG names the TOML file.
  std::map<std::string, std::string> environment;
};

/// All PARLEY_* of this process. Secrets are wiped from the environment, so that neither a child
/// nor /proc shows them. Before the first thread.
std::map<std::string, std::string> take_environment();

struct configuration {
  settings values;  ///< threads and memory left at 0 are filled in
  /// Name -> where it came from ("--listen", "PARLEY_LISTEN", "parley.toml:3:1"); defaults are
  /// absent.
  std::map<std::string, std::string, std::less<>> origins;
};

/// errc::invalid_input with one line for each fault: where, what, and what would be right.
expected<configuration> load_settings(setting_sources sources);

/// Each setting with its value and origin; secrets are masked.
std::string print_configuration(const configuration& configuration);
/// The text of deploy/parley.toml.example: every setting with its meaning, bounds and default.
std::string example_settings();

}  // namespace parley
