/// The text of one reply with its positions: what readers are sent, wherever they resume.
///
/// Positions (api.md, The chat stream): `start` is 1, each opened part adds 1, text adds its UTF-8
/// bytes, `error` and `done` add 1. They follow from the parts alone, so a log made from a stored
/// message has the positions of the log that made it. Owned by SESSION; pure.
#pragma once

#include <string_view>

#include "base/boxed.hpp"
#include "chat/reply_event.hpp"

namespace parley {

class reply_log {
 public:
  explicit reply_log(reply_start start) : start_(std::move(start)) {}
  /// The log of a stored reply: whole and ended, or one that goes on if its status is `streaming`.
  reply_log(reply_start start, const message& stored);

  /// Adds text; another type than that of the last part opens a new one. `text` is whole UTF-8.
  void append(part_type type, std::string_view text);
  void set_usage(const usage& used) { usage_ = used; }
  /// Ends the log: the event `error` if there is one, then `done`. Nothing is appended afterwards.
  void finish(message_status status, std::optional<message_error> error);

  bool is_finished() const { return status_.has_value(); }
  /// Position of the last event so far.
  int64_t position() const;
  int64_t text_bytes() const { return text_bytes_; }
  std::vector<part> parts() const;
  const reply_start& start() const { return start_; }

  /// What stands after `after`, with at most `text_bytes_max` bytes of text, cut between code
  /// points; `after` moves to the last position the slice contains. A position that this log can't
  /// have given out (lost in a crash, or made up) is answered by a snapshot.
  slice cut(int64_t& after, int64_t text_bytes_max) const;
  /// Bytes of text that a reader at `after` has not got yet.
  int64_t bytes_behind(int64_t after) const;

  /// What was added after `after` part by part, for a checkpoint.
  std::vector<reply_event> added_since(int64_t after) const;

 private:
  struct open_part {
    part_type type;
    int64_t opened_at;  ///< position of the event `part`
    std::string text;

    int64_t end() const { return opened_at + static_cast<int64_t>(text.size()); }
  };

  int64_t text_end() const { return parts_.empty() ? 1 : parts_.back().end(); }
  bool is_boundary(int64_t position) const;
  slice snapshot(int64_t& after) const;
  void add_ending(slice& out, int64_t& after) const;

  reply_start start_;
  std::vector<open_part> parts_;
  int64_t text_bytes_ = 0;
  boxed<usage> usage_;
  boxed<message_error> error_;
  std::optional<message_status> status_;
};

}  // namespace parley
