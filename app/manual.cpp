#include "app/manual.hpp"

#include <algorithm>
#include <map>

namespace parley::app {

namespace {

/// Text of troff: no line is a request, no hyphen a dash, no backslash an escape.
std::string troff(std::string_view text) {
  std::string written;
  for (char c : text) {
    if (c == '\\')
      written += "\\e";
    else if (c == '-')
      written += "\\-";
    else
      written += c;
  }
  if (!written.empty() && (written.front() == '.' || written.front() == '\''))
    written.insert(0, "\\&");
  return written;
}

/// In single quotes of any of the shells.
std::string in_quotes(std::string_view text) {
  std::string written = "'";
  for (char c : text) {
    if (c == '\'')
      written += "'\\''";
    else
      written += c;
  }
  return written + "'";
}

std::string joined(const std::vector<std::string>& words, std::string_view between = " ") {
  std::string text;
  for (const auto& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

std::string last_word(const std::string& name) {
  auto space = name.rfind(' ');
  return space == std::string::npos ? name : name.substr(space + 1);
}

std::string parent_of(const std::string& name) {
  auto space = name.rfind(' ');
  return space == std::string::npos ? std::string{} : name.substr(0, space);
}

/// The next words after each beginning of a command: "" -> serve, init, user …; user -> add ….
std::map<std::string, std::vector<const command_entry*>> children_of(
    const std::vector<command_entry>& commands) {
  std::map<std::string, std::vector<const command_entry*>> all;
  for (const auto& each : commands)
    if (!each.name.empty()) all[parent_of(each.name)].push_back(&each);
  return all;
}

std::string usage_of(const command_entry& command) {
  std::string line = "parley " + command.name;
  for (const auto& option : command.options)
    if (option.names.empty()) line += " " + option.argument;
  return line;
}

std::vector<std::string> flags_of(const command_entry& command) {
  std::vector<std::string> names;
  for (const auto& option : command.options)
    names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

constexpr auto manual_end = R"(.SH ENVIRONMENT
.TP
.B PARLEY_SERVER
The server that
.BR chat ", " key ", " model " and " session
call; http://127.0.0.1:8080 without it.
.TP
.B PARLEY_TOKEN
An access token or API key for it. Without one these commands ask for a login.
.TP
.B NO_COLOR
Set to anything, nothing is coloured.
.TP
.BI PARLEY_ SETTING
Any setting, in capitals: PARLEY_LISTEN for
.BR listen .
A flag stands above it, the file of settings below.
.SH EXIT STATUS
0: done. 1: it failed, and one sentence on standard error says why. 2: wrong usage, or settings that
are not valid.
.SH FILES
.TP
.I parley.db
In the directory of
.BR data_dir :
everything but the keys.
.TP
.I secrets.json
Beside it: the keys. Without it no stored API key opens and no password fits.
)";

}  // namespace

std::string manual_page(const std::vector<command_entry>& commands, const std::string& version) {
  std::string page = ".TH PARLEY 1 \"\" \"parley " + troff(version) + "\" \"Parley\"\n";
  page += ".SH NAME\nparley \\- a chat server for several users and many models\n";
  page += ".SH SYNOPSIS\n.B parley\n.I command\n.RI [ options ]\n.SH COMMANDS\n";
  for (const auto& command : commands) {
    if (command.name.empty()) continue;
    // A word that only others follow has its own line in its children.
    if (command.options.empty() && command.meaning.empty()) continue;
    page += ".SS " + troff(usage_of(command)) + "\n" + troff(command.meaning) + ".\n";
    for (const auto& option : command.options) {
      auto what = option.names.empty() ? option.argument : joined(option.names, ", ");
      page += ".TP\n.B " + troff(what);
      if (!option.names.empty() && !option.argument.empty()) page += " " + troff(option.argument);
      page += "\n" + troff(option.meaning) + ".";
      if (!option.choices.empty()) page += " One of: " + troff(joined(option.choices, ", ")) + ".";
      page += "\n";
    }
  }
  return page + manual_end;
}

std::string bash_completion(const std::vector<command_entry>& commands) {
  std::string text =
      "# Completion of parley for bash: source it, or put it into\n"
      "# /usr/share/bash-completion/completions/parley.\n"
      "_parley() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} name=\"\" i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"${name:+$name }${COMP_WORDS[i]}\" in\n";
  std::vector<std::string> names;
  for (const auto& command : commands)
    if (!command.name.empty()) names.push_back(in_quotes(command.name));
  text += "      " + joined(names, "|") + ") name=\"${name:+$name }${COMP_WORDS[i]}\" ;;\n";
  text += "    esac\n  done\n  COMPREPLY=()\n  case \"$name $before\" in\n";
  for (const auto& command : commands)
    for (const auto& option : command.options)
      for (const auto& flag : option.names) {
        auto place = "    " + in_quotes(command.name + " " + flag) + ") ";
        if (!option.choices.empty())
          text += place + "COMPREPLY=($(compgen -W " + in_quotes(joined(option.choices)) +
                  " -- \"$word\")); return ;;\n";
        else if (option.is_file)
          text += place + "COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n";
        else if (!option.argument.empty())
          text += place + "return ;;\n";
      }
  text += "  esac\n  case \"$name\" in\n";
  auto children = children_of(commands);
  for (const auto& command : commands) {
    auto words = flags_of(command);
    for (const auto* child : children[command.name]) words.push_back(last_word(child->name));
    for (const auto& option : command.options)
      if (option.names.empty())
        words.insert(words.end(), option.choices.begin(), option.choices.end());
    text += "    " + in_quotes(command.name) + ") COMPREPLY=($(compgen -W " +
            in_quotes(joined(words)) + " -- \"$word\")) ;;\n";
  }
  return text + "  esac\n}\ncomplete -F _parley parley\n";
}

std::string zsh_completion(const std::vector<command_entry>& commands) {
  std::string text =
      "#compdef parley\n"
      "# Completion of parley for zsh: as _parley in a directory of $fpath.\n"
      "_parley() {\n"
      "  local name=\"\" i\n"
      "  local -a found\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case \"${name:+$name }${words[i]}\" in\n";
  std::vector<std::string> names;
  for (const auto& command : commands)
    if (!command.name.empty()) names.push_back(in_quotes(command.name));
  text += "      (" + joined(names, "|") + ") name=\"${name:+$name }${words[i]}\" ;;\n";
  text += "    esac\n  done\n  case \"$name ${words[CURRENT-1]}\" in\n";
  for (const auto& command : commands)
    for (const auto& option : command.options)
      for (const auto& flag : option.names) {
        auto place = "    (" + in_quotes(command.name + " " + flag) + ") ";
        if (!option.choices.empty())
          text += place + "compadd -- " + joined(option.choices) + "; return ;;\n";
        else if (option.is_file)
          text += place + "_files; return ;;\n";
        else if (!option.argument.empty())
          text += place + "return ;;\n";
      }
  text += "  esac\n  case \"$name\" in\n";
  auto children = children_of(commands);
  for (const auto& command : commands) {
    text += "    (" + in_quotes(command.name) + ")\n      found=(";
    auto describe = [&](const std::string& word, const std::string& meaning) {
      std::string escaped;
      for (char c : meaning) {
        if (c == ':') escaped += '\\';
        escaped += c;
      }
      text += "\n        ";
      text += in_quotes(word + ":" + escaped);
    };
    for (const auto* child : children[command.name])
      describe(last_word(child->name), child->meaning);
    for (const auto& option : command.options) {
      for (const auto& flag : option.names) describe(flag, option.meaning);
      if (option.names.empty())
        for (const auto& choice : option.choices) describe(choice, option.meaning);
    }
    text += ")\n      _describe parley found ;;\n";
  }
  return text +
         "  esac\n}\n"
         "# Loaded by its name, the first call is this file.\n"
         "if [[ $funcstack[1] == _parley ]]; then\n  _parley \"$@\"\n"
         "else\n  compdef _parley parley\nfi\n";
}

std::string fish_completion(const std::vector<command_entry>& commands) {
  std::vector<std::string> names;
  for (const auto& command : commands)
    if (!command.name.empty()) names.push_back(in_quotes(command.name));
  std::string text =
      "# Completion of parley for fish: as parley.fish in ~/.config/fish/completions.\n"
      "function __parley_name\n"
      "  set -l name ''\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    set -l next (string trim -- \"$name $word\")\n"
      "    contains -- $next " +
      joined(names) +
      "; and set name $next\n"
      "  end\n"
      "  echo $name\n"
      "end\n"
      "complete -c parley -f\n";
  for (const auto& command : commands) {
    auto place = [](const std::string& name) {
      return "complete -c parley -n " + in_quotes("test (__parley_name) = \"" + name + "\"");
    };
    if (!command.name.empty())
      text += place(parent_of(command.name)) + " -a " + in_quotes(last_word(command.name)) +
              " -d " + in_quotes(command.meaning) + "\n";
    for (const auto& option : command.options) {
      for (const auto& flag : option.names) {
        auto is_long = flag.starts_with("--");
        text += place(command.name) + (is_long ? " -l " : " -s ") + flag.substr(is_long ? 2 : 1);
        if (!option.argument.empty()) text += option.is_file ? " -r -F" : " -x";
        if (!option.choices.empty()) text += " -a " + in_quotes(joined(option.choices));
        text += " -d " + in_quotes(option.meaning) + "\n";
      }
      if (option.names.empty() && !option.choices.empty())
        text += place(command.name) + " -a " + in_quotes(joined(option.choices)) + "\n";
    }
  }
  return text;
}

}  // namespace parley::app
