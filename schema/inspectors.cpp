// How the records become bytes and text (base/inspect.hpp).
#include "base/clock.hpp"
#include "base/record.hpp"
#undef PARLEY_INSPECTOR
#define PARLEY_INSPECTOR
#include "schema/alert.hpp"
#include "schema/audit.hpp"
#include "schema/change.hpp"
#include "schema/job.hpp"
#include "schema/logs.hpp"
#include "schema/model.hpp"
#include "schema/requests.hpp"
#include "schema/search.hpp"
