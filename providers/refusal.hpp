/// What providers say when they refuse, turned into our own errors.
///
/// Pure. The sentences are ours: of the upstream's words only known codes, phrases and the number
/// of tokens it names are looked at.
#pragma once

#include "providers/dialect.hpp"

namespace parley::providers {

/// What an error object says, in whichever of the usual shapes.
struct upstream_fault {
  std::string code;        ///< lower case: code, type, status and reasons
  std::string message;     ///< lower case
  int64_t number = 0;      ///< a numeric code: often the HTTP status
  int64_t tokens_max = 0;  ///< llama.cpp names it
  uint32_t retry_after_s = 0;
};

upstream_fault read_fault(const json_value& object);

/// By the HTTP status first, then by what the body says.
error refusal_from(const upstream_fault& fault, const refused_response& response);
/// An error object in the middle of a 200: its own code takes the place of the status.
error refusal_in_stream(const json_value& object);
/// By status alone.
error refusal_by_status(const refused_response& response);

error reply_broken();
error reply_too_large();
/// `tokens_max` is the number the provider named, 0 if none.
error context_too_long(int64_t tokens_max);
error refused_by_filter();

}  // namespace parley::providers
