#!/usr/bin/env python3
"""How long the routes that read take while many users ask at once.

    ./dev bench api [--seconds 30] [--rate 200] [--build build/release]

Makes 100 users with 100,000 messages, one session of them with 10,000, starts the server on them
and sends requests to the routes that read, mixed, at a fixed rate. A row for each route; ends with
1 if a limit is passed: 20 ms at p95 for a route, 10 ms for a page of the long session, 300 ms from
the start of the program until it is ready.
"""

import argparse
import concurrent.futures
import http.client
import random
import sys
import tempfile
import threading
import time
from collections import defaultdict

import figures
from population import WORDS, extent, population

SIZE = extent()
LIMIT_MS, LONG_LIMIT_MS, START_LIMIT_MS = 20, 10, 300


def requests(people, chance):
    """(route, token, path) of each route once, by users of chance."""
    def one(route, path=None, user=None):
        return (route, chance.choice(people.tokens) if user is None else people.tokens[user],
                path or route)
    user = chance.randrange(SIZE.users)
    place = chance.randrange(SIZE.sessions_per_user)
    session = f"/api/sessions/{people.sessions[user][place]}"
    word = chance.choice(WORDS)
    yield from map(one, [
        "/api/sessions", "/api/folders", "/api/auth/me", "/api/auth/logins", "/api/users/me",
        "/api/models", "/api/keys", "/api/usage", "/api/usage/limits", "/api/settings",
        "/api/info", "/api/health", "/api/auth/methods"])
    yield one("/api/sessions/{id}", session, user)
    yield one("/api/sessions/{id}/messages", f"{session}/messages", user)
    yield one("/api/sessions/{id}/messages/{messageId}",
              f"{session}/messages/{people.messages[user][place]}", user)
    yield one("/api/search (frequent)", f"/api/search?q={word}")
    yield one("/api/search (rare)", f"/api/search?q=rare{chance.randrange(1000, 9999)}")
    yield one("a page of 10,000 messages", f"/api/sessions/{people.long_session}/messages", 0)
    for route in ["/api/users", "/api/admin/audit", "/api/admin/channels", "/api/admin/streams",
                  "/api/admin/usage", "/api/admin/quotas", "/api/settings/system"]:
        yield one(route, user=0)


class caller:
    """A connection that is kept, for one thread."""

    local = threading.local()

    def __init__(self, port):
        self.port = port

    def __call__(self, request, due):
        route, token, path = request
        time.sleep(max(0.0, due - time.monotonic()))
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port)
            connection.connect()
        begun = time.monotonic()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        with connection.getresponse() as response:
            response.read()
            if response.will_close:
                connection.close()
                self.local.connection = None
            return route, response.status, (time.monotonic() - begun) * 1e3


def measure(server, people, options):
    """Milliseconds of each route."""
    chance = random.Random(2)
    ask = caller(server.port)
    wanted = []
    while len(wanted) < options.seconds * options.rate:
        wanted += requests(people, chance)
    chance.shuffle(wanted)
    times = defaultdict(list)
    begun = time.monotonic() + 0.5
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        jobs = [threads.submit(ask, request, begun + number / options.rate)
                for number, request in enumerate(wanted)]
        for job in jobs:
            route, status, took = job.result()
            assert status == 200, (route, status)
            times[route].append(took)
    print(f"{len(wanted) / (time.monotonic() - begun):.0f} requests/s of {options.rate}")
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=200)
    figures.add_build(parser)
    options = parser.parse_args()
    support = figures.support_of(options.build)

    passed = []
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        server = support.parley(folder, "--messages-per-session-max", "100000",
                                "--read-calls-per-min", "1000000", "--write-calls-per-min",
                                "1000000", "--login-calls-per-min", "1000000",
                                "--requests-per-connection-max", "1000000")
        try:
            people = population(support, server, SIZE)
            start_ms = server.start().start_s * 1e3
            print(f"ready after {start_ms:.0f} ms (limit {START_LIMIT_MS})")
            if start_ms > START_LIMIT_MS:
                passed.append("start")
            times = measure(server, people, options)
        finally:
            server.stop()
    print(f"{'route':46} {'count':>6} {'p50':>7} {'p95':>7} {'p99':>7} ms")
    for route, values in sorted(times.items()):
        p50, p95, p99 = (figures.at_share(values, share) for share in (0.5, 0.95, 0.99))
        print(f"{route:46} {len(values):6} {p50:7.1f} {p95:7.1f} {p99:7.1f}")
        if p95 > (LONG_LIMIT_MS if "10,000" in route else LIMIT_MS):
            passed.append(route)
    print(f"limits passed: {', '.join(passed) or 'none'}")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())
