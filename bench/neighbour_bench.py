#!/usr/bin/env python3
"""Do others notice one who works in a chat of 50 MB?

    ./dev bench neighbour [--seconds 20] [--runs 3] [--build build/release]

50 users read and write at a fixed rate, first alone and then beside one user who, without a pause,
opens a chat of 50 MB, searches in it, exports it and takes turns in it; both in turn, `--runs`
times. Prints the p99 of the 50 in either case; ends with 1 if the median of their ratios is above
1.2 or an answer is not what it should be.
"""

import argparse
import concurrent.futures
import http.client
import json
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import figures
from population import WORDS, extent, population

SIZE = extent(users=51, sessions_per_user=3, messages_per_session=40, long_session=5000,
              words_each=1350)
RATE = 100  # requests a second of all 50
RATIO_MAX = 1.2


def others(people, model, count):
    """(user, method, path, body) of so many requests of the 50, mixed."""
    chance = random.Random(5)
    for _ in range(count):
        user = chance.randrange(1, SIZE.users)
        session = chance.choice(people.sessions[user])
        yield chance.choice([
            (user, "GET", "/api/sessions", None),
            (user, "GET", f"/api/sessions/{session}/messages", None),
            (user, "GET", f"/api/search?q={chance.choice(WORDS)}", None),
            (user, "PATCH", f"/api/sessions/{session}", {"title": f"Chat {chance.random()}"}),
            (user, "POST", "/api/sessions", {"title": "A new one", "modelId": model})])


class neighbour:
    """The one: a process of its own, so that reading 50 MB takes no time of those who measure."""

    def __init__(self, port, token, session, model):
        self.is_over = multiprocessing.Event()
        self.told, others_end = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.Process(
            target=self.run, args=(others_end, port, token, session, model), daemon=True)

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.rounds, self.fault = self.told.recv() if self.told.poll(60) else (0, "no end")
        self.process.join()

    def run(self, told, port, token, session, model):
        fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json",
                  "Accept": "application/json"}
        own = f"/api/sessions/{session}"
        turn = json.dumps({"sessionId": session, "content": "And now?", "modelId": model})
        rounds, fault = 0, ""
        while not self.is_over.is_set() and not fault:
            for method, path, body in (
                    ("GET", f"{own}/messages", None),
                    ("GET", f"/api/search?q={WORDS[rounds % len(WORDS)]}", None),
                    ("GET", f"{own}/export", None), ("POST", "/api/chat/stream", turn)):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request(method, path, body, fields)
                answer = connection.getresponse()
                start = answer.read(300)
                while answer.read(1 << 20):
                    pass
                connection.close()
                if answer.status != 200:
                    fault = f"{path}: {answer.status} {start}"
            rounds += 1
        told.send((rounds, fault))


def p99_of(server, people, model, seconds):
    callers = []
    for token in people.tokens:
        callers.append(server.client())
        callers[-1].token = token

    def send(request, due):
        user, method, path, body = request
        time.sleep(max(0.0, due - time.monotonic()))
        begun = time.monotonic()
        told = callers[user].request(method, path, body)
        assert told.status in (200, 201), (method, path, told.status, told.body)
        return (time.monotonic() - begun) * 1e3

    begun = time.monotonic() + 0.2
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        jobs = [threads.submit(send, request, begun + number / RATE)
                for number, request in enumerate(others(people, model, seconds * RATE))]
        return figures.at_share([job.result() for job in jobs], 0.99)


def measure(support, folder, options):
    free = [part for name in ("read", "write", "login", "chat")
            for part in (f"--{name}-calls-per-min", "1000000")]
    server = support.parley(folder, "--messages-per-session-max", "100000",
                            "--access-token-s", "3600", *free)
    upstream = support.mock_llm(Path(folder))
    try:
        people = population(support, server, SIZE)
        server.start()
        admin = server.client()
        admin.token = people.tokens[0]
        model = admin.post("/api/models/system", {
            "name": "mock", "model": "mock-t20-i1-f1", "baseUrl": upstream.base_url,
            "access": [{"type": "everyone"}]}).body["id"]
        p99_of(server, people, model, 2)  # everybody is awake
        found = []
        for _ in range(options.runs):
            alone = p99_of(server, people, model, options.seconds)
            with neighbour(server.port, people.tokens[0], people.long_session, model) as one:
                beside = p99_of(server, people, model, options.seconds)
            found.append((alone, beside, one.rounds, one.fault))
            print(f"  p99 alone {alone:.1f} ms, beside {beside:.1f} ms, "
                  f"{one.rounds} rounds in the chat of 50 MB {one.fault or ''}", flush=True)
        return found
    finally:
        server.stop()
        upstream.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    figures.add_build(parser)
    options = parser.parse_args()
    support = figures.support_of(options.build)
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        found = measure(support, folder, options)
    ratio = statistics.median(beside / alone for alone, beside, *_ in found)
    return figures.verdict({
        f"p99 beside the chat of 50 MB: {ratio:.2f} x that alone (at most {RATIO_MAX}":
            ratio <= RATIO_MAX,
        f"rounds in it: {min(each[2] for each in found)} (at least 1":
            all(each[2] and not each[3] for each in found)})


if __name__ == "__main__":
    sys.exit(main())
