#!/usr/bin/env python3
"""Does anything grow while people come and go?

    ./dev bench soak [--minutes 30] [--users 40] [--build build/release]

Each of the users logs in, looks around, chats in a new session, leaves replies in the middle and
comes back to them, stops some, removes most of the sessions and logs out; then waits and does it
again. What a reply showed must be what is stored, and a logged-out token must be refused.

Memory (PSS), descriptors and the size of the database are taken every ten seconds; printed are
their slopes over the second half, when everybody has been there for a while. Ends with 1 if a
descriptor leaks, memory grows by more than a two-hundredth of itself a minute, or an answer is not
what it should be. Under twenty minutes the slope of memory says little: users are awake for ten,
and the caches of the database fill.
"""

import argparse
import itertools
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import figures

SAMPLE_S = 10
TURNS = 3
MEMORY_GROWTH_MAX = 0.005  # a minute, of the mean
DESCRIPTORS_GROWTH_MAX = 0.5  # a minute; a leak at each visit would be hundreds


class visitor:
    """One user, who comes and goes until `is_over`."""

    def __init__(self, support, caller, name, model, is_over):
        self.support, self.caller, self.name, self.model = support, caller, name, model
        self.is_over = is_over
        self.chance = random.Random(name)
        self.count = dict.fromkeys(("visits", "whole", "resumed", "stopped"), 0)

    def must(self, answer, *statuses):
        if answer.status not in statuses:
            raise AssertionError(f"{self.name}: {answer.status} {answer.body}")
        return answer.body

    def run(self):
        while not self.is_over.wait(self.chance.uniform(0, 2)):
            self.visit()

    def visit(self):
        told = self.must(self.caller.post("/api/auth/login", {
            "username": self.name, "password": self.support.PASSWORD}), 200)
        self.caller.token = told["accessToken"]
        for path in ("/api/sessions", "/api/models", "/api/settings", "/api/usage"):
            self.must(self.caller.get(path), 200)
        session = self.must(self.caller.post("/api/sessions", {"modelId": self.model}), 201)["id"]
        for _ in range(TURNS):
            self.turn(session)
        if self.chance.random() < 0.8:
            self.must(self.caller.request("DELETE", f"/api/sessions/{session}"), 204)
        self.must(self.caller.post("/api/auth/logout", {}), 204)
        self.must(self.caller.get("/api/auth/me"), 401)
        self.count["visits"] += 1

    def turn(self, session):
        kind = self.chance.choice(("whole", "whole", "resumed", "stopped"))
        leaves_after = self.chance.randrange(1, 40)
        view = self.support.reply_view()
        with self.caller.stream("/api/chat/stream",
                                {"sessionId": session, "content": "Go on."}) as events:
            if events.status != 200:
                raise AssertionError(f"{self.name}: {events.status} {events.problem}")
            for item in events:
                view.take(item)
                if kind != "whole" and len(view.taken) > leaves_after:
                    break
        if kind == "stopped":
            self.must(self.caller.post("/api/chat/stop", {"sessionId": session}), 204, 409, 404)
        if kind != "whole" and view.done is None:
            with self.caller.stream(f"/api/chat/stream/{view.start['messageId']}",
                                    last_id=view.last_id) as events:
                view.follow(events)
        stored = self.must(self.caller.get(
            f"/api/sessions/{session}/messages/{view.start['messageId']}"), 200)
        if view.done is None or view.events_after_done or stored["content"] != view.text:
            raise AssertionError(f"{self.name}: {kind}: shown {view.text[-80:]!r}, "
                                 f"stored {stored['content'][-80:]!r}, {view.done}")
        self.count[kind] += 1


def sample(server):
    pid = server.process.child.pid
    database = sum(file.stat().st_size for file in server.data.glob("*.db*"))
    return (time.monotonic() / 60, figures.pss_kib(pid), len(os.listdir(f"/proc/{pid}/fd")),
            database / 1024)


def slope_of(samples, column):
    """A minute; the median of all pairs (Theil and Sen), which a moment's dip does not turn."""
    return statistics.median((late[column] - early[column]) / (late[0] - early[0])
                             for early, late in itertools.combinations(samples, 2))


def soak(support, folder, options):
    free = [part for kind in ("read", "write", "login", "chat")
            for part in (f"--{kind}-calls-per-min", "1000000")]
    server = support.parley(folder, *free)
    upstream = support.mock_llm(Path(folder))
    is_over = threading.Event()
    samples = []
    try:
        server.start()
        admin = server.client()
        admin.token = admin.post("/api/auth/register", {
            "username": "admin", "password": support.PASSWORD}).body["accessToken"]
        admin.patch("/api/settings/system", {"registration": "open"})
        model = admin.post("/api/models/system", {
            "name": "mock", "provider": "openai", "model": "mock-t60-i20-f1", "apiKey": "none",
            "baseUrl": upstream.base_url, "access": [{"type": "everyone"}]}).body["id"]
        people = []
        for number in range(options.users):
            caller = server.client()
            caller.post("/api/auth/register", {"username": f"user{number}",
                                               "password": support.PASSWORD})
            people.append(visitor(support, caller, f"user{number}", model, is_over))

        def watch():
            until = time.monotonic() + options.minutes * 60
            while time.monotonic() < until and server.process.is_running():
                time.sleep(SAMPLE_S)
                samples.append(sample(server))
                if len(samples) % 6 == 0:
                    print(f"  minute {len(samples) // 6:3}: {samples[-1][1] / 1024:6.1f} MiB, "
                          f"{samples[-1][2]:4} descriptors, database {samples[-1][3]:9,.0f} KiB, "
                          f"{sum(one.count['visits'] for one in people):,} visits", flush=True)
            is_over.set()

        support.run_together([watch] + [one.run for one in people], options.minutes * 60 + 120)
        return samples, {kind: sum(one.count[kind] for one in people) for kind in people[0].count}
    finally:
        is_over.set()
        server.stop()
        upstream.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--users", type=int, default=40)
    figures.add_build(parser)
    options = parser.parse_args()
    support = figures.support_of(options.build)
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        samples, count = soak(support, folder, options)
    settled = samples[len(samples) // 2:]
    memory, descriptors, database = (slope_of(settled, column) for column in (1, 2, 3))
    mean = statistics.fmean(one[1] for one in settled)
    print(", ".join(f"{number:,} {kind}" for kind, number in count.items()))
    print(f"database: {database:+,.1f} KiB a minute")
    return figures.verdict({
        f"memory: {mean / 1024:.1f} MiB, {memory:+.1f} KiB a minute "
        f"(at most {mean * MEMORY_GROWTH_MAX:.0f}": memory <= mean * MEMORY_GROWTH_MAX,
        f"descriptors: {settled[-1][2]}, {descriptors:+.2f} a minute "
        f"(at most {DESCRIPTORS_GROWTH_MAX}": descriptors <= DESCRIPTORS_GROWTH_MAX,
        f"visits: {count['visits']:,} (at least {options.users}":
            count["visits"] >= options.users})


if __name__ == "__main__":
    sys.exit(main())
