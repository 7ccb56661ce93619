/// Dialects: one provider's wire format, as a request builder and a reply parser.
///
/// Pure: bytes in, bytes out; no socket, clock or thread. Dialects are immutable and shared, a
/// parser belongs to one call. What an upstream says is data: its sentences are never passed on,
/// they only choose among ours.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/provider_messages.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"

namespace parley::providers {

constexpr size_t refusal_bytes_max = 64 << 10;  ///< of an error's body that are looked at
constexpr size_t tool_calls_max = 128;          ///< of one reply
constexpr size_t offered_models_max = 10'000;   ///< of one provider's list

// -- What is asked --------------------------------------------------------------------------------

struct tool_result {
  std::string call_id;
  std::string name;
  std::string text;
  bool is_error = false;
};

/// One round of tools within the running turn.
struct tool_round {
  std::string unseen;  ///< the reply_end::unseen of the reply that called, same dialect
  std::vector<tool_result> results;
};

/// What is asked of the model; borrowed for the call. The rounds follow the messages.
struct prompt {
  const model_config& model;
  const std::vector<prompt_message>& messages;
  const reply_params& params;
  std::span<const tool_offer> tools = {};
  std::span<const tool_round> rounds = {};
  const call_wishes* wishes = nullptr;  ///< its tools are `tools`
};

struct embedding_prompt {
  const model_config& model;
  const std::vector<std::string>& texts;
  int32_t dimensions = 0;  ///< 0: the model's own
};

/// What goes on the wire, behind the model's base URL. Without a body it is a GET.
struct dialect_request {
  std::string path;  ///< with its query, percent-encoded
  std::vector<std::string> headers;
  secret_text auth_header;  ///< empty without a key
  std::string body;
};

// -- What is answered -----------------------------------------------------------------------------

/// A response whose status is not 2xx.
struct refused_response {
  int status = 0;
  uint32_t retry_after_s = 0;
  std::string_view body;
};

/// Of one reply; app/ takes them from the settings.
struct reply_limits {
  size_t line_bytes_max = 1 << 20;   ///< of the wire: upstream_line_bytes_max
  size_t reply_bytes_max = 4 << 20;  ///< text, reasoning and tool calls
};

struct reply_end {
  finish_reason reason = finish_reason::stop;
  std::optional<usage> used;
  std::vector<tool_call> calls;  ///< only of those who were offered tools
  /// With calls: the reply in the provider's own format, its signatures and sealed thoughts
  /// included, to be sent back with the results and never shown.
  std::string unseen;
};

struct embeddings {
  std::vector<std::vector<float>> vectors;  ///< one for each text, in order
  int64_t prompt_tokens = 0;                ///< 0: not told
};

/// A model that a provider's list names.
using offered_model = model_offer;

/// Reads the body of one 2xx response. The same bytes give the same reply, however they are cut.
class reply_parser {
 public:
  virtual ~reply_parser() = default;
  /// Appends what the bytes bring; text of one type that follows itself is one delta. After an
  /// error nothing more is read.
  virtual expected<void> push(std::string_view bytes, std::vector<text_delta>& out) = 0;
  /// The provider has said that nothing follows.
  virtual bool is_complete() const = 0;
  /// To be called once, at the end of the response, whole or broken: provider_failed /
  /// upstream_broken if the reply is not complete. May still append text.
  virtual expected<reply_end> finish(std::vector<text_delta>& out) = 0;
};

/// What a parser is made for. The reader is lent by the owner of all parsers of one thread.
struct parser_wish {
  json_reader& reader;
  bool has_tools = false;  ///< else a reply that calls one is broken
  reply_limits limits = {};
};

class dialect {
 public:
  virtual ~dialect() = default;
  virtual std::string_view name() const = 0;
  /// The body of its request is the answer: nobody is called.
  virtual bool is_scripted() const { return false; }
  /// Fails with provider_refused / upstream_auth for a key that cannot stand in a header.
  virtual expected<dialect_request> build(const prompt& asked, const secret_text& key) const = 0;
  virtual std::unique_ptr<reply_parser> make_parser(const parser_wish& wish) const = 0;
  /// Error bodies of all dialects are read alike (refusal.hpp).
  error refusal_of(const refused_response& response, json_reader& reader) const;

  /// invalid_input / embedding_unsupported where the provider has none.
  virtual expected<dialect_request> build_embedding(const embedding_prompt& asked,
                                                    const secret_text& key) const;
  /// `count` texts were asked for; upstream_broken for any other number, or ragged vectors.
  virtual expected<embeddings> read_embedding(std::string_view body, size_t count,
                                              json_reader& reader) const;

  /// The provider's list of models.
  virtual expected<dialect_request> build_discovery(const model_config& model,
                                                    const secret_text& key) const = 0;
  virtual expected<std::vector<offered_model>> read_discovery(std::string_view body,
                                                              json_reader& reader) const = 0;
};

/// Null if there is none of that name.
const dialect* find_dialect(std::string_view name);
/// In the order of their names.
std::vector<std::string_view> dialect_names();

/// Limits of the reader that parsers share: whole answers, trusted less than strictly.
json_limits reply_json_limits(const reply_limits& limits = {});

}  // namespace parley::providers
