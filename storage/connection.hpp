/// One connection to SQLite: prepared statements, transactions, and errors as values.
///
/// Owned and used by one thread at a time. Every failure is an errc with a safe sentence; SQLite's
/// own words go to the log. Only storage/connection and storage/sqlite name sqlite3.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace parley::storage {

class connection;

/// One run of a prepared statement; resets it when it goes. Borrows its connection. The first
/// failure, also of preparing or binding, is kept and returned by step() and run().
class query {
 public:
  query(query&& other) noexcept;
  query& operator=(query&&) = delete;
  ~query();

  /// Binds the next parameter. Texts and bind_blob's bytes are borrowed until the query goes.
  query& bind(int64_t number);
  query& bind(int32_t number) { return bind(int64_t{number}); }
  query& bind(bool flag) { return bind(int64_t{flag}); }
  query& bind(double number);
  query& bind(std::string_view text);
  query& bind(const std::string& text) { return bind(std::string_view{text}); }
  query& bind(const char* text) { return bind(std::string_view{text}); }
  query& bind(instant at) { return bind(at.ms); }
  query& bind_blob(std::string_view bytes);
  query& bind_null();
  /// For what does not outlive the call; ids are copied as well.
  query& bind_copy(std::string_view text);
  template <class Tag>
  query& bind(const basic_id<Tag>& id) {
    return bind_id(id.bytes);
  }
  /// Several in their order.
  template <class First, class Second, class... More>
  query& bind(const First& first, const Second& second, const More&... more) {
    bind(first);
    bind(second);
    (bind(more), ...);
    return *this;
  }

  /// True while there is a row.
  expected<bool> step();
  /// To the end; rows are passed over.
  expected<void> run();
  /// run(), and errc::not_found unless a row was changed.
  expected<void> run_on_one();
  /// The first column of the first row, as a number; none without a row.
  expected<std::optional<int64_t>> number();

  // Columns of the present row.
  bool is_null(int column) const;
  bool is_blob(int column) const;
  /// Of a text or blob; 0 for numbers and NULL.
  size_t text_bytes(int column) const;
  int64_t integer(int column) const;
  double real(int column) const;
  /// Bytes of a text or blob, valid until the next step.
  std::string_view text(int column) const;
  /// All zero ("none") for NULL and for anything but 16 bytes.
  template <class Id>
  Id id(int column) const {
    Id result;
    if (auto bytes = text(column); bytes.size() == result.bytes.size())
      std::copy(bytes.begin(), bytes.end(), result.bytes.begin());
    return result;
  }
  int columns() const;
  std::string_view column_name(int column) const;

  connection& owner() const { return *owner_; }

 private:
  friend class connection;
  query(connection& owner, sqlite3_stmt* statement, int code, bool is_own = false);
  query& note(int code);
  query& bind_id(const uuid_bytes& bytes);

  connection* owner_;
  sqlite3_stmt* statement_;
  int code_;
  int bound_ = 0;
  bool is_done_ = false;
  bool is_own_;  ///< not in the connection's cache
};

struct connection_options {
  std::string path;
  bool is_writer = false;
  std::chrono::milliseconds busy_timeout{2000};
};

class connection {
 public:
  /// Opens an existing file and sets what every connection needs: foreign keys, no mmap, limits,
  /// no checkpoint but the ones asked for. A reader can't write.
  static expected<std::unique_ptr<connection>> open(const connection_options& options);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// `sql` is prepared once for each connection.
  query prepare(std::string_view sql);
  /// One statement without parameters or rows of interest.
  expected<void> execute(std::string_view sql) { return prepare(sql).run(); }
  /// All statements of a script; nothing is cached.
  expected<void> run_script(const std::string& script);

  /// Makes `rule` a function of SQL, `name(number, text)`; a pure one.
  using text_rule = std::string (*)(int64_t, std::string_view);
  expected<void> define(const char* name, text_rule rule);

  /// False inside BEGIN … COMMIT; true again when SQLite rolled back by itself.
  bool is_autocommit() const;
  /// Nothing without a transaction. One that can't be ended makes the connection suspect.
  void roll_back();
  int64_t last_row_id() const;
  int changes() const;
  /// Of all statements so far, also those that virtual tables make of one.
  int64_t total_changes() const;
  /// Frames in the write-ahead log after the last commit of this connection.
  int wal_frames() const { return wal_frames_; }
  /// Copies the log into the database as far as no reader needs it; `truncate` waits for readers
  /// and empties the file.
  expected<void> checkpoint(bool truncate);

  /// Lets go of cached pages and prepared statements; no query may be alive.
  void release_memory();

  /// True once an I/O error, corruption or a transaction without end was seen: close it, open
  /// another one and look.
  bool is_suspect() const { return is_suspect_; }
  /// Closing would checkpoint; not on a file that may be broken.
  void forgo_checkpoint_on_close();

  /// For JSON columns; a parse is valid until the next one.
  json_reader& json() { return json_; }

 private:
  friend class query;
  friend class time_limit;
  friend class step_watch;
  connection() = default;
  error fault(int code, std::string_view doing);

  struct statement_closer {
    void operator()(sqlite3_stmt* statement) const;
  };
  struct text_hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, statement_closer>, text_hash,
                     std::equal_to<>>
      statements_;
  int wal_frames_ = 0;
  bool is_suspect_ = false;
  std::chrono::steady_clock::time_point deadline_;
  json_reader json_{{.bytes_max = size_t{64} << 20, .strict = false}};
};

/// While it lives, a statement that runs beyond the limit fails with errc::timeout.
class time_limit {
 public:
  time_limit(connection& db, std::chrono::milliseconds limit);
  ~time_limit();
  time_limit(const time_limit&) = delete;
  time_limit& operator=(const time_limit&) = delete;

 private:
  connection& db_;
};

/// While it lives, `goes_on` is asked every few hundred rows of a statement; when it says no, the
/// statement fails with errc::timeout. Not beside a time_limit.
class step_watch {
 public:
  step_watch(connection& db, std::function<bool()> goes_on);
  ~step_watch();
  step_watch(const step_watch&) = delete;
  step_watch& operator=(const step_watch&) = delete;

 private:
  connection& db_;
  std::function<bool()> goes_on_;
};

/// BEGIN … COMMIT; rolls back when it goes without commit(). Begin with begin().
class transaction {
 public:
  enum class kind : uint8_t { read, write };
  static expected<transaction> begin(connection& db, kind of);
  transaction(transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  transaction& operator=(transaction&&) = delete;
  ~transaction();
  expected<void> commit();

 private:
  explicit transaction(connection& db) : db_(&db) {}
  connection* db_;
};

/// SAVEPOINT … RELEASE inside a transaction; undone when it goes without release().
class savepoint {
 public:
  static expected<savepoint> begin(connection& db);
  savepoint(savepoint&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  savepoint& operator=(savepoint&&) = delete;
  ~savepoint();
  expected<void> release();

 private:
  explicit savepoint(connection& db) : db_(&db) {}
  connection* db_;
};

}  // namespace parley::storage
