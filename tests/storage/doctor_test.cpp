// What `parley doctor` says of things that a test can't make: network mounts, limits, clocks.
#include "app/doctor.hpp"
#include "app/support_bundle.hpp"

#include <catch2/catch.hpp>

using namespace parley;
using namespace parley::app;

TEST_CASE("doctor: a database stands on a disk of this machine") {
  for (int64_t kind : {0x6969LL, 0x517bLL, 0xff534d42LL, 0xfe534d42LL, 0x01021997LL}) {
    auto fault = file_system_fault(kind);
    REQUIRE(fault);
    CHECK(fault->level == finding_level::fault);
    CHECK(fault->what.find("network file system") != std::string::npos);
    CHECK_FALSE(fault->mend.empty());
  }
  // As a 32-bit f_type is widened.
  CHECK(file_system_fault(static_cast<int32_t>(0xff534d42))->level == finding_level::fault);
  CHECK(file_system_fault(0x65735546)->level == finding_level::warning);
  CHECK(file_system_fault(0x01021994)->level == finding_level::warning);
  for (int64_t kind : {0xef53LL, 0x58465342LL, 0x9123683eLL, 0x2fc12fc1LL, 0x794c7630LL})
    CHECK_FALSE(file_system_fault(kind));
}

TEST_CASE("doctor: open files suffice for the connections that the settings allow") {
  settings values;
  values.connections_max = 1000;
  values.upstream_calls_max = 500;
  CHECK_FALSE(descriptor_fault(values, 1756));
  auto fault = descriptor_fault(values, 1024);
  REQUIRE(fault);
  CHECK(fault->level == finding_level::warning);
  CHECK(fault->mend.find("LimitNOFILE=1756") != std::string::npos);
}

TEST_CASE("doctor: a clock is not behind what it has stamped") {
  constexpr int64_t now = 1'800'000'000;
  CHECK_FALSE(clock_fault(now, now - 1'000'000, now));
  CHECK_FALSE(clock_fault(now, 0, now + 60));
  CHECK(clock_fault(now, 0, now + 600)->level == finding_level::fault);
  CHECK(clock_fault(now, now + 100'000, 0)->level == finding_level::fault);
}

TEST_CASE("a line of the log goes into the bundle without whom it names") {
  auto line = [](const std::string& rest) {
    return R"({"at":"2026-07-25T10:00:00.000Z","level":"info","event":")" + rest + "}";
  };
  auto plain = line(R"(http.request","route":"GET /api/sessions","status":"200")");
  CHECK(bundled_log_line(plain) == plain + "\n");
  CHECK(bundled_log_line(line(R"(a","error":"no ada.b+c@mail.example.org here, @ x@ @y")")) ==
        line(R"(a","error":"no (email) here, @ x@ @y")") + "\n");
  CHECK(bundled_log_line(line(R"(setup.done","what":"ADMIN ada")")).empty());
  CHECK(bundled_log_line("a line that was cut").empty());
}
