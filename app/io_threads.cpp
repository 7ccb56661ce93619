#include "app/io_threads.hpp"

#include <future>

#include "actors/impl/supervisor.hpp"
#include "app/blocking_ask.hpp"
#include "base/log.hpp"

namespace parley::app {

using namespace std::chrono_literals;

expected<void> io_threads::start(caf::actor_system& system, size_t count,
                                 const http::edge_parts& parts, const listen_address& address,
                                 const providers::provider_services& services) {
  system_ = &system;
  for (size_t i = 0; i < count; ++i) {
    auto& made = *threads_.emplace_back(std::make_unique<io_thread>());
    made.loop = std::make_unique<io_loop>(system);
    made.thread = std::thread([loop = made.loop.get()] { loop->run(); });
    made.provider = supervise<provider_actor>(
        system, {.name = "provider"},
        [&services, loop = made.loop.get()] { return providers::spawn_provider(*loop, services); });
    TRY_DONE(start_edge(made, parts, address));
  }
  std::vector<provider_actor> all;
  for (auto& each : threads_) all.push_back(each->provider);
  providers::introduce(all);
  return {};
}

expected<void> io_threads::start_edge(io_thread& thread, http::edge_parts parts,
                                      listen_address address) {
  parts.provider = thread.provider;
  if (port_ != 0) address.port = port_;
  auto first = std::make_shared<std::promise<expected<uint16_t>>>();
  auto listening = first->get_future();
  auto told = std::make_shared<std::once_flag>();
  thread.edge = supervise<edge_actor>(
      *system_, {.name = "edge"}, [this, parts, address, first, told, loop = thread.loop.get()] {
        auto at = address;
        if (port_ != 0) at.port = port_;
        auto made = http::spawn_edge(*system_, *loop, parts, at, [first, told](auto got) {
          if (!got) log_error("edge.not_listening", {{"error", got.error()}});
          std::call_once(*told, [&] { first->set_value(std::move(got)); });
        });
        // A spawned actor begins with its first message, also one that is started anew.
        caf::anon_send(made, buffer_drained{});
        return made;
      });
  TRY(port_, listening.get());
  return {};
}

exchange_count io_threads::count() const {
  exchange_count sum;
  if (threads_.empty()) return sum;
  caf::scoped_actor self{*system_};
  for (const auto& each : threads_)
    self->request(each->edge, 1s, count_streams{})
        .receive([&](const stream_count& count) { sum.open += count.open; },
                 [&](const error&) { ++sum.silent; });
  return sum;
}

template <class M>
void io_threads::tell_edges(const M& message) const {
  for (const auto& each : threads_) caf::anon_send(each->edge, message);
}

bool io_threads::wait_until_idle(std::chrono::milliseconds span,
                                 const std::atomic<bool>& is_urgent) const {
  auto until = std::chrono::steady_clock::now() + span;
  while (std::chrono::steady_clock::now() < until && !is_urgent) {
    if (count().open == 0) return true;
    std::this_thread::sleep_for(20ms);
  }
  return false;
}

void io_threads::let_end(std::chrono::milliseconds patience, const std::atomic<bool>& is_urgent) {
  if (threads_.empty()) return;
  tell_edges(drain{});
  if (wait_until_idle(patience, is_urgent)) return;
  const std::atomic<bool> is_patient = false;
  for (const auto& each : threads_) caf::anon_send(each->provider, fail_calls{});
  if (wait_until_idle(5s, is_patient)) return;
  // Their last commits have not come back: a disk that hangs, or a slow one.
  tell_edges(cut_exchanges{});
  wait_until_idle(1s, is_patient);
}

expected<void> io_threads::end_actors() {
  std::vector<caf::actor> ending;
  for (auto& each : threads_) {
    if (each->edge) ending.push_back(caf::actor_cast<caf::actor>(std::exchange(each->edge, {})));
    if (each->provider)
      ending.push_back(caf::actor_cast<caf::actor>(std::exchange(each->provider, {})));
  }
  return ending.empty() ? expected<void>{} : end_and_wait(*system_, std::move(ending));
}

void io_threads::stop() {
  for (auto& each : threads_) {
    each->loop->stop();
    if (each->thread.joinable()) each->thread.join();
  }
}

}  // namespace parley::app
