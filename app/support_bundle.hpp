/// `parley doctor --bundle`: one zip with what somebody needs who is to help and has never seen
/// this machine.
///
/// No secret is in it: settings that hold one are masked, of the database there are numbers only,
/// and the log names users, chats and models by their ids. Blocks; may run beside the server.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/settings.hpp"

namespace parley::app {

/// The newest lines of the log, in bytes.
constexpr uint64_t bundle_log_bytes_max = uint64_t{8} << 20;

/// `findings` is the doctor's report as JSON. Makes the file (0600), whole or not at all;
/// errc::conflict if the name is taken.
expected<void> write_support_bundle(const configuration& config, std::string_view findings,
                                    const std::filesystem::path& file);

/// A line of the log as the bundle has it: empty if it is none or names an account, and without
/// what looks like an email address, which an upstream's error may repeat.
std::string bundled_log_line(std::string_view line);

}  // namespace parley::app
