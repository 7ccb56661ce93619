#!/usr/bin/env python3
"""How soon the server is ready, and what it holds when nobody asks anything.

    ./dev bench startup [--quiet 60] [--build build/release]

On 100 users with 100,000 messages: from the start of the program until /readyz says yes, the median
of five; proportional memory (PSS) a minute after; and again after 300 logins and 1,000 turns, both
vocabularies used, once the actors sleep. Ends with 1 if a figure is missed: 300 ms, 40 MB.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import figures
from population import extent, population

STARTS, LOGINS, STREAMS, ROUNDS = 5, 300, 50, 20
START_MS_MAX, QUIET_MB_MAX = 300, 40
IDLE_S = 10  # what user_idle_max_s and session_idle_max_s are set to
ASLEEP_S_MAX = 240


def pss_mb(server):
    return figures.pss_kib(server.process.child.pid) / 1024


def wait_until_asleep(server):
    """Replies are kept a while for those who come back to them, then sessions and users sleep."""
    until = time.monotonic() + ASLEEP_S_MAX
    while not re.search(r"^parley_users_awake 0$", server.client().get("/metrics").body,
                        re.MULTILINE):
        assert time.monotonic() < until, "somebody is still awake"
        time.sleep(1)


def work(support, server, people, folder, base_url):
    admin = server.client()
    admin.token = people.tokens[0]
    model = admin.post("/api/models/system", {
        "name": "mock", "model": "mock-t100-i2-b32", "baseUrl": base_url,
        "access": [{"type": "everyone"}]}).body["id"]
    for name in ("gpt-4o", "gpt-4"):
        counted = admin.post("/api/tokens/count", {"model": name, "text": "What holds it up?"})
        assert counted.status == 200 and not counted.body["estimated"], counted
    for number in range(LOGINS):
        reply = server.client().post("/api/auth/login", {
            "username": f"user{1 + number % 99}", "password": support.PASSWORD})
        assert reply.status == 200, reply
    users = Path(folder) / "users.jsonl"
    users.write_text("".join(json.dumps({"accessToken": token}) + "\n"
                             for token in people.tokens[:STREAMS]), encoding="ascii")
    run = subprocess.run(
        [support.program("bench/sse_load"), "--target", "parley", "--url",
         f"127.0.0.1:{server.port}", "--model", model, "--tokens", "100", "--streams",
         str(STREAMS), "--rounds", str(ROUNDS), "--users-file", str(users), "--seconds",
         "120"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=180, check=True)
    assert not json.loads(run.stdout)["failed"], run.stdout


def measure(folder, options, support):
    server = support.parley(
        folder, "--messages-per-session-max", "100000", "--bcrypt-cost", "4", "--user-idle-max-s",
        str(IDLE_S), "--session-idle-max-s", str(IDLE_S), "--login-calls-per-min", "100000",
        "--write-calls-per-min", "100000", "--chat-calls-per-min", "100000")
    upstream = support.mock_llm(folder)
    try:
        people = population(support, server, extent())
        starts_ms = []
        for _ in range(STARTS):
            starts_ms.append(server.start().start_s * 1e3)
            server.stop()
        server.start()
        time.sleep(options.quiet)
        first_mb = pss_mb(server)
        work(support, server, people, folder, upstream.base_url)
        wait_until_asleep(server)
        time.sleep(options.quiet)
        return statistics.median(starts_ms), first_mb, pss_mb(server)
    finally:
        server.stop()
        upstream.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quiet", type=int, default=60, help="seconds before memory is read")
    figures.add_build(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        start_ms, first_mb, after_mb = measure(folder, options, figures.support_of(options.build))
    return figures.verdict({
        f"ready after {start_ms:.0f} ms, the median of {STARTS} (at most {START_MS_MAX}":
            start_ms <= START_MS_MAX,
        f"quiet, {options.quiet} s after the start: {first_mb:.1f} MB (at most {QUIET_MB_MAX}":
            first_mb <= QUIET_MB_MAX,
        f"after {LOGINS} logins and {STREAMS * ROUNDS} turns: {after_mb:.1f} MB (at most "
        f"{QUIET_MB_MAX}": after_mb <= QUIET_MB_MAX})


if __name__ == "__main__":
    sys.exit(main())
