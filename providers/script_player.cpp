#include "providers/script_player.hpp"

namespace parley::providers {

struct script_player::play {
  explicit play(std::function<void()> on_due) : timer(std::move(on_due)) {}

  std::shared_ptr<const std::string> answer;
  upstream_listener* listener = nullptr;
  size_t told = 0;
  bool has_head = false;
  io_timer timer;
};

script_player::script_player(io_loop& loop, size_t calls_max)
    : loop_(loop), calls_max_(calls_max) {}
script_player::~script_player() = default;

expected<upstream_call_id> script_player::start(std::shared_ptr<const std::string> answer,
                                                upstream_listener& listener) {
  if (plays_.size() >= calls_max_)
    return make_error(errc::unavailable, "upstream_calls", "Too many calls are running.");
  auto id = ++last_id_;
  auto made = std::make_unique<play>([this, id] { go_on(id); });
  made->answer = std::move(answer);
  made->listener = &listener;
  made->timer.arm(loop_, pause);
  plays_.emplace(id, std::move(made));
  return id;
}

void script_player::cancel(upstream_call_id id) {
  plays_.erase(id);
}

// Whatever the listener hears, it may cancel this very call.
void script_player::go_on(upstream_call_id id) {
  auto* now = plays_.find(id)->second.get();
  if (!std::exchange(now->has_head, true)) {
    now->listener->on_head(id, {.status = 200, .content_type = "application/x-ndjson"});
    if (plays_.count(id) == 0) return;
  }
  std::string_view rest = *now->answer;
  rest.remove_prefix(now->told);
  auto line = rest.substr(0, std::min(rest.size(), rest.find('\n')) + 1);
  now->told += line.size();
  if (!line.empty()) {
    now->listener->on_bytes(id, line);
    if (plays_.count(id) == 0) return;
  }
  if (now->told < now->answer->size()) return now->timer.arm(loop_, pause);
  auto over = plays_.extract(id);
  over.mapped()->listener->on_end(id, {.fault = {}, .was_sent = true});
}

}  // namespace parley::providers
