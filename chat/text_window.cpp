#include "chat/text_window.hpp"

#include <algorithm>

namespace parley {

void text_window::keep(message_id id, message_role role, const std::vector<part>& parts) {
  forget(id);
  size_t size = 0;
  for (const auto& each : parts) {
    if (!each.text || each.url || each.media_type || each.alt) return;
    size += each.text->size();
  }
  if (size > bytes_max_) return;
  // Ends with an empty window at the latest.
  while (texts_.size() + entries_.size() * sizeof(entry) + size > bytes_max_) drop_oldest();
  for (const auto& each : parts) {
    entries_.push_back(
        {id, role, each.type, static_cast<uint32_t>(each.text->size()), texts_.size()});
    texts_ += *each.text;
  }
}

void text_window::forget(message_id id) {
  auto is_its = [&](const entry& each) { return each.id == id; };
  auto first = std::find_if(entries_.begin(), entries_.end(), is_its);
  if (first == entries_.end()) return;
  auto last = std::find_if_not(first, entries_.end(), is_its);
  auto begin = first->begin;
  auto size = (last - 1)->begin + (last - 1)->size - begin;
  texts_.erase(begin, size);
  for (auto behind = entries_.erase(first, last); behind != entries_.end(); ++behind)
    behind->begin -= size;
  next_ = 0;
}

void text_window::drop_oldest() {
  forget(message_id{entries_.front().id});
}

void text_window::clear() {
  entries_.clear();
  texts_.clear();
  next_ = 0;
}

bool text_window::find(message_id id, message_role& role, std::vector<part>& parts) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    auto at = (next_ + i) % entries_.size();
    if (entries_[at].id != id) continue;
    // A search that began within its parts comes to the first of them last.
    while (at > 0 && entries_[at - 1].id == id) --at;
    role = entries_[at].role;
    parts.clear();
    for (; at < entries_.size() && entries_[at].id == id; ++at) {
      parts.push_back({entries_[at].type, {}, {}, {}, {}});
      parts.back().text = texts_.substr(entries_[at].begin, entries_[at].size);
    }
    next_ = at;
    return true;
  }
  return false;
}

}  // namespace parley
