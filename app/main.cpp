// The command line: which command, with which settings.
#include <CLI/CLI.hpp>
#include <iostream>

#include "app/commands.hpp"

namespace {

using namespace parley;

/// What every command that opens a database accepts. Beside the named ones each setting has a flag
/// of its own: --streams-max 100.
struct node_flags {
  std::string data;
  std::string listen;
  std::string config;
  std::vector<std::string> assignments;

  void add_to(CLI::App& command) {
    command.add_option("--data", data, "Directory of database and secrets (data_dir)");
    command.add_option("--listen", listen, "HOST:PORT to serve on (listen)");
    command.add_option("--config", config, "TOML file with settings");
    command.add_option("--set", assignments, "name=value, any setting; may be repeated")
        ->take_all();
    command.allow_extras();
    command.footer(
        "Every setting is also a flag (--streams-max 100) and a variable\n"
        "(PARLEY_STREAMS_MAX); `parley config print` lists them.");
  }

  expected<configuration> load(const CLI::App& command) const {
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
};

using command_body = std::function<int(const configuration&)>;

int run(const CLI::App& command, const node_flags& flags, const command_body& body) {
  auto config = flags.load(command);
  if (!config) {
    app::report(config.error());
    return 2;
  }
  return body(*config);
}

void add_flags(CLI::App& tokens, app::tokens_options& counted) {
  auto* encoding = tokens.add_option("--encoding", counted.encoding, "The vocabulary")
                       ->check(CLI::IsMember({"o200k_base", "cl100k_base"}));
  tokens.add_option("--model", counted.model, "Count as this model does")->excludes(encoding);
  tokens.add_option("--file", counted.file, "One plain text instead of stdin");
  tokens.add_flag("--ids", counted.prints_ids, "Print each text's tokens as a JSON array");
}

void add_options(CLI::App& command, app::user_add_options& to, std::string& role_name) {
  command.add_option("--username", to.username, "Name, or with --count its beginning");
  command.add_option("--password-file", to.password_file,
                     "File whose first line is the password; - for stdin; else one is made");
  command.add_option("--role", role_name, "USER or ADMIN")->check(CLI::IsMember({"USER", "ADMIN"}));
  command.add_option("--count", to.count, "How many")->check(CLI::Range(1, 100'000));
}

void add_options(CLI::App& command, app::user_passwd_options& to) {
  command.add_option("--username", to.username, "Whose")->required();
  command.add_option("--password-file", to.password_file,
                     "File whose first line is the password; - for stdin; else one is made");
}

void add_options(CLI::App& init, app::init_options& first) {
  init.add_option("--admin-username", first.admin_username, "Name of the ADMIN to make");
  init.add_option("--admin-password-file", first.admin_password_file,
                  "File whose first line is the password; - for stdin");
  init.add_option("--admin-email", first.admin_email, "The ADMIN's email address");
  init.add_option("--file", first.file, "JSON file: {\"models\":[…],\"settings\":{…}}");
}

template <class Add>
void add_audit(CLI::App& parley_app, Add add) {
  auto* audit = parley_app.add_subcommand("audit", "The audit log; the server must not run");
  audit->require_subcommand(1);
  add(*audit, "verify", "Was an entry changed or taken out?",
      [](const configuration& config) { return app::verify_audit(config); });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App parley_app{"Parley, a multi-user AI chat server"};
  parley_app.require_subcommand(1);
  node_flags flags;
  std::vector<std::pair<CLI::App*, command_body>> commands;
  auto add = [&](CLI::App& under, const char* name, const char* meaning, command_body body) {
    auto* command = under.add_subcommand(name, meaning);
    flags.add_to(*command);
    commands.emplace_back(command, std::move(body));
    return command;
  };

  add(parley_app, "serve", "Run the server", app::serve);

  app::init_options first;
  auto* init = add(parley_app, "init", "Make database, ADMIN, models and settings",
                   [&](const configuration& config) { return app::init(config, first); });
  add_options(*init, first);

  auto* user = parley_app.add_subcommand("user", "Accounts; the server must not run");
  user->require_subcommand(1);
  app::user_add_options added;
  std::string role_name = "USER";
  auto* user_add = add(*user, "add", "Make accounts; prints them as JSON lines",
                       [&](const configuration& config) {
                         added.role = role_name == "ADMIN" ? role::admin : role::user;
                         if (added.username.empty()) added.username = "user";
                         return app::add_users(config, added);
                       });
  add_options(*user_add, added, role_name);
  app::user_passwd_options renewed;
  auto* user_passwd =
      add(*user, "passwd", "Give an account another password; ends its logins",
          [&](const configuration& config) { return app::set_user_password(config, renewed); });
  add_options(*user_passwd, renewed);
  add(*user, "list", "Print all accounts as JSON lines", app::list_users);

  app::tokens_options counted;
  auto* tokens =
      add(parley_app, "tokens", "Count the tokens of texts: JSON strings, one a line",
          [&](const configuration& config) { return app::count_tokens(config, counted); });
  add_flags(*tokens, counted);

  auto* config = parley_app.add_subcommand("config", "The configuration");
  config->require_subcommand(1);
  add(*config, "check", "Is it valid?", app::check_config);
  add(*config, "print", "Every setting, its value and where it came from", app::print_config);
  config->add_subcommand("example", "A commented TOML file with every default")->callback([] {
    std::cout << example_settings();
  });

  auto* models = parley_app.add_subcommand("models", "Models and their providers");
  models->require_subcommand(1);
  add(*models, "check", "Which system models the catalogue does not know, or have no price",
      app::check_models);

  add_audit(parley_app, add);
  parley_app.add_subcommand("version", "Print the version")->callback([] {
    std::cout << "parley " << PARLEY_VERSION << "\n";
  });

  try {
    parley_app.parse(argc, argv);
  } catch (const CLI::ParseError& fault) {
    return parley_app.exit(fault) == 0 ? 0 : 2;
  }
  for (auto& [command, body] : commands)
    if (command->parsed()) return run(*command, flags, body);
  return 0;
}
