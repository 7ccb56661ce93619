/// A file of chats from elsewhere, read conversation by conversation: a JSON text or a zip with
/// such texts, of whichever program (chat/import.hpp).
///
/// Blocking, for a worker; holds one conversation at a time. errc::invalid_input with the position
/// of the first fault if the file is not what it says, errc::too_large if it unfolds to too much;
/// what was taken before that the sink has had.
#pragma once

#include <functional>

#include "base/zip.hpp"
#include "chat/import.hpp"
#include "chat/json_cutter.hpp"

namespace parley {

struct import_limits {
  zip_limits zip;
  json_cut_limits cut;
};

/// Counts of conversations and of messages; each conversation and message of the file is in one of
/// the counts of its kind. Messages of a conversation that is left out are not looked at.
struct import_outcome {
  import_counts sessions;
  import_counts messages;
};

/// What becomes of a conversation: taken, or left out for a reason.
struct import_verdict {
  std::string left_out;  ///< empty: it is taken
};

class import_sink {
 public:
  virtual ~import_sink() = default;
  virtual expected<import_verdict> take(imported_session&& chat) = 0;
  /// Called now and then, with the bytes of the file that are behind; an error ends the reading.
  virtual expected<void> advance(int64_t bytes) = 0;
};

expected<import_outcome> read_import_file(int descriptor, const import_limits& limits, instant now,
                                          import_sink& sink);

}  // namespace parley
