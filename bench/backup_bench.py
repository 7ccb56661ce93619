#!/usr/bin/env python3
"""What a backup costs those who stream meanwhile, and whether it is one.

    ./dev bench backup [--megabytes 1000] [--streams 200] [--seconds 60] [--data DIR]

A server on a database of that size runs the streams twice, alone and while one backup after the
other is made; sse_load prints how much later than the upstream sent it each token came. Then the
last backup is restored into another directory. Ends with 1 if a backup costs the 99th percentile
more than 20 ms, none was made meanwhile, or the restored database is not whole. Put --data on the
disk that is meant: /tmp may be memory.
"""

import argparse
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("TEST_BUILD", str(ROOT / "build/release"))
sys.path.insert(0, str(ROOT / "tests/system"))

import support  # noqa: E402  pylint: disable=wrong-import-position

ADDED_MS_MAX = 20
STEP_MS = 20
FREE = ("chat_calls_per_min=1000000", "write_calls_per_min=1000000", "read_calls_per_min=1000000",
        "connections_per_address_max=100000", "connections_unadmitted_max=100000",
        "streams_per_user_max=10000", "bcrypt_cost=4", "backup_every_hours=0", "backups_kept_max=1")


def fill(database, megabytes):
    """Rows of a kilobyte with an index, of a table that Parley does not know."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.execute("CREATE TABLE filling (id INTEGER PRIMARY KEY, word TEXT, bytes BLOB)")
        db.execute("CREATE INDEX filling_by_word ON filling (word)")
        for _ in range(megabytes):
            with db:
                db.executemany("INSERT INTO filling (word, bytes) VALUES (?, ?)",
                               [(os.urandom(8).hex(), os.urandom(930)) for _ in range(1000)])
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def stream(folder, server, token, model, options):
    """The report of one run of sse_load."""
    users = Path(folder) / "users.jsonl"
    users.write_text(json.dumps({"accessToken": token}) + "\n", encoding="ascii")
    tokens = options.seconds * 1000 // STEP_MS
    run = subprocess.run(
        [support.program("bench/sse_load"), "--target", "parley", "--url",
         f"127.0.0.1:{server.port}", "--model", model, "--tokens", str(tokens), "--streams",
         str(options.streams), "--users-file", str(users), "--seconds",
         str(3 * options.seconds + 60)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10 * options.seconds + 120,
        check=False)
    told = json.loads(run.stdout)
    if told["failed"]:
        raise SystemExit(f"{told['failed']} streams failed: {told['failures']}")
    return told


class backups(threading.Thread):
    """One after the other, until it is told to end."""

    def __init__(self, admin):
        super().__init__(daemon=True)
        self.admin = admin
        self.made = []
        self.seconds = []
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.is_set():
            begun = time.monotonic()
            job = self.admin.post("/api/admin/backup", None).body["id"]
            while True:
                known = self.admin.get(f"/api/jobs/{job}").body
                if known["status"] not in ("queued", "running"):
                    break
                if self.is_over.is_set() and self.made:
                    self.admin.request("DELETE", f"/api/jobs/{job}")
                time.sleep(0.05)
            if known["status"] == "done":
                self.made.append(known["report"]["backup"])
                self.seconds.append(time.monotonic() - begun)
            elif not self.is_over.is_set():
                raise SystemExit(f"a backup failed: {known}")


def measure(folder, options):
    server = support.parley(folder, *[word for value in FREE for word in ("--set", value)],
                            "--access-token-s", "3600")
    upstream = support.mock_llm(folder)
    try:
        server.start()
        test = support.system_test()
        test.server = server
        admin = test.register("admin")
        tokens = options.seconds * 1000 // STEP_MS
        model = test.add_model(admin, upstream.base_url, f"mock-t{tokens}-i{STEP_MS}-b32")["id"]
        server.stop()
        begun = time.monotonic()
        fill(server.data / "parley.db", options.megabytes)
        size = (server.data / "parley.db").stat().st_size
        print(f"a database of {size / 1e6:.0f} MB, made in {time.monotonic() - begun:.0f} s",
              flush=True)
        server.start()
        alone = stream(folder, server, admin.token, model, options)["addedMs"]
        print(f"alone:           token delay p50 {alone['p50']:.1f}  p99 {alone['p99']:.1f}  "
              f"max {alone['max']:.1f} ms", flush=True)
        busy = backups(admin)
        busy.start()
        among = stream(folder, server, admin.token, model, options)["addedMs"]
        busy.is_over.set()
        busy.join()
        print(f"with backups:    token delay p50 {among['p50']:.1f}  p99 {among['p99']:.1f}  "
              f"max {among['max']:.1f} ms; {len(busy.made)} backups of "
              f"{', '.join(f'{each:.1f}' for each in busy.seconds)} s", flush=True)
    finally:
        server.stop()
        upstream.stop()
    return among["p99"] - alone["p99"], busy.made, server.data / "backups"


def is_restored(folder, backup):
    data = Path(folder) / "restored"
    run = subprocess.run([support.program("parley"), "restore", str(backup), "--data", str(data)],
                         check=False)
    return run.returncode == 0 and support.integrity_faults(data) == []


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--data", type=Path, help="where to work; default: the temporary directory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parley-backup-", dir=options.data) as folder:
        added, made, inside = measure(folder, options)
        is_whole = bool(made) and is_restored(folder, inside / made[-1]["name"])
    print(f"added to the p99 by backups: {added:.1f} ms (at most {ADDED_MS_MAX}); restored: "
          f"{'whole' if is_whole else 'NOT whole'}")
    return 0 if added <= ADDED_MS_MAX and is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
