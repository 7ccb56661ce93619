#include "app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>

#include "app/chat_command.hpp"
#include "app/commands.hpp"
#include "app/commands_remote.hpp"
#include "app/commands_transfer.hpp"
#include "app/doctor.hpp"
#include "app/logs_command.hpp"
#include "app/moving_in.hpp"
#include "app/node_flags.hpp"
#include "base/json.hpp"

namespace parley::app {

namespace {

constexpr auto password_file_meaning =
    "File whose first line is the password; - for stdin; else one is made";

/// The table, with the places that parsing fills.
class command_line {
 public:
  command_line();
  int run(int argc, char** argv);
  std::vector<command_entry> table() const;

 private:
  using local_body = std::function<int(const configuration&)>;
  using remote_body = std::function<int()>;

  static CLI::App& group(CLI::App& under, const char* name, const char* meaning);
  /// On the database of this machine, with settings.
  CLI::App& local(CLI::App& under, const char* name, const char* meaning, local_body body);
  /// On a server, or on nothing.
  CLI::App& remote(CLI::App& under, const char* name, const char* meaning, remote_body body);
  static void add_server(CLI::App& command, remote_options& to);
  static void add_json(CLI::App& command, bool& to);

  void add_serving();
  void add_accounts();
  void add_upkeep();
  void add_secrets();
  void add_moving_in();
  void add_configuration();
  void add_chat();
  void add_keys();
  void add_models();
  void add_sessions();
  void add_transfers();
  void add_about();

  CLI::App root_{"Parley, a chat server for several users and many models"};
  node_flags flags_;
  std::vector<std::pair<CLI::App*, local_body>> local_;
  std::vector<std::pair<CLI::App*, remote_body>> remote_;

