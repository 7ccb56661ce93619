#!/usr/bin/env python3
"""How long one waits for the compiler.

    ./dev bench build [--only whole,rebuild]

`whole` builds the release from nothing in a folder of its own. `rebuild` takes build/debug, what
`./dev test` builds, and for some files of each folder, the longest among them, times what one waits
for after an edit: compiling that file and linking the server.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from figures import ROOT, verdict

WHOLE_S_MAX, REBUILD_S_MAX = 360, 20
FOLDERS = ("base", "chat", "actors/impl", "providers", "storage", "http", "http/routes", "app")
FILES_OF_FOLDER = 2
JOBS = "2"


def run(*command):
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-4000:]}")
    return time.monotonic() - began


def whole():
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        run("cmake", "--preset", "release", "-B", folder)
        took_s = run("cmake", "--build", folder, "-j", JOBS, "--target", "parley")
    figure = f"the release from nothing: {took_s:.0f} s (at most {WHOLE_S_MAX}"
    return {figure: took_s <= WHOLE_S_MAX}


def rebuild():
    build = ROOT / "build" / "debug"
    run("cmake", "--preset", "debug")
    run("cmake", "--build", str(build), "-j", JOBS, "--target", "parley")
    times_s = {}
    for folder in FOLDERS:
        longest = sorted((ROOT / folder).glob("*.cpp"), key=lambda file: -file.stat().st_size)
        for file in longest[:FILES_OF_FOLDER]:
            os.utime(file)
            times_s[file.relative_to(ROOT)] = run("ninja", "-C", str(build), "-j", JOBS, "parley")
    for file, took_s in times_s.items():
        print(f"  {str(file):<44} {took_s:5.1f} s")
    worst_s = max(times_s.values())
    figure = (f"after an edit: {statistics.median(times_s.values()):.1f} s at the median, "
              f"{worst_s:.1f} s at worst (at most {REBUILD_S_MAX}")
    return {figure: worst_s <= REBUILD_S_MAX}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--only", default="whole,rebuild")
    wanted = parser.parse_args().only.split(",")
    is_met = {}
    for name, part in (("whole", whole), ("rebuild", rebuild)):
        if name in wanted:
            is_met |= part()
    return verdict(is_met)


if __name__ == "__main__":
    sys.exit(main())
