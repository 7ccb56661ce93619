"""What the system tests share: the built server and its upstreams as processes, and a client.

Everything listens on 127.0.0.1 and ends with the test that started it.
"""

import contextlib
import http.client
import json
import os
import platform
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest
from collections import namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / os.environ.get("TEST_BUILD", "build/debug")
PASSWORD = "correct horse battery staple 7"
READY_S_MAX = 30
ANSWER_S_MAX = 60

answer = namedtuple("answer", "status headers body")
event = namedtuple("event", "id name data")


def free_port():
    """Below those that the kernel gives to connections: one could take it first."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port of a hundred is free")


def program(path):
    """A built program; a missing one is a fault of the run, said in one sentence."""
    found = BUILD / path
    if not os.access(found, os.X_OK):
        raise AssertionError(f"{found} is not built: run ./dev test, or set TEST_BUILD")
    return str(found)


def table_options():
    """A build without token tables serves only if it is told to estimate."""
    has_tables = (BUILD / "vocabulary/o200k_base.bpe").exists()
    return [] if has_tables else ["--vocabulary-dir", "none"]


class process:
    """A program with its output in a file. Ended by `stop`, which the test's clean-up calls."""

    def __init__(self, arguments, log, ready=None):
        self.log = Path(log)
        with self.log.open("ab") as output:
            self.offset = output.tell()
            self.child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=subprocess.STDOUT)
        self.match = self.wait_for_line(ready) if ready else None

    def output(self):
        """What this run has written so far."""
        return self.log.read_bytes()[self.offset:].decode(errors="replace")

    def wait_for_line(self, pattern):
        until = time.monotonic() + READY_S_MAX
        while time.monotonic() < until:
            match = re.search(pattern, self.output())
            if match:
                return match
            if self.child.poll() is not None:
                break
            time.sleep(0.01)
        self.stop()
        raise AssertionError(f"{self.child.args[0]} did not start:\n{self.output()[-4000:]}")

    def is_running(self):
        return self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, seconds):
        """The exit code; a program that doesn't end in time is a failure."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.child.args[0]} did not end within {seconds} s") from None

    def kill(self):
        self.child.kill()
        self.child.wait()

    def stop(self):
        if self.is_running():
            self.child.terminate()
            try:
                self.child.wait(ANSWER_S_MAX)
            except subprocess.TimeoutExpired:
                self.kill()


class mock_llm(process):
    """The repository's own upstream: the model's name says what it does (mock_llm --help)."""

    def __init__(self, folder):
        super().__init__([program("bench/mock_llm"), "--port", "0"], Path(folder) / "mock.log",
                         ready=r"listening 127\.0\.0\.1:(\d+)")
        self.port = int(self.match[1])
        self.base_url = f"http://127.0.0.1:{self.port}/v1"


class aimock(process):
    """CopilotKit's mock of the providers, an implementation that is not ours."""

    def __init__(self, folder, fixtures, *options):
        # Not .bin/node: Debian's npm makes no link for an optional package.
        machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "")
        node = HERE / f"node_modules/node-linux-{machine}/bin/node"
        script = HERE / "node_modules/@copilotkit/aimock/dist/cli.js"
        if not node.exists() or not script.exists():
            raise AssertionError("tests/system/node_modules is missing: run ./dev test, "
                                 "or npm ci in tests/system")
        super().__init__([str(node), str(script), "-p", "0", "-f", str(fixtures), *options],
                         Path(folder) / "aimock.log",
                         ready=r"listening on http://127\.0\.0\.1:(\d+)")
        self.port = int(self.match[1])
        self.base_url = f"http://127.0.0.1:{self.port}/v1"

    def journal(self):
        """Every request that it was sent, oldest first."""
        return client(self.port).get("/__aimock/journal").body


