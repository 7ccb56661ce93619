// Catch2's main, compiled once for all test executables.
#define CATCH_CONFIG_MAIN
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

namespace {

/// Tells tests/run_cases.py where a run is, so that it knows which case ended a process.
class case_notes : public Catch::TestEventListenerBase {
 public:
  explicit case_notes(const Catch::ReporterConfig& config) : TestEventListenerBase(config) {
    if (const char* path = std::getenv("PARLEY_TEST_NOTES"))
      file_ = ::open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  }
  ~case_notes() override {
    if (file_ >= 0) ::close(file_);
  }

  void testCaseStarting(const Catch::TestCaseInfo& about) override { note("begin", about.name); }
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    note(stats.totals.assertions.failed == 0 ? "passed" : "failed", stats.testInfo.name);
  }

 private:
  void note(const char* what, const std::string& name) const {
    auto line = what + (" " + name) + "\n";
    // One write a line: nothing of it is lost when a case ends the process.
    if (file_ >= 0 && ::write(file_, line.data(), line.size()) < 0) std::abort();
  }

  int file_ = -1;
};

}  // namespace

CATCH_REGISTER_LISTENER(case_notes)
