/// Long work and what it works on: files on their way in, jobs, and what those report.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/record.hpp"
#include "schema/message.hpp"

namespace parley {

/// A file that comes in pieces. Its bytes stand in the data directory, `received` of them for good:
/// what a broken piece has left behind them is written over.
struct upload {
  upload_id id;
  int64_t version = 1;
  instant created_at;
  instant updated_at;
  user_id owner_id;
  std::string name;
  int64_t bytes = 0;
  int64_t received = 0;
  instant expires_at;

  bool is_whole() const { return received == bytes; }
};
PARLEY_RECORD(upload, FIELD(id, "id"), FIELD(version, "version"), FIELD(created_at, "createdAt"),
              FIELD(updated_at, "updatedAt"), FIELD(owner_id, "ownerId", .uses = stored),
              FIELD(name, "name", .uses = in_create | out | stored, .length_max = 255),
              FIELD(bytes, "bytes", .uses = in_create | required | out | stored, .min = 1),
              FIELD(received, "offset"), FIELD(expires_at, "expiresAt"))

enum class job_kind : uint8_t { import_chats = 1, export_all, backup };
constexpr std::array<std::string_view, 3> names_of(job_kind) {
  return {"import", "export", "backup"};
}

/// `interrupted`: the server ended while it ran.
enum class job_status : uint8_t { queued = 1, running, done, failed, cancelled, interrupted };
constexpr std::array<std::string_view, 6> names_of(job_status) {
  return {"queued", "running", "done", "failed", "cancelled", "interrupted"};
}
constexpr bool is_over(job_status status) {
  return status != job_status::queued && status != job_status::running;
}

struct reason_count {
  std::string reason;
  int64_t count = 0;
};
PARLEY_RECORD(reason_count, FIELD(reason, "reason"), FIELD(count, "count"))

/// What became of `total` things, each in one of the counts.
struct job_counts {
  int64_t total = 0;
  int64_t taken = 0;                    ///< as they are
  std::vector<reason_count> changed{};  ///< taken too
  std::vector<reason_count> left_out{};
};
PARLEY_RECORD(job_counts, FIELD(total, "total"), FIELD(taken, "taken"), FIELD(changed, "changed"),
              FIELD(left_out, "leftOut"))

/// A copy of the database as a folder. `verified`: it was whole when it was made, and its size is
/// still that; without it there is less to say.
struct kept_backup {
  std::string name;  ///< of the folder
  instant created_at;
  std::string version;  ///< of the program
  int64_t schema = 0;
  int64_t bytes = 0;
  std::string sha256;  ///< in hex
  bool verified = false;
};
PARLEY_RECORD(kept_backup, FIELD(name, "name"), FIELD(created_at, "createdAt"),
              FIELD(version, "version"), FIELD(schema, "schema"), FIELD(bytes, "bytes"),
              FIELD(sha256, "sha256"), FIELD(verified, "verified"))

/// What was counted, or what was made.
struct job_report {
  std::optional<job_counts> sessions{};
  std::optional<job_counts> messages{};
  std::optional<kept_backup> backup{};
};
PARLEY_RECORD(job_report, FIELD(sessions, "sessions"), FIELD(messages, "messages"),
              FIELD(backup, "backup"))

/// What an export has made; there until it expires.
struct job_file {
  std::string name;
  int64_t bytes = 0;
  instant expires_at;
};
PARLEY_RECORD(job_file, FIELD(name, "name"), FIELD(bytes, "bytes"), FIELD(expires_at, "expiresAt"))

/// `done` of `total` says how far it is, in bytes for an import or a backup, in sessions for an
/// export. While it runs only JOBS knows; stored is what it began and ended with.
struct job {
  job_id id;
  int64_t version = 1;
  instant created_at;
  instant updated_at;
  user_id owner_id;
  job_kind kind = job_kind::import_chats;
  job_status status = job_status::queued;
  std::optional<parley::upload_id> upload_id;
  int64_t done = 0;
  int64_t total = 0;
  std::optional<instant> started_at;
  std::optional<instant> finished_at;
  std::optional<instant> expires_at;
  std::optional<job_file> file;
  std::optional<job_report> report;
  std::optional<message_error> error;
};
PARLEY_RECORD(job, FIELD(id, "id"), FIELD(version, "version"), FIELD(created_at, "createdAt"),
              FIELD(updated_at, "updatedAt"), FIELD(owner_id, "ownerId", .uses = stored),
              FIELD(kind, "kind"), FIELD(status, "status"), FIELD(upload_id, "uploadId"),
              FIELD(done, "done"), FIELD(total, "total"),
              FIELD(started_at, "startedAt", .uses = out | stored | nullable),
              FIELD(finished_at, "finishedAt", .uses = out | stored | nullable),
              FIELD(expires_at, "expiresAt", .uses = out | stored | nullable), FIELD(file, "file"),
              FIELD(report, "report"), FIELD(error, "error"))

struct import_body {
  parley::upload_id upload_id;
};
PARLEY_RECORD(import_body, FIELD(upload_id, "uploadId", .uses = in_create | required))

}  // namespace parley
