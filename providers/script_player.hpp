/// Plays answers that nobody has to be called for: in the place of `upstream`, for dialects that
/// are their own provider.
///
/// Owned by the loop's PROVIDER actor; everything runs on the loop's thread. Its listener hears
/// what `upstream` would tell it: a head with status 200, the answer line by line, one end.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "providers/upstream.hpp"

namespace parley::providers {

class script_player {
 public:
  /// Ids of its calls have this bit, which those of `upstream` never reach.
  static constexpr upstream_call_id own_ids = upstream_call_id{1} << 63;
  static constexpr std::chrono::milliseconds pause{30};  ///< between two lines

  /// The loop must outlive it. Beyond `calls_max` calls it plays no more.
  script_player(io_loop& loop, size_t calls_max);
  ~script_player();
  script_player(const script_player&) = delete;
  script_player& operator=(const script_player&) = delete;

  /// `listener` must outlive the call. Fails with unavailable beyond `calls_max`.
  expected<upstream_call_id> start(std::shared_ptr<const std::string> answer,
                                   upstream_listener& listener);
  /// Nothing more is told; unknown ids are ignored.
  void cancel(upstream_call_id id);

 private:
  struct play;
  void go_on(upstream_call_id id);

  io_loop& loop_;
  size_t calls_max_;
  upstream_call_id last_id_ = own_ids;
  std::unordered_map<upstream_call_id, std::unique_ptr<play>> plays_;
};

}  // namespace parley::providers
