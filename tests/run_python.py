#!/usr/bin/env python3
"""Runs a folder's unittest files and ends with the line `N passed, N failed`.

Usage: tests/run_python.py FOLDER PATTERN [--filter PART] [--jobs N]     (PART of a test's name)
With N jobs so many files run at a time, each in a process of its own. A skipped test counts as
failed: a test that can't run says so and fails.
"""

import argparse
import concurrent.futures
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path


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


def run(folder, pattern, part):
    """How many passed, how many failed."""
    found = list(flatten(unittest.TestLoader().discover(folder, pattern)))
    chosen = unittest.TestSuite(test for test in found if part in test.id())
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=named_result)
    result = runner.run(chosen)
    # A test with several failed parts counts once.
    bad = {getattr(test, "test_case", test).id()
           for test, _ in result.failures + result.errors + result.skipped}
    return result.passed, len(bad) + len(result.unexpectedSuccesses)


def run_file(folder, name, part):
    """The same, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, folder, name, "--filter", part],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    said, _, sums = done.stdout.rstrip().rpartition("\n")
    counted = re.fullmatch(r"(\d+) passed, (\d+) failed", sums)
    if not counted:
        print(f"{done.stdout}\n  FAILED  {name}: ended without a result", flush=True)
        return 0, 1
    passed, failed = int(counted[1]), int(counted[2])
    if passed + failed > 0:
        print(said, flush=True)
    return passed, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("pattern")
    parser.add_argument("--filter", default="")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if options.jobs == 1:
        sums = [run(options.folder, options.pattern, options.filter)]
    else:
        names = sorted(path.name for path in Path(options.folder).glob(options.pattern))
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            sums = list(pool.map(lambda name: run_file(options.folder, name, options.filter),
                                 names))
    passed, failed = (sum(counts) for counts in zip(*sums))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
