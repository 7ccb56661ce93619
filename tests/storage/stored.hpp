/// A database in a directory of its own, and records that are fit to be stored.
#pragma once

#include <catch2/catch.hpp>

#include "storage/migrate.hpp"
#include "storage/sqlite.hpp"
#include "storage/tables.hpp"
#include "tests/support/temp_directory.hpp"

namespace parley::storage {

inline const instant start_of_test{1'700'000'000'000};

inline user user_named(std::string name, role of = role::user) {
  user account;
  account.id = user_id::make();
  account.created_at = account.updated_at = start_of_test;
  account.username = std::move(name);
  account.role = of;
  account.password_hash = "$2b$12$hash";
  return account;
}

inline model_config make_model(std::optional<user_id> owner, std::string name) {
  model_config model;
  model.id = model_id::make();
  model.owner_id = owner;
  model.name = std::move(name);
  model.base_url = "https://api.example.com/v1";
  model.model = "m-1";
  model.sealed_key = "v1.k.n.c";
  model.params.temperature = 0.25;
  model.params.stop = {"END"};
  return model;
}

inline session make_session(const user_id& owner, int64_t updated_ms = 0) {
  session header;
  header.id = session_id::make();
  header.owner_id = owner;
  header.created_at = start_of_test;
  header.updated_at = {start_of_test.ms + updated_ms};
  header.title = "A chat";
  header.metadata.text = R"({"a":1})";
  return header;
}

inline message make_message(const session_id& session, std::optional<message_id> parent,
                            std::string text) {
  message entry;
  entry.id = message_id::make();
  entry.session_id = session;
  entry.parent_id = parent;
  entry.created_at = entry.updated_at = start_of_test;
  entry.parts.emplace_back().text = std::move(text);
  entry.tokens = {3, "o200k_base", false};
  return entry;
}

inline message make_reply(const session_id& session, const message_id& parent) {
  auto reply = make_message(session, parent, "");
  reply.role = message_role::assistant;
  reply.status = message_status::streaming;
  reply.parts.clear();
  return reply;
}

/// The one connection that writes, and questions on another one.
class stored {
 public:
  stored() : files_(must(database::open({.directory = folder_.path() / "data"}))) {
    writer_ = must(files_->open_writer());
    reader_ = must(files_->open_reader());
  }

  template <class T>
  static T must(expected<T> result) {
    if (!result) FAIL(describe(result.error()));
    return std::move(*result);
  }

  static void must_commit(transaction& writing) {
    if (auto done = writing.commit(); !done) FAIL(describe(done.error()));
  }

  /// The code of what went wrong, none if it is stored.
  template <class Written>
  error store_any(const Written& one) {
    auto writing = must(transaction::begin(*writer_, transaction::kind::write));
    if (auto applied = apply(*writer_, one); !applied) return applied.error();
    if (auto committed = writing.commit(); !committed) return committed.error();
    return {};
  }
  error store(const change& one) { return store_any(one); }
  error store(const checkpoint_reply& added) { return store_any(added); }
  void put(const change& one) {
    auto fault = store(one);
    if (fault) FAIL(describe(fault));
  }
  void put_checkpoint(message_id reply, std::vector<reply_chunk> chunks) {
    auto fault = store(checkpoint_reply{reply, 0, std::move(chunks)});
    if (fault) FAIL(describe(fault));
  }
  template <class Question>
  auto ask(const Question& question, size_t page_bytes_max = 1 << 20) {
    return read(read_context{*reader_, now, page_bytes_max}, question);
  }
  template <class Question>
  auto ask_in_window(const Question& question, size_t window_bytes_max) {
    return read(read_context{*reader_, now, 1 << 20, window_bytes_max}, question);
  }
  template <class Question>
  auto get(const Question& question) {
    return must(ask(question));
  }
  int64_t count(const std::string& table) {
    return must(reader_->prepare("SELECT COUNT(*) FROM " + table).number()).value_or(-1);
  }

  user add_user(const std::string& name, role of = role::user) {
    auto account = user_named(name, of);
    put(create_user{account, false});
    return account;
  }
  session add_session(const user_id& owner, int64_t updated_ms = 0) {
    auto header = make_session(owner, updated_ms);
    put(create_session{header});
    return header;
  }

  connection& writer() { return *writer_; }
  connection& reader() { return *reader_; }
  database& files() { return *files_; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  /// As if the process had ended.
  void close() {
    writer_.reset();
    reader_.reset();
    files_.reset();
  }

  instant now = start_of_test;

 private:
  temp_directory folder_;
  std::shared_ptr<database> files_;
  std::unique_ptr<connection> writer_;
  std::unique_ptr<connection> reader_;
};

inline bool is_fault(const error& fault, errc code, std::string_view reason = {}) {
  if (!fault) return false;
  UNSCOPED_INFO(describe(fault));
  return code_of(fault) == code && (reason.empty() || detail_of(fault).reason == reason);
}

}  // namespace parley::storage
