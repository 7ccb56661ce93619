#!/usr/bin/env python3
"""kill -9 under load, again and again: is anything lost that was acknowledged?

    ./dev bench kill9 [--runs 200]

The system test of that name (tests/system/kill9_test.py), more often and with the release build:
twenty chats talk, the server is killed at a random moment, its database is checked and it is
started again; each acknowledged message must be there, and each stream that was cut off must go on
to exactly the stored text. About two seconds a run. Prints what it counted; ends with 1 if a run
lost anything.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    options = parser.parse_args()
    environment = {**os.environ, "TEST_RUNS": str(options.runs), "TEST_BUILD": str(options.build)}
    command = [sys.executable, ROOT / "tests/run_python.py", ROOT / "tests/system", "kill9_test.py"]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
