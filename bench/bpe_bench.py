#!/usr/bin/env python3
"""What exact counting costs and that it is exact, against npm's tokenizers.

    ./dev bench bpe [--strings 200000] [--seed 1] [--rounds 3]

Prints the fixed bounds (bpe_bench limits), compares ids and counts with npm tiktoken over generated
strings (oracle.mjs), then sets the speed on nine corpora against it and against the fastest npm
port (compare.mjs). About five minutes; ends with 1 if a target is missed. The first run gathers the
corpora, for which it needs Debian's mirror.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "bench/bpe"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--strings", default="200000")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--rounds", default="3")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    options = parser.parse_args()
    corpora = ROOT / "build/corpora"
    program = options.build.resolve() / "bench/bpe_bench"
    if not (SCRIPTS / "node_modules/tiktoken").exists():
        subprocess.run(["npm", "ci", "--prefix", SCRIPTS, "--ignore-scripts", "--no-audit",
                        "--no-fund"], check=True)
    if len(list(corpora.glob("*.txt"))) < 9:
        subprocess.run([sys.executable, SCRIPTS / "corpora.py", corpora], check=True)
    is_met = True
    for command in ([program, "limits"],
                    ["node", SCRIPTS / "oracle.mjs", program, options.strings, options.seed],
                    ["node", SCRIPTS / "compare.mjs", program, corpora, options.rounds]):
        is_met &= subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
