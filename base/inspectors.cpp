// How the values of this folder become bytes and text (base/inspect.hpp).
#include "base/inspect.hpp"
#undef PARLEY_INSPECTOR
#define PARLEY_INSPECTOR
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/signed_token.hpp"
