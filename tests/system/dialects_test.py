"""Every dialect through the built server, against a mock of the providers that is not ours."""

import contextlib
import json
import socketserver
import threading
import time

import support

FIXTURES = support.HERE / "dialect_fixtures.json"
# Pieces of five UTF-16 units, which split words but no character.
PACE = ("-c", "5")
RED_DOT = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAA"
           "AElFTkSuQmCC")
# provider -> what follows the mock's address in the base URL
DIALECTS = {"openai": "/v1", "openai-compatible": "/v1", "openai-responses": "/v1", "azure": "",
            "deepseek": "/v1", "qwen": "/v1", "mistral": "/v1", "anthropic": "/v1",
            "gemini": "/v1beta", "ollama": ""}
REFUSALS = {400: ("provider_refused", "upstream_refused"),
            401: ("provider_refused", "upstream_auth"),
            429: ("rate_limited", "upstream_rate_limited"),
            500: ("provider_failed", "upstream_error"),
            529: ("provider_failed", "upstream_overloaded")}
GREETING = "Grüße aus 北京, \"Zürich\" und 🙂.\nEnde."
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: "
# What the mock cannot say is said by bytes of our own.
RAW = {"html": HEAD + b"text/html\r\n\r\n<html><body>canary</body></html>",
       "noise": HEAD + b"text/event-stream\r\n\r\ndata: {canary\n\n{canary\n",
       "nothing": HEAD + b"text/event-stream\r\n\r\n",
       "no answer": b"",
       "ollama length": HEAD + b"application/x-ndjson\r\n\r\n" + b"".join(
           json.dumps({"message": {"role": "assistant", "content": text}, **more}).encode() + b"\n"
           for text, more in (("This is all there is room", {"done": False}),
                              ("", {"done": True, "done_reason": "length"})))}


