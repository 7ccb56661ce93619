#include "base/error.hpp"

#include <catch2/catch.hpp>

using namespace parley;

TEST_CASE("an error carries code, sentence and details") {
  auto e = make_error(errc::conflict, "A reply is running.",
                      {.reason = "reply_running", .fields = {}, .retry_after_s = 3, .id = "x"});
  CHECK(code_of(e) == errc::conflict);
  CHECK(sentence_of(e) == "A reply is running.");
  CHECK(detail_of(e).reason == "reply_running");
  CHECK(detail_of(e).retry_after_s == 3);
  CHECK(e == errc::conflict);
  CHECK(describe(e) == "conflict/reply_running: A reply is running.");
}

TEST_CASE("the first code is not CAF's no-error") {
  CHECK(static_cast<bool>(make_error(errc::malformed)));
  CHECK(code_of(make_error(errc::malformed)) == errc::malformed);
  CHECK_FALSE(sentence_of(make_error(errc::malformed)).empty());
  CHECK(describe(make_error(errc::not_found)).starts_with("not_found: "));
}

TEST_CASE("errors of CAF are mapped") {
  CHECK(code_of(caf::make_error(caf::sec::request_timeout)) == errc::timeout);
  CHECK(code_of(caf::make_error(caf::sec::request_receiver_down)) == errc::unavailable);
  CHECK(code_of(caf::make_error(caf::sec::runtime_error)) == errc::internal);
}

TEST_CASE("an error that holds none can be asked all the same") {
  const error none;
  CHECK(code_of(none) == errc::internal);
  CHECK(describe(none) == "no error");
  CHECK(detail_of(none).reason.empty());
  CHECK_FALSE(sentence_of(none).empty());
}

namespace {
expected<int> half(int x) {
  if (x % 2 != 0) return make_error(errc::invalid_input);
  return x / 2;
}
expected<int> quarter(int x) {
  TRY(auto h, half(x));
  TRY(auto q, half(h));
  return q;
}
}  // namespace

TEST_CASE("TRY hands the error on") {
  CHECK(*quarter(8) == 2);
  CHECK(quarter(6).error() == errc::invalid_input);
}

TEST_CASE("std::optional survives CAF's serializer") {
  caf::actor_system_config config;
  caf::actor_system system{config};
  for (auto in : {std::optional<std::string>{"text"}, std::optional<std::string>{}}) {
    std::vector<char> bytes;
    caf::binary_serializer sink{system, bytes};
    REQUIRE_FALSE(sink(in));
    caf::binary_deserializer source{system, bytes};
    std::optional<std::string> out{"other"};
    REQUIRE_FALSE(source(out));
    CHECK(out == in);
  }
}
