#!/usr/bin/env python3
"""How long a whole installation of Open WebUI takes to move in, and in how much memory.

    ./dev bench migrate [--messages 1000000]

Makes a database as the other program's migrations leave it, with messages of about 500 bytes, and
runs `parley migrate-from openwebui` on it twice: the second run must find everything there. Prints
seconds, messages a second and the largest resident set; ends with 1 beyond ten minutes for a
million messages or 200 MB.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/system"))

from openwebui_fixture import fill_many  # noqa: E402  pylint: disable=wrong-import-position

SECONDS_OF_A_MILLION_MAX = 600
RSS_MB_MAX = 200


def run(command):
    """The report, the seconds and the resident megabytes of one run."""
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        report = json.loads(child.stdout.read())
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {child.returncode}")
    return report, time.monotonic() - begun, used.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--messages-of-chat", type=int, default=100)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parley-migrate-") as folder:
        file = Path(folder) / "webui.db"
        fill_many(file, options.messages, options.messages // options.messages_of_chat)
        print(f"webui.db: {options.messages} messages, {file.stat().st_size / 1e6:.0f} MB")
        command = [options.build / "parley", "migrate-from", "openwebui", "--db", file, "--data",
                   Path(folder) / "data", "--json"]
        first, seconds, rss = run(command)
        moved = first["messages"]["taken"]
        print(f"moved {moved} messages in {seconds:.1f} s ({moved / seconds:.0f} a second), "
              f"{rss:.0f} MB resident")
        again, seconds_again, _ = run(command)
        print(f"again: {again['chats']['leftOut'].get('already_there', 0)} chats there already, "
              f"{seconds_again:.1f} s")
        is_good = (moved == options.messages and again["messages"]["total"] == 0 and
                   rss <= RSS_MB_MAX and
                   seconds <= SECONDS_OF_A_MILLION_MAX * max(1, options.messages / 1e6))
        return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
