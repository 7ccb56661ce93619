#include "providers/retry.hpp"

#include <catch2/catch.hpp>

#include "providers/refusal.hpp"

using namespace parley;
using namespace parley::providers;
using std::chrono::milliseconds;

namespace {

error refusal(int status, uint32_t retry_after_s = 0) {
  return refusal_by_status({status, retry_after_s, {}});
}

}  // namespace

TEST_CASE("what passes is tried again", "[retry]") {
  for (auto status : {429, 500, 502, 503, 504, 529}) {
    INFO(status);
    CHECK(retry_wait(refusal(status), 2, 0));
    CHECK(retry_wait(refusal(status), 1, 0));
    CHECK_FALSE(retry_wait(refusal(status), 0, 0));
  }
  CHECK(retry_wait(make_error(errc::provider_failed, "upstream_unreachable", "x"), 1, 0));
}

TEST_CASE("what stays is not", "[retry]") {
  for (auto status : {301, 400, 401, 402, 403, 404, 408, 409, 413, 422}) {
    INFO(status);
    CHECK_FALSE(retry_wait(refusal(status), 2, 0));
  }
  for (auto reason : {"upstream_not_allowed", "upstream_tls", "upstream_broken", "upstream_timeout",
                      "upstream_too_large", "upstream_quota", "context_too_long"}) {
    INFO(reason);
    CHECK_FALSE(retry_wait(make_error(errc::provider_failed, reason, "x"), 2, 0));
  }
}

TEST_CASE("the wait is what was asked for, within bounds", "[retry]") {
  CHECK(*retry_wait(refusal(429, 3), 1, 0) == milliseconds{3000});
  CHECK(*retry_wait(refusal(503, 3600), 1, 0) == retry_wait_max);
  CHECK(*retry_wait(refusal(503, UINT32_MAX), 1, 0) == retry_wait_max);
  CHECK(*retry_wait(refusal(500), 1, 0) == milliseconds{500});
  CHECK(*retry_wait(refusal(500), 1, 1) == milliseconds{1000});
  CHECK(*retry_wait(refusal(429, 3), 1, 0.5) == milliseconds{3250});
}