class parley:
    """The server on one data folder; may be killed and started again."""

    def __init__(self, folder, *options):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.log = self.folder / "parley.log"
        self.options = [*table_options(), *options]
        self.prefix = []  # a command that starts the server as its own
        self.port = free_port()
        self.process = None
        self.start_s = 0.0

    def start(self):
        """Returns once it is ready; `start_s` tells how long that took."""
        begun = time.monotonic()
        self.process = process([*self.prefix, program("parley"), "serve", "--data",
                                str(self.data), "--listen", f"127.0.0.1:{self.port}",
                                *self.options], self.log)
        while time.monotonic() - begun < READY_S_MAX:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if client(self.port, timeout_s=2).get("/readyz").status == 200:
                    self.start_s = time.monotonic() - begun
                    return self
            if not self.process.is_running():
                break
            time.sleep(0.01)
        self.process.stop()
        raise AssertionError(f"the server did not get ready:\n{self.process.output()[-4000:]}")

    def stop(self):
        if self.process:
            self.process.stop()

    def client(self):
        return client(self.port)


class client:
    """One caller; thread-safe, since each request has a connection of its own."""

    def __init__(self, port, token=None, timeout_s=ANSWER_S_MAX):
        self.port = port
        self.token = token
        self.timeout_s = timeout_s

    def _connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)

    def _send(self, method, path, body, headers):
        connection = self._connect()
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = json.dumps(body).encode()
        try:
            connection.request(method, path, body=body, headers=headers)
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def request(self, method, path, body=None, headers=None):
        connection, response = self._send(method, path, body, headers)
        with contextlib.closing(connection):
            text = response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return answer(response.status, response.headers,
                          json.loads(text) if is_json and text else text.decode())

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def post(self, path, body, headers=None):
        return self.request("POST", path, body, headers)

    def patch(self, path, body, headers=None):
        return self.request("PATCH", path, body, headers)

    @contextlib.contextmanager
    def stream(self, path, body=None, last_id=None):
        """Opens a stream; yields its `event_reader`. Closing it is a client that goes away."""
        headers = {"Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = str(last_id)
        connection, response = self._send("GET" if body is None else "POST", path, body, headers)
        with contextlib.closing(connection):
            yield event_reader(response)


class event_reader:
    """Server-sent events of one response, as a browser reads them."""

    def __init__(self, response):
        self.response = response
        self.status = response.status
        if self.status != 200:
            self.problem = response.read().decode()

    def __iter__(self):
        fields = {"data": []}
        for raw in self.response:
            line = raw.decode().rstrip("\r\n")
            if line:
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "data":
                    fields["data"].append(value)
                elif name:
                    fields[name] = value
            elif fields["data"]:
                yield event(int(fields["id"]) if "id" in fields else None,
                            fields.get("event", "message"), json.loads("\n".join(fields["data"])))
                fields = {"data": []}
            else:
                fields = {"data": []}


class reply_view:
    """What a page shows of one reply: it follows the events by api.md's rules and nothing else."""

    def __init__(self):
        self.start = None
        self.parts = {}
        self.last_id = 0
        self.errors = []
        self.done = None
        self.events_after_done = 0
        self.taken = []

    def take(self, item):
        self.taken.append(item)
        if self.done is not None:
            self.events_after_done += 1
        if item.id is not None:
            if item.id <= self.last_id and item.name != "snapshot":
                raise AssertionError(f"id {item.id} after {self.last_id}: ids must rise")
            self.last_id = item.id
        if item.name == "start":
            self.start = item.data
        elif item.name == "delta":
            part = item.data.get("part", 0)
            self.parts[part] = self.parts.get(part, "") + item.data["text"]
        elif item.name == "snapshot":
            self.parts = {number: part["text"] for number, part in enumerate(item.data["parts"])
                          if part["type"] == "text"}
        elif item.name == "error":
            self.errors.append(item.data)
        elif item.name == "done":
            self.done = item.data

    def follow(self, events):
        for item in events:
            self.take(item)
        return self

    def cut_after(self, count):
        """What a client shows whose connection broke after so many events."""
        cut = reply_view()
        return cut.follow(self.taken[:count])

    @property
    def text(self):
        return "".join(self.parts[number] for number in sorted(self.parts))


class system_test(unittest.TestCase):
    """A test with a folder, one server, and callers on it."""

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="parley-test-")
        self.folder = Path(folder)
        self.addCleanup(self._clean_up)
        self.server = parley(folder)
        self.addCleanup(self.server.stop)

    def has_failed(self):
        # Not `_outcome.success`, which within a clean-up speaks of the clean-up.
        told = self._outcome.result
        return any(self in (test, getattr(test, "test_case", None))
                   for test, _ in told.failures + told.errors)

    def _clean_up(self):
        if not self.has_failed():
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        log = self.folder / "parley.log"
        if log.exists():
            print(f"    the end of {log}:")
            print("".join(f"    | {line}\n" for line in
                          log.read_text(errors="replace").splitlines()[-40:]))

    def keep(self, started):
        self.addCleanup(started.stop)
        return started

    def check(self, reply, *statuses):
        self.assertIn(reply.status, statuses, reply.body)
        return reply.body

    def register(self, name):
        """A caller with an account of its own; the first one is the ADMIN."""
        caller = self.server.client()
        tokens = self.check(caller.post("/api/auth/register",
                                        {"username": name, "password": PASSWORD}), 201)
        caller.token = tokens["accessToken"]
        return caller

    def add_model(self, caller, base_url, model, path="/api/models", **more):
        body = {"name": model, "provider": "openai", "baseUrl": base_url, "model": model,
                "apiKey": "not-a-key", **more}
        return self.check(caller.post(path, body), 201)

    def open_to_many(self, base_url, model, users):
        """An ADMIN who opens registration and a system model; returns callers and the model."""
        admin = self.register("admin")
        self.check(admin.patch("/api/settings/system", {"registration": "open"}), 200)
        made = self.add_model(admin, base_url, model, path="/api/models/system")
        return [admin] + [self.register(f"user{n}") for n in range(1, users)], made

    def metrics_with(self, name):
        """/metrics, once that one is there: some come a moment after what they count."""
        until = time.monotonic() + ANSWER_S_MAX
        while time.monotonic() < until:
            text = self.check(self.server.client().get("/metrics"), 200)
            if name in text:
                return text
            time.sleep(0.01)
        raise AssertionError(f"/metrics has no {name}")

    def add_session(self, caller, model_id):
        return self.check(caller.post("/api/sessions", {"modelId": model_id}), 201)["id"]

    def send(self, caller, session, content):
        """One whole turn; the view of its reply."""
        view = reply_view()
        body = {"sessionId": session, "content": content}
        with caller.stream("/api/chat/stream", body) as events:
            self.assertEqual(200, events.status, getattr(events, "problem", ""))
            view.follow(events)
        self.assertEqual(0, view.events_after_done)
        return view

    def message(self, caller, session, message):
        return self.check(caller.get(f"/api/sessions/{session}/messages/{message}"), 200)


