#include "base/settings.hpp"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/alert_settings.hpp"
#include "base/setting_rows.hpp"
#include "base/text_file.hpp"

namespace parley {

namespace {

constexpr std::string_view variable_prefix = "PARLEY_";
constexpr std::string_view file_suffix = "_FILE";
constexpr size_t secret_bytes_max = 64 * 1024;

bool has_prefix(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// Kubernetes sets these for a service that is named "parley".
bool is_of_kubernetes(std::string_view variable) {
  return has_prefix(variable, "PARLEY_SERVICE_") || has_prefix(variable, "PARLEY_PORT_") ||
         variable == "PARLEY_PORT";
}

std::string setting_of_variable(std::string_view variable) {
  std::string name{variable.substr(std::min(variable_prefix.size(), variable.size()))};
  for (auto& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

/// Collects all faults instead of stopping at the first.
class loader {
 public:
  expected<configuration> run(setting_sources sources) {
    auto path = config_path(sources);
    if (!path.empty()) apply_file(path);
    apply_environment(sources.environment);
    apply_flags(sources.flags);
    if (faults_.empty()) check_together();
    if (faults_.empty()) {
      fill_in();
      return std::move(result_);
    }
    std::string lines;
    for (auto& fault : faults_) lines += (lines.empty() ? "" : "\n") + fault;
    return make_error(errc::invalid_input, std::move(lines));
  }

 private:
  void fault(std::string_view place, std::string_view what) {
    faults_.push_back(std::string{place} + ": " + std::string{what} + ".");
  }

  void unknown(std::string_view place, std::string_view name, std::string_view shown) {
    auto nearest = nearest_setting(name);
    auto what = "there is no setting " + std::string{shown};
    if (!nearest.empty()) what += "; did you mean " + std::string{nearest} + "?";
    faults_.push_back(std::string{place} + ": " + what + (nearest.empty() ? "." : ""));
  }

  void apply(const setting_row& row, const raw_setting& raw, const std::string& place) {
    if (apply_setting(row, raw, result_.values))
      result_.origins.insert_or_assign(std::string{row.name}, place);
    else
      fault(place, std::string{row.name} + ' ' + expectation_of(row));
  }

  static std::string config_path(const setting_sources& sources) {
    for (auto& [name, value] : sources.flags) {
      if (name == "config") return value;
    }
    auto found = sources.environment.find("PARLEY_CONFIG");
    return found == sources.environment.end() ? "" : found->second;
  }

  void apply_file(const std::string& path) {
    auto entries = read_settings_file(path);
    if (!entries) {
      faults_.push_back(sentence_of(entries.error()));
      return;
    }
    for (auto& entry : *entries) {
      if (auto* row = find_setting(entry.name))
        apply(*row, entry.value, entry.place);
      else
        unknown(entry.place, entry.name, entry.name);
    }
  }

  void apply_environment(std::map<std::string, std::string>& environment) {
    for (auto& [variable, value] : environment) {
      if (variable == "PARLEY_CONFIG" || is_of_kubernetes(variable)) continue;
      // What the commands that call a server read (app/remote); no settings of one.
      if (variable == "PARLEY_SERVER" || variable == "PARLEY_TOKEN") continue;
      auto name = setting_of_variable(variable);
      auto* row = find_setting(name);
      if (row == nullptr && apply_secret_file(variable, value, environment)) continue;
      if (row == nullptr || variable_of(row->name) != variable) {
        unknown(variable, name, name);
        continue;
      }
      raw_setting raw;
      raw.text = value;
      apply(*row, raw, variable);
      if (row->type == setting_type::secret) {
        OPENSSL_cleanse(value.data(), value.size());
        OPENSSL_cleanse(raw.text.data(), raw.text.size());
      }
    }
  }

  // PARLEY_X_FILE for a secret X. False: it is no such variable.
  bool apply_secret_file(const std::string& variable, const std::string& path,
                         const std::map<std::string, std::string>& environment) {
    if (variable.size() <= file_suffix.size() ||
        std::string_view{variable}.substr(variable.size() - file_suffix.size()) != file_suffix)
      return false;
    auto direct = variable.substr(0, variable.size() - file_suffix.size());
    auto* row = find_setting(setting_of_variable(direct));
    if (row == nullptr || row->type != setting_type::secret) return false;
    if (environment.count(direct) != 0) {
      fault(variable, "is set together with " + direct + "; keep one of them");
      return true;
    }
    auto read = read_text_file(path, secret_bytes_max);
    if (!read) {
      auto why = sentence_of(read.error());
      why.pop_back();
      fault(variable, why);
      return true;
    }
    auto text = std::move(*read);
    // Editors and `echo` end a file with a line break.
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    result_.values.*row->secret = secret_text{std::move(text)};
    result_.origins.insert_or_assign(std::string{row->name}, variable);
    return true;
  }

  void apply_flags(const std::vector<std::pair<std::string, std::string>>& flags) {
    for (auto& [flag, value] : flags) {
      if (flag == "config") continue;
      auto name = flag;
      std::replace(name.begin(), name.end(), '-', '_');
      auto* row = find_setting(name);
      auto place = "--" + flag;
      if (row == nullptr) {
        unknown(place, name, name);
      } else if (row->type == setting_type::secret) {
        fault(place, "a secret is no flag, everyone can read the command line; set " +
                         variable_of(name) + " or " + variable_of(name) + std::string{file_suffix});
      } else {
        raw_setting raw;
        raw.text = value;
        apply(*row, raw, place);
      }
    }
  }

  std::string place_of(std::string_view name) const {
    auto found = result_.origins.find(name);
    return found == result_.origins.end() ? std::string{name} : found->second;
  }

  void check_together() {
    auto& values = result_.values;
    if (values.init_admin_username.empty() != values.init_admin_password.empty())
      fault(place_of("init_admin_username"),
            "init_admin_username and init_admin_password are set together or not at all");
    for (const auto& wrong : check_alert_settings(values))
      fault(place_of(wrong.setting), std::string{wrong.setting} + ' ' + wrong.what);
    if (values.profile != operating_profile::production) return;
    if (values.bcrypt_cost < 12)
      fault(place_of("bcrypt_cost"), "bcrypt_cost must be at least 12 in production");
    if (!listen_address::parse(values.listen)->is_loopback() && values.trusted_proxies.empty())
      fault(place_of("listen"),
            "production serves plain HTTP on loopback only; put a TLS proxy in front and name its "
            "network in trusted_proxies");
  }

  void fill_in() {
    auto& values = result_.values;
    size_t cores = std::max(1u, std::thread::hardware_concurrency());
    auto half = std::max<size_t>(1, cores / 2);
    for (auto* threads : {&values.scheduler_threads, &values.hashing_threads}) {
      if (*threads == 0) *threads = half;
    }
    // Relaying is nearly all there is to do under load: two cores are wanted whole
    // (docs/decisions/0019).
    if (values.io_threads == 0) values.io_threads = std::max(half, std::min<size_t>(cores, 2));
  }

  configuration result_;
  std::vector<std::string> faults_;
};

}  // namespace

std::optional<listen_address> listen_address::parse(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  auto digits = text.substr(colon + 1);
  auto is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  std::array<uint8_t, 16> bytes;
  listen_address address{std::string{host}, 0};
  if (::inet_pton(is_bracketed ? AF_INET6 : AF_INET, address.host.c_str(), bytes.data()) != 1)
    return std::nullopt;
  if (digits.empty() || digits.size() > 5) return std::nullopt;
  uint32_t port = 0;
  for (auto c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  if (port > 65535) return std::nullopt;
  address.port = static_cast<uint16_t>(port);
  return address;
}

bool listen_address::is_loopback() const {
  in6_addr v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return has_prefix(host, "127.");
}

std::map<std::string, std::string> take_environment() {
  std::map<std::string, std::string> taken;
  for (auto** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text{*entry};
    auto equals = text.find('=');
    if (!has_prefix(text, variable_prefix) || equals == std::string_view::npos) continue;
    taken.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  for (auto& [variable, value] : taken) {
    auto* row = find_setting(setting_of_variable(variable));
    if (row == nullptr || row->type != setting_type::secret) continue;
    // In place: /proc shows the memory that the process was started with.
    if (auto* text = ::getenv(variable.c_str())) OPENSSL_cleanse(text, std::strlen(text));
    ::unsetenv(variable.c_str());
  }
  return taken;
}

expected<configuration> load_settings(setting_sources sources) {
  return loader{}.run(std::move(sources));
}

std::string print_configuration(const configuration& configuration) {
  std::string text;
  for (auto& row : setting_rows()) {
    auto origin = configuration.origins.find(row.name);
    text += std::string{row.name} + " = " + value_text(row, configuration.values) + "  # " +
            (origin == configuration.origins.end() ? "default" : origin->second) + '\n';
  }
  return text;
}

std::string example_settings() {
  std::string text =
      "# Every setting of Parley with its default. A flag (--out-bytes-max 1MiB) or a variable\n"
      "# (PARLEY_OUT_BYTES_MAX) of the same name goes before this file.\n";
  std::string_view group;
  const settings defaults;
  for (auto& row : setting_rows()) {
    if (row.group != group) {
      group = row.group;
      text += "\n# ---- " + std::string{group} + "\n";
    }
    text += "\n# " + std::string{row.meaning};
    if (row.type != setting_type::text && row.type != setting_type::secret) {
      auto expectation = expectation_of(row);
      text += "\n# It " + expectation + ".";
    }
    if (row.type == setting_type::secret)
      text += "\n# Better set " + variable_of(row.name) + std::string{file_suffix} +
              ", the path of a file that holds it.";
    text += "\n# " + std::string{row.name} + " = " + value_text(row, defaults) + '\n';
  }
  return text;
}

}  // namespace parley
