/// One running node, built from settings: threads, actors, database, edges.
///
/// main owns one; the tests start whole nodes with it. `start` and `stop` block and belong to the
/// same thread, which is none of the node's. Nothing runs before `start` and after `stop`.
#pragma once

#include <memory>

#include "actors/edge.hpp"
#include "actors/hasher.hpp"
#include "base/settings.hpp"

namespace parley::app {

struct node_options {
  /// Whether it serves HTTP. Without, it is a database with its actors, for commands.
  bool serves = true;
};

class node {
 public:
  /// errc::invalid_input, conflict (another server on the directory, port taken), corrupt_data: one
  /// sentence with the file and the mend.
  static expected<std::unique_ptr<node>> start(const settings& values, node_options options = {});
  /// Stops at once if `stop` was not called.
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  /// The port it listens on.
  uint16_t port() const;
  /// What the first registration needs beyond loopback; empty when none is needed.
  const secret_text& setup_code() const;
  /// The secrets were made just now, beside a database that was sealed with others: keys and logins
  /// are void.
  bool has_lost_secrets() const;
  /// Some API keys were sealed with keys that the secrets file does not have: it is another one's.
  bool has_foreign_keys() const;

  /// Whether its I/O threads do, each within a second.
  bool answers() const;
  /// To be called every few seconds: memory goes back to the system while nobody is awake.
  void rest_if_idle();

  /// Accepts no more, gives running replies up to `patience` to end, then ends them as
  /// interrupted, stores everything and stops. `is_urgent` may be set by another thread: no more
  /// patience.
  void stop(std::chrono::milliseconds patience, const std::atomic<bool>& is_urgent);

  // For commands and tests.
  caf::actor_system& system();
  const admin_actor& admin() const;
  const directory_actor& directory() const;
  const storage_actor& storage() const;
  const reader_actor& reader() const;
  const hasher_actor& hasher() const;

 private:
  struct parts;
  explicit node(std::unique_ptr<parts> built);
  std::unique_ptr<parts> parts_;
};

}  // namespace parley::app
