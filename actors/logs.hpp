/// The log's files, read for those who ask. EDGE has had the caller admitted.
#pragma once

#include "actors/protocol.hpp"
#include "schema/logs.hpp"

namespace parley {

/// The newest lines first.
struct read_logs {
  log_filter filter;
  page_request page;
};
PARLEY_INSPECT(read_logs, filter, page)

/// Lines as they stand in the files. A page that took too long to fill ends early, maybe empty,
/// with a cursor.
struct log_page {
  std::vector<std::string> lines;
  std::optional<std::string> next_cursor;
};
PARLEY_INSPECT(log_page, lines, next_cursor)

struct sum_logs {
  log_query query;
};
PARLEY_INSPECT(sum_logs, query)

/// Files that are whole get their sums, so that a question finds them made.
struct sum_up_files {};
PARLEY_INSPECT(sum_up_files)

/// Detached, because it waits for the disk.
using log_worker_actor =
    caf::typed_actor<ask<read_logs, log_page>, ask<sum_logs, log_summary>, tell<sum_up_files>>;

/// The LOGS actor: few questions at a time go to its worker, more are refused. One a node, floats,
/// never sleeps.
using logs_actor = caf::typed_actor<
    // message     answer         what it does
    ask<read_logs, log_page>,    // the worker reads
    ask<sum_logs, log_summary>,  // the worker counts
    tell<sum_up_files>>;         // from itself, now and then

}  // namespace parley
