#!/usr/bin/env python3
"""What exact counting costs and that it is exact, against npm's tokenizers.

    ./dev bench bpe [--only limits|vectors|oracle|closed|compare] [--strings 200000] [--seed 1]
                    [--rounds 3]

Prints the fixed bounds (bpe_bench limits); holds ids, counts and every cut of a growing text
against the official vectors, and ids and counts against npm tiktoken over generated strings
(oracle.mjs); learns vocabularies that it does not have (closed.mjs); then sets the speed on nine
corpora against tiktoken and the fastest npm port (compare.mjs). Each figure stands beside its
target. About six minutes; ends with 1 if a target is missed. The first run gathers the corpora, for
which it needs Debian's mirror.
"""

import argparse
import json
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "bench/bpe"
VECTORS = ROOT / "tests/golden/bpe/vectors.jsonl"


def differing(answer, wanted):
    """How many of the framed answers of `bpe_bench ids` are not these lists of ids."""
    different = at = 0
    for ids in wanted:
        (count,) = struct.unpack_from("<I", answer, at)
        at += 4
        found = [] if count == 0xffffffff else list(struct.unpack_from(f"<{count}I", answer, at))
        at += 4 * len(found)
        different += found != ids
    return different


def hold_against_vectors(program):
    vectors = [json.loads(line) for line in VECTORS.read_text("utf-8").split("\n") if line]
    texts = [vector["text"].encode() for vector in vectors]
    frames = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    is_met = True
    for vocabulary in ("cl100k", "o200k"):
        ids = subprocess.run([program, "ids", vocabulary], input=frames, stdout=subprocess.PIPE,
                             check=True).stdout
        different = differing(ids, [vector[vocabulary] for vector in vectors])
        cuts = json.loads(subprocess.run([program, "cuts", vocabulary], input=frames, check=False,
                                         stdout=subprocess.PIPE).stdout)
        for what, count, number in (("vectors", len(texts), different),
                                    ("cuts of a growing text", cuts["cuts"], cuts["different"])):
            is_met &= number == 0
            print(f"{vocabulary}, {count:,} {what}: {number} differ "
                  f"(at most 0: {'met' if number == 0 else 'MISSED'})", flush=True)
    return is_met


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", choices=("limits", "vectors", "oracle", "closed", "compare"))
    parser.add_argument("--strings", default="200000")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--rounds", default="3")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    options = parser.parse_args()
    corpora = ROOT / "build/corpora"
    program = options.build.resolve() / "bench/bpe_bench"
    if not (SCRIPTS / "node_modules/@anthropic-ai/tokenizer").exists():
        subprocess.run(["npm", "ci", "--prefix", SCRIPTS, "--ignore-scripts", "--no-audit",
                        "--no-fund"], check=True)
    if len(list(corpora.glob("*.txt"))) < 9:
        subprocess.run([sys.executable, SCRIPTS / "corpora.py", corpora], check=True)
    parts = {
        "limits": [program, "limits"],
        "vectors": None,
        "oracle": ["node", SCRIPTS / "oracle.mjs", program, options.strings, options.seed, corpora],
        "closed": ["node", SCRIPTS / "closed.mjs", program, corpora],
        "compare": ["node", SCRIPTS / "compare.mjs", program, corpora.relative_to(ROOT),
                    options.rounds],
    }
    is_met = True
    for part in [options.only] if options.only else parts:
        command = parts[part]
        if command is None:
            is_met &= hold_against_vectors(program)
        else:
            is_met &= subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
