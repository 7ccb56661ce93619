#!/usr/bin/env python3
"""run_cases.py counts what passes, and misses nothing that fails, however it does."""

import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Stands for a Catch2 binary: a name says how its case ends.
BINARY = """\
    import os, pathlib, re, sys
    names = {names!r}
    if "--list-test-names-only" in sys.argv:
        print(*names, sep="\\n")
        sys.exit(len(names))
    notes = open(os.environ["PARLEY_TEST_NOTES"], "a", buffering=1)
    given = pathlib.Path(sys.argv[sys.argv.index("--input-file") + 1]).read_text().splitlines()
    status = 0
    for name in (re.sub(r"\\\\(.)", r"\\1", line) for line in given):
        if name == "forgotten":
            continue
        print("begin", name, file=notes)
        if name == "killed":
            os.kill(os.getpid(), 9)
        if name == "leaking":
            status = 23
        if name == "wrong":
            print("1 == 2")
            status = 1
        print("failed" if name == "wrong" else "passed", name, file=notes)
    sys.exit(status)
"""


class run_cases_test(unittest.TestCase):
    def run_with(self, names, *options):
        with tempfile.TemporaryDirectory() as build:
            tests = Path(build) / "tests"
            tests.mkdir()
            for folder in ("unit", "actors", "storage", "http"):
                binary = tests / f"{folder}_tests"
                given = names if folder == "unit" else ["fine"]
                binary.write_text(f"#!{sys.executable}\n"
                                  + textwrap.dedent(BINARY).replace("{names!r}", repr(given)))
                binary.chmod(0o755)
            done = subprocess.run(
                [sys.executable, ROOT / "tests/run_cases.py", build, "--jobs", "2", *options],
                capture_output=True, text=True, timeout=60)
        self.assertEqual("", done.stderr)
        return done.returncode, done.stdout

    def test_all_pass(self):
        names = ["one", "two, with [brackets], \"quotes\" and \\", *map(str, range(100))]
        status, text = self.run_with(names)
        self.assertEqual(0, status)
        self.assertTrue(text.endswith("\n105 passed, 0 failed\n"), text)

    def test_a_filter(self):
        status, text = self.run_with(["one", "two"], "--filter", "unit/o")
        self.assertEqual(0, status)
        self.assertTrue(text.endswith("\n1 passed, 0 failed\n"), text)

    def test_a_case_that_fails(self):
        status, text = self.run_with(["one", "wrong", "two"])
        self.assertEqual(1, status)
        self.assertIn("FAILED  unit/wrong", text)
        self.assertIn("1 == 2", text)
        self.assertTrue(text.endswith("\n5 passed, 1 failed\n"), text)

    def test_a_case_that_ends_its_process(self):
        status, text = self.run_with(["one", "killed", "two", "three"])
        self.assertEqual(1, status)
        self.assertIn("FAILED  unit/killed: ended its process (-9)", text)
        self.assertTrue(text.endswith("\n6 passed, 1 failed\n"), text)

    def test_a_process_that_fails_though_its_cases_pass(self):
        status, text = self.run_with(["one", "leaking", "two"])
        self.assertEqual(1, status)
        self.assertIn("FAILED  unit/one ... two: exit status 23", text)

    def test_a_case_that_is_not_run(self):
        status, text = self.run_with(["one", "forgotten"])
        self.assertEqual(1, status)
        self.assertIn("FAILED  unit/forgotten: was not run", text)


if __name__ == "__main__":
    unittest.main()
