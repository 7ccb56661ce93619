#!/usr/bin/env python3
"""From a turn that is sent to the request that reaches the model: does it grow with the history?

    ./dev bench turns [--turns 200] [--build build/release]

Starts the server with a database that holds sessions of several lengths, then sends turns and takes
the time from before the caller connects until the upstream, played by this program, has the head of
the request, and until it has all of it. The first turn after the start, which reads the session, is
told apart. A row for each session; then a chat that outgrows its window many times over, whose
requests are compared byte for byte. Ends with 1 if a target is missed.
"""

import argparse
import contextlib
import json
import sqlite3
import sys
import tempfile
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import figures

LIMIT_MS = 20
GROWTH_MAX = 2.0  # of p50 from 1,000 messages to 10,000, in the same window
WINDOW = 8_192  # of the long chat
TURNS = 600
REPEATED_MIN = 80  # %
# (messages, window of the model): what is sent grows with the window, not with the history.
SESSIONS = [(100, 8_192), (1_000, 8_192), (10_000, 8_192),
            (1_000, 128_000), (5_000, 128_000), (10_000, 128_000)]
TEXT = "the server keeps each message until a reader has drained it; why is that so, and who waits?"


class upstream(ThreadingHTTPServer):
    """An OpenAI model that says one word and notes when it was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), answering)
        self.head_at = self.whole_at = 0.0
        self.messages = 0
        self.body = b""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        head_at = time.monotonic()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.head_at, self.server.whole_at = head_at, time.monotonic()
        self.server.messages = body.count(b'"role"')
        self.server.body = body
        chunk = {"choices": [{"index": 0, "delta": {"content": "Yes"}, "finish_reason": "stop"}]}
        text = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def text_of(number):
    # Six digits are two tokens in each vocabulary: all texts have the same measure.
    return f"{number:06} {TEXT}"


def converse(support, caller, session, number, times=1):
    view = support.reply_view()
    with caller.stream("/api/chat/stream", {
            "sessionId": session, "content": " ".join([text_of(number)] * times)}) as events:
        if events.status != 200:
            raise AssertionError(f"{events.status}: {events.problem}")
        view.follow(events)
    if view.done["status"] != "complete":
        raise AssertionError(f"a reply ended as {view.done} {view.errors}")


def lengthen(path, session, messages):
    """Adds copies of the session's first question until it is so long."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.row_factory = sqlite3.Row
        # The copies need not be found by search, whose triggers call this.
        db.create_function("indexed_parts", 2, lambda owner, parts: "")
        key = uuid.UUID(session).bytes
        rows = db.execute("SELECT * FROM messages WHERE session_id=? ORDER BY seq",
                          (key,)).fetchall()
        question, parent = dict(rows[0]), rows[-1]["id"]
        del question["seq"]
        names = list(question)
        insert = (f"INSERT INTO messages ({','.join(names)}) "
                  f"VALUES ({','.join('?' * len(names))})")
        for number in range(len(rows), messages):
            question["id"] = uuid.uuid4().bytes
            question["parent_id"] = parent
            question["role"] = "assistant" if number % 2 else "user"
            question["parts"] = json.dumps([{"type": "text", "text": text_of(number)}],
                                           separators=(",", ":"))
            db.execute(insert, [question[name] for name in names])
            parent = question["id"]
        db.execute("UPDATE sessions SET message_count=?, active_leaf_id=? WHERE id=?",
                   (messages, parent, key))


def measure(support, caller, model, session, turns):
    heads, wholes = [], []
    for number in range(turns):
        begun = time.monotonic()
        converse(support, caller, session, number)
        heads.append((model.head_at - begun) * 1e3)
        wholes.append((model.whole_at - begun) * 1e3)
    return heads, wholes


def messages_in(body):
    """The bytes up to the end of the last message: what a provider can have cached."""
    begin = body.index(b'"messages":[')
    depth, is_text, at = 0, False, begin + len(b'"messages":')
    while True:
        byte = body[at]
        if is_text:
            at += byte == ord("\\")
            is_text = byte != ord('"')
        elif byte == ord('"'):
            is_text = True
        elif byte in b"[{":
            depth += 1
        elif byte in b"]}":
            depth -= 1
            if depth == 0:
                return body[:at]
        at += 1


