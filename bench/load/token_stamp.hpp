/// The text of a measured token, ` <seq>:<monotonic ns>....`: numbered from 0 and stamped when it
/// was sent, filled with dots to a fixed size, at least one. Whoever receives the text in whatever
/// pieces can tell what was lost, repeated or reordered, and how long it was under way.
///
/// The writer is the mock, the reader the load client. Plain values, no I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace parley::bench {

/// Appends token `sequence`, exactly `bytes` long (at least 32).
void append_stamped_token(std::string& out, uint64_t sequence, uint32_t bytes);

/// What a reader found so far; every count but `tokens` is a fault.
struct stamp_findings {
  uint64_t tokens = 0;     ///< whole tokens that came when they were due
  uint64_t lost = 0;       ///< skipped numbers that never came
  uint64_t repeated = 0;   ///< numbers that had come before
  uint64_t reordered = 0;  ///< numbers that came after a later one
  uint64_t malformed = 0;  ///< bytes that belong to no token, tokens of another size

  bool is_clean() const { return lost + repeated + reordered + malformed == 0; }
};

/// Reads the joined text of one stream, cut anywhere.
class stamp_reader {
 public:
  /// Calls `on_token(stamp_ns)` for each token whose stamp is complete in the text so far.
  template <class OnToken>
  void read(std::string_view text, OnToken on_token) {
    for (const char byte : text) {
      if (take(byte)) on_token(static_cast<int64_t>(stamp_ns_));
    }
  }
  /// To be called once, when the stream is over.
  stamp_findings finish(uint64_t tokens_expected);
  const stamp_findings& findings() const { return findings_; }

 private:
  enum class state { outside, sequence, stamp, filling };
  bool take(char byte);
  void begin_token();
  void end_token();
  void place_token();

  stamp_findings findings_;
  state state_ = state::outside;
  uint64_t sequence_ = 0;
  uint64_t stamp_ns_ = 0;
  uint64_t next_ = 0;  // the number that is due
  uint32_t token_bytes_ = 0;
  uint32_t size_ = 0;     // of the first whole token; all others must have it
  uint64_t skipped_ = 0;  // bit n: number skipped_base_ + n was skipped
  uint64_t skipped_base_ = 0;
};

}  // namespace parley::bench
