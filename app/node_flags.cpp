#include "app/node_flags.hpp"

#include <CLI/CLI.hpp>

namespace parley::app {

void node_flags::add_to(CLI::App& command) {
  command.add_option("--data", data, "Directory of database and secrets (data_dir)")
      ->type_name("DIR");
  command.add_option("--listen", listen, "HOST:PORT to serve on (listen)")->type_name("ADDRESS");
  command.add_option("--config", config, "TOML file with settings")->type_name("FILE");
  command.add_option("--set", assignments, "name=value, any setting; may be repeated")
      ->take_all()
      ->type_name("NAME=VALUE");
  command.allow_extras();
  command.footer(
      "Every setting is also a flag (--streams-max 100) and a variable\n"
      "(PARLEY_STREAMS_MAX); `parley config print` lists them.");
}

expected<configuration> node_flags::load(const CLI::App& command) const {
  setting_sources sources;
  sources.environment = take_environment();
  auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) sources.flags.emplace_back(name, value);
  };
  add("config", config);
  add("data_dir", data);
  add("listen", listen);
  for (const auto& assignment : assignments) {
    auto equals = assignment.find('=');
    if (equals == std::string::npos)
      return make_error(errc::invalid_input, "--set " + assignment + ": write name=value.");
    sources.flags.emplace_back(assignment.substr(0, equals), assignment.substr(equals + 1));
  }
  auto rest = command.remaining();
  for (size_t i = 0; i < rest.size(); ++i) {
    if (!rest[i].starts_with("--"))
      return make_error(errc::invalid_input, rest[i] + ": what is this? See --help.");
    auto flag = rest[i].substr(2);
    if (auto equals = flag.find('='); equals != std::string::npos)
      sources.flags.emplace_back(flag.substr(0, equals), flag.substr(equals + 1));
    else if (i + 1 < rest.size())
      sources.flags.emplace_back(flag, rest[++i]);
    else
      return make_error(errc::invalid_input, rest[i] + ": a value is missing.");
  }
  return load_settings(std::move(sources));
}

}  // namespace parley::app
