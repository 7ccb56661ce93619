/// What SESSION and USER tell each other about what a reply uses: reserve, stream, settle.
#pragma once

#include "actors/protocol.hpp"
#include "schema/usage.hpp"

namespace parley {

/// Whose budget a turn is for, beside its user's; no key: a login's.
struct spender {
  api_key_id key;
  std::string label;  ///< the key's name
};
PARLEY_INSPECT(spender, key, label)

/// SESSION or CALL to USER, before the model is called. errc::quota_exceeded, or errc::forbidden if
/// the key may not use the model.
struct reserve_spend {
  message_id reply;
  spender by;
  model_id model;
  std::optional<model_prices> prices;
  int64_t prompt_tokens = 0;
};
PARLEY_INSPECT(reserve_spend, reply, by, model, prices, prompt_tokens)

struct spend_granted {
  bool is_metered = false;  ///< USER wants to hear of what is streamed
};
PARLEY_INSPECT(spend_granted, is_metered)

/// SESSION to USER, each 50 ms at least while tokens come: so many the reply has now.
struct tokens_streamed {
  message_id reply;
  int64_t tokens = 0;
};
PARLEY_INSPECT(tokens_streamed, reply, tokens)

/// USER to SESSION: report again at so many tokens at the latest; or the budget has run out.
struct spend_ruled {
  message_id reply;
  int64_t report_at = 0;
  bool is_over = false;
};
PARLEY_INSPECT(spend_ruled, reply, report_at, is_over)

/// Whoever reserves: SESSION, CALL.
using spending_actor = caf::typed_actor<tell<spend_ruled>>;

/// SESSION to USER: what was reserved for the reply is free again; `used` is stored. Without a
/// reply it is a summary or a title.
struct spend_settled {
  message_id reply;
  std::optional<usage_entry> used;
};
PARLEY_INSPECT(spend_settled, reply, used)

}  // namespace parley
