// How the events of a reply become bytes and text (base/inspect.hpp).
#include "schema/message.hpp"
#include "schema/usage.hpp"
#undef PARLEY_INSPECTOR
#define PARLEY_INSPECTOR
#include "chat/reply_event.hpp"
#include "chat/token_rule.hpp"
#include "chat/usage_query.hpp"
