/// Answers of /v1: what CALL tells, as OpenAI's and Anthropic's clients want to read it.
///
/// Pure: text in, text out. A writer belongs to one call; of a stream it appends one event for each
/// delta and knows where it stands, so that begin, add … and end or fail are called in that order.
#pragma once

#include <memory>

#include "actors/call.hpp"
#include "http/answer.hpp"
#include "schema/model.hpp"

namespace parley::http {

/// What all events of a reply have in common.
struct v1_reply_name {
  std::string id;
  std::string model;
  int64_t created = 0;     ///< unix seconds
  bool has_usage = false;  ///< asked for in the stream
};

class v1_writer {
 public:
  virtual ~v1_writer() = default;
  virtual void begin(std::string& out) = 0;
  virtual void add(std::string& out, const text_delta& delta) = 0;
  virtual void end(std::string& out, const call_end& end) = 0;
  /// A broken stream never looks like a whole one.
  virtual void fail(std::string& out, const error& cause, std::string_view request_id) = 0;
  /// The whole reply as one JSON object.
  virtual std::string whole(const std::vector<text_delta>& deltas, const call_end& end) = 0;
};

std::unique_ptr<v1_writer> make_openai_writer(v1_reply_name name);
std::unique_ptr<v1_writer> make_anthropic_writer(v1_reply_name name);

/// Each model is at once what OpenAI and what Anthropic call one.
std::string v1_model_json(const model_config& model);
std::string v1_models_json(const std::vector<model_config>& models);
std::string openai_embeddings_json(const embedded& found, std::string_view model, bool is_base64);

// -- Errors ---------------------------------------------------------------------------------------

/// Whose errors the client of an exchange reads.
enum class error_shape : uint8_t { own, openai, anthropic };

/// By the path, which may be of no route, and by whether the header `anthropic-version` is there.
error_shape shape_of(std::string_view path, bool names_anthropic);
/// What a fault of the upstream is to somebody who speaks its API: its refusals are the caller's.
int v1_status_of(const error& cause);
/// The object `{"error":{…}}`, or Anthropic's `{"type":"error",…}`.
std::string v1_error_json(error_shape shape, const error& cause, int status,
                          std::string_view request_id);
/// An error in the shape that its client reads. `status` 0: that of the error.
answer shaped_error_answer(error_shape shape, const error& cause, std::string_view request_id,
                           int status = 0);

}  // namespace parley::http
