/// One call on a libcurl easy handle: its options, and the callbacks that only note what came.
///
/// Owned by `upstream`, on its loop's thread. Callbacks run inside libcurl, where no handle may be
/// removed: they write to the round_log, which `upstream` delivers once libcurl has returned.
#pragma once

#include <curl/curl.h>

#include <deque>

#include "providers/upstream.hpp"

namespace parley::providers {

/// What happened during one call into libcurl, in order.
struct round_log {
  enum class kind : uint8_t { head, bytes, end };
  struct entry {
    upstream_call_id id;
    kind what;
    CURLcode code;
    size_t begin;
    size_t size;
  };
  std::vector<entry> entries;
  std::string bytes;
  std::deque<upstream_call_id> resting;  ///< beyond this call: that stand still until their turn

  void add_bytes(upstream_call_id id, const char* data, size_t size);
  void clear();
};

struct transfer {
  struct surroundings {
    io_loop& loop;
    const upstream_limits& limits;
    round_log& round;
  };
  transfer(upstream_request wanted, const surroundings& around, std::function<void()> on_due)
      : request(std::move(wanted)),
        limits(around.limits),
        round(around.round),
        loop(around.loop),
        deadline(std::move(on_due)) {}
  ~transfer() { wipe_headers(); }

  /// Sets every option of the handle, which is new or reset. False without memory.
  bool prepare(CURL* handle);
  /// Libcurl has built its request and will not build another.
  void wipe_headers();
  void release_body();
  /// Arms the deadline for what is waited for now: a look-up, a connection, the head, more bytes,
  /// or the end of a drain. Progress within it only moves `active_at`: the timer that then fires
  /// early is armed again.
  void begin_wait();
  void arm_deadline();
  /// A connection that carries other calls as well must not stand still for one.
  bool may_pause() const;
  bool is_still() const { return is_paused || is_resting; }
  void begin_turn();
  /// Within a callback: so much has come. Whoever brings much in a round of the loop rests then.
  void note_bytes(size_t size);
  std::chrono::steady_clock::time_point due() const;
  upstream_end end_of(CURLcode code) const;

  upstream_call_id id = 0;
  upstream_request request;
  const upstream_limits& limits;
  round_log& round;
  io_loop& loop;
  upstream_listener* listener = nullptr;  // null: being drained
  CURL* easy = nullptr;                   // null: waiting for a look-up to be free
  url_handle url;
  curl_slist* headers = nullptr;
  io_timer deadline;
  std::chrono::steady_clock::time_point ends_at;
  std::chrono::steady_clock::time_point active_at;  // when it last got somewhere
  response_head head;
  bool is_body_whole = false;  ///< libcurl has a pointer to it instead of asking for pieces
  size_t body_at = 0;
  size_t head_bytes = 0;
  uint64_t response_bytes = 0;
  size_t turn_bytes = 0;
  std::chrono::steady_clock::time_point turn_begun;
  bool is_resolving = false;
  bool is_finished = false;  // libcurl is done with it, the listener not told yet
  bool has_head = false;
  bool is_paused = false;   // by its listener
  bool is_resting = false;  // has had its turn
  bool was_sent = false;
  bool was_refused = false;  // by the address guard
  bool is_too_large = false;
};

/// Before the first handle; any thread, any number of times.
CURLcode start_libcurl();

/// "7" or an HTTP date; 0 for nonsense, at most a day.
uint32_t parse_retry_after(std::string_view value, int64_t now_s);

}  // namespace parley::providers
