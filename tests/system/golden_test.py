"""The recorded streams of tests/golden through the built server: cut anywhere, one result.

Each is served over a real socket in two pieces, and what is stored is held against the recording's
.expected file. A few cuts of each stream, or with TEST_SPLITS=all every one.
"""

import collections
import json
import os
import queue
import re
import socket
import socketserver
import threading
import time

import support

GOLDEN = support.ROOT / "tests" / "golden"
DIALECTS = ("anthropic", "azure", "gemini", "ollama", "openai", "openai-responses")
SPLITS = os.environ.get("TEST_SPLITS", "3")
CALLERS = int(os.environ.get("TEST_CALLERS", "8"))
# The second piece must find the first one read.
PAUSE_S = float(os.environ.get("TEST_PAUSE_S", "0.004"))

recording = collections.namedtuple("recording", "dialect name bytes wanted")


def wanted_of(text):
    """(parts, status, reason) of a reply to somebody who offered no tools."""
    parts, status, reason, calls = [], None, None, False
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("text", "reasoning", "refusal"):
            parts.append((word, json.loads(rest)))
        elif word == "call":
            calls = True
        elif word == "error":
            status, reason = "broken", rest.split()[0].partition("/")[2]
        elif word == "finish":
            status = {"stop": "complete", "length": "length", "refused": "refused"}[rest.split()[0]]
    if status == "refused":
        is_told = any(kind == "refusal" for kind, _ in parts)
        status, reason = ("complete", None) if is_told else ("broken", "upstream_content_filter")
    if calls and status != "broken":
        status, reason = "broken", "upstream_tool_call"
    if status == "broken":
        status = "interrupted" if parts else "error"
    return parts, status, reason


def recordings():
    for dialect in DIALECTS:
        for path in sorted((GOLDEN / dialect).iterdir()):
            if path.suffix == ".expected":
                continue
            yield recording(dialect, path.stem, path.read_bytes(),
                            wanted_of(path.with_suffix(".expected").read_text()))


class golden_upstream:
    """Serves /DIALECT/...; the last message says what, and where to cut: `play=NAME cut=N`."""

    def __init__(self, streams):
        known = {(each.dialect, each.name): each.bytes for each in streams}

        class handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                path, length = self.rfile.readline().split()[1].decode(), 0
                while (line := self.rfile.readline().strip()):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                name, cut = re.findall(rb"play=(\w+) cut=(\d+)", self.rfile.read(length))[-1]
                stream, cut = known[path.split("/")[1], name.decode()], int(cut)
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                 b"Connection: close\r\n\r\n" + stream[:cut])
                time.sleep(PAUSE_S)
                self.wfile.write(stream[cut:])

        class server(socketserver.ThreadingTCPServer):
            request_queue_size = 256
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a reply that is complete before its last byte

        self.server = server(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class golden_test(support.system_test):
    def setUp(self):
        super().setUp()
        most = "1000000"
        self.server.options += ["--upstream-retries-max", "0", "--chat-calls-per-min", most,
                                "--write-calls-per-min", most, "--read-calls-per-min", most,
                                "--streams-per-user-max", "64"]
        self.server.start()
        self.caller = self.register("ada")
        self.streams = list(recordings())
        self.upstream = self.keep(golden_upstream(self.streams))

    def cuts_of(self, stream):
        size = len(stream.bytes)
        if SPLITS == "all":
            return range(size + 1)
        # Different places in each stream, some of them in the middle of a character or a line end.
        seed = sum(stream.bytes) + len(stream.name)
        return sorted({(seed * 7919 + n * 104729) % (size + 1) for n in range(int(SPLITS))})

    def turn(self, session, name, cut):
        view = support.reply_view()
        with self.caller.stream("/api/chat/stream",
                                {"sessionId": session,
                                 "content": f"play={name} cut={cut}"}) as events:
            self.assertEqual(200, events.status, getattr(events, "problem", ""))
            view.follow(events)
        self.assertEqual(0, view.events_after_done)
        stored = self.message(self.caller, session, view.start["messageId"])
        parts = [(part["type"], part["text"]) for part in stored["parts"]]
        self.assertEqual(view.text, "".join(text for kind, text in parts if kind != "reasoning"))
        return (parts, stored["status"],
                (stored.get("error") or {}).get("reason"))

    def test_one_result_wherever_it_is_cut(self):
        jobs = queue.Queue()
        models = {}
        for dialect in DIALECTS:
            made = self.add_model(self.caller, f"{self.upstream.address}/{dialect}", dialect,
                                  provider=dialect)
            models[dialect] = made["id"]
        for stream in self.streams:
            cuts = list(self.cuts_of(stream))
            for begin in range(0, len(cuts), 100):  # a session each, so that none grows long
                jobs.put((stream, cuts[begin:begin + 100]))
        wrong, counts = [], collections.Counter()

        def play(stream, cuts):
            session = self.add_session(self.caller, models[stream.dialect])
            for cut in cuts:
                found = self.turn(session, stream.name, cut)
                counts[stream.dialect] += 1
                if found != stream.wanted:
                    wrong.append((stream.dialect, stream.name, cut, found, stream.wanted))

        def work():
            while True:
                try:
                    stream, cuts = jobs.get_nowait()
                except queue.Empty:
                    return
                try:
                    play(stream, cuts)
                except Exception as problem:  # pylint: disable=broad-except
                    wrong.append((stream.dialect, stream.name, cuts, repr(problem)))

        callers = [threading.Thread(target=work, daemon=True) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        print("    turns through the whole stack: " +
              ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) +
              f"; with another result: {len(wrong)}")
        self.assertEqual([], wrong[:5])
        self.assertEqual(set(DIALECTS), set(counts))
