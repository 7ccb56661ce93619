#!/usr/bin/env python3
"""What listeners of /api/events cost, and how late a change reaches the other devices.

    ./dev bench events [--listeners 1000] [--changes 500] [--build build/release]

Opens that many listeners, ten devices for each user, and takes the server's memory before and
after. Then sessions are renamed, one by one, each on a device of a user of chance; every other
device of that user must be told. Prints the memory of a listener and the delay from before the
request to the event's last byte; ends with 1 if a limit is passed or a change did not come.
"""

import argparse
import http.client
import json
import random
import selectors
import socket
import statistics
import sys
import tempfile
import time

import figures

DEVICES = 10  # of a user
MEMORY_LIMIT_KB, DELAY_LIMIT_MS = 12, 100
WAIT_S = 5  # for a change to come
SETTLE_S = 2  # until memory is read


def memory_of_one(known):
    """What the heap gives back meanwhile is not the listeners' doing, so the median counts, too."""
    steps = [after - before for before, after in zip(known, known[1:])]
    return max(statistics.median(steps), statistics.mean(steps)) / DEVICES


class device:
    """One listener; `take` reads what has come."""

    def __init__(self, port, token):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                            b"Accept: text/event-stream\r\n"
                            b"Authorization: Bearer " + token.encode() + b"\r\n\r\n")
        self.text = b""
        while b"event: ready" not in self.text:
            piece = self.socket.recv(4096)
            if not piece:
                raise AssertionError(f"a listener was refused: {self.text[:500]}")
            self.text += piece
        self.socket.setblocking(False)

    def take(self, mark):
        """True once the event that holds `mark` is whole."""
        piece = self.socket.recv(65536)
        if not piece:
            raise AssertionError("a listener was cut")
        self.text = (self.text + piece)[-8192:]
        place = self.text.find(mark)
        return place >= 0 and self.text.find(b"\n\n", place) >= 0


class user:
    def __init__(self, support, server, name):
        caller = server.client()
        made = caller.post("/api/auth/register", {"username": name, "password": support.PASSWORD})
        assert made.status == 201, made.body
        self.token = made.body["accessToken"]
        caller.token = self.token
        self.session = caller.post("/api/sessions", {"title": "A chat"}).body["id"]
        self.devices = []


def rename(port, owner, title):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    connection.connect()
    begun = time.monotonic()
    connection.request("PATCH", f"/api/sessions/{owner.session}", json.dumps({"title": title}),
                       {"Authorization": f"Bearer {owner.token}",
                        "Content-Type": "application/json"})
    return begun, connection


def delays(port, users, changes):
    """Of each change on each device, in ms."""
    chance = random.Random(1)
    taken = []
    for number in range(changes):
        owner = chance.choice(users)
        begun, connection = rename(port, owner, f"Title {number}")
        waiting = selectors.DefaultSelector()
        for one in owner.devices:
            one.text = b""
            waiting.register(one.socket, selectors.EVENT_READ, one)
        mark = owner.session.encode()
        left = len(owner.devices)
        while left > 0:
            ready = waiting.select(WAIT_S)
            if not ready:
                raise AssertionError(f"change {number} did not reach {left} devices")
            for key, _ in ready:
                if key.data.take(mark):
                    taken.append((time.monotonic() - begun) * 1e3)
                    waiting.unregister(key.fileobj)
                    left -= 1
        waiting.close()
        with connection.getresponse() as response:
            assert response.status == 200, response.read()
            response.read()
        connection.close()
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=500)
    figures.add_build(parser)
    options = parser.parse_args()
    support = figures.support_of(options.build)

    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        server = support.parley(folder, "--registration", "open", "--bcrypt-cost", "4",
                                "--login-calls-per-min", "100000", "--read-calls-per-min",
                                "100000", "--write-calls-per-min", "100000",
                                "--connections-per-address-max", "100000")
        try:
            server.start()
            users = [user(support, server, f"user{number}")
                     for number in range(options.listeners // DEVICES)]
            time.sleep(SETTLE_S)
            known = [figures.pss_kib(server.process.child.pid)]
            for owner in users:
                owner.devices = [device(server.port, owner.token) for _ in range(DEVICES)]
                known.append(figures.pss_kib(server.process.child.pid))
            time.sleep(SETTLE_S)
            known[-1] = figures.pss_kib(server.process.child.pid)
            memory = memory_of_one(known)
            taken = delays(server.port, users, options.changes)
        finally:
            server.stop()
    late = figures.at_share(taken, 0.99)
    print(f"{len(users) * DEVICES} listeners of {len(users)} users, {options.changes} changes, "
          f"{len(taken)} told")
    is_met = {f"memory of a listener: {memory:.1f} KB (at most {MEMORY_LIMIT_KB}":
              memory <= MEMORY_LIMIT_KB,
              f"from the change to another device: {figures.at_share(taken, 0.5):.1f} ms at p50, "
              f"{late:.1f} ms at p99 (at most {DELAY_LIMIT_MS}": late <= DELAY_LIMIT_MS}
    return figures.verdict(is_met)


if __name__ == "__main__":
    sys.exit(main())
