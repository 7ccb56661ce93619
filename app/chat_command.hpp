/// `parley chat`: talks with a model of any Parley server, in the terminal or through a pipe.
#pragma once

#include "app/remote.hpp"

namespace parley::app {

struct chat_options {
  remote_options remote;
  std::string model;      ///< its name or id; empty: the account's default
  std::string session;    ///< empty: a new one
  bool is_whole = false;  ///< all of stdin is one message; else each line is one
  bool is_temporary = false;
  bool is_json = false;  ///< prints the events of the stream as JSON lines
};

/// Ends at the end of the input. Ctrl-C stops a reply, and ends the program where none runs or at
/// the second time. A stream that breaks is taken up where it was. Exit code: 1 when a message was
/// not answered.
int chat(const chat_options& options);

}  // namespace parley::app
