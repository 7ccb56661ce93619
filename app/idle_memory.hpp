/// Memory that goes back to the system while nobody is awake, or nobody does anything for a minute.
///
/// Owned by the node, one thread. What USERs, SESSIONs and a busy hour leave stays with malloc(3),
/// and the token tables stay mapped as they were read: both together are half of a quiet server,
/// and the connections' pages are some more. Nothing is lost but time: what is used again is mapped
/// or read anew, a few microseconds a page.
#pragma once

#include <cstdint>

#include "actors/storage.hpp"
#include "chat/token_count.hpp"

namespace parley::app {

/// To be called before the first thread. malloc(3) returns what is freed at the end of a heap from
/// 128 KiB on, and maps each larger block anew: a long text that is copied a few times costs page
/// faults instead of time. Here it keeps up to 8 MiB a heap, until `idle_memory` returns them.
void keep_freed_memory();

class idle_memory {
 public:
  explicit idle_memory(const token_counter& counter) : counter_(counter) {}

  /// To be called every five seconds. Gives back once each time the last user fell asleep, once
  /// each time it became quiet for a minute with users awake, and once after the start: at the
  /// first look the actors of the database let go, at the second all goes to the system: then true.
  bool look(const storage_actor& storage, const reader_actor& reader);

 private:
  bool is_at_rest();

  enum class stage : uint8_t { used, asked, given_back };

  const token_counter& counter_;  ///< outlives it
  stage stage_ = stage::used;
  bool was_asleep_ = false;
  uint64_t work_done_ = 0;
  int quiet_looks_ = 0;
};

}  // namespace parley::app
