#include "base/log.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <memory>
#include <mutex>

#include "base/text.hpp"

namespace parley {

namespace {

constexpr size_t queue_lines_max = 4096;
constexpr size_t value_bytes_max = 2048;
/// What a pipe that polls writable takes without blocking, POSIX.
constexpr size_t write_bytes_max = 4096;
constexpr int stall_ms = 200;

constexpr std::string_view level_names[] = {"debug", "info", "warning", "error", "off"};
constexpr std::string_view format_names[] = {"auto", "text", "json"};

/// Runs on the log's thread alone. Waits for a stuck reader once, then only looks whether it is
/// back.
class descriptor_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit descriptor_sink(int fd) : fd_(fd) {}
  uint64_t dropped() const { return dropped_.load(); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string_view line{message.payload.data(), message.payload.size()};
    if (!write_all(line)) ++dropped_;
  }
  void flush_() override {}

  bool is_writable() {
    pollfd waiting{fd_, POLLOUT, 0};
    auto count = ::poll(&waiting, 1, is_stalled_ ? 0 : stall_ms);
    is_stalled_ = count == 0;
    return count > 0;
  }

  bool write_all(std::string_view line) {
    while (!line.empty()) {
      if (!is_writable()) return false;
      auto count = ::write(fd_, line.data(), std::min(line.size(), write_bytes_max));
      if (count < 0 && errno != EINTR) return false;
      if (count > 0) line.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }

  int fd_;
  bool is_stalled_ = false;
  std::atomic<uint64_t> dropped_{0};
};

/// Runs on the log's thread alone.
class file_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit file_sink(log_files_options options) : writer_(std::move(options)) {}
  uint64_t dropped() const { return dropped_.load(); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (!writer_.write({message.payload.data(), message.payload.size()})) ++dropped_;
  }
  void flush_() override {}

  log_file_writer writer_;
  std::atomic<uint64_t> dropped_{0};
};

// Shared as spdlog would have it: its queue holds a logger as well.
using shared_logger = std::shared_ptr<spdlog::async_logger>;

struct log_state {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<descriptor_sink> stream;
  std::shared_ptr<file_sink> files;
  shared_logger text;  ///< of a terminal
  shared_logger json;  ///< the stream's, the files' or both
  std::atomic<uint64_t> lost{0};

  /// By the sinks.
  uint64_t dropped() const { return stream->dropped() + (files ? files->dropped() : 0); }
};

log_state& state() {
  // Never destroyed: a static destructor elsewhere may still log.
  static auto* the_state = new log_state;
  return *the_state;
}

void append_escape(std::string& out, unsigned code) {
  constexpr char digits[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[code >> shift & 15];
}

// The inside of a JSON string; also fit for a terminal: C0, DEL and C1 controls and the line
// separators U+2028 and U+2029 are escaped.
void append_escaped(std::string& out, std::string_view raw) {
  auto is_cut = raw.size() > value_bytes_max;
  auto text = repair_utf8(raw.substr(0, value_bytes_max));
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<uint8_t>(text[i]);
    auto next = i + 1 < text.size() ? static_cast<uint8_t>(text[i + 1]) : uint8_t{0};
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i];
    } else if (c == '\n') {
      out += "\\n";
    } else if (c < 0x20 || c == 0x7f) {
      append_escape(out, c);
    } else if (c == 0xc2 && next < 0xa0) {
      append_escape(out, next);
      ++i;
    } else if (c == 0xe2 && next == 0x80 && (static_cast<uint8_t>(text[i + 2]) & 0xfe) == 0xa8) {
      append_escape(out, 0x2000U | (static_cast<uint8_t>(text[i + 2]) & 0x3fU));
      i += 2;
    } else {
      out += text[i];
    }
  }
  if (is_cut) out += "...";
}

bool is_bare(std::string_view text) {
  return !text.empty() && text.size() <= value_bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
         });
}

struct value_writer {
  std::string& out;
  bool is_json;

  void quoted(std::string_view text) const {
    if (!is_json && is_bare(text)) {
      out += text;
      return;
    }
    out += '"';
    append_escaped(out, text);
    out += '"';
  }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(int64_t value) const { out += std::to_string(value); }
  void operator()(uint64_t value) const { out += std::to_string(value); }
  void operator()(double value) const {
    if (!std::isfinite(value)) {
      out += "null";
      return;
    }
    char digits[32];
    auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out.append(digits, end);
  }
  void operator()(std::string_view value) const { quoted(value); }
  void operator()(const uuid_bytes& value) const { quoted(uuid_text(value)); }
  void operator()(instant value) const { quoted(to_string(value)); }
  void operator()(std::chrono::microseconds value) const {
    operator()(static_cast<double>(value.count()) / 1000.0);
  }
  void operator()(const error* value) const { quoted(describe(*value)); }
};

