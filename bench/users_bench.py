#!/usr/bin/env python3
"""What 10,000 users hold, each with a chat of 50 messages open: awake, and asleep.

    ./dev bench users [--users 10000] [--quiet 60] [--build build/release]

The users and their messages are made first, which takes minutes. Then each opens the app and looks
at what its next turn would send, so that all users and their sessions are awake; then nobody asks
anything until all sleep. Prints what the server holds beyond what it held at its start, in
proportional memory (PSS); ends with 1 if a figure is missed: 300 MB awake, 40 MB asleep.
"""

import argparse
import concurrent.futures
import re
import sys
import tempfile
import time

import figures
from population import extent, population
from startup_bench import pss_mb, wait_until_asleep

MESSAGES = 50
IDLE_S = 120  # what user_idle_max_s and session_idle_max_s are set to: longer than all take to come
AWAKE_MB_MAX, ASLEEP_MB_MAX = 300, 40


def open_app(server, people, number, model):
    caller = server.client()
    caller.token = people.tokens[number]
    session = people.sessions[number][0]
    for told in (caller.get("/api/sessions"), caller.get(f"/api/sessions/{session}/messages"),
                 caller.post("/api/chat/preview", {"sessionId": session, "content": "And then?",
                                                   "modelId": model})):
        if told.status != 200:
            raise AssertionError(f"user {number}: {told.status} {told.body}")


def measure(folder, options, support):
    free = [word for name in ("read-calls-per-min", "write-calls-per-min", "login-calls-per-min",
                              "chat-calls-per-min") for word in (f"--{name}", "1000000")]
    server = support.parley(folder, *free, "--bcrypt-cost", "4", "--user-idle-max-s", str(IDLE_S),
                            "--session-idle-max-s", str(IDLE_S), "--access-token-s", "3600")
    upstream = support.mock_llm(folder)
    try:
        people = population(support, server, extent(
            users=options.users, sessions_per_user=1, messages_per_session=MESSAGES,
            long_session=0))
        admin = server.start().client()
        admin.token = people.tokens[0]
        model = admin.post("/api/models/system", {
            "name": "mock", "model": "mock-t5-i0-b32", "baseUrl": upstream.base_url,
            "access": [{"type": "everyone"}]}).body["id"]
        open_app(server, people, 0, model)
        wait_until_asleep(server)
        time.sleep(options.quiet)
        before_mb = pss_mb(server)
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda number: open_app(server, people, number, model),
                             range(options.users)))
        took_s = time.monotonic() - begun
        time.sleep(2)  # the gauge is set once a second
        awake = int(re.search(r"^parley_users_awake (\d+)$", server.client().get("/metrics").body,
                              re.MULTILINE).group(1))
        awake_mb = pss_mb(server)
        print(f"{options.users} users opened the app in {took_s:.0f} s; {awake} are awake",
              flush=True)
        wait_until_asleep(server)
        time.sleep(options.quiet)
        return awake >= options.users, awake_mb - before_mb, pss_mb(server) - before_mb
    finally:
        server.stop()
        upstream.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--quiet", type=int, default=60, help="seconds before memory is read")
    figures.add_build(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        all_awake, awake_mb, asleep_mb = measure(folder, options,
                                                 figures.support_of(options.build))
    return figures.verdict({
        f"awake: {awake_mb:.1f} MB more than at the start (at most {AWAKE_MB_MAX}":
            awake_mb <= AWAKE_MB_MAX and all_awake,
        f"asleep: {asleep_mb:.1f} MB more than at the start (at most {ASLEEP_MB_MAX}":
            asleep_mb <= ASLEEP_MB_MAX})


if __name__ == "__main__":
    sys.exit(main())
