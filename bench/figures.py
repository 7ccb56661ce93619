"""What benches of the built server share: its support, its memory, figures against targets."""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def add_build(parser):
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")


def support_of(build):
    """The support of the system tests, for the programs of that build."""
    os.environ["TEST_BUILD"] = str(build.resolve())
    sys.path.insert(0, str(ROOT / "tests/system"))
    import support  # pylint: disable=import-outside-toplevel,import-error
    return support


def pss_kib(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE).group(1))


def at_share(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def verdict(is_met):
    """Prints each figure, a text that ends within "(at most …"; the exit code."""
    for figure, is_one_met in is_met.items():
        print(f"{figure}: {'met' if is_one_met else 'MISSED'})")
    return 0 if all(is_met.values()) else 1
