/// What a node tells about itself: written by app/, read by every edge.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "base/clock.hpp"
#include "base/mapped_file.hpp"
#include "http/stream_board.hpp"
#include "schema/job.hpp"

namespace parley::http {

/// A file that is served as it is; without it both are empty.
struct page_script {
  mapped_file text;
  std::string tag;  ///< its ETag
};

struct node_status {
  std::atomic<bool> is_draining = false;
  instant started_at;
  /// Empty when the part works, otherwise a safe sentence. Any thread, never blocks.
  std::function<std::string()> storage_fault;
  /// Numbers that are read only when somebody looks (memory, descriptors). Any thread.
  std::function<void()> refresh_metrics;
  /// Days after which a chat that nobody touches goes; 0: never. Any thread, never blocks.
  std::function<int32_t()> chat_days;
  /// Of the page at /docs. Written before the first edge starts.
  page_script reading_script;
  /// Those in the server's directory, the latest first. Any thread, never blocks.
  std::function<std::vector<kept_backup>()> backups;
  /// Who has a stream open, on whichever edge.
  stream_board streams;
};

}  // namespace parley::http
