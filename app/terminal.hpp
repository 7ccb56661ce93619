/// What a command writes to a person and asks of one.
///
/// A terminal is told no control bytes that came from elsewhere, and gets no colours where NO_COLOR
/// is set or nobody looks (https://no-color.org). One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace parley::app {

/// stdin and stderr are terminals: somebody can be asked.
bool can_ask();
/// stdout is one.
bool is_shown();

/// `text` in the terminal's faint or bold print; as it is where there is no colour.
std::string faint(std::string_view text);
std::string bold(std::string_view text);

/// Without what a terminal would obey (C0 and C1 controls but tab and line feed); stdout that is no
/// terminal gets every byte.
std::string shown(std::string_view text);

/// Asks on stderr; errc::invalid_input at end of input. A secret is not echoed.
expected<std::string> ask_line(const std::string& question);
expected<secret_text> ask_secret(const std::string& question);

/// Columns as wide as their widest cell; the last one is not padded.
void print_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace parley::app
