/// Which messages of a conversation are sent to the model. Pure: counts in, a plan out.
#pragma once

#include <span>

#include "base/error.hpp"
#include "schema/message.hpp"
#include "schema/session.hpp"

namespace parley {

struct context_item {
  message_role role = message_role::user;
  int64_t tokens = 0;  ///< of the whole message, as the model counts it
};

struct context_budget {
  int64_t window = 0;        ///< of the model
  int64_t reply_max = 0;     ///< kept free for the reply
  int64_t fixed_tokens = 0;  ///< system prompt and what the provider adds for a conversation
  double guard = 0;          ///< share added to estimated counts
  context_strategy strategy = context_strategy::slide;
};

/// What to keep free for a reply whose length nobody has limited.
int64_t reply_budget(int64_t window);

struct context_plan {
  size_t first_kept = 0;  ///< index into the path; everything from here on is sent
  int64_t tokens = 0;     ///< what is sent, in all
  int64_t limit = 0;      ///< what may be sent
  int64_t kept = 0;
  int64_t dropped = 0;
};

/// `path` leads from the first message to the new one, which is always sent. Drops the oldest until
/// the rest fits and never begins with an assistant's message. errc::invalid_input, reason
/// `context_too_long`, if the new message alone does not fit, or if anything would be dropped under
/// the strategy `none`.
expected<context_plan> plan_context(std::span<const context_item> path,
                                    const context_budget& budget);

}  // namespace parley
