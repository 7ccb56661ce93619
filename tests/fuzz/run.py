#!/usr/bin/env python3
"""Runs every fuzz target for a while on its seeds and prints what came of it.

Usage: tests/fuzz/run.py [--build build/fuzz] [--seconds 60] [--jobs 2] [TARGET...]
Exits with 1 if a target finds something; the input that shows it stays in BUILD/found.
"""

import argparse
import concurrent.futures
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


def run(build, target, seconds):
    """One line about it, and whether it is sound."""
    if not (build / "tests" / target).exists():
        return f"  {target:24} is not built", False
    found = build / "found"
    found.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="parley-fuzz-") as fresh:
        command = [build / "tests" / target, f"-max_total_time={seconds}", "-print_final_stats=1",
                   f"-max_len={INPUT_BYTES_MAX.get(target, 1024)}", "-timeout=10",
                   "-rss_limit_mb=3000", f"-artifact_prefix={found}/{target}-", fresh,
                   *seeds_of(target)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=seconds + 300, check=False,
                              env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1"})
    text = done.stdout
    executions = last_number(r"stat::number_of_executed_units:\s*(\d+)", text)
    covered = last_number(r" cov: (\d+)", text)
    features = last_number(r" ft: (\d+)", text)
    line = (f"  {target:24} {executions:>12,} executions  coverage {covered:>6}"
            f"  features {features:>7}")
    if done.returncode == 0 and executions > 0:
        return line, True
    return f"{line}  FOUND SOMETHING (exit {done.returncode}):\n{text[-4000:]}", False


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/fuzz")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    targets = options.targets or sorted(path.stem
                                        for path in (ROOT / "tests/fuzz").glob("*_fuzz.cpp"))
    print(f"{len(targets)} fuzz targets, {options.seconds} s each")
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda each: run(options.build.resolve(), each, options.seconds),
                                targets))
    for line, _ in results:
        print(line)
    return 0 if all(is_sound for _, is_sound in results) else 1


if __name__ == "__main__":
    sys.exit(main())
