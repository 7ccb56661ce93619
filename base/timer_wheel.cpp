#include "base/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace parley {

void timer_wheel::add(timer_link& link, uint64_t due_tick) {
  link.due_tick = std::max(due_tick, present_tick_ + 1);
  place(link);
}

void timer_wheel::place(timer_link& link) {
  auto difference = link.due_tick ^ present_tick_;
  auto level = difference == 0 ? 0 : (63 - std::countl_zero(difference)) / level_bits;
  auto slot = static_cast<int>(link.due_tick >> (level * level_bits) & 63);
  link.level = static_cast<uint8_t>(level);
  link.slot = static_cast<uint8_t>(slot);
  auto& slots = levels_[level];
  link.previous = nullptr;
  link.next = slots.heads[slot];
  if (link.next != nullptr) link.next->previous = &link;
  slots.heads[slot] = &link;
  slots.used |= uint64_t{1} << slot;
  used_levels_ |= 1u << level;
}

void timer_wheel::remove(timer_link& link) {
  auto& slots = levels_[link.level];
  if (link.next != nullptr) link.next->previous = link.previous;
  if (link.previous != nullptr) {
    link.previous->next = link.next;
  } else {
    slots.heads[link.slot] = link.next;
    if (link.next == nullptr) slots.used &= ~(uint64_t{1} << link.slot);
    if (slots.used == 0) used_levels_ &= ~(1u << link.level);
  }
  link.next = link.previous = nullptr;
}

std::optional<int> timer_wheel::lowest_level() const {
  if (used_levels_ == 0) return std::nullopt;
  return std::countr_zero(used_levels_);
}

std::optional<uint64_t> timer_wheel::next_tick() const {
  auto level = lowest_level();
  if (!level) return std::nullopt;
  auto shift = *level * level_bits;
  auto slot = static_cast<uint64_t>(std::countr_zero(levels_[*level].used));
  // The bits above this level are those of the present tick; the top level has none above it.
  auto above = shift + level_bits < 64 ? present_tick_ >> (shift + level_bits) : 0;
  auto base = shift + level_bits < 64 ? above << (shift + level_bits) : 0;
  return base | slot << shift;
}

// A slot of a higher level has begun: its links belong to lower levels now.
void timer_wheel::spread(int level, int slot) {
  while (auto* link = levels_[level].heads[slot]) {
    remove(*link);
    place(*link);
  }
}

timer_link* timer_wheel::pop_due(uint64_t tick) {
  while (auto next = next_tick()) {
    if (*next > tick) break;
    auto level = *lowest_level();
    auto slot = std::countr_zero(levels_[level].used);
    present_tick_ = *next;
    if (level > 0) {
      spread(level, slot);
      continue;
    }
    auto* link = levels_[0].heads[slot];
    remove(*link);
    return link;
  }
  present_tick_ = std::max(present_tick_, tick);
  return nullptr;
}

timer_link* timer_wheel::pop_any() {
  auto level = lowest_level();
  if (!level) return nullptr;
  auto* link = levels_[*level].heads[std::countr_zero(levels_[*level].used)];
  remove(*link);
  return link;
}

}  // namespace parley
