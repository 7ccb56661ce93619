/// A hierarchical timer wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987):
/// adding, removing and expiring are O(1) and allocate nothing.
///
/// Owned by one io_loop and used on its thread. Pure: ticks come from outside. Never fails.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace parley {

/// What waits in a wheel: a link in the list of its slot. The owner keeps it in place meanwhile.
struct timer_link {
  timer_link* next = nullptr;
  timer_link* previous = nullptr;
  uint64_t due_tick = 0;
  uint8_t level = 0;
  uint8_t slot = 0;
};

/// Level L has 64 slots of 64^L ticks each. A link stands at the highest level where its due tick
/// differs from the present one, so the lowest level in use always holds what is due next, and a
/// 64-bit map per level finds the slot in one instruction.
class timer_wheel {
 public:
  explicit timer_wheel(uint64_t present_tick) : present_tick_(present_tick) {}

  /// What is due at the present tick or before becomes due at the next one.
  void add(timer_link& link, uint64_t due_tick);
  void remove(timer_link& link);
  /// Moves the time on to `tick` and takes out one link that is due by then, or nullptr once there
  /// is none; to be called until then. Links may be added and removed between two calls.
  timer_link* pop_due(uint64_t tick);
  /// Takes out any link, due or not; nullptr if the wheel is empty.
  timer_link* pop_any();
  /// Not later than the first due tick; nothing if the wheel is empty.
  std::optional<uint64_t> next_tick() const;
  uint64_t present_tick() const { return present_tick_; }

 private:
  static constexpr int level_bits = 6;
  static constexpr int level_count = (64 + level_bits - 1) / level_bits;

  struct level_slots {
    uint64_t used = 0;  ///< bit n: slot n is not empty
    std::array<timer_link*, 64> heads{};
  };

  std::optional<int> lowest_level() const;
  void place(timer_link& link);
  void spread(int level, int slot);

  uint64_t present_tick_;
  uint32_t used_levels_ = 0;  ///< bit n: level n is not empty
  std::array<level_slots, level_count> levels_{};
};

}  // namespace parley
