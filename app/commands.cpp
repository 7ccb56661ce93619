#include "app/commands.hpp"

#include <algorithm>
#include <iostream>

#include "app/blocking_ask.hpp"
#include "app/node.hpp"
#include "app/setup.hpp"
#include "base/crypto.hpp"
#include "base/record_json.hpp"
#include "base/text_file.hpp"

namespace parley::app {

int report(const error& cause) {
  std::cerr << "parley: " << sentence_of(cause) << "\n";
  for (const auto& fault : detail_of(cause).fields)
    std::cerr << "  " << fault.path << ": " << fault.message << "\n";
  return 1;
}

expected<secret_text> read_secret(const std::string& path) {
  std::string line;
  if (path == "-") {
    std::getline(std::cin, line);
  } else {
    TRY(line, read_text_file(path));
    line.erase(std::min(line.size(), line.find('\n')));
    if (line.empty()) return make_error(errc::invalid_input, path + ": its first line is empty.");
  }
  return secret_text{std::move(line)};
}

int init(const configuration& config, const init_options& options) {
  setup_wish wish;
  wish.admin_username =
      options.admin_username.empty() ? config.values.init_admin_username : options.admin_username;
  wish.admin_email =
      options.admin_email.empty() ? config.values.init_admin_email : options.admin_email;
  wish.admin_password = config.values.init_admin_password;
  if (!options.admin_password_file.empty()) {
    auto password = read_secret(options.admin_password_file);
    if (!password) return report(password.error());
    wish.admin_password = *password;
  }
  if (!options.file.empty())
    if (auto read = read_setup_file(options.file, wish); !read) return report(read.error());
  auto opened = node::start(config.values, {.serves = false});
  if (!opened) return report(opened.error());
  auto lines = set_up(**opened, wish);
  if (!lines) return report(lines.error());
  for (const auto& line : *lines) std::cout << line << "\n";
  if (lines->empty()) std::cout << "The database is ready; name an ADMIN with --admin-username.\n";
  return 0;
}

int add_users(const configuration& config, const user_add_options& options) {
  secret_text given;
  if (!options.password_file.empty()) {
    auto password = read_secret(options.password_file);
    if (!password) return report(password.error());
    given = *password;
  }
  auto opened = node::start(config.values, {.serves = false});
  if (!opened) return report(opened.error());
  for (size_t i = 0; i < options.count; ++i) {
    make_user message;
    message.account.set(&user::username, options.count == 1
                                             ? options.username
                                             : options.username + std::to_string(i + 1));
    message.password = given.empty() ? secret_text{random_base62(24)} : given;
    message.role = options.role;
    auto password = message.password;
    auto made = ask_and_wait<user>((*opened)->system(), (*opened)->admin(), std::move(message));
    if (!made) return report(made.error());
    std::string line;
    json_writer json{line};
    json.begin_object().member("username", made->username);
    if (given.empty()) json.member("password", password.reveal());
    json.member("role", name_of(made->role)).end_object();
    std::cout << line << "\n";
  }
  return 0;
}

namespace {

expected<user> give_password(node& on, const std::string& username, const secret_text& password) {
  TRY(auto found, ask_and_wait<found_user>(on.system(), on.reader(), find_username{username}));
  if (!found.id) return make_error(errc::not_found, "There is no account " + username + ".");
  return ask_and_wait<user>(on.system(), on.admin(), reset_password{*found.id, {password, false}});
}

}  // namespace

int set_user_password(const configuration& config, const user_passwd_options& options) {
  auto password = secret_text{random_base62(24)};
  if (!options.password_file.empty()) {
    auto given = read_secret(options.password_file);
    if (!given) return report(given.error());
    password = *given;
  }
  auto opened = node::start(config.values, {.serves = false});
  if (!opened) return report(opened.error());
  auto changed = give_password(**opened, options.username, password);
  if (!changed) return report(changed.error());
  std::string line;
  json_writer json{line};
  json.begin_object().member("username", changed->username);
  if (options.password_file.empty()) json.member("password", password.reveal());
  json.end_object();
  std::cout << line << "\n";
  return 0;
}

int change_user(const configuration& config, const user_change_options& options) {
  auto opened = node::start(config.values, {.serves = false});
  if (!opened) return report(opened.error());
  auto& on = **opened;
  auto found = ask_and_wait<found_user>(on.system(), on.reader(), find_username{options.username});
  if (!found) return report(found.error());
  if (!found->id)
    return report(make_error(errc::not_found, "There is no account " + options.username + "."));
  alter_account change;
  change.role = options.role;
  change.status = options.status;
  auto changed =
      ask_and_wait<user>(on.system(), on.admin(), parley::change_user{*found->id, change});
  if (!changed) return report(changed.error());
  std::cout << json_of(*changed) << "\n";
  return 0;
}

int list_users(const configuration& config) {
  auto opened = node::start(config.values, {.serves = false});
  if (!opened) return report(opened.error());
  page_request page;
  page.limit = 100;
  page.is_descending = false;
  for (;;) {
    auto found = ask_and_wait<page_of<user>>((*opened)->system(), (*opened)->admin(),
                                             parley::list_users{page, {}});
    if (!found) return report(found.error());
    for (const auto& each : found->items) std::cout << json_of(each) << "\n";
    if (!found->next_cursor) return 0;
    page.cursor = *found->next_cursor;
  }
}

int check_config(const configuration& config) {
  auto services = listen_address::parse(config.values.listen);
  std::cout << "The configuration is valid; " << config.origins.size()
            << " settings differ from their defaults.\n";
  return services ? 0 : 1;
}

int print_config(const configuration& config) {
  std::cout << print_configuration(config);
  return 0;
}

}  // namespace parley::app
