#!/usr/bin/env python3
"""Runs the cases of the Catch2 binaries, some dozens a process; says `N passed, N failed`.

Usage: tests/run_cases.py BUILD [--jobs N] [--filter REGEX]     (of `folder/name`)

A process of its own for each case would spend most of its time on mapping a large instrumented
binary. A case that ends its process, or does not end, has failed; those behind it get a new one.
"""

import argparse
import collections
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CASES_OF_PROCESS = 40
CASE_S_MAX = 120
FOLDERS = ("unit", "actors", "storage", "http")


def cases_of(binary):
    """Names in order. The list's exit status is their number."""
    listed = subprocess.run([binary, "--list-test-names-only"], capture_output=True, text=True,
                            timeout=CASE_S_MAX)
    if listed.stderr.strip() or not listed.stdout.strip():
        sys.exit(f"{binary} does not list its cases:\n{listed.stderr}")
    return listed.stdout.splitlines()


class Process:
    """One run of a binary over some of its cases; test_main.cpp notes their begin and end."""

    def __init__(self, binary, cases, folder):
        self.names, self.notes = folder / "names", folder / "notes"
        self.output = folder / "output"
        # What separates or quotes the names of a test specification is part of a name here.
        escaped = (re.sub(r'([\\,\[\]"])', r"\\\1", name) for name in cases)
        self.names.write_text("".join(f"{name}\n" for name in escaped), encoding="utf-8")
        self.notes.write_text("")
        with self.output.open("wb") as output:
            self.child = subprocess.Popen(
                [binary, "--input-file", self.names, "--warn", "NoTests"], cwd=ROOT,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, "PARLEY_TEST_NOTES": str(self.notes)}, start_new_session=True)

    def wait(self):
        """Its exit status; None if it had to be ended."""
        size, since = -1, time.monotonic()
        while True:
            try:
                return self.child.wait(0.02 if time.monotonic() - since < 1 else 0.2)
            except subprocess.TimeoutExpired:
                pass
            if (now := self.notes.stat().st_size) != size:
                size, since = now, time.monotonic()
            elif time.monotonic() - since > CASE_S_MAX:
                os.killpg(self.child.pid, signal.SIGKILL)
                self.child.wait()
                return None

    def ended(self):
        """Each case that ended: name -> has it passed; and the one that has not."""
        ended, running = {}, None
        for line in self.notes.read_text(encoding="utf-8").splitlines():
            what, _, name = line.partition(" ")
            if what == "begin":
                running = name
            else:
                ended[name] = what == "passed"
                running = None
        return ended, running

    def said(self):
        return self.output.read_text(encoding="utf-8", errors="replace")


class Run:
    def __init__(self):
        self.lock = threading.Lock()
        self.passed, self.failed, self.done = 0, [], 0
        self.total = 0
        self.queue = collections.deque()

    def take(self):
        with self.lock:
            return self.queue.popleft() if self.queue else None

    def fail(self, name, why, output):
        self.failed.append(name)
        print(f"  FAILED  {name}: {why}\n{output[-20000:]}", flush=True)

    def work(self):
        while (part := self.take()) is not None:
            folder, binary, cases = part
            with tempfile.TemporaryDirectory(prefix="parley-cases-") as scratch:
                process = Process(binary, cases, Path(scratch))
                status = process.wait()
                ended, running = process.ended()
                self.note(folder, binary, cases, status, ended, running, process.said())

    def note(self, folder, binary, cases, status, ended, running, output):
        with self.lock:
            bad = [name for name, is_passed in ended.items() if not is_passed]
            self.passed += len(ended) - len(bad)
            for name in bad:
                self.fail(f"{folder}/{name}", "see below", output if name == bad[-1] else "")
            left = [name for name in cases if name not in ended]
            if running is not None:
                why = "did not end" if status is None else f"ended its process ({status})"
                self.fail(f"{folder}/{running}", why, output)
                left = [name for name in left if name != running]
                if left:
                    self.queue.append((folder, binary, left))
            elif left:
                self.fail(f"{folder}/{left[0]}", "was not run", output)
            elif status != 0 and not bad:
                self.fail(f"{folder}/{cases[0]} ... {cases[-1]}", f"exit status {status}", output)
            self.done += len(ended)
            print(f"{self.done}/{self.total} cases, {len(self.failed)} failed", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--filter", default="")
    options = parser.parse_args()
    run = Run()
    for folder in FOLDERS:
        binary = options.build.resolve() / f"tests/{folder}_tests"
        names = [n for n in cases_of(binary) if re.search(options.filter, f"{folder}/{n}")]
        run.total += len(names)
        run.queue.extend((folder, binary, names[at:at + CASES_OF_PROCESS])
                         for at in range(0, len(names), CASES_OF_PROCESS))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for worker in [pool.submit(run.work) for _ in range(options.jobs)]:
            worker.result()
    print(f"{run.passed} passed, {len(run.failed)} failed")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
