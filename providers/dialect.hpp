/// Dialects: one provider's wire format, as a request builder and a reply parser.
///
/// Pure: bytes in, bytes out; no socket, clock or thread. Dialects are immutable and shared, a
/// parser belongs to one call. What an upstream says is data: its sentences are never passed on,
/// they only choose among ours.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/provider_messages.hpp"
#include "base/json.hpp"
#include "base/secret.hpp"

namespace parley::providers {

constexpr size_t refusal_bytes_max = 64 << 10;  ///< of an error's body that are looked at

/// What is asked of the model; borrowed for the call.
struct prompt {
  const model_config& model;
  const std::vector<prompt_message>& messages;
  const reply_params& params;
};

/// What goes on the wire, behind the model's base URL.
struct dialect_request {
  std::string path;
  std::vector<std::string> headers;
  secret_text auth_header;  ///< empty without a key
  std::string body;
};

/// A response whose status is not 2xx.
struct refused_response {
  int status = 0;
  uint32_t retry_after_s = 0;
  std::string_view body;
};

/// Of one reply; app/ takes them from the settings.
struct reply_limits {
  size_t line_bytes_max = 1 << 20;   ///< of the wire: upstream_line_bytes_max
  size_t reply_bytes_max = 4 << 20;  ///< text and reasoning
};

struct reply_end {
  finish_reason reason = finish_reason::stop;
  std::optional<usage> used;
};

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

class dialect {
 public:
  virtual ~dialect() = default;
  /// Fails with provider_refused / upstream_auth for a key that cannot stand in a header.
  virtual expected<dialect_request> build(const prompt& asked, const secret_text& key) const = 0;
  /// `reader` is lent by the owner of all parsers of one thread.
  virtual std::unique_ptr<reply_parser> make_parser(json_reader& reader,
                                                    const reply_limits& limits = {}) const = 0;
  virtual error refusal_of(const refused_response& response, json_reader& reader) const = 0;
};

/// The dialect of a model's `provider`; null if there is none of that name.
const dialect* find_dialect(std::string_view name);

/// Limits of the reader that parsers share: whole answers, trusted less than strictly.
json_limits reply_json_limits(const reply_limits& limits = {});

/// Adds text to the last delta if that is of the same type and takes it off `bytes_left`. False if
/// it is more than that.
bool append_delta(std::vector<text_delta>& out, part_type type, std::string_view text,
                  size_t& bytes_left);

// Errors that dialects share; the sentences are ours.
error reply_broken();
error reply_too_large();
/// By status alone, after what a dialect could read in the body.
error refusal_by_status(const refused_response& response);
/// `tokens_max` is the number the provider named, 0 if none.
error context_too_long(int64_t tokens_max);

}  // namespace parley::providers
