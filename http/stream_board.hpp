/// Who has a stream open now, on whichever edge: for ADMINs, without a word of what is said.
///
/// The node's; a lock is held for one entry, or for a copy of at most `shown_max` of them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace parley::http {

/// `call`: of /v1, without a session.
enum class stream_kind : uint8_t { reply = 1, events, call };
constexpr std::array<std::string_view, 3> names_of(stream_kind) {
  return {"reply", "events", "call"};
}

struct listed_stream {
  user_id user;
  stream_kind kind = stream_kind::reply;
  session_id session;  ///< of a reply, and its message
  message_id message;
  instant since;
  std::string address;
};

class stream_board {
 public:
  static constexpr size_t shown_max = 1'000;

  /// One entry; taken off when it goes.
  class listing {
   public:
    listing(stream_board& board, uint64_t place) : board_(board), place_(place) {}
    ~listing() { board_.remove(place_); }
    listing(const listing&) = delete;
    listing& operator=(const listing&) = delete;

   private:
    stream_board& board_;
    uint64_t place_;
  };

  std::unique_ptr<listing> add(listed_stream entry) {
    std::lock_guard guard{mutex_};
    entries_.emplace(++last_, std::move(entry));
    return std::make_unique<listing>(*this, last_);
  }
  /// The ones open for longest, and how many there are in all.
  std::pair<std::vector<listed_stream>, size_t> look() const {
    std::lock_guard guard{mutex_};
    std::vector<listed_stream> shown;
    for (const auto& [place, entry] : entries_) {
      if (shown.size() == shown_max) break;
      shown.push_back(entry);
    }
    return {std::move(shown), entries_.size()};
  }

 private:
  void remove(uint64_t place) {
    std::lock_guard guard{mutex_};
    entries_.erase(place);
  }

  mutable std::mutex mutex_;
  std::map<uint64_t, listed_stream> entries_;  ///< in the order of their opening
  uint64_t last_ = 0;
};

}  // namespace parley::http
