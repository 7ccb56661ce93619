/// What JOBS is asked, and what it tells its workers. EDGE has had the caller admitted.
#pragma once

#include "actors/user_messages.hpp"
#include "schema/job.hpp"

namespace parley {

struct add_upload {
  caller by;
  patch_of<upload> patch;
  std::optional<request_key> key;
};
PARLEY_INSPECT(add_upload, by, patch, key)

struct get_upload {
  user_id owner_id;
  upload_id id;
};
PARLEY_INSPECT(get_upload, owner_id, id)

/// Bytes for the place `offset`, which is where the file ends. errc::conflict, reason
/// `offset_mismatch` with the place, if it ends elsewhere.
struct add_piece {
  user_id owner_id;
  upload_id id;
  int64_t offset = 0;
  std::string bytes;
};
PARLEY_INSPECT(add_piece, owner_id, id, offset, bytes)

struct drop_upload {
  user_id owner_id;
  upload_id id;
};
PARLEY_INSPECT(drop_upload, owner_id, id)

/// Chats out of an upload that is whole.
struct start_import {
  caller by;
  upload_id upload;
  std::optional<request_key> key;
};
PARLEY_INSPECT(start_import, by, upload, key)

/// Everything that the caller owns, as a zip.
struct start_export {
  caller by;
  std::optional<request_key> key;
};
PARLEY_INSPECT(start_export, by, key)

/// The database, as it is at the beginning, into the directory of backups. ADMIN alone.
struct start_backup {
  caller by;
  std::optional<request_key> key;
};
PARLEY_INSPECT(start_backup, by, key)

struct list_jobs {
  user_id owner_id;
  page_request page;
};
PARLEY_INSPECT(list_jobs, owner_id, page)

struct get_job {
  user_id owner_id;
  job_id id;
};
PARLEY_INSPECT(get_job, owner_id, id)

/// Ends one that waits or runs; forgets one that is over, with its file.
struct drop_job {
  user_id owner_id;
  job_id id;
};
PARLEY_INSPECT(drop_job, owner_id, id)

/// How a job stands, then each change of it, until it is over.
struct follow_job {
  caller who;
  job_id id;
  event_reader_actor reader;
  uint64_t stream = 0;
  std::optional<int64_t> after;
};
PARLEY_INSPECT(follow_job, who, id, reader, stream, after)

/// The next bytes of what an export has made; none at its end.
struct read_job_file {
  user_id owner_id;
  job_id id;
  int64_t offset = 0;
};
PARLEY_INSPECT(read_job_file, owner_id, id, offset)

struct file_piece {
  std::string bytes;
};
PARLEY_INSPECT(file_piece, bytes)

/// From a job's worker, now and then: how far it is, and which sessions it has stored since. Those
/// that are not named were too many to be.
struct job_progressed {
  job_id id;
  int64_t done = 0;
  int64_t total = 0;
  std::vector<session> made{};
  int64_t made_count = 0;
};
PARLEY_INSPECT(job_progressed, id, done, total, made, made_count)

/// From a job's worker, once, at its end: `status`, and what goes with it.
struct job_ended {
  job_id id;
  job_status status = job_status::done;
  std::optional<job_report> report{};
  std::optional<message_error> fault{};
  std::optional<int64_t> file_bytes{};
};
PARLEY_INSPECT(job_ended, id, status, report, fault, file_bytes)

/// What a job's worker tells.
using job_parent_actor = caf::typed_actor<tell<job_progressed>, tell<job_ended>>;

/// JOBS to itself: what could not be stored, and files that nobody knows.
struct jobs_check {};
PARLEY_INSPECT(jobs_check)

// -- The worker that reads and writes the files ------------------------------------------------

/// `name` is that of a file in JOBS' own directory, here and below.
struct write_piece {
  std::string name;
  int64_t offset = 0;
  std::string bytes;
};
PARLEY_INSPECT(write_piece, name, offset, bytes)

struct read_piece {
  std::string name;
  int64_t offset = 0;
  int64_t bytes_max = 0;
};
PARLEY_INSPECT(read_piece, name, offset, bytes_max)

struct erase_file {
  std::string name;
};
PARLEY_INSPECT(erase_file, name)

/// All others go, but those that were written to a short time ago.
struct keep_files {
  std::vector<std::string> names;
};
PARLEY_INSPECT(keep_files, names)

/// Detached, because it waits for the disk.
using file_worker_actor = caf::typed_actor<ask<write_piece, done>, ask<read_piece, file_piece>,
                                           tell<erase_file>, tell<keep_files>>;

}  // namespace parley
