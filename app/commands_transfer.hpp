/// parley import and parley export: files of chats in and out of a running server, as jobs of it.
///
/// Each returns its exit code; progress goes to stderr where somebody looks, the report to stdout.
#pragma once

#include "app/remote.hpp"

namespace parley::app {

struct import_options {
  remote_options remote;
  std::string file;
  bool is_json = false;
};
/// Sends the file in pieces, each again where the server has lost it, and waits for the job. 1 when
/// the file is refused; nothing of it is left out without being counted.
int import_file(const import_options& options);

struct export_options {
  remote_options remote;
  std::string file;  ///< empty: the name that the server gives it; "-": stdout
  bool is_json = false;
};
int export_all(const export_options& options);

}  // namespace parley::app
