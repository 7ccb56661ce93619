#!/usr/bin/env python3
"""Restarts the service under 200 streams, and holds what clients saw against what is stored.

    python3 prove_restart.py ADMIN_TOKEN USERS

Part of prove_service.sh, in its container, beside support.py of the system tests; USERS is what
`parley user add --count` printed. Half of the replies end while the server waits for them, half are
interrupted. Every client comes back to its reply as a page does whose connection broke.
"""

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support import client, reply_view, run_together

PORT, STREAMS_EACH, STEP_S = 8080, 4, 0.2
REPLIES_S = {"short": 8, "long": 120}  # drain_s is 20


class upstream(BaseHTTPRequestHandler):
    """An OpenAI model that says a numbered word every 200 ms."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for number in range(int(REPLIES_S[body["model"]] / STEP_S)):
                self.say({"delta": {"content": f"word{number} "}})
                time.sleep(STEP_S)
            self.say({"delta": {}, "finish_reason": "stop"})
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            pass  # the server has interrupted the reply

    def say(self, choice):
        line = json.dumps({"choices": [{"index": 0, **choice}]})
        self.wfile.write(f"data: {line}\n\n".encode())

    def log_message(self, *_):
        pass


class crowd(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


class stream:
    """One client with its reply."""

    def __init__(self, token, model):
        self.caller = client(PORT, token, timeout_s=120)
        self.view, self.has_text = reply_view(), False
        made = self.caller.post("/api/sessions", {"modelId": model})
        assert made.status == 201, made
        self.session = made.body["id"]

    def read(self, has_begun):
        body = {"sessionId": self.session, "content": "Count for me."}
        with self.caller.stream("/api/chat/stream", body) as events:
            assert events.status == 200, events.problem
            for item in events:
                self.view.take(item)
                if item.name == "delta" and not self.has_text:
                    self.has_text = True
                    has_begun.release()

    def come_back(self):
        """As if the connection had broken half-way: what is shown in the end is what is stored."""
        reply = self.view.start["messageId"]
        stored = self.caller.get(f"/api/sessions/{self.session}/messages/{reply}")
        assert stored.status == 200, stored
        assert self.view.text == stored.body["content"], (self.view.text, stored.body)
        again = self.view.cut_after(len(self.view.taken) // 2)
        with self.caller.stream(f"/api/chat/stream/{reply}", last_id=again.last_id) as events:
            assert events.status == 200, events.problem
            again.follow(events)
        assert again.done is not None and again.text == self.view.text, again.done
        return stored.body["status"]


def restart_when(begun, count):
    for _ in range(count):
        assert begun.acquire(timeout=60), "not every stream began"
    subprocess.run(["systemctl", "restart", "parley"], check=True, timeout=120)


def wait_until_ready():
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if client(PORT).get("/readyz").status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server is not back")


def main():
    admin = client(PORT, sys.argv[1])
    server = crowd(("127.0.0.1", 0), upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    models = []
    for name in REPLIES_S:
        made = admin.post("/api/models/system", {
            "name": name, "provider": "openai", "model": name, "apiKey": "not-a-key",
            "baseUrl": f"http://127.0.0.1:{server.server_port}/v1"})
        assert made.status == 201, made
        models.append(made.body["id"])
    streams = []
    for line in Path(sys.argv[2]).read_text(encoding="utf-8").splitlines():
        user = json.loads(line)
        login = client(PORT).post("/api/auth/login", {key: user[key]
                                                      for key in ("username", "password")})
        assert login.status == 200, login
        streams += [stream(login.body["accessToken"], models[number % 2])
                    for number in range(STREAMS_EACH)]
    begun = threading.Semaphore(0)
    run_together([lambda each=each: each.read(begun) for each in streams]
                 + [lambda: restart_when(begun, len(streams))], seconds=200)
    wait_until_ready()
    ends = [each.come_back() for each in streams]
    told = {status: ends.count(status) for status in sorted(set(ends))}
    assert set(told) == {"complete", "interrupted"}, told
    print(f"--- restarted under {len(streams)} streams: {told}, none lost")


if __name__ == "__main__":
    main()
