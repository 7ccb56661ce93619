"""The official SDKs, and what is built on them, against /v1 of the built server."""

import contextlib
import json
import platform
import socketserver
import subprocess
import threading
import time

import support

FIXTURES = support.HERE / "sdk_fixtures.json"
PACE = ("-c", "5")
ABORT_S_MAX = 1.0
SHARED = {"chat", "stream", "usage", "tools", "images", "abort", "errors", "broken"}
CAPABILITIES = {
    "openai": SHARED | {"list", "retrieve", "request_id", "embeddings_float", "embeddings_base64"},
    "anthropic": SHARED | {"list", "retrieve", "request_id"},
    "aisdk": SHARED | {"embeddings_float"},
    "langchain": SHARED | {"embeddings_float"},
}
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'


class slow_upstream:
    """Writes for ever, and notes when its reader has gone."""

    def __init__(self):
        closed = self.closed = []

        class handler(socketserver.StreamRequestHandler):
            def handle(self):
                length = 0
                while (line := self.rfile.readline().strip()):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                self.rfile.read(length)
                with contextlib.suppress(OSError):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                     b"Connection: close\r\n\r\n")
                    while True:
                        self.wfile.write(CHUNK)
                        time.sleep(0.02)
                closed.append(time.time())

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.base_url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def table_of(results):
    """SDK by capability."""
    names = sorted({name for _, name in results})
    lines = ["  " + "".ljust(20) + "".join(sdk.ljust(11) for sdk in CAPABILITIES)]
    for name in names:
        cells = (results.get((sdk, name)) for sdk in CAPABILITIES)
        marks = ("-" if cell is None else "ok" if cell["ok"] else "FAILED" for cell in cells)
        lines.append("  " + name.ljust(20) + "".join(mark.ljust(11) for mark in marks))
    return "\n".join(lines)


class sdk_test(support.system_test):
    def setUp(self):
        super().setUp()
        self.server.options += ["--upstream-retries-max", "0"]
        self.upstream = self.keep(support.aimock(self.folder, FIXTURES, *PACE))
        self.slow = self.keep(slow_upstream())
        self.server.start()
        self.caller = self.register("ada")
        self.key = self.make_key()
        for name, base_url, model in (("mock", self.upstream.base_url, "gpt-4o"),
                                      ("embedder", self.upstream.base_url, "text-embed-1"),
                                      ("slow", self.slow.base_url, "slow-1")):
            self.add_model(self.caller, base_url, model, path="/api/models/system", name=name)

    def make_key(self):
        """An API key, as a user of an SDK has it."""
        body = {"name": "sdk", "scopes": ["chat", "models"]}
        return self.check(self.caller.post("/api/keys", body), 201)["key"]

    def run_sdk(self, sdk):
        machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "")
        node = support.HERE / f"node_modules/node-linux-{machine}/bin/node"
        run = subprocess.run([str(node), str(support.HERE / "sdk_calls.mjs"), sdk,
                              f"http://127.0.0.1:{self.server.port}", self.key],
                             capture_output=True, text=True, timeout=180, check=False)
        lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        self.assertEqual(0, run.returncode, run.stderr[-4000:])
        return {(sdk, line["capability"]): line for line in lines}

    def test_every_sdk(self):
        results = {}
        for sdk in CAPABILITIES:
            results |= self.run_sdk(sdk)
        print(table_of(results), flush=True)
        cells = {(sdk, name) for sdk, names in CAPABILITIES.items() for name in names}
        self.assertEqual(cells, set(results))
        skipped = cells - {cell for cell, line in results.items() if line["ok"] is not None}
        print(f"  {len(cells)} cells, {len(skipped)} skipped", flush=True)
        for cell, line in sorted(results.items()):
            with self.subTest(cell=cell):
                self.assertTrue(line["ok"], line["detail"])
        with self.subTest("aborted calls are closed upstream at once"):
            self.check_aborts([results[sdk, "abort"]["detail"] for sdk in CAPABILITIES])
        with self.subTest("what the upstream was sent"):
            self.check_journal()

    def check_aborts(self, aborted_ms):
        until = time.monotonic() + 10
        while len(self.slow.closed) < len(aborted_ms) and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual(len(aborted_ms), len(self.slow.closed))
        for at_ms, closed in zip(aborted_ms, self.slow.closed):
            self.assertLessEqual(closed - at_ms / 1000, ABORT_S_MAX)

    def check_journal(self):
        chats = [entry["body"] for entry in self.upstream.journal()
                 if entry["path"].endswith("/chat/completions")]
        self.assertEqual({"gpt-4o"}, {body["model"] for body in chats})
        self.assertNotIn(self.key, json.dumps(self.upstream.journal()))
        last = [body["messages"][-1]["content"] for body in chats]
        images = [content for content in last if isinstance(content, list)]
        self.assertEqual(len(CAPABILITIES), len(images))
        for content in images:
            self.assertEqual({"text", "image_url"}, {part["type"] for part in content})
            self.assertTrue(next(part["image_url"]["url"] for part in content
                                 if part["type"] == "image_url")
                            .startswith("data:image/png;base64,iVBOR"))
        offered = [body for body in chats if body.get("tools")]
        self.assertEqual(2 * len(CAPABILITIES) + 2, len(offered))
        for body in offered:
            self.assertEqual("weather", body["tools"][0]["function"]["name"])
            self.assertEqual(["city"], body["tools"][0]["function"]["parameters"]["required"])
        results = [message for body in chats for message in body["messages"]
                   if message["role"] == "tool"]
        self.assertEqual(["sunny", "sunny"], [message["content"] for message in results])
