#include "app/commands_remote.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <iostream>

#include "app/commands.hpp"
#include "app/terminal.hpp"
#include "base/clock.hpp"

namespace parley::app {

namespace {

using cells = std::vector<std::string>;

std::string text_of(const json_value& record, std::string_view name) {
  auto found = record.find(name);
  if (!found || found->is_null()) return "-";
  if (auto text = found->as_string()) return std::string{*text};
  return found->text();
}

std::string yes_or_no(const json_value& record, std::string_view name) {
  auto found = record.find(name);
  return found && found->as_bool().value_or(false) ? "yes" : "no";
}

/// An instant without the part that nobody reads.
std::string day_of(const json_value& record, std::string_view name) {
  auto text = text_of(record, name);
  if (text.size() < 16) return text;
  text.resize(16);
  text[10] = ' ';
  return text;
}

/// Prints a list that the server keeps: JSON lines, or a table of `row` of each.
template <class Row>
int print_list(const remote_list_options& options, const std::string& path, cells titles, Row row) {
  auto server = remote_server::open(options.remote);
  if (!server) return report(server.error());
  auto items = all_items(*server, path);
  if (!items) return report(items.error());
  std::vector<cells> table{std::move(titles)};
  auto reader = make_answer_reader();
  for (const auto& item : *items) {
    if (options.is_json) {
      std::cout << item << "\n";
      continue;
    }
    auto record = reader.parse(item);
    if (!record) return report(record.error());
    table.push_back(row(*record));
  }
  if (!options.is_json) print_table(table);
  return 0;
}

/// The id of the model with this name or id.
expected<std::string> find_model(remote_server& on, const std::string& name) {
  TRY(auto models, all_items(on, "/api/models"));
  auto reader = make_answer_reader();
  for (const auto& each : models) {
    TRY(auto model, reader.parse(each));
    if (model.string_at("name") == name || model.string_at("id") == name)
      return std::string{model.string_at("id").value_or("")};
  }
  return make_error(errc::not_found, "There is no model " + name + "; see `parley model list`.");
}

error no_id(const std::string& text) {
  return make_error(errc::invalid_input, text + ": this is no id.");
}

}  // namespace

int list_keys(const remote_list_options& options) {
  return print_list(
      options, "/api/keys", {"ID", "NAME", "BEGINS", "SCOPES", "EXPIRES", "LAST USED"},
      [](const json_value& key) {
        return cells{text_of(key, "id"),     text_of(key, "name"),     text_of(key, "prefix"),
                     text_of(key, "scopes"), day_of(key, "expiresAt"), day_of(key, "lastUsedAt")};
      });
}

int list_models(const remote_list_options& options) {
  return print_list(options, "/api/models",
                    {"ID", "NAME", "PROVIDER", "MODEL", "SYSTEM", "ENABLED"},
                    [](const json_value& model) {
                      return cells{text_of(model, "id"),       text_of(model, "name"),
                                   text_of(model, "provider"), text_of(model, "model"),
                                   yes_or_no(model, "system"), yes_or_no(model, "enabled")};
                    });
}

int list_sessions(const remote_list_options& options) {
  auto path = std::string{"/api/sessions"} + (options.is_archived ? "?archived=true" : "");
  return print_list(options, path, {"ID", "CHANGED", "MESSAGES", "TITLE"},
                    [](const json_value& session) {
                      return cells{text_of(session, "id"), day_of(session, "updatedAt"),
                                   text_of(session, "messageCount"), text_of(session, "title")};
                    });
}

int add_key(const key_add_options& options) {
  auto server = remote_server::open(options.remote);
  if (!server) return report(server.error());
  std::string body;
  json_writer json{body};
  json.begin_object().member("name", options.name).key("scopes").begin_array();
  for (const auto& scope : options.scopes) json.value(scope);
  json.end_array();
  if (options.days > 0)
    json.member("expiresAt",
                to_string(system_wall_clock().now() + std::chrono::hours{24 * options.days}));
  json.end_object();
  auto made = server->ask({"POST", "/api/keys", body, {}});
  if (!made) return report(made.error());
  if (options.is_json) {
    std::cout << *made << "\n";
    return 0;
  }
  auto reader = make_answer_reader();
  auto key = reader.parse(*made);
  if (!key) return report(key.error());
  std::cout << text_of(*key, "key") << "\n";
  std::cerr << "This key is shown only now. To revoke it: parley key revoke " << text_of(*key, "id")
            << "\n";
  return 0;
}

int revoke_key(const named_options& options) {
  if (!is_id(options.name)) return report(no_id(options.name));
  auto server = remote_server::open(options.remote);
  if (!server) return report(server.error());
  auto gone = server->ask({"DELETE", "/api/keys/" + options.name, {}, {}});
  return gone ? 0 : report(gone.error());
}

int test_model(const named_options& options) {
  auto server = remote_server::open(options.remote);
  if (!server) return report(server.error());
  auto id = find_model(*server, options.name);
  if (!id) return report(id.error());
  auto answer = server->ask({"POST", "/api/models/" + *id + "/test", "{}", {}});
  if (!answer) return report(answer.error());
  auto reader = make_answer_reader();
  auto trial = reader.parse(*answer);
  if (!trial) return report(trial.error());
  auto is_well = yes_or_no(*trial, "ok") == "yes";
  if (options.is_json)
    std::cout << *answer << "\n";
  else if (is_well)
    std::cout << options.name << " answers; first token after " << text_of(*trial, "firstTokenMs")
              << " ms.\n";
  else
    std::cout << options.name << " does not answer: " << shown(text_of(*trial, "message"))
              << (trial->find("advice") ? " " + shown(text_of(*trial, "advice")) : "") << "\n";
  return is_well ? 0 : 1;
}

int add_remote_model(const model_add_options& options) {
  secret_text key;
  if (!options.api_key_file.empty()) {
    auto given = read_secret(options.api_key_file);
    if (!given) return report(given.error());
    key = *given;
  }
  auto server = remote_server::open(options.remote);
  if (!server) return report(server.error());
  std::string body;
  json_writer json{body};
  json.begin_object();
  for (const auto& [name, value] :
       {std::pair{"provider", &options.provider}, std::pair{"name", &options.name},
        std::pair{"model", &options.model}, std::pair{"baseUrl", &options.base_url}})
    if (!value->empty()) json.member(name, *value);
  if (!key.empty()) json.member("apiKey", key.reveal());
  json.end_object();
  auto path = std::string{options.is_system ? "/api/models/system" : "/api/models"} +
              (options.is_tested ? "?test=true" : "");
  auto made = server->ask({"POST", path, body, {}});
  if (!made) return report(made.error());
  auto reader = make_answer_reader();
  auto model = reader.parse(*made);
  if (!model) return report(model.error());
  if (options.is_json)
    std::cout << *made << "\n";
  else
    std::cout << "made the model " << shown(text_of(*model, "name")) << ", "
              << text_of(*model, "id") << "\n";
  return 0;
}

int export_remote_session(const session_export_options& options) {
  if (!is_id(options.session)) return report(no_id(options.session));
  auto server = remote_server::open(options.remote);
  if (!server) return report(server.error());
  auto file = STDOUT_FILENO;
  if (!options.file.empty())
    // Private to its owner, as the chat is.
    file = ::open(options.file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0)
    return report(make_error(errc::invalid_input, options.file + ": cannot be written."));
  bool is_written = true;
  auto ended = server->download(
      {"GET", "/api/sessions/" + options.session + "/export?format=" + options.format, {}, {}},
      [&](std::string_view bytes) {
        while (!bytes.empty() && is_written) {
          auto count = ::write(file, bytes.data(), bytes.size());
          if (count < 0 && errno == EINTR) continue;
          is_written = count > 0;
          if (is_written) bytes.remove_prefix(static_cast<size_t>(count));
        }
        return is_written;
      });
  if (file != STDOUT_FILENO) is_written = ::close(file) == 0 && is_written;
  if (!ended) return report(ended.error());
  if (!is_written)
    return report(make_error(errc::storage_failed, "The export could not be written."));
  return 0;
}

}  // namespace parley::app
