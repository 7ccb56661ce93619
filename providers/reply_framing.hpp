/// What the reply parsers of all dialects share: framing, JSON, limits and the first fault.
///
/// One call's, on the thread of its PROVIDER. A dialect derives from it and reads one JSON value
/// after another.
#pragma once

#include "base/sse.hpp"
#include "providers/dialect.hpp"
#include "providers/refusal.hpp"

namespace parley::providers {

enum class framing : uint8_t {
  events,  ///< server-sent events with JSON as data
  lines,   ///< one JSON value a line (NDJSON)
};

class framed_parser : public reply_parser {
 public:
  expected<void> push(std::string_view bytes, std::vector<text_delta>& out) final;
  bool is_complete() const final { return is_complete_; }
  expected<reply_end> finish(std::vector<text_delta>& out) final;

 protected:
  framed_parser(const parser_wish& wish, framing how);

  /// One value of the stream. `text` is what was parsed.
  virtual void read(const json_value& value) = 0;
  /// The body of an answer that is not a stream, from a server that ignored the wish for one.
  virtual void read_whole(const json_value& value) { read(value); }
  /// "data: [DONE]", which some send whatever the dialect.
  virtual void read_done() {}
  /// The stream ended and nothing failed. Tool calls and `unseen` are put together here.
  virtual void close(reply_end&) {}

  void add(part_type type, std::optional<std::string_view> text);
  /// Counts bytes that are kept but not shown. False over the limit, which is then the fault.
  bool count(size_t bytes);
  void fail(error cause);
  bool has_failed() const { return static_cast<bool>(fault_); }
  /// Nothing follows, the provider says.
  void complete() { is_complete_ = true; }
  void set_reason(finish_reason reason) { reason_ = reason; }
  bool has_tools() const { return has_tools_; }
  json_reader& reader() { return reader_; }

  /// What the provider says that the reply took; the last word counts.
  std::optional<usage>& used() { return used_; }

 private:
  enum class shape : uint8_t { unknown, stream, whole, other };

  std::string_view look_at_beginning(std::string_view bytes);
  expected<void> push_whole(std::string_view bytes);
  void push_lines(std::string_view bytes);
  void read_data(std::string_view data);
  void read_text(std::string_view text, bool is_whole);

  json_reader& reader_;
  sse_parser events_;
  std::optional<usage> used_;
  size_t line_bytes_max_;
  size_t whole_bytes_max_;
  size_t bytes_left_;
  std::string held_;  ///< of a line without end, or of a whole answer
  std::vector<text_delta>* out_ = nullptr;
  error fault_;
  std::optional<finish_reason> reason_;
  framing how_;
  shape shape_ = shape::unknown;
  bool has_tools_;
  bool is_complete_ = false;
};

/// A count of tokens; empty if it is none, or absurd.
std::optional<int64_t> count_at(const json_value& object, std::string_view key);

/// A JSON array or object under construction: pieces of JSON text with commas between.
void append_json(std::string& list, std::string_view piece);

}  // namespace parley::providers
