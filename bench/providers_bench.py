#!/usr/bin/env python3
"""Upstreams that die, hang, lie and never end: what Parley's users notice of it.

    ./dev bench providers [--only channels,stops,hangs,resets,sizes,crowd,golden,addresses]

Each part starts the release build on a data folder of its own, with upstreams on the loopback that
misbehave, and prints each figure beside its target. About six minutes in all; ends with 1 if a
figure misses.
"""

import argparse
import contextlib
import os
import re
import socket
import socketserver
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "system"))
os.environ.setdefault("TEST_BUILD", str(ROOT / "build" / "release"))
import support  # pylint: disable=wrong-import-position

CONNECT_S, FIRST_BYTE_S = 2, 3
CONTENT = b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

missed = []


def report(what, measured, target, is_met, unit=""):
    word = "ok" if is_met else "MISSED"
    print(f"  {what:<66} {measured:>9}{unit}   target {target}{unit}   {word}", flush=True)
    if not is_met:
        missed.append(what)


# --- upstreams -----------------------------------------------------------------------------------


def read_request(stream):
    length = 0
    while (line := stream.readline().strip()):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return stream.read(length)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class upstream:
    """`behave(connection, body)` is called for each request, each on a thread of its own."""

    def __init__(self, behave):
        class handler(socketserver.StreamRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError):
                    behave(self.connection, read_request(self.rfile))

        class server(socketserver.ThreadingTCPServer):
            request_queue_size = 1024
            daemon_threads = True

            def shutdown_request(self, request):  # one that was reset is closed already
                with contextlib.suppress(OSError):
                    super().shutdown_request(request)

        self.server = server(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def answer_well(connection, _body):
    connection.sendall(HEAD + CONTENT % b"Hello" + END)


class deaf_port:
    """An address whose packets are dropped: the queue of those to be accepted is full."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        address = self.listener.getsockname()
        self.url = f"http://127.0.0.1:{address[1]}/v1"
        self.fillers = []
        for _ in range(16):
            filler = socket.socket()
            filler.settimeout(0.1)
            self.fillers.append(filler)
            try:
                filler.connect(address)
            except TimeoutError:
                return
        raise AssertionError("the queue does not fill")

    def stop(self):
        for each in (*self.fillers, self.listener):
            each.close()


# --- the server ----------------------------------------------------------------------------------


class scene:
    """A server on a folder of its own, its ADMIN, and upstreams that end with it."""

    def __init__(self, *options):
        self.stack = contextlib.ExitStack()
        self.folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-bench-"))
        most = "1000000"
        self.server = support.parley(
            self.folder, "--upstream-connect-s", str(CONNECT_S), "--upstream-first-byte-s",
            str(FIRST_BYTE_S), "--upstream-idle-s", str(FIRST_BYTE_S), "--chat-calls-per-min",
            most, "--write-calls-per-min", most, "--read-calls-per-min", most,
            "--streams-per-user-max", "10000", "--connections-per-address-max", most,
            "--login-calls-per-min", most, "--bcrypt-cost", "4", *options)

    def __enter__(self):
        self.stack.callback(self.server.stop)
        self.server.start()
        self.caller = self.register("ada")
        return self

    def register(self, name):
        caller = self.server.client()
        made = self.must(caller.post("/api/auth/register",
                                     {"username": name, "password": support.PASSWORD}), 201)
        caller.token = made["accessToken"]
        return caller

    def add_callers(self, count):
        """So many open chats are not one user's."""
        self.must(self.caller.patch("/api/settings/system", {"registration": "open"}), 200)
        return [self.register(f"user{n}") for n in range(count)]

    def __exit__(self, *fault):
        return self.stack.__exit__(*fault)

    def keep(self, started):
        self.stack.callback(started.stop)
        return started

    def must(self, answer, *statuses):
        assert answer.status in statuses, (answer.status, answer.body)
        return answer.body

    def add_model(self, url, model="m", **more):
        body = {"name": f"{model} at {url}", "provider": "openai", "baseUrl": url, "model": model,
                "apiKey": "not-a-key", **more}
        return self.must(self.caller.post("/api/models/system", body), 201)["id"]

    def add_session(self, model, caller=None):
        made = (caller or self.caller).post("/api/sessions", {"modelId": model})
        return self.must(made, 201)["id"]

    def turn(self, session, content="Hi"):
        """The view of a whole turn, and the seconds to its first token."""
        view, begun, first = support.reply_view(), time.monotonic(), None
        with self.caller.stream("/api/chat/stream",
                                {"sessionId": session, "content": content}) as events:
            assert events.status == 200, events.problem
            for item in events:
                view.take(item)
                if item.name == "delta" and first is None:
                    first = time.monotonic() - begun
        return view, first

    def begin(self, model, caller=None):
        """A turn that nobody follows: who began it, in which session, its message."""
        caller = caller or self.caller
        session = self.add_session(model, caller)
        answer = caller.post("/api/chat/stream", {"sessionId": session, "content": "Hi"},
                             {"Prefer": "respond-async"})
        return caller, session, self.must(answer, 202)["messageId"]

    def message(self, session, message, caller=None):
        found = (caller or self.caller).get(f"/api/sessions/{session}/messages/{message}")
        return self.must(found, 200)

    def reply(self, begun):
        caller, session, message = begun
        return self.message(session, message, caller)

    def proc(self, path):
        return Path(f"/proc/{self.server.process.child.pid}/{path}")

    def descriptors(self):
        return len(list(self.proc("fd").iterdir()))

    def rss_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", self.proc("status").read_text())[1])


def in_threads(count, jobs):
    jobs = list(jobs)
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                if not jobs:
                    return
                job = jobs.pop()
            job()

    # Thousands of turns, perhaps on a machine that has other work.
    support.run_together([work] * count, 1800)


def wait_until(is_so, seconds):
    begun = time.monotonic()
    while not is_so():
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(0.005)
    return time.monotonic() - begun


# --- parts ---------------------------------------------------------------------------------------


def part_channels():
    """One of two channels dead."""
    def dead(kind, it):
        if kind == "drops packets":
            return it.keep(deaf_port()).url
        if kind == "refuses":
            return f"http://127.0.0.1:{support.free_port()}/v1"
        behave = {"resets": lambda connection, _: reset(connection),
                  "is silent": lambda connection, _: connection.recv(1)}[kind]
        return it.keep(upstream(behave)).url

    limits = {"refuses": 1, "resets": 1, "drops packets": CONNECT_S, "is silent": FIRST_BYTE_S}
    turns = 100
    for kind, limit in limits.items():
        # One I/O thread: each thread learns for itself, if it meets the channel at the same time.
        with scene("--io-threads", "1") as it:
            good = it.keep(upstream(answer_well)).url
            alone = it.add_session(it.add_model(good))
            it.turn(alone)
            both = it.add_model(dead(kind, it), weight=1, channels=[
                {"name": "second", "baseUrl": good, "apiKey": "not-a-key", "weight": 0}])
            session = it.add_session(both)
            # In turn, so that both grow alike and the machine's other work hits both.
            usual, taken = zip(*((it.turn(alone)[1], it.turn(session)) for _ in range(turns)))
            failed = sum(view.done["status"] != "complete" for view, _ in taken)
            first = taken[0][1] - usual[0]
            later = statistics.median(seconds for _, seconds in taken[1:]) - \
                statistics.median(usual[1:])
            report(f"channel {kind}: failed replies of {turns}", failed, 0, failed == 0)
            # The limits' timers are those of the loop: ten milliseconds wide.
            most = limit if limit == 1 else limit + 0.05
            report(f"channel {kind}: extra first-token delay, first time", f"{first:.3f}",
                   f"{limit:.3f}", first <= most, " s")
            report(f"channel {kind}: the same afterwards, median", f"{later * 1000:.1f}", "0 ± 5",
                   abs(later) <= 0.005, " ms")


def part_stops():
    """A stop, or a client gone: until the upstream sees its socket closed."""
    asked, closed = threading.Semaphore(0), {}

    def behave(connection, body):
        if b"amid" in body:
            connection.sendall(HEAD + CONTENT % b"so far")
        asked.release()
        connection.recv(1)
        closed["at"] = time.monotonic()

    with scene() as it:
        model = it.add_model(it.keep(upstream(behave)).url)
        for when in ("before the first byte", "amid the text"):
            for how in ("stop", "client gone"):
                taken = []
                for _ in range(100):
                    session, view = it.add_session(model), support.reply_view()
                    closed.clear()
                    body = {"sessionId": session, "content": when,
                            "stopOnDisconnect": how == "client gone"}
                    with it.caller.stream("/api/chat/stream", body) as events:
                        for item in events:
                            view.take(item)
                            if item.name == ("delta" if when.startswith("amid") else "start"):
                                break
                        asked.acquire()  # pylint: disable=consider-using-with
                        begun = time.monotonic()
                        if how == "stop":
                            it.caller.post("/api/chat/stop", {"sessionId": session})
                    assert wait_until(lambda: "at" in closed, 10) is not None, "never closed"
                    taken.append(closed["at"] - begun)
                worst = max(taken) * 1000
                report(f"{how}, {when}: socket closed, worst of 100", f"{worst:.1f}", "100",
                       worst <= 100, " ms")


def part_hangs():
    """A thousand calls that hang."""
    count = 1000
    with scene() as it:
        mock = it.keep(support.mock_llm(it.folder))
        stats = lambda: support.client(mock.port).get("/stats").body
        it.turn(it.add_session(it.add_model(mock.base_url, "mock-t2")))
        model = it.add_model(mock.base_url, "mock-hang")
        wait_until(lambda: stats()["openStreams"] == 0, 10)
        time.sleep(1)
        before = it.descriptors()
        callers = it.add_callers(4)
        begun, last = [], [0.0]

        def start(caller):
            begun.append(it.begin(model, caller))
            last[0] = time.monotonic()

        in_threads(16, [lambda n=n: start(callers[n % len(callers)]) for n in range(count)])
        assert wait_until(lambda: stats()["openStreams"] == 0, 60) is not None, "still open"
        took = time.monotonic() - last[0]
        report(f"{count} calls that hang: all freed after the last was made", f"{took:.2f}",
               f"{FIRST_BYTE_S + 1}", took <= FIRST_BYTE_S + 1, " s")
        report("most of them at a time", stats()["openStreamsPeak"], "-", True)
        wait_until(lambda: it.descriptors() <= before, 5)
        left = max(0, it.descriptors() - before)
        report("descriptors left", left, 0, left == 0)
        stored = [it.reply(each) for each in begun]
        right = sum((each["status"], each["error"]["reason"]) == ("error", "upstream_timeout")
                    for each in stored)
        report("replies stored as error, upstream_timeout", right, count, right == count)


def part_resets():
    """A reset after each of 4,096 bytes of the response."""
    whole = HEAD + b"".join(CONTENT % b"token %d " % n for n in range(60))
    assert len(whole) > 4096

    def behave(connection, body):
        connection.sendall(whole[:int(re.findall(rb"cut=(\d+)", body)[-1])])
        time.sleep(0.002)
        reset(connection)

    wrong, sessions = [], threading.local()
    with scene("--upstream-retries-max", "0") as it:
        model = it.add_model(it.keep(upstream(behave)).url)

        def play(cut):
            if getattr(sessions, "left", 0) == 0:
                sessions.id, sessions.left = it.add_session(model), 50
            sessions.left -= 1
            view, _ = it.turn(sessions.id, f"cut={cut}")
            stored = it.message(sessions.id, view.start["messageId"])
            ends = sum(item.name == "done" for item in view.taken)
            if (ends, len(view.errors), view.events_after_done) != (1, 1, 0) or \
                    stored["content"] != view.text or \
                    stored["status"] != ("interrupted" if view.text else "error"):
                wrong.append((cut, ends, view.errors, stored["status"]))

        in_threads(16, [lambda cut=cut: play(cut) for cut in range(1, 4097)])
    for each in wrong[:3]:
        print(f"  {each}")
    report("resets after 1 to 4,096 bytes: one end, stored as sent", 4096 - len(wrong), 4096,
           not wrong)


def part_sizes():
    """Lines and replies that do not end."""
    count = 20
    for model in ("mock-longline", "mock-endless"):
        with scene("--upstream-retries-max", "0") as it:
            mock = it.keep(support.mock_llm(it.folder))
            it.turn(it.add_session(it.add_model(mock.base_url, "mock-t20")))
            made = it.add_model(mock.base_url, model)
            before, most = it.rss_kib(), 0
            begun = [it.begin(made) for _ in range(count)]
            stats = lambda: support.client(mock.port).get("/stats").body
            until = time.monotonic() + 60
            while stats()["openStreams"] > 0 and time.monotonic() < until:
                most = max(most, it.rss_kib())
            growth = max(0, most - before) / count / 1024
            report(f"{model}: memory of a stream, {count} at a time", f"{growth:.2f}", "8",
                   growth <= 8, " MiB")
            ended = lambda each: it.reply(each)["status"] != "streaming"
            assert wait_until(lambda: all(map(ended, begun)), 30) is not None, "not ended"
            stored = [it.reply(each) for each in begun]
            right = sum(each["error"]["reason"] == "upstream_too_large" for each in stored)
            report(f"{model}: ended as upstream_too_large", right, count, right == count)


def part_crowd():
    """Thousands of calls on one thread."""
    count = 5000
    with scene("--io-threads", "1", "--upstream-first-byte-s", "60", "--upstream-idle-s",
               "60") as it:
        mock = it.keep(support.mock_llm(it.folder))
        stats = lambda: support.client(mock.port).get("/stats").body
        it.turn(it.add_session(it.add_model(mock.base_url, "mock-t20")))
        before = it.rss_kib()
        model = it.add_model(mock.base_url, "mock-t30-f30000-i500")
        callers, begun = it.add_callers(10), []
        in_threads(16, [lambda n=n: begun.append(it.begin(model, callers[n % len(callers)]))
                        for n in range(count)])
        peak = stats()["openStreamsPeak"]
        each = (it.rss_kib() - before) / count
        report("calls at a time on one I/O thread", peak, count, peak == count)
        report("memory of a call with its open session, none of it cut off", f"{each:.1f}", "64",
               each <= 64, " KiB")
        assert wait_until(lambda: stats()["openStreams"] == 0, 300) is not None, "still open"
        whole = wait_until(lambda: it.reply(begun[-1])["status"] != "streaming", 30)
        assert whole is not None
        right = sum(it.reply(one)["status"] == "complete" for one in begun)
        report("replies complete", right, count, right == count)


def run_python_test(name, environment):
    command = [sys.executable, ROOT / "tests/run_python.py", ROOT / "tests/system", name]
    ended = subprocess.run(command, env={**os.environ, **environment}, check=False)
    return ended.returncode == 0


def part_golden():
    """Every recorded stream, cut at every byte, through the whole stack."""
    is_met = run_python_test("golden_test.py", {"TEST_SPLITS": "all", "TEST_CALLERS": "24"})
    report("each recorded stream at each cut: one result", "yes" if is_met else "no", "yes", is_met)


def part_addresses():
    """A million spellings, ten thousand names that change."""
    ended = subprocess.run([support.program("bench/address_bench")], check=False)
    if ended.returncode != 0:
        missed.append("addresses")


PARTS = {"channels": part_channels, "stops": part_stops, "hangs": part_hangs,
         "resets": part_resets, "sizes": part_sizes, "crowd": part_crowd,
         "addresses": part_addresses, "golden": part_golden}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    for name in parser.parse_args().only.split(","):
        begun = time.monotonic()
        print(f"{name}: {PARTS[name].__doc__}", flush=True)
        PARTS[name]()
        print(f"  ({time.monotonic() - begun:.0f} s)", flush=True)
    print(f"{len(missed)} figures missed" + "".join(f"\n  {each}" for each in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
