/// The words and events of one mock answer, as OpenAI's servers write them.
///
/// Owned by its connection; pure text without I/O. `append_*` add whole events to a buffer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/mock_model.hpp"
#include "bench/load/mock_request.hpp"

namespace parley::bench {

class mock_text {
 public:
  /// `call` makes the id of the answer.
  mock_text(const mock_model& model, chat_request request, uint64_t call);

  /// How many tokens this answer has, its reasoning included.
  uint64_t token_count() const { return token_count_; }

  void append_opening(std::string& out) const;
  /// Token `index`, counted over reasoning and content; broken events and comments go with it.
  void append_token(std::string& out, uint64_t index) const;
  /// The finish_reason, usage if it is asked for, [DONE].
  void append_closing(std::string& out) const;
  /// The start of an event whose line never ends.
  void append_long_line(std::string& out) const;

  /// The answer of a request without `stream`.
  std::string whole_answer() const;

 private:
  void append_event(std::string& out, std::string_view data) const;
  void append_chunk(std::string& out, std::string_view choices, std::string_view usage) const;
  void append_noise(std::string& out, uint64_t index) const;
  std::string content_token(uint64_t index) const;
  std::string usage_record() const;
  std::string_view finish_reason() const;
  bool wants_usage() const { return request_.include_usage && !model_.no_usage; }

  mock_model model_;
  chat_request request_;
  uint64_t token_count_ = 0;
  bool is_limited_ = false;         // max_tokens cut the answer
  std::vector<std::string> words_;  // of a friendly answer or an echo
  std::string id_;
  std::string chunk_head_;  // `{"id":…,"model":…`, the same in all chunks
  std::string_view line_end_ = "\n";
};

}  // namespace parley::bench
