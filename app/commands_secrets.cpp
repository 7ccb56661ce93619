// parley secrets: other keys from the next start on, and a copy of them under a passphrase.
#include <iostream>

#include "app/commands.hpp"
#include "app/terminal.hpp"
#include "base/files.hpp"
#include "base/secrets_file.hpp"

namespace parley::app {

namespace {

constexpr size_t export_bytes_max = 128 << 10;

/// A new one is typed twice.
expected<secret_text> read_passphrase(const std::string& path, bool is_new) {
  if (!path.empty()) return read_secret(path);
  if (!can_ask())
    return make_error(errc::invalid_input, "Nobody can be asked: use --passphrase-file.");
  TRY(auto typed, ask_secret("Passphrase: "));
  if (!is_new) return typed;
  TRY(auto again, ask_secret("The same again: "));
  if (!(typed == again)) return make_error(errc::invalid_input, "The two are not the same.");
  return typed;
}

expected<void> write_export(const std::string& data_dir, const secrets_copy_options& options) {
  TRY(auto passphrase, read_passphrase(options.passphrase_file, true));
  TRY(auto sealed, export_secrets(data_dir, passphrase));
  TRY_DONE(write_new_file(options.file, sealed));
  return note_secrets_export(data_dir);
}

expected<void> read_export(const std::string& data_dir, const secrets_copy_options& options) {
  TRY(auto sealed, read_whole_file(options.file, export_bytes_max));
  TRY(auto passphrase, read_passphrase(options.passphrase_file, false));
  return import_secrets(data_dir, sealed, passphrase);
}

}  // namespace

int export_secrets(const configuration& config, const secrets_copy_options& options) {
  if (auto written = write_export(config.values.data_dir, options); !written)
    return report(written.error());
  std::cout << options.file << " has the keys of " << config.values.data_dir
            << "; the passphrase opens it, and nothing else does.\nKeep both, apart from each "
               "other and from the backups.\n";
  return 0;
}

int import_secrets(const configuration& config, const secrets_copy_options& options) {
  if (auto taken = read_export(config.values.data_dir, options); !taken)
    return report(taken.error());
  std::cout << "secrets.json is in " << config.values.data_dir << ".\n";
  return 0;
}

int rotate_secrets(const configuration& config) {
  auto turned = turn_secrets(config.values.data_dir);
  if (!turned) return report(turned.error());
  std::cout
      << "secrets.json in " << config.values.data_dir << " has new keys, which hold from the "
      << "next start of the server on.\nIt then seals the API keys of models anew, and at the "
         "start after that the old key goes.\nAccess tokens end at that start; clients refresh "
         "them. Keep a copy of the new file;\na backup made before needs the old one.\n";
  return 0;
}

}  // namespace parley::app