def databases(folder):
    """The SQLite files of a data folder, told by their first bytes."""
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and path.open("rb").read(16) == b"SQLite format 3\0":
            yield path


def integrity_faults(data):
    """Checks copies, log included: opening the originals would change what is tested."""
    faults = []
    checked = 0
    with tempfile.TemporaryDirectory(prefix="parley-check-") as folder:
        for path in databases(data):
            copy = Path(folder) / path.name
            shutil.copyfile(path, copy)
            for suffix in ("-wal", "-shm"):
                if Path(f"{path}{suffix}").exists():
                    shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            with contextlib.closing(sqlite3.connect(copy)) as connection:
                rows = [row[0] for row in connection.execute("PRAGMA integrity_check")]
                faults += [f"{path.name}: {row}" for row in rows if row != "ok"]
                faults += [f"{path.name}: foreign key {row}"
                           for row in connection.execute("PRAGMA foreign_key_check")]
            checked += 1
    return faults if checked else ["no database was found"]


def run_together(jobs, seconds=2 * ANSWER_S_MAX):
    """Runs callables, each in a thread, for so long at most; the first exception is raised here."""
    failures = []

    def guarded(job):
        try:
            job()
        except BaseException as problem:  # pylint: disable=broad-except
            failures.append(problem)

    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0, until - time.monotonic()))
        if thread.is_alive():
            raise AssertionError("a caller hangs")
    if failures:
        raise failures[0]
