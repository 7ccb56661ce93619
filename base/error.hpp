/// Errors as values: one small closed list (`errc`), a safe sentence and optional details.
///
/// `error` is `caf::error`, `expected<T>` is `caf::expected<T>`: an error goes from SQL through
/// actors to the wire unchanged. The sentence and the details are safe to show to the client; the
/// cause belongs into the log. We throw nothing; a library's exception ends in the folder using it.
#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/inspect.hpp"

namespace parley {

/// Starts at 1: code 0 is CAF's "no error". The status of each stands in http/errors.
enum class errc : uint8_t {
  malformed = 1,     ///< not even well-formed: bad JSON, bad HTTP, unknown cursor
  invalid_input,     ///< well-formed, but a value or field is not allowed
  unauthenticated,   ///< no, wrong or expired credentials
  forbidden,         ///< known caller without the right
  not_found,         ///< absent, or not the caller's: the two are never told apart
  conflict,          ///< the state does not allow it now
  too_large,         ///< a body, line or text over its limit
  rate_limited,      ///< too often
  quota_exceeded,    ///< used up
  timeout,           ///< nobody answered in time
  unavailable,       ///< draining, overloaded or restarting: try again
  provider_failed,   ///< the upstream broke, hung or talked nonsense
  provider_refused,  ///< the upstream said no
  storage_failed,    ///< the database could not do it
  storage_full,      ///< no space left for the database
  corrupt_data,      ///< stored data is not what was written
  internal,          ///< a fault of ours
};

/// "invalid_input" and so on: the `code` of api.md.
std::string to_string(errc code);

/// One fault of one field; `path` is a JSON Pointer, `rule` names what was violated.
struct field_fault {
  std::string path;
  std::string rule;
  std::string bound;  ///< the rule's parameter as JSON ("2", "\"a\""), empty if it has none
  std::string message;
};
PARLEY_INSPECT(field_fault, path, rule, bound, message)

/// What an error may carry beside its sentence.
struct error_detail {
  std::string reason;               ///< open list in snake_case (api.md)
  std::vector<field_fault> fields;  ///< all faults at once
  uint32_t retry_after_s = 0;       ///< 0: no advice
  std::string id;                   ///< an object the client should know of (a running reply …)
};
PARLEY_INSPECT(error_detail, reason, fields, retry_after_s, id)

using error = caf::error;
template <class T>
using expected = caf::expected<T>;

/// The answer of a request that has no result.
struct done {};
PARLEY_INSPECT(done)

error make_error(errc code);
error make_error(errc code, std::string sentence);
error make_error(errc code, std::string sentence, error_detail detail);
/// Short form for the common case of a reason alone.
error make_error(errc code, std::string_view reason, std::string sentence);

/// The errc of any error; CAF's own are mapped (request_timeout -> timeout, receiver down ->
/// unavailable, everything else -> internal). Asked of an error that holds none it is internal.
errc code_of(const error& e);
/// The safe sentence; never empty.
std::string sentence_of(const error& e);
/// The details, empty ones if the error has none.
error_detail detail_of(const error& e);
/// One line for logs: code, reason, sentence; "no error" of one that holds none.
std::string describe(const error& e);

/// To be called once for each actor_system_config, so that CAF can render our errors.
void register_error_category(caf::actor_system_config& config);

}  // namespace parley

/// TRY(auto row, query.one()) returns the error of an expected<T> or binds its value.
#define PARLEY_JOIN_(a, b) a##b
#define PARLEY_JOIN(a, b) PARLEY_JOIN_(a, b)
#define PARLEY_TRY_(result, declaration, ...)    \
  auto result = (__VA_ARGS__);                   \
  if (!result) return std::move(result.error()); \
  declaration = std::move(*result)
#define TRY(declaration, ...) \
  PARLEY_TRY_(PARLEY_JOIN(try_result_, __LINE__), declaration, __VA_ARGS__)
/// The same for an expression without a value (expected<void>).
#define TRY_DONE(...)                                                                       \
  do {                                                                                      \
    if (auto try_result = (__VA_ARGS__); !try_result) return std::move(try_result.error()); \
  } while (false)
