"""bench/sse_load calls a stream good only if it is so. TEST_BUILD: the build directory."""

import http.server
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("TEST_BUILD", "build/debug")
TOKENS = 6


def token(number):
    return f" {number}:{time.monotonic_ns()}.".ljust(32, ".")


def event(name, data, position=None):
    number = "" if position is None else f"id: {position}\n"
    return f"event: {name}\n{number}data: {json.dumps(data)}\n\n"


def good_stream(numbers=range(TOKENS), merged=1):
    """The events of one reply, as api.md has them."""
    numbers = list(numbers)
    yield event("start", {"sessionId": "s", "messageId": "m"}, 1)
    yield event("part", {"part": 0, "type": "text"}, 2)
    position = 2
    for begin in range(0, len(numbers), merged):
        text = "".join(token(number) for number in numbers[begin:begin + merged])
        position += len(text)
        yield event("delta", {"part": 0, "text": text}, position)
    yield event("usage", {"completionTokens": len(numbers)})
    yield event("done", {"status": "complete"}, position + 1)


def without_last(events):
    return list(events)[:-1]


STREAMS = {  # the session's model -> its events
    "good": lambda: good_stream(),
    "merged": lambda: good_stream(merged=4),
    "lost": lambda: good_stream([0, 1, 2, 4, 5]),
    "repeated": lambda: good_stream([0, 1, 1, 2, 3, 4, 5]),
    "reordered": lambda: good_stream([0, 2, 1, 3, 4, 5]),
    "no-done": lambda: without_last(good_stream()),
    "two-dones": lambda: [*good_stream(), event("done", {"status": "complete"}, 9999)],
    "no-start": lambda: list(good_stream())[1:],
    "same-ids": lambda: [line.replace("id: 2\n", "id: 1\n") for line in good_stream()],
    "interrupted": lambda: [*without_last(good_stream()),
                            event("error", {"code": "timeout", "reason": "upstream_timeout"}, 998),
                            event("done", {"status": "error"}, 999)],
}


class Scripted(http.server.BaseHTTPRequestHandler):
    """As much of Parley as sse_load asks for. The session's id is its model's name."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/auth/login":
            good = body == {"username": "anna", "password": "secret"}
            return self.answer(200 if good else 401, {"accessToken": "t-anna"} if good else {})
        if self.headers["Authorization"] not in ("Bearer t-anna", "Bearer t-bert"):
            return self.answer(401, {})
        if self.path == "/api/sessions":
            return self.answer(201, {"id": body["modelId"]})
        if body["sessionId"] not in STREAMS:
            return self.answer(409, {"error": {"reason": "reply_running"}})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in STREAMS[body["sessionId"]]():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece.encode()))
        self.wfile.write(b"0\r\n\r\n")

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class SseLoad(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
        cls.thread = threading.Thread(target=cls.server.serve_forever)
        cls.thread.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.thread.join()
        cls.server.server_close()

    def load(self, model, *options, users=None):
        """Its exit status and what it found; three clients of two users, unless told otherwise."""
        users = users or [{"username": "anna", "password": "secret"}, {"accessToken": "t-bert"}]
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write("".join(json.dumps(user) + "\n" for user in users))
            file.flush()
            done = subprocess.run(
                [BUILD / "bench/sse_load", "--target", "parley", "--url",
                 f"127.0.0.1:{self.server.server_port}", "--model", model, "--tokens", str(TOKENS),
                 "--streams", "3", "--seconds", "20", "--users-file", file.name, *options],
                capture_output=True, text=True, timeout=60)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return done.returncode, json.loads(done.stdout)

    def test_good_streams_are_good(self):
        for model, events in (("good", TOKENS), ("merged", 2)):
            for options in ((), ("--connections", "fresh"), ("--rounds", "3")):
                with self.subTest(model=model, options=options):
                    status, found = self.load(model, *options)
                    streams = 9 if "--rounds" in options else 3
                    self.assertEqual((status, found["ok"], found["failed"]), (0, streams, 0))
                    self.assertEqual(found["tokens"], streams * TOKENS)
                    self.assertEqual(found["events"], streams * events)
                    self.assertEqual(found["failures"], {})

    def test_each_fault_of_the_text_is_found(self):
        for model, fault in (("lost", "lost"), ("repeated", "repeated"),
                             ("reordered", "reordered")):
            with self.subTest(model):
                status, found = self.load(model)
                self.assertEqual((status, found["ok"], found["failed"]), (1, 0, 3))
                counts = {name: found[name] for name in ("lost", "repeated", "reordered")}
                self.assertEqual(counts, {**dict.fromkeys(counts, 0), fault: 3})

    def test_each_fault_of_the_stream_is_found(self):
        for model, why in (("no-done", "a clean end without the last event"),
                           ("two-dones", "an event behind the last"),
                           ("no-start", "no start at the beginning"),
                           ("same-ids", "ids that do not rise"),
                           ("interrupted", "error event: upstream_timeout"),
                           ("unknown", "status 409")):
            with self.subTest(model):
                status, found = self.load(model)
                self.assertEqual((status, found["failures"]), (1, {why: 3}))

    def test_wrong_credentials_fail_the_streams_of_that_user_only(self):
        users = [{"username": "anna", "password": "wrong"}, {"accessToken": "t-bert"}]
        status, found = self.load("good", users=users)
        self.assertEqual((status, found["ok"], found["failed"]), (1, 1, 2))
        self.assertEqual(found["failures"], {"login: status 401": 2})

    def test_only_loopback_is_loaded(self):
        for url in ("192.0.2.1:80", "example.org:80", "127.0.0.1", "127.0.0.1:0"):
            done = subprocess.run([BUILD / "bench/sse_load", "--url", url, "--model", "mock-t1"],
                                  capture_output=True, timeout=20)
            self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
