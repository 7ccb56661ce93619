/// The ways a call may take to a model, and what one I/O thread knows of their health.
///
/// Owned by the PROVIDER actor, on its loop's thread. No socket; times are given.
#pragma once

#include <functional>
#include <map>
#include <tuple>

#include "actors/provider_messages.hpp"
#include "providers/channel_health.hpp"

namespace parley::providers {

/// The model's id, the channel's name (empty: the model's own base URL) and the origin: at another
/// address it is another channel.
using channel_key = std::tuple<model_id, std::string, std::string>;

/// One address of a model, or of its fallback, with the key that belongs there.
struct call_way {
  channel_key key;
  bool is_fallback = false;
  std::string base_url;
  std::string sealed_key;
  int32_t weight = 1;
  bool was_tried = false;

  const std::string& channel() const { return std::get<1>(key); }
};

/// The model's own base URL, its channels, then the fallback's.
std::vector<call_way> ways_of(const model_config& model, const fallback_model* fallback);

class channel_board {
 public:
  /// Told whenever a channel goes out of order or comes back.
  using on_change = std::function<void(const channel_changed&)>;

  channel_board(health_rules rules, on_change listener)
      : rules_(rules), listener_(std::move(listener)) {}

  /// Of the ways not tried yet, one that is free; nothing if there is none.
  std::optional<size_t> choose_free(std::span<const call_way> ways, health_time now, double draw);
  /// Of the ways not tried yet, the one that is free first.
  std::optional<size_t> choose_any(std::span<const call_way> ways);

  void begin(const channel_key& of, health_time now);
  void answer(const channel_key& of, std::chrono::milliseconds latency);
  void fail(const channel_key& of, health_time now, const error& cause);
  void leave(const channel_key& of);
  void adopt(const channel_changed& told, health_time now);
  /// Of all that are known.
  channel_reports report(health_time now) const;

 private:
  std::vector<channel_option> options_of(std::span<const call_way> ways);
  void make_room(size_t entries);
  void tell(const channel_key& of, const channel_health& health, health_time now);

  health_rules rules_;
  on_change listener_;
  std::map<channel_key, channel_health> known_;
};

}  // namespace parley::providers