std::string render_json(log_level level, std::string_view event,
                        std::span<const log_field> fields) {
  std::string line = R"({"at":")" + to_string(system_wall_clock().now()) + R"(","level":")";
  line += to_string(level);
  line += R"(","event":")";
  append_escaped(line, event);
  line += '"';
  for (auto& field : fields) {
    line += ",\"";
    append_escaped(line, field.name);
    if (std::holds_alternative<std::chrono::microseconds>(field.value)) line += "_ms";
    line += "\":";
    std::visit(value_writer{line, true}, field.value);
  }
  line += "}\n";
  return line;
}

std::string render_text(log_level level, std::string_view event,
                        std::span<const log_field> fields) {
  auto line = to_string(system_wall_clock().now()) + ' ';
  line += to_string(level);
  line.append(8 - to_string(level).size(), ' ');
  append_escaped(line, event);
  for (auto& field : fields) {
    line += ' ';
    append_escaped(line, field.name);
    if (std::holds_alternative<std::chrono::microseconds>(field.value)) line += "_ms";
    line += '=';
    std::visit(value_writer{line, false}, field.value);
  }
  line += '\n';
  return line;
}

shared_logger make_logger(const std::shared_ptr<spdlog::details::thread_pool>& pool,
                          const std::vector<spdlog::sink_ptr>& sinks) {
  auto made = std::make_shared<spdlog::async_logger>("parley", sinks.begin(), sinks.end(), pool,
                                                     spdlog::async_overflow_policy::overrun_oldest);
  made->set_level(spdlog::level::trace);
  made->set_error_handler([](const std::string&) { ++state().lost; });
  return made;
}

void put(const shared_logger& into, std::string_view line) {
  into->log(spdlog::level::info, spdlog::string_view_t{line.data(), line.size()});
}

// A closed pipe must not end the process through the thread that writes to it.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

std::string_view to_string(log_level level) {
  return level_names[static_cast<size_t>(level)];
}

std::optional<log_level> parse_log_level(std::string_view text) {
  for (size_t i = 0; i < std::size(level_names); ++i) {
    if (text == level_names[i]) return static_cast<log_level>(i);
  }
  return std::nullopt;
}

std::optional<log_format> parse_log_format(std::string_view text) {
  for (size_t i = 0; i < std::size(format_names); ++i) {
    if (text == format_names[i]) return static_cast<log_format>(i);
  }
  return std::nullopt;
}

void start_log(const log_options& options) {
  stop_log();
  auto& log = state();
  log.lost = 0;
  auto is_json = options.format == log_format::json ||
                 (options.format == log_format::automatic && ::isatty(options.fd) == 0);
  log.stream = std::make_shared<descriptor_sink>(options.fd);
  if (!options.files.directory.empty()) log.files = std::make_shared<file_sink>(options.files);
  log.pool = std::make_shared<spdlog::details::thread_pool>(queue_lines_max, 1, block_signals);
  std::vector<spdlog::sink_ptr> of_json;
  if (is_json) of_json.push_back(log.stream);
  if (log.files) of_json.push_back(log.files);
  if (!is_json) log.text = make_logger(log.pool, {log.stream});
  if (!of_json.empty()) log.json = make_logger(log.pool, of_json);
  set_log_level(options.level);
}

void stop_log() {
  set_log_level(log_level::off);
  auto& log = state();
  if (!log.pool) return;
  auto overrun = log.pool->overrun_counter();
  log.pool.reset();  // joins its thread, which first writes what waits
  log.lost += overrun + log.dropped();
  log.text.reset();
  log.json.reset();
  log.stream.reset();
  log.files.reset();
}

void set_log_level(log_level level) {
  detail::log_threshold = level;
}

uint64_t log_lines_dropped() {
  auto& log = state();
  if (!log.pool) return log.lost;
  return log.lost + log.pool->overrun_counter() + log.dropped();
}

void detail::write_log(log_level level, std::string_view event, std::span<const log_field> fields) {
  auto& log = state();
  if (log.text) put(log.text, render_text(level, event, fields));
  if (log.json) put(log.json, render_json(level, event, fields));
}

}  // namespace parley
