/// The I/O threads of a node, each with its loop and with the EDGE and the PROVIDER pinned to it.
///
/// app/node owns them. Everything but the destructor blocks and is for one thread that is none of
/// theirs. They outlive the actor system: what is left of a pinned actor when its loop has stopped
/// ends on CAF's threads, and asks its loop for the time there.
#pragma once

#include <atomic>
#include <thread>

#include "base/io_loop.hpp"
#include "http/edge_actor.hpp"
#include "providers/provider_actor.hpp"

namespace parley::app {

struct exchange_count {
  uint64_t open = 0;  ///< requests and streams
  size_t silent = 0;  ///< edges that did not answer within a second
};

class io_threads {
 public:
  /// Starts `count` threads. The edges are made of `parts`, each with the provider of its thread,
  /// and share one port: the first takes it, the others and restarted ones join. errc::conflict: it
  /// is taken.
  expected<void> start(caf::actor_system& system, size_t count, const http::edge_parts& parts,
                       const listen_address& address, const providers::provider_services& services);
  uint16_t port() const { return port_; }
  const provider_actor& first_provider() const { return threads_.front()->provider; }
  exchange_count count() const;

  /// Accepts no more and lets replies end: for up to `patience`, cut short by `is_urgent`; then
  /// their calls fail, and they have five seconds to be stored; then whoever still waits is told
  /// that the server stops.
  void let_end(std::chrono::milliseconds patience, const std::atomic<bool>& is_urgent);
  /// errc::timeout: some are there 10 s later.
  expected<void> end_actors();
  /// Nothing runs on them afterwards.
  void stop();

 private:
  struct io_thread {
    std::unique_ptr<io_loop> loop;
    std::thread thread;
    provider_actor provider;
    edge_actor edge;
  };

  expected<void> start_edge(io_thread& thread, http::edge_parts parts, listen_address address);
  template <class M>
  void tell_edges(const M& message) const;
  bool wait_until_idle(std::chrono::milliseconds span, const std::atomic<bool>& is_urgent) const;

  caf::actor_system* system_ = nullptr;
  std::vector<std::unique_ptr<io_thread>> threads_;
  uint16_t port_ = 0;
};

}  // namespace parley::app
