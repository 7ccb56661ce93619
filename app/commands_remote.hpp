/// The commands that call a running server: keys, models, sessions. Each returns its exit code.
///
/// For a person a table or a sentence; with `is_json` each record is one line of JSON.
#pragma once

#include "app/remote.hpp"

namespace parley::app {

struct remote_list_options {
  remote_options remote;
  bool is_json = false;
  bool is_archived = false;  ///< of sessions: those instead of the others
};
int list_keys(const remote_list_options& options);
int list_models(const remote_list_options& options);
int list_sessions(const remote_list_options& options);

struct key_add_options {
  remote_options remote;
  std::string name;
  std::vector<std::string> scopes;
  int64_t days = 0;  ///< until it ends; 0: never
  bool is_json = false;
};
/// Prints the key, this once.
int add_key(const key_add_options& options);

struct named_options {
  remote_options remote;
  std::string name;  ///< an id; of a model also its name
  bool is_json = false;
};
int revoke_key(const named_options& options);
/// 1 when the model does not answer.
int test_model(const named_options& options);

struct model_add_options {
  remote_options remote;
  std::string provider, name, model, base_url;
  std::string api_key_file;  ///< "-": the first line of stdin
  bool is_system = false;
  bool is_tested = false;  ///< kept only if it answers
  bool is_json = false;
};
int add_remote_model(const model_add_options& options);

struct session_export_options {
  remote_options remote;
  std::string session;
  std::string format = "md";
  std::string file;  ///< empty: stdout
};
int export_remote_session(const session_export_options& options);

}  // namespace parley::app