def repeat_share(support, caller, model, base_url):
    """Of the turns of a chat that outgrows its window, how many repeat the request before."""
    made = caller.post("/api/models", {
        "name": "long", "provider": "openai", "baseUrl": base_url, "model": "gpt-4o",
        "apiKey": "not-a-key", "contextWindow": WINDOW}).body
    session = caller.post("/api/sessions", {"modelId": made["id"]}).body["id"]
    before, repeated, dropped = b"", 0, 0
    for number in range(TURNS):
        converse(support, caller, session, number, 1 + number * 7 % 12)
        sent = messages_in(model.body)
        repeated += number > 0 and sent.startswith(before)
        dropped += number > 0 and not sent.startswith(before)
        before = sent
    if dropped < 3:
        raise AssertionError(f"the chat outgrew its window {dropped} times only")
    return 100 * repeated / (TURNS - 1), dropped


def set_up(support, server, base_url):
    """Accounts, models and sessions as they are made by callers, then made long on disk."""
    caller = server.start().client()
    tokens = caller.post("/api/auth/register", {"username": "ada", "password": support.PASSWORD})
    caller.token = tokens.body["accessToken"]
    made = []
    for messages, window in SESSIONS:
        model = caller.post("/api/models", {
            "name": f"{messages}/{window}", "provider": "openai", "baseUrl": base_url,
            "model": "gpt-4o", "apiKey": "not-a-key", "contextWindow": window}).body
        session = caller.post("/api/sessions", {"modelId": model["id"]}).body["id"]
        converse(support, caller, session, 0)
        made.append(session)
    server.stop()
    database = next(support.databases(server.data))
    for session, (messages, _) in zip(made, SESSIONS):
        lengthen(database, session, messages)
    server.start()
    return caller, made


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--turns", type=int, default=200)
    figures.add_build(parser)
    options = parser.parse_args()
    support = figures.support_of(options.build)

    model = upstream()
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        server = support.parley(folder, "--messages-per-session-max", "100000",
                                "--chat-calls-per-min", "1000000")
        try:
            caller, sessions = set_up(support, server,
                                      f"http://127.0.0.1:{model.server_port}/v1")
            print("messages   window     sent   first ms   head p50     p99   whole p50     p99")
            medians = {}
            for session, (messages, window) in zip(sessions, SESSIONS):
                (first,), _ = measure(support, caller, model, session, 1)
                heads, wholes = measure(support, caller, model, session, options.turns)
                medians[messages, window] = figures.at_share(heads, 0.5)
                print(f"{messages:8} {window:8} {model.messages:8} {first:10.1f}"
                      f" {medians[messages, window]:10.1f} {figures.at_share(heads, 0.99):7.1f}"
                      f" {figures.at_share(wholes, 0.5):11.1f}"
                      f" {figures.at_share(wholes, 0.99):7.1f}", flush=True)
            share, moves = repeat_share(support, caller, model,
                                        f"http://127.0.0.1:{model.server_port}/v1")
        finally:
            server.stop()
    longest = figures.at_share(heads, 0.99)
    growth = medians[10_000, 8_192] / medians[1_000, 8_192]
    is_met = {
        f"10,000 messages: the request begins within {longest:.1f} ms at p99 (at most {LIMIT_MS}":
            longest <= LIMIT_MS,
        f"10,000 messages against 1,000 in one window: {growth:.2f} x at p50 (at most {GROWTH_MAX}":
            growth <= GROWTH_MAX,
        f"a chat of {TURNS} turns in {WINDOW:,} tokens, whose beginning moved {moves} times: "
        f"{share:.1f} % of the turns repeat the request before byte for byte (at least "
        f"{REPEATED_MIN}": share >= REPEATED_MIN,
    }
    return figures.verdict(is_met)


if __name__ == "__main__":
    sys.exit(main())
