/// Slices of a reply as server-sent events (api.md, The chat stream).
#pragma once

#include <string>

#include "chat/reply_event.hpp"

namespace parley::http {

/// Appends the events of a slice.
void append_slice(std::string& out, const slice& events, std::string_view request_id);

/// Bytes of text in it: what its reader's credit paid.
int64_t text_bytes_of(const slice& events);

/// Whether nothing follows on this stream.
bool is_last(const slice& events);

}  // namespace parley::http
