/// The texts that a session's next request is likely to send again: those of its last request, and
/// what was said since.
///
/// Packed into one string. Owned by SESSION; pure.
#pragma once

#include <string>
#include <vector>

#include "schema/message.hpp"

namespace parley {

class text_window {
 public:
  /// The newest that fit into so many bytes are kept.
  explicit text_window(size_t bytes_max = 0) : bytes_max_(bytes_max) {}

  /// In the place of what was kept of this message. One with more than texts (images), or too large
  /// by itself, is not kept; for others the oldest give way.
  void keep(message_id id, message_role role, const std::vector<part>& parts);
  void forget(message_id id);
  void clear();

  /// Fills in role and parts; false if it is not kept. Quick for messages in the order of keeping.
  bool find(message_id id, message_role& role, std::vector<part>& parts);
  /// In memory.
  size_t bytes() const { return texts_.capacity() + entries_.capacity() * sizeof(entry); }

 private:
  /// A part; those of a message are neighbours.
  struct entry {
    message_id id;
    message_role role;
    part_type type;
    uint32_t size;
    size_t begin;
  };
  void drop_oldest();

  size_t bytes_max_;
  std::vector<entry> entries_;
  std::string texts_;
  size_t next_ = 0;  ///< where the next message asked for is likely to be
};

}  // namespace parley
