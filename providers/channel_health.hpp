/// The health of a channel, and which of several channels a call takes. Pure: times are given.
///
/// A channel that asks for patience rests. One that cannot be reached or stays silent opens its
/// circuit at once, one that breaks does after three failures in a row: it is not called until its
/// wait is over, and then by one call alone (half-open), whose success closes the circuit again.
/// Where all channels are out of order, the one that comes back first is called all the same.
#pragma once

#include <chrono>
#include <optional>
#include <span>

#include "base/error.hpp"

namespace parley::providers {

using health_time = std::chrono::steady_clock::time_point;

struct health_rules {
  uint32_t failures_max = 3;                     ///< in a row, until the circuit opens
  std::chrono::milliseconds open_first{10'000};  ///< doubled each time it opens again
  std::chrono::milliseconds open_max{300'000};
  std::chrono::milliseconds rest_unasked{2'000};  ///< after 429 or 5xx without Retry-After
  std::chrono::milliseconds rest_max{600'000};
};

/// What a failure says of the channel it happened at.
enum class channel_fault : uint8_t {
  none,    ///< nothing: the request was wrong, and would be anywhere
  busy,    ///< too many calls: it asks for patience
  broken,  ///< a fault at their side, or a reply that broke off
  dead,    ///< unreachable, silent, without trust, or the key does not open it
};
channel_fault channel_fault_of(const error& cause);

enum class channel_state : uint8_t { closed, resting, open, half_open };

class channel_health {
 public:
  channel_state state(health_time now) const;
  /// Whether a call may begin now as if nothing had happened.
  bool is_free(health_time now) const;
  health_time free_at() const { return free_at_; }
  /// Nothing bad was heard since it last answered.
  bool is_well() const { return opened_ == 0 && free_at_ == health_time{}; }
  /// To the first token, rolling; empty until one came.
  std::optional<std::chrono::milliseconds> latency() const { return latency_; }
  /// How often in a row the circuit opened.
  uint32_t opened() const { return opened_; }

  /// A call begins: of a half-open channel it is the trial.
  void begin(health_time now);
  /// The first token came; whether that closed the circuit or ended a rest.
  bool answer(std::chrono::milliseconds latency);
  /// Whether the channel is out of order now, for so long as free_at says.
  bool fail(health_time now, const error& cause, const health_rules& rules);
  /// The call ended without a word on the channel.
  void leave() { is_tried_ = false; }
  /// What another thread learnt.
  void adopt(uint32_t opened, health_time free_at);

 private:
  std::optional<std::chrono::milliseconds> latency_;
  uint32_t failures_ = 0;  // in a row
  uint32_t opened_ = 0;
  bool is_tried_ = false;  // by the one call of a half-open circuit
  health_time free_at_{};
};

/// One way a call may take. The fallback's come after the model's own.
struct channel_option {
  const channel_health* health = nullptr;
  int32_t weight = 1;
  bool is_fallback = false;
  bool was_tried = false;  ///< by this very call
};

/// The place of the way to take, of those that are free and not tried: by weight, and by how soon
/// they use to answer. Nothing if there is none. `draw` in [0, 1).
std::optional<size_t> choose_channel(std::span<const channel_option> options, health_time now,
                                     double draw);
/// Of those not tried, the one that will be free first.
std::optional<size_t> first_free(std::span<const channel_option> options);

}  // namespace parley::providers
