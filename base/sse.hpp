/// Server-sent events in both directions (WHATWG HTML, section 9.2).
///
/// The parser takes bytes as they come from the socket and calls back once for each whole event; it
/// gives the same events however the bytes are cut. It never waits for the LF of a CRLF, and copies
/// nothing of an event that lies whole in one chunk. Bytes are passed on unchecked: whoever reads
/// the data as JSON checks its UTF-8. One owner, one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/error.hpp"

namespace parley {

/// Valid during the callback only.
struct sse_event {
  std::string_view id;    ///< the last id seen, also that of an earlier event
  std::string_view name;  ///< field `event`; empty means "message"
  std::string_view data;  ///< lines joined by LF
};

struct sse_limits {
  size_t line_bytes_max = 1 << 20;   ///< of one line, ended or not
  size_t event_bytes_max = 4 << 20;  ///< of the data of one event
};

class sse_parser {
 public:
  explicit sse_parser(sse_limits limits = {}) : limits_(limits) {}

  /// Calls `on_event(const sse_event&)` for each event that `chunk` completes; it must not push.
  /// errc::too_large over a limit, and again for everything after it. An event without end is
  /// dropped, as the standard says.
  template <class OnEvent>
  expected<void> push(std::string_view chunk, OnEvent&& on_event) {
    using callback = std::remove_reference_t<OnEvent>;
    return push(chunk, sink{&on_event, [](void* context, const sse_event& event) {
                              (*static_cast<callback*>(context))(event);
                            }});
  }

  /// Whether bytes of an unfinished event are held: the stream was cut if it ended here.
  bool has_partial_event() const;
  /// What the stream asked for with `retry`, milliseconds.
  std::optional<uint32_t> retry_ms() const { return retry_ms_; }

 private:
  struct sink {
    const void* context;
    void (*call)(void* context, const sse_event& event);
    void operator()(const sse_event& event) const { call(const_cast<void*>(context), event); }
  };
  // A text inside the present chunk as long as that lasts, a copy afterwards.
  class piece {
   public:
    std::string_view view() const { return is_borrowed_ ? borrowed_ : owned_; }
    void set(std::string_view text, bool may_borrow);
    void append_line(std::string_view text);
    void keep();
    void clear();

   private:
    std::string_view borrowed_;
    std::string owned_;
    bool is_borrowed_ = false;
  };

  expected<void> push(std::string_view chunk, sink on_event);
  std::string_view skip_bom(std::string_view chunk);
  bool take_line(std::string_view line, bool is_in_chunk, sink on_event);
  bool take_field(std::string_view name, std::string_view value, bool is_in_chunk);
  void dispatch(sink on_event);
  error fail();

  sse_limits limits_;
  std::string line_;  ///< the beginning of a line that a chunk left unended
  std::string id_;
  piece name_;
  piece data_;
  std::optional<uint32_t> retry_ms_;
  uint8_t bom_bytes_ = 0;  ///< of the byte order mark, seen so far; 4 once the stream has begun
  bool has_data_ = false;
  bool skips_lf_ = false;  ///< the last line ended with CR
  bool has_failed_ = false;
};

/// Appends one event; empty `id` and `name` are left out, each line of `data` is one field.
void append_event(std::string& out, std::string_view id, std::string_view name,
                  std::string_view data);
/// Appends ": text" and an empty line: the heartbeat, which every reader ignores.
void append_comment(std::string& out, std::string_view text);

}  // namespace parley
