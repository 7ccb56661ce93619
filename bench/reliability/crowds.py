"""Crowds for bench/reliability_bench.py. Those that do harm are processes of their own, so that
they take no time of the one that measures: crowds.py drips|logins|bodies|readers PORT …
"""

import asyncio
import contextlib
import http.client
import json
import resource
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY_S_MAX = 120


def p99(values):
    if not values:
        return float("inf")
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def watch_health(port, into, is_over):
    """How many ms each answer took, until it is over; one that fails took for ever."""
    while not is_over.is_set():
        begun = time.monotonic()
        try:
            one = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            one.request("GET", "/api/health")
            is_well = one.getresponse().status == 200
            one.close()
        except (OSError, http.client.HTTPException):
            is_well = False
        into.append((time.monotonic() - begun) * 1000 if is_well else float("inf"))
        time.sleep(0.02)


class chats:
    """Streams that are read, `count` over all callers; begins once each has shown text."""

    def __init__(self, test, callers, model, count, sessions=None):
        sys.path.insert(0, str(ROOT / "tests/system"))
        import support  # pylint: disable=import-outside-toplevel
        self.support = support
        self.views = [support.reply_view() for _ in range(count)]
        self.lines = [[] for _ in range(count)]  # (when, text) of each delta
        self.is_leaving = threading.Event()
        self.failures = []
        each_has = (count + len(callers) - 1) // len(callers)
        places = [caller for caller in callers for _ in range(each_has)][:count]
        sessions = sessions or [test.add_session(caller, model["id"]) for caller in places]
        self.threads = [threading.Thread(target=self.read, args=(number, caller, session),
                                         daemon=True)
                        for number, (caller, session) in enumerate(zip(places, sessions))]
        for thread in self.threads:
            thread.start()
        until = time.monotonic() + READY_S_MAX
        while not all(view.text for view in self.views):
            if time.monotonic() > until or self.failures:
                raise AssertionError(f"not every stream began: {self.failures[:1]}")
            time.sleep(0.02)

    def read(self, number, caller, session):
        try:
            with caller.stream("/api/chat/stream",
                               {"sessionId": session, "content": "speak"}) as events:
                if events.status != 200:
                    raise AssertionError(events.problem)
                for item in events:
                    if item.name == "delta":
                        self.lines[number].append((time.monotonic_ns(), item.data["text"]))
                    self.views[number].take(item)
                    if self.is_leaving.is_set():
                        return
        except (OSError, http.client.HTTPException, AssertionError) as problem:
            self.failures.append(problem)

    def wait_for_ends(self, seconds):
        for thread in self.threads:
            thread.join(seconds)
            if thread.is_alive():
                raise AssertionError("a stream goes on")

    def finish(self, wait=True):
        """How many had no terminal event."""
        if not wait:
            self.is_leaving.set()
        for thread in self.threads:
            thread.join(60)
        return sum(view.done is None or view.events_after_done > 0 for view in self.views)

    def begin_anew(self):
        """What came so far counts no more."""
        for line in self.lines:
            line.clear()

    def delays_ms(self):
        """Of every token: from the stamp of the upstream to here."""
        delays = []
        for line in self.lines:
            for arrived, text in line:
                for token in text.split():
                    stamp = token.partition(":")[2].rstrip(".")
                    if len(stamp) == len(str(arrived)):
                        delays.append((arrived - int(stamp)) / 1e6)
        return delays


@contextlib.contextmanager
def crowd(*arguments):
    child = subprocess.Popen([sys.executable, __file__, *map(str, arguments)],
                             stdout=subprocess.PIPE, text=True)
    try:
        if child.stdout.readline() != "ready\n":
            raise AssertionError(f"{arguments[0]}: the crowd did not gather")
        yield
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@contextlib.contextmanager
def storm(port, token, drips, logins_per_s):
    with crowd("drips", port, drips), crowd("logins", port, logins_per_s), \
            crowd("bodies", port, token):
        yield


@contextlib.contextmanager
def unreading(test, caller, model, count):
    """So many streams of one reply each, of clients that take nothing."""
    sessions = [test.add_session(caller, model["id"]) for _ in range(count)]
    with crowd("readers", test.server.port, caller.token, *sessions):
        yield


# -- the processes -----------------------------------------------------------------------------


async def drip(port):
    text = b"GET /api/health HTTP/1.1\r\nHost: a\r\nX: "
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for byte in text:
                writer.write(bytes([byte]))
                await asyncio.sleep(1)
                if reader.at_eof():
                    break
            writer.close()
        await asyncio.sleep(0.1)


async def drips(port, count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    tasks = []
    for _ in range(int(count)):
        tasks.append(asyncio.create_task(drip(int(port))))
        if len(tasks) % 200 == 0:
            await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    print("ready", flush=True)
    await asyncio.gather(*tasks)


async def log_in(port, number):
    body = json.dumps({"username": f"nobody{number % 1000}", "password": "wrong horse 9"}).encode()
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/auth/login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                     b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                     + body)
        await reader.read()
        writer.close()


async def logins(port, per_s):
    print("ready", flush=True)
    tasks = set()
    begun = time.monotonic()
    number = 0
    while True:
        number += 1
        task = asyncio.create_task(log_in(int(port), number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(max(0.0, begun + number / int(per_s) - time.monotonic()))


async def bodies(port, token):
    print("ready", flush=True)
    head = (f"POST /api/sessions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", int(port))
            writer.write(head)
            for _ in range(800):
                if writer.transport.is_closing():
                    break
                writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
                await writer.drain()
            writer.close()
        await asyncio.sleep(0.05)


async def readers(port, token, *sessions):
    kept = []
    for session in sessions:
        body = json.dumps({"sessionId": session, "content": "speak"}).encode()
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        one.connect(("127.0.0.1", int(port)))
        one.sendall((f"POST /api/chat/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}"
                     "\r\nContent-Type: application/json\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
        kept.append(one)
        await asyncio.sleep(0.002)
    print("ready", flush=True)
    await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run({"drips": drips, "logins": logins, "bodies": bodies,
                 "readers": readers}[sys.argv[1]](*sys.argv[2:]))
