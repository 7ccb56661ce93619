#include "providers/channel_board.hpp"

#include "base/log.hpp"
#include "providers/upstream_url.hpp"

namespace parley::providers {

namespace {

using std::chrono::milliseconds;

constexpr size_t known_max = 10'000;

void add_ways(const model_config& model, bool is_fallback, std::vector<call_way>& to) {
  auto add = [&](std::string name, const std::string& base_url, int32_t weight) {
    auto& way = to.emplace_back();
    auto origin = origin_of(base_url);
    way.key = {model.id, std::move(name), origin ? *origin : base_url};
    way.is_fallback = is_fallback;
    way.base_url = base_url;
    way.weight = weight;
  };
  add({}, model.base_url, model.weight);
  to.back().sealed_key = model.sealed_key;
  for (size_t i = 0; i < model.channels.size(); ++i) {
    auto& channel = model.channels[i];
    add(channel.name, channel.base_url, channel.weight);
    if (i < model.channel_keys.size()) to.back().sealed_key = model.channel_keys[i];
  }
}

}  // namespace

std::vector<call_way> ways_of(const model_config& model, const fallback_model* fallback) {
  std::vector<call_way> ways;
  add_ways(model, false, ways);
  if (fallback) add_ways(fallback->model, true, ways);
  return ways;
}

std::optional<size_t> channel_board::choose_free(std::span<const call_way> ways, health_time now,
                                                 double draw) {
  make_room(ways.size());
  return choose_channel(options_of(ways), now, draw);
}

std::optional<size_t> channel_board::choose_any(std::span<const call_way> ways) {
  make_room(ways.size());
  return first_free(options_of(ways));
}

std::vector<channel_option> channel_board::options_of(std::span<const call_way> ways) {
  std::vector<channel_option> options;
  for (auto& way : ways)
    options.push_back({&known_[way.key], way.weight, way.is_fallback, way.was_tried});
  return options;
}

channel_reports channel_board::report(health_time now) const {
  channel_reports all;
  for (const auto& [key, health] : known_) {
    auto& one = all.items.emplace_back();
    std::tie(one.model, one.channel, one.origin) = key;
    auto state = health.state(now);
    one.condition = state == channel_state::closed    ? channel_condition::well
                    : state == channel_state::resting ? channel_condition::resting
                    : state == channel_state::open    ? channel_condition::open
                                                      : channel_condition::half_open;
    if (health.latency()) one.first_token_ms = health.latency()->count();
    if (health.free_at() > now)
      one.rest_ms = std::chrono::ceil<milliseconds>(health.free_at() - now).count();
  }
  return all;
}

void channel_board::begin(const channel_key& of, health_time now) {
  make_room(1);
  known_[of].begin(now);
}

void channel_board::answer(const channel_key& of, milliseconds latency) {
  auto& health = known_[of];
  if (health.answer(latency)) tell(of, health, {});
}

void channel_board::fail(const channel_key& of, health_time now, const error& cause) {
  auto& health = known_[of];
  if (health.fail(now, cause, rules_)) tell(of, health, now);
}

void channel_board::leave(const channel_key& of) {
  known_[of].leave();
}

void channel_board::adopt(const channel_changed& told, health_time now) {
  make_room(1);
  auto free_at = told.rest_ms == 0 ? health_time{} : now + milliseconds{told.rest_ms};
  known_[{told.model, told.channel, told.origin}].adopt(told.opened, free_at);
}

/// Those of which nothing bad is known are forgotten first.
void channel_board::make_room(size_t entries) {
  if (known_.size() + entries <= known_max) return;
  auto gone = std::erase_if(known_, [](auto& entry) { return entry.second.is_well(); });
  if (gone < entries) known_.clear();
}

void channel_board::tell(const channel_key& of, const channel_health& health, health_time now) {
  auto& [model, channel, origin] = of;
  channel_changed told{model, channel, origin, health.opened(), 0};
  if (!health.is_well()) {
    auto left = std::chrono::ceil<milliseconds>(health.free_at() - now);
    told.rest_ms = static_cast<uint32_t>(left.count());
  }
  log_info("upstream.channel_changed", {{"model_id", model},
                                        {"channel", channel},
                                        {"origin", origin},
                                        {"opened", told.opened},
                                        {"rest_ms", told.rest_ms}});
  if (listener_) listener_(told);
}

}  // namespace parley::providers