  serve_options serve_;
  init_options init_;
  tokens_options tokens_;
  user_add_options user_add_;
  user_passwd_options user_passwd_;
  user_change_options user_change_;
  std::string role_ = "USER";
  backup_options backup_;
  restore_options restore_;
  secrets_copy_options secrets_copy_;
  migrate_options migrate_;
  migrate_from_options migrate_from_;
  doctor_options doctor_;
  logs_options logs_;
  chat_options chat_;
  remote_list_options list_;
  key_add_options key_add_;
  named_options named_;
  model_add_options model_add_;
  session_export_options export_;
  import_options import_;
  export_options export_all_;
  std::string shell_;
  bool is_json_ = false;
};

CLI::App& command_line::group(CLI::App& under, const char* name, const char* meaning) {
  auto* made = under.add_subcommand(name, meaning);
  made->require_subcommand(1);
  return *made;
}

CLI::App& command_line::local(CLI::App& under, const char* name, const char* meaning,
                              local_body body) {
  auto* command = under.add_subcommand(name, meaning);
  flags_.add_to(*command);
  local_.emplace_back(command, std::move(body));
  return *command;
}

CLI::App& command_line::remote(CLI::App& under, const char* name, const char* meaning,
                               remote_body body) {
  auto* command = under.add_subcommand(name, meaning);
  remote_.emplace_back(command, std::move(body));
  return *command;
}

void command_line::add_server(CLI::App& command, remote_options& to) {
  command
      .add_option("--server", to.server,
                  "The server; else PARLEY_SERVER, else http://127.0.0.1:8080")
      ->type_name("URL");
  command.add_option("--username", to.username, "Who logs in, where PARLEY_TOKEN is not set")
      ->type_name("NAME");
  command
      .add_option("--password-file", to.password_file,
                  "File whose first line is the password; - for stdin; else it is asked")
      ->type_name("FILE");
}

void command_line::add_json(CLI::App& command, bool& to) {
  command.add_flag("--json", to, "Print JSON, for programs");
}

void command_line::add_serving() {
  auto& serving = local(root_, "serve", "Run the server",
                        [this](const configuration& config) { return serve(config, serve_); });
  serving.add_flag("--demo", serve_.is_demo, "With a model `demo`: scripted answers, no key");
  auto& init = local(root_, "init", "Make database, ADMIN, models and settings",
                     [this](const configuration& config) { return app::init(config, init_); });
  init.add_option("--admin-username", init_.admin_username, "Name of the ADMIN to make")
      ->type_name("NAME");
  init.add_option("--admin-password-file", init_.admin_password_file,
                  "File whose first line is the password; - for stdin")
      ->type_name("FILE");
  init.add_option("--admin-email", init_.admin_email, "The ADMIN's email address")
      ->type_name("ADDRESS");
  init.add_option("--file", init_.file, "JSON file: {\"models\":[…],\"settings\":{…}}")
      ->type_name("FILE");
}

void command_line::add_accounts() {
  auto& user = group(root_, "user", "Accounts; the server must not run");
  auto& add = local(user, "add", "Make accounts; prints them as JSON lines",
                    [this](const configuration& config) {
                      user_add_.role = role_ == "ADMIN" ? role::admin : role::user;
                      if (user_add_.username.empty()) user_add_.username = "user";
                      return add_users(config, user_add_);
                    });
  add.add_option("--username", user_add_.username, "Name, or with --count its beginning")
      ->type_name("NAME");
  add.add_option("--password-file", user_add_.password_file, password_file_meaning)
      ->type_name("FILE");
  add.add_option("--role", role_, "USER or ADMIN")->check(CLI::IsMember({"USER", "ADMIN"}));
  add.add_option("--count", user_add_.count, "How many")
      ->type_name("NUMBER")
      ->check(CLI::Range(1, 100'000));
  local(user, "list", "Print all accounts as JSON lines", list_users);

  auto change = [&](const char* name, const char* meaning, auto prepare) -> CLI::App& {
    auto& command = local(user, name, meaning, [this, prepare](const configuration& config) {
      prepare();
      return change_user(config, user_change_);
    });
    command.add_option("--username", user_change_.username, "Whose")->type_name("NAME")->required();
    return command;
  };
  auto& with_role = change("role", "Make an ADMIN of a USER, or the reverse", [this] {
    user_change_.role = role_ == "ADMIN" ? role::admin : role::user;
  });
  with_role.add_option("--role", role_, "USER or ADMIN")
      ->required()
      ->check(CLI::IsMember({"USER", "ADMIN"}));
  change("disable", "Keep somebody out; what they have open ends",
         [this] { user_change_.status = user_status::disabled; });
  change("enable", "Let somebody in again", [this] { user_change_.status = user_status::active; });
  auto& passwd = local(
      user, "passwd", "Give an account another password; ends its logins",
      [this](const configuration& config) { return set_user_password(config, user_passwd_); });
  passwd.add_option("--username", user_passwd_.username, "Whose")->type_name("NAME")->required();
  passwd.add_option("--password-file", user_passwd_.password_file, password_file_meaning)
      ->type_name("FILE");
}

void command_line::add_upkeep() {
  auto& backup = local(root_, "backup", "Copy the database, while the server runs or not",
                       [this](const configuration& config) { return back_up(config, backup_); });
  backup.add_option("DIR", backup_.folder, "Folder of the backups; each gets one of its own in it")
      ->required();
  add_json(backup, backup_.is_json);
  auto& migrating =
      local(root_, "migrate", "Bring the database to this program's schema",
            [this](const configuration& config) { return migrate(config, migrate_); });
  migrating.add_flag("--check", migrate_.is_check, "Only say what would be done");
  add_json(migrating, migrate_.is_json);
  auto& ill = local(root_, "doctor", "Say what is wrong with this installation, and the mend",
                    [this](const configuration& config) { return doctor(config, doctor_); });
  ill.add_option("--bundle", doctor_.bundle, "Make a zip for whoever is to help, without secrets")
      ->type_name("FILE");
  add_json(ill, doctor_.is_json);
  auto& logs = local(root_, "logs", "What the server wrote into its log, while it runs or not",
                     [this](const configuration& config) { return show_logs(config, logs_); });
  add_log_flags(logs, logs_);
  add_json(logs, logs_.is_json);
  auto& audit = group(root_, "audit", "The audit log; the server must not run");
  local(audit, "verify", "Was an entry changed or taken out?",
        [](const configuration& config) { return verify_audit(config); });
  auto& restoring =
      local(root_, "restore", "Put a backup in the database's place; the server must not run",
            [this](const configuration& config) { return restore(config, restore_); });
  restoring.add_option("FOLDER", restore_.folder, "One backup: the folder with backup.json")
      ->required();
  add_json(restoring, restore_.is_json);
  add_secrets();
}

void command_line::add_secrets() {
  auto& secrets = group(root_, "secrets", "The server's own keys, in secrets.json");
  local(secrets, "rotate", "Other keys from the next start on; what they seal is sealed anew",
        rotate_secrets);
  auto add_passphrase = [this](CLI::App& command, const char* meaning) {
    command.add_option("FILE", secrets_copy_.file, meaning)->required();
    command
        .add_option("--passphrase-file", secrets_copy_.passphrase_file,
                    "File whose first line is the passphrase; - for stdin; else it is asked")
        ->type_name("FILE");
  };
  add_passphrase(
      local(secrets, "export", "Copy them into a file that a passphrase opens",
            [this](const configuration& config) { return export_secrets(config, secrets_copy_); }),
      "The file to make");
  add_passphrase(
      local(secrets, "import", "Put such a copy where there is no secrets.json",
            [this](const configuration& config) { return import_secrets(config, secrets_copy_); }),
      "What `secrets export` has made");
}

void command_line::add_moving_in() {
  auto& from = group(root_, "migrate-from", "Move another program's installation into this one");
  auto& openwebui =
      local(from, "openwebui",
            "Users with their passwords, folders, models and chats; the server must not run",
            [this](const configuration& config) {
              return migrate_from_openwebui(config, migrate_from_);
            });
  openwebui.add_option("--db", migrate_from_.database, "Its database, webui.db")
      ->type_name("FILE")
      ->required();
  openwebui.add_flag("--dry-run", migrate_from_.is_trial, "Only say what would be moved");
  add_json(openwebui, migrate_from_.is_json);
}

void command_line::add_configuration() {
  auto& tokens =
      local(root_, "tokens", "Count the tokens of texts: JSON strings, one a line",
            [this](const configuration& config) { return count_tokens(config, tokens_); });
  auto* encoding = tokens.add_option("--encoding", tokens_.encoding, "The vocabulary")
                       ->check(CLI::IsMember({"o200k_base", "cl100k_base"}));
  tokens.add_option("--model", tokens_.model, "Count as this model does")
      ->type_name("NAME")
      ->excludes(encoding);
  tokens.add_option("--file", tokens_.file, "One plain text instead of stdin")->type_name("FILE");
  tokens.add_flag("--ids", tokens_.prints_ids, "Print each text's tokens as a JSON array");
  auto& config = group(root_, "config", "The configuration");
  local(config, "check", "Is it valid?", check_config);
  local(config, "print", "Every setting, its value and where it came from", print_config);
  remote(config, "example", "A commented TOML file with every default", [] {
    std::cout << example_settings();
    return 0;
  });
}

void command_line::add_chat() {
  auto& command = remote(root_, "chat", "Talk with a model of a running server",
                         [this] { return chat(chat_); });
  add_server(command, chat_.remote);
  command.add_option("--model", chat_.model, "Its name or id; else your default")
      ->type_name("NAME");
  auto* session =
      command.add_option("--session", chat_.session, "Go on in this session")->type_name("ID");
  command.add_flag("--whole", chat_.is_whole, "All of stdin is one message; else each line is one");
  command.add_flag("--temporary", chat_.is_temporary, "Nothing of it is stored")->excludes(session);
  command.add_flag("--json", chat_.is_json, "Print the events of the stream as JSON lines");
}

void command_line::add_keys() {
  auto& key = group(root_, "key", "API keys of yours, at a running server");
  auto& add =
      remote(key, "add", "Make one; it is printed this once", [this] { return add_key(key_add_); });
  add_server(add, key_add_.remote);
  add.add_option("--name", key_add_.name, "What it is for")->type_name("TEXT")->required();
  add.add_option("--scope", key_add_.scopes, "What it may do; may be repeated")
      ->required()
      ->take_all()
      ->check(CLI::IsMember({"chat", "models", "read", "admin"}));
  add.add_option("--days", key_add_.days, "It ends after so many")
      ->type_name("NUMBER")
      ->check(CLI::Range(1, 3650));
  add_json(add, key_add_.is_json);
  auto& list = remote(key, "list", "All of them, without the keys themselves",
                      [this] { return list_keys(list_); });
  add_server(list, list_.remote);
  add_json(list, list_.is_json);
  auto& revoke = remote(key, "revoke", "End one; its open streams end too",
                        [this] { return revoke_key(named_); });
  add_server(revoke, named_.remote);
  revoke.add_option("ID", named_.name, "Its id")->required();
}

void command_line::add_models() {
  auto& model = group(root_, "model", "Models and their providers");
  model.alias("models");
  local(model, "check", "Which system models the catalogue does not know, or have no price",
        check_models);
  auto& list = remote(model, "list", "Those you may use, at a running server",
                      [this] { return list_models(list_); });
  add_server(list, list_.remote);
  add_json(list, list_.is_json);
  auto& add = remote(model, "add", "Add one; what is left out comes from the catalogue",
                     [this] { return add_remote_model(model_add_); });
  add_server(add, model_add_.remote);
  for (auto [flag, place, meaning] :
       {std::tuple{"--provider", &model_add_.provider, "openai, anthropic, gemini, ollama …"},
        std::tuple{"--name", &model_add_.name, "What it is called here"},
        std::tuple{"--model", &model_add_.model, "What the provider calls it"},
        std::tuple{"--base-url", &model_add_.base_url, "Where the provider is"}})
    add.add_option(flag, *place, meaning)->type_name("TEXT");
  add.add_option("--api-key-file", model_add_.api_key_file,
                 "File whose first line is the provider's key; - for stdin")
      ->type_name("FILE");
  add.add_flag("--system", model_add_.is_system, "For everybody; an ADMIN may");
  add.add_flag("--test", model_add_.is_tested, "Keep it only if it answers");
  add_json(add, model_add_.is_json);
  auto& test =
      remote(model, "test", "Does it answer, and how fast?", [this] { return test_model(named_); });
  add_server(test, named_.remote);
  test.add_option("NAME", named_.name, "Its name or id")->required();
  add_json(test, named_.is_json);
}

void command_line::add_sessions() {
  auto& session = group(root_, "session", "Chats of yours, at a running server");
  auto& list = remote(session, "list", "The latest first", [this] { return list_sessions(list_); });
  add_server(list, list_.remote);
  list.add_flag("--archived", list_.is_archived, "Those in the archive instead");
  add_json(list, list_.is_json);
  auto& save =
      remote(session, "export", "One as a file", [this] { return export_remote_session(export_); });
  add_server(save, export_.remote);
  save.add_option("ID", export_.session, "Its id")->required();
  save.add_option("--format", export_.format, "json has all branches, md and txt the one shown")
      ->check(CLI::IsMember({"json", "md", "txt"}));
  save.add_option("--output", export_.file, "Where to; else it is printed")->type_name("FILE");
}

void command_line::add_transfers() {
  auto& take = remote(root_, "import", "Take chats of Parley, ChatGPT, Open WebUI or LibreChat",
                      [this] { return import_file(import_); });
  add_server(take, import_.remote);
  take.add_option("FILE", import_.file, "What the other program exported, JSON or zip")->required();
  add_json(take, import_.is_json);
  auto& give = remote(root_, "export", "Everything that is yours, as one zip",
                      [this] { return export_all(export_all_); });
  add_server(give, export_all_.remote);
  give.add_option("--out", export_all_.file,
                  "Where to; - for stdout; else the server's name for it")
      ->type_name("FILE");
  add_json(give, export_all_.is_json);
}

void command_line::add_about() {
  auto& version = remote(root_, "version", "Print the version", [this] {
    std::string text;
    if (is_json_)
      json_writer{text}.begin_object().member("version", PARLEY_VERSION).end_object();
    else
      text = std::string{"parley "} + PARLEY_VERSION;
    std::cout << text << "\n";
    return 0;
  });
  add_json(version, is_json_);
  auto& completion = remote(root_, "completion", "Print the completion of a shell", [this] {
    std::cout << (shell_ == "zsh"    ? zsh_completion(table())
                  : shell_ == "fish" ? fish_completion(table())
                                     : bash_completion(table()));
    return 0;
  });
  completion.add_option("SHELL", shell_, "Which one")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  remote(root_, "man", "Print the manual page: parley man | man -l -", [this] {
    std::cout << manual_page(table(), PARLEY_VERSION);
    return 0;
  });
}

command_line::command_line() {
  root_.name("parley");
  root_.require_subcommand(1);
  add_serving();
  add_accounts();
  add_upkeep();
  add_moving_in();
  add_configuration();
  add_chat();
  add_keys();
  add_models();
  add_sessions();
  add_transfers();
  add_about();
}

int command_line::run(int argc, char** argv) {
  try {
    root_.parse(argc, argv);
  } catch (const CLI::ParseError& fault) {
    return root_.exit(fault) == 0 ? 0 : 2;
  }
  for (auto& [command, body] : remote_)
    if (command->parsed()) return body();
  for (auto& [command, body] : local_) {
    if (!command->parsed()) continue;
    auto config = flags_.load(*command);
    if (!config) {
      report(config.error());
      return 2;
    }
    return body(*config);
  }
  return 0;
}

option_entry entry_of(const CLI::Option& option) {
  option_entry entry;
  for (const auto& name : option.get_snames()) entry.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) entry.names.push_back("--" + name);
  entry.meaning = option.get_description();
  // "FILE", or of a choice "TEXT:{md,txt}".
  auto kind = option.get_type_size() == 0 ? std::string{} : option.get_type_name();
  auto open = kind.find('{');
  if (open != std::string::npos) {
    std::istringstream list{kind.substr(open + 1, kind.find('}') - open - 1)};
    for (std::string choice; std::getline(list, choice, ',');) entry.choices.push_back(choice);
  }
  entry.argument = option.nonpositional() ? kind.substr(0, kind.find(':')) : option.get_name();
  entry.is_file = entry.argument == "FILE" || entry.argument == "DIR";
  return entry;
}

void collect(const CLI::App& command, const std::string& name, std::vector<command_entry>& into) {
  command_entry entry{name, command.get_description(), {}};
  for (const auto* option : command.get_options()) entry.options.push_back(entry_of(*option));
  into.push_back(std::move(entry));
  for (const auto* child : command.get_subcommands([](const CLI::App*) { return true; }))
    collect(*child, (name.empty() ? "" : name + " ") + child->get_name(), into);
}

std::vector<command_entry> command_line::table() const {
  std::vector<command_entry> all;
  collect(root_, {}, all);
  return all;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  return command_line{}.run(argc, argv);
}

std::vector<command_entry> command_table() {
  return command_line{}.table();
}

}  // namespace parley::app
