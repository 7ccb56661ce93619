#!/usr/bin/env python3
"""Runs every fuzz target for a while on its seeds and prints what came of it.

Usage: tests/fuzz/run.py [--build build/fuzz] [--seconds 60] [--jobs 2] [TARGET...]
Seconds are of CPU. Exits with 1 if a target finds something; the input that shows it stays in
BUILD/found.
"""

import argparse
import concurrent.futures
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Recorded streams and files of the repository that are seeds as they are.
ELSEWHERE = {
    "anthropic_fuzz": "tests/golden/anthropic", "gemini_fuzz": "tests/golden/gemini",
    "ollama_fuzz": "tests/golden/ollama", "openai_fuzz": "tests/golden/openai",
    "openai_responses_fuzz": "tests/golden/openai-responses", "sse_fuzz": "tests/golden/openai",
}
INPUT_BYTES_MAX = {"settings_fuzz": 4096, "catalogue_fuzz": 4096, "json_fuzz": 4096}


def seeds_of(target):
    folders = [ROOT / "tests/fuzz/seeds" / target.removesuffix("_fuzz")]
    if target in ELSEWHERE:
        folders.append(ROOT / ELSEWHERE[target])
    return [folder for folder in folders if folder.is_dir()]


def last_number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def fuzz(command, seconds):
    """Its output, whether it found nothing, and the CPU seconds it took. One that is a guest on a
    busy machine gets less than it waits for."""
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        child = subprocess.Popen([*command, f"-max_total_time={seconds}"], stdout=log, stderr=log,
                                 env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1"})
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        return log.read(), child.returncode == 0, used.ru_utime + used.ru_stime


def run(build, target, seconds):
    """One line about it, and whether it is sound."""
    if not (build / "tests" / target).exists():
        return f"  {target:24} is not built", False
    found = build / "found"
    found.mkdir(exist_ok=True)
    executions, cpu_s, is_sound = 0, 0.0, True
    with tempfile.TemporaryDirectory(prefix="parley-fuzz-") as fresh:
        command = [build / "tests" / target, "-print_final_stats=1",
                   f"-max_len={INPUT_BYTES_MAX.get(target, 1024)}", "-timeout=25",
                   "-rss_limit_mb=3000", f"-artifact_prefix={found}/{target}-", fresh,
                   *seeds_of(target)]
        # What was learned so far lies in `fresh`.
        while is_sound and seconds - cpu_s >= 1:
            text, is_sound, used_s = fuzz(command, math.ceil(seconds - cpu_s))
            count = last_number(r"stat::number_of_executed_units:\s*(\d+)", text)
            is_sound = is_sound and count > 0
            executions += count
            cpu_s += used_s
    covered = last_number(r" cov: (\d+)", text)
    features = last_number(r" ft: (\d+)", text)
    line = (f"  {target:24} {executions:>12,} executions  {cpu_s:>5.0f} s CPU  "
            f"coverage {covered:>6}  features {features:>7}")
    return (line, True) if is_sound else (f"{line}  FOUND SOMETHING:\n{text[-4000:]}", False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/fuzz")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    targets = options.targets or sorted(path.stem
                                        for path in (ROOT / "tests/fuzz").glob("*_fuzz.cpp"))
    print(f"{len(targets)} fuzz targets, {options.seconds} s of CPU each")
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        def run_one(target):
            line, is_sound = run(options.build.resolve(), target, options.seconds)
            print(line, flush=True)
            return is_sound

        return 0 if all(list(pool.map(run_one, targets))) else 1


if __name__ == "__main__":
    sys.exit(main())