class raw_upstream:
    """Answers every request with the same bytes and closes."""

    def __init__(self, response):
        class handler(socketserver.StreamRequestHandler):
            def handle(self):
                length = 0
                while (line := self.rfile.readline().strip()):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                self.rfile.read(length)
                with contextlib.suppress(OSError):
                    self.wfile.write(response)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class dialects_test(support.system_test):
    """A matrix: each dialect against each thing that an upstream may do."""

    CASES = ("plain", "reasoning", "image", "tools", "length", "400", "401", "429 in 7 s", "500",
             "529", "cut", "slow", "silent", "garbage", "noise", "html", "nothing", "disconnect",
             "no answer")

    def setUp(self):
        super().setUp()
        # Tries again are another test's business; here each would cost a second.
        self.server.options += ["--upstream-retries-max", "0", "--upstream-first-byte-s", "2",
                                "--upstream-idle-s", "2", "--chat-calls-per-min", "10000",
                                "--write-calls-per-min", "10000"]
        self.server.start()
        self.caller = self.register("ada")

    def reply(self, session, content, parts=None):
        """The view of a reply and the message that was stored, which says the same."""
        view = support.reply_view()
        body = {"sessionId": session, **({"parts": parts} if parts else {"content": content})}
        with self.caller.stream("/api/chat/stream", body) as events:
            self.assertEqual(200, events.status, getattr(events, "problem", ""))
            view.follow(events)
        self.assertEqual(0, view.events_after_done)
        stored = self.message(self.caller, session, view.start["messageId"])
        self.assertEqual(view.text, stored["content"])
        self.assertEqual(view.done["status"], stored["status"])
        return view, stored

    def whole(self, session, content, text, status="complete", parts=None):
        view, stored = self.reply(session, content, parts)
        self.assertEqual((status, []), (view.done["status"], view.errors))
        self.assertEqual(text, view.text)
        return stored

    def failed(self, session, content, code, reason):
        view, stored = self.reply(session, content)
        self.assertEqual("interrupted" if view.text else "error", view.done["status"])
        self.assertEqual((code, reason), (stored["error"]["code"], stored["error"]["reason"]))
        self.assertEqual(1, len(view.errors))
        # Nothing that the upstream wrote into its error, and no key, is in ours.
        for told in (view.errors[0], stored["error"]):
            self.assertNotIn("canary", str(told))
            self.assertNotIn("not-a-key", str(told))
        return view, stored

    def check_reasoning(self, session):
        stored = self.whole(session, "Please think first.", "It is 4.")
        self.assertEqual([("reasoning", "Two and two.\nFour, then."), ("text", "It is 4.")],
                         [(part["type"], part["text"]) for part in stored["parts"]])
        # The thoughts of the reply before are not sent along.
        self.whole(session, "Please say it plainly.", GREETING)
        sent = str(self.upstream.journal()[-1]["body"])
        self.assertIn("It is 4.", sent)
        self.assertNotIn("Four, then.", sent)

    def check_image(self, session):
        parts = [{"type": "text", "text": "Please look at this."},
                 {"type": "image", "url": "data:image/png;base64," + RED_DOT}]
        self.whole(session, None, "A red dot.", parts=parts)

    def check_cut(self, session):
        view, stored = self.reply(session, "Please break off.")
        self.assertIn(view.done["status"], ("error", "interrupted"))
        self.assertEqual("provider_failed", stored["error"]["code"])
        self.assertTrue("One two three".startswith(stored["content"][:13]))
        self.assertNotIn("twelve", stored["content"])

    def check_cell(self, case, session, raw_session):
        """The one right result of a cell; its word in the printed matrix."""
        if case == "plain":
            self.whole(session, "Please say it plainly.", GREETING)
        elif case == "reasoning":
            self.check_reasoning(session)
        elif case == "image":
            self.check_image(session)
        elif case == "tools":  # nobody offered one
            _, stored = self.failed(session, "Please use a tool.", "provider_failed",
                                    "upstream_tool_call")
            self.assertEqual("Let me look.", stored["content"])
            return "upstream_tool_call"
        elif case == "length":
            raw = self.provider == "ollama"  # whose mock tells no reason but "stop"
            self.whole(raw_session("ollama length") if raw else session, "Please stop early.",
                       "This is all there is room", "length")
            return "length"
        elif case[:3].isdigit():
            code, reason = REFUSALS[int(case[:3])]
            _, stored = self.failed(session, f"Please answer {case[:3]}.", code, reason)
            self.assertEqual("", stored["content"])
            return reason
        elif case == "cut":
            self.check_cut(session)
            return "provider_failed"
        elif case == "slow":
            begun = time.monotonic()
            self.whole(session, "Please take your time.", "Here I am.")
            self.assertGreater(time.monotonic() - begun, 0.6)
        elif case == "silent":
            begun = time.monotonic()
            self.failed(session, "Please say nothing.", "timeout", "upstream_timeout")
            self.assertLess(time.monotonic() - begun, 3)
            return "upstream_timeout"
        elif case in ("garbage", "disconnect"):
            wish = "Please talk nonsense." if case == "garbage" else "Please hang up."
            self.failed(session, wish, "provider_failed", "upstream_broken")
            return "upstream_broken"
        else:
            _, stored = self.failed(raw_session(case), "Hello?", "provider_failed",
                                    "upstream_broken")
            self.assertEqual("", stored["content"])
            return "upstream_broken"
        return "complete"

    def test_matrix(self):
        self.upstream = self.keep(support.aimock(self.folder, FIXTURES, *PACE))
        raws = {name: self.keep(raw_upstream(response)) for name, response in RAW.items()}
        words = {}
        for self.provider, path in DIALECTS.items():
            def add(name, address):
                made = self.add_model(self.caller, address + path, f"{name}-{self.provider}",
                                      provider=self.provider)
                return self.add_session(self.caller, made["id"])

            session = add("model", f"http://127.0.0.1:{self.upstream.port}")
            for case in self.CASES:
                with self.subTest(provider=self.provider, case=case):
                    words[self.provider, case] = "FAILED"
                    words[self.provider, case] = self.check_cell(
                        case, session, lambda name: add(name, raws[name].address))
        names = list(DIALECTS)
        print("\n    " + "".join(f"{name:<23}" for name in ["", *names]))
        for case in self.CASES:
            print("    " + "".join(f"{word:<23}" for word in
                                   [case, *(words[name, case] for name in names)]))
        self.assertEqual(len(names) * len(self.CASES), len(words))
        # What the upstreams wrote, and the key, are not in the log either.
        log = (self.folder / "parley.log").read_text(errors="replace")
        self.assertNotIn("canary", log)
        self.assertNotIn("not-a-key", log)

    def test_a_provider_and_a_key_are_enough(self):
        made = self.check(self.caller.post("/api/models", {"provider": "deepseek",
                                                           "apiKey": "sk-canary"}), 201)
        self.assertEqual("https://api.deepseek.com/v1", made["baseUrl"])
        self.assertEqual(("deepseek-flash", "deepseek-flash"), (made["model"], made["name"]))
        self.assertGreater(made["contextWindow"], 100_000)
        self.assertGreater(made["maxTokens"], 1_024)
        self.assertEqual("USD", made["prices"]["currency"])
        self.assertTrue(made["capabilities"]["tools"])
        self.assertTrue(made["hasApiKey"])
        self.assertNotIn("canary", str(made))

        refused = self.caller.post("/api/models", {"provider": "telepathy", "apiKey": "x"})
        self.assertEqual(422, refused.status, refused.body)
        self.assertEqual("/provider", refused.body["error"]["fields"][0]["path"])
        incomplete = self.caller.post("/api/models", {"provider": "azure", "apiKey": "x"})
        self.assertEqual(422, incomplete.status)
        self.assertEqual(["/name", "/baseUrl", "/model"],
                         [fault["path"] for fault in incomplete.body["error"]["fields"]])
        priced = self.caller.patch(f"/api/models/{made['id']}",
                                   {"prices": {"inputPerMTok": "1.5", "outputPerMTok": "x"}})
        self.assertEqual(422, priced.status)
        priced = self.caller.patch(f"/api/models/{made['id']}",
                                   {"prices": {"currency": "EUR", "inputPerMTok": "1.5",
                                               "outputPerMTok": "2"}})
        self.assertEqual("EUR", self.check(priced, 200)["prices"]["currency"])
