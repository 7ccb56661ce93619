/// The commands of the binary. Each returns its exit code: 0 done, 1 failed, 2 wrong usage. Errors
/// are one sentence on stderr.
#pragma once

#include <optional>
#include <string>

#include "actors/storage.hpp"
#include "base/settings.hpp"
#include "schema/user.hpp"

namespace parley::app {

struct serve_options {
  bool is_demo = false;  ///< with a system model `demo`, whose provider is nobody
};
/// Serves until SIGTERM or SIGINT; a second one hurries.
int serve(const configuration& config, const serve_options& options);

struct init_options {
  std::string admin_username;
  std::string admin_password_file;  ///< "-": the first line of stdin
  std::string admin_email;
  std::string file;  ///< models and settings as JSON
  bool is_json = false;
};
int init(const configuration& config, const init_options& options);

struct user_add_options {
  std::string username;       ///< with a count: the beginning of each name
  std::string password_file;  ///< empty: a random one is made and printed
  parley::role role = parley::role::user;
  size_t count = 1;
};
/// Prints one JSON line for each account: username and password.
int add_users(const configuration& config, const user_add_options& options);
struct user_passwd_options {
  std::string username;
  std::string password_file;  ///< empty: a password is made and printed
};
/// Another password, whatever the present one is; all logins of the account end.
int set_user_password(const configuration& config, const user_passwd_options& options);
int list_users(const configuration& config);
struct user_change_options {
  std::string username;
  std::optional<parley::role> role;
  std::optional<user_status> status;
};
/// Role or status; what the account has open ends when either changes. Prints the account as JSON.
int change_user(const configuration& config, const user_change_options& options);

struct backup_options {
  std::string folder;  ///< of all backups; each gets a folder of its own in it
  bool is_json = false;
};
/// Beside a running server or without one.
int back_up(const configuration& config, const backup_options& options);

struct restore_options {
  std::string folder;  ///< of one backup
  bool is_json = false;
};
/// Puts a backup in the database's place; what was there is kept.
int restore(const configuration& config, const restore_options& options);

struct migrate_options {
  bool is_check = false;  ///< only says what would be done
  bool is_json = false;
};
/// 1 also when the database is newer than this program.
int migrate(const configuration& config, const migrate_options& options);

/// Other keys in the secrets file, from the next start of the server on.
int rotate_secrets(const configuration& config);

struct secrets_copy_options {
  std::string file;
  std::string passphrase_file;  ///< empty: it is asked
};
int export_secrets(const configuration& config, const secrets_copy_options& options);
int import_secrets(const configuration& config, const secrets_copy_options& options);

int check_config(const configuration& config);
int print_config(const configuration& config);

/// Prints a line for each system model that the catalogue does not know, or that has no price; 1 if
/// there is one, or if a file of the catalogue is faulty.
int check_models(const configuration& config);

struct tokens_options {
  std::string encoding;  ///< cl100k_base or o200k_base; empty: that of `model`
  std::string model;     ///< without a public vocabulary it is estimated, which stderr says
  std::string file;      ///< one plain text; empty: stdin, a JSON string a line
  bool prints_ids = false;
};
/// Prints one count or one array of ids for each text. The first line of stdin that is no JSON
/// string ends it.
int count_tokens(const configuration& config, const tokens_options& options);

class node;
/// Follows the chain of the audit log from its anchor to its end.
expected<audit_check> verify_audit(node& on);
/// Prints what came of it; 1 if the log was changed.
int verify_audit(const configuration& config);

/// Prints the sentence of `cause` and returns 1.
int report(const error& cause);

/// The first line of a file, or of stdin for "-".
expected<secret_text> read_secret(const std::string& path);

}  // namespace parley::app
