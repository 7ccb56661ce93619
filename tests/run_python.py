#!/usr/bin/env python3
"""Runs a folder's unittest files and ends with the line `N passed, N failed`.

Usage: tests/run_python.py FOLDER PATTERN [FILTER]     (FILTER: a part of the test's full name)
A skipped test counts as failed: a test that can't run says so and fails.
"""

import sys
import time
import unittest


class named_result(unittest.TextTestResult):
    """One line a test, with the seconds it took."""

    passed = 0

    def startTest(self, test):
        self.started_at = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        print(f"  passed  {test.id()} ({time.monotonic() - self.started_at:.1f} s)", flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(f"  FAILED  {test.id()}", flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        print(f"  FAILED  {test.id()}", flush=True)


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def main():
    folder, pattern = sys.argv[1:3]
    part = sys.argv[3] if len(sys.argv) > 3 else ""
    found = list(flatten(unittest.TestLoader().discover(folder, pattern)))
    chosen = unittest.TestSuite(test for test in found if part in test.id())
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=named_result)
    result = runner.run(chosen)
    # A test with several failed parts counts once.
    bad = {getattr(test, "test_case", test).id()
           for test, _ in result.failures + result.errors + result.skipped}
    failed = len(bad) + len(result.unexpectedSuccesses)
    print(f"{result.passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
