"""Every dialect through the built server, against a mock of the providers that is not ours."""

import contextlib
import socketserver
import threading

import support

FIXTURES = support.HERE / "dialect_fixtures.json"
# Pieces of five UTF-16 units, which split words but no character.
PACE = ("-c", "5")
RED_DOT = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAA"
           "AElFTkSuQmCC")
# provider -> what follows the mock's address in the base URL
DIALECTS = {"openai": "/v1", "openai-compatible": "/v1", "openai-responses": "/v1", "azure": "",
            "mistral": "/v1", "anthropic": "/v1", "gemini": "/v1beta", "ollama": ""}
REFUSALS = {400: ("provider_refused", "upstream_refused"),
            401: ("provider_refused", "upstream_auth"),
            429: ("rate_limited", "upstream_rate_limited"),
            500: ("provider_failed", "upstream_error"),
            529: ("provider_failed", "upstream_overloaded")}


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
    def setUp(self):
        super().setUp()
        # Tries again are another test's business; here each would cost a second.
        self.server.options += ["--upstream-retries-max", "0"]
        self.server.start()
        self.caller = self.register("ada")

    def mock(self):
        upstream = self.keep(support.aimock(self.folder, FIXTURES, *PACE))
        upstream.address = f"http://127.0.0.1:{upstream.port}"
        return upstream

    def with_each_dialect(self, address, check):
        """check(session), with the provider's name as `self.provider`."""
        for self.provider, path in DIALECTS.items():
            with self.subTest(provider=self.provider):
                made = self.add_model(self.caller, address + path, f"model-of-{self.provider}",
                                      provider=self.provider)
                check(self.add_session(self.caller, made["id"]))
                self.check(self.caller.request("DELETE", f"/api/models/{made['id']}"), 204)

    def reply(self, session, content, parts=None):
        """The view of a reply and the message that was stored."""
        view = support.reply_view()
        body = {"sessionId": session, **({"parts": parts} if parts else {"content": content})}
        with self.caller.stream("/api/chat/stream", body) as events:
            self.assertEqual(200, events.status, getattr(events, "problem", ""))
            view.follow(events)
        return view, self.message(self.caller, session, view.start["messageId"])

    def check_failure(self, view, stored, code, reason):
        status = "interrupted" if view.text else "error"
        self.assertEqual(status, view.done["status"])
        self.assertEqual(status, stored["status"])
        self.assertEqual((code, reason), (stored["error"]["code"], stored["error"]["reason"]))
        # Nothing that the upstream wrote into its error, and no key, is in ours.
        self.assertNotIn("canary", str(stored["error"]))
        self.assertNotIn("not-a-key", str(stored["error"]))
        self.assertEqual(1, len(view.errors))
        self.assertEqual(view.text, stored["content"])

    def test_replies(self):
        upstream = self.mock()

        def check(session):
            view, stored = self.reply(session, "Please say it plainly.")
            self.assertEqual("complete", view.done["status"], view.errors)
            self.assertEqual("Grüße aus 北京, \"Zürich\" und 🙂.\nEnde.", view.text)
            self.assertEqual(view.text, stored["content"])
            self.assertEqual([], view.errors)

            view, stored = self.reply(session, "Please think first.")
            self.assertEqual("complete", view.done["status"])
            self.assertEqual([("reasoning", "Two and two.\nFour, then."), ("text", "It is 4.")],
                             [(part["type"], part["text"]) for part in stored["parts"]])

            # The thoughts of the reply before are not sent along.
            sent = str(upstream.journal()[-1]["body"])
            self.assertIn("Please think first.", sent)
            self.reply(session, "Please say it plainly.")
            sent = str(upstream.journal()[-1]["body"])
            self.assertIn("It is 4.", sent)
            self.assertNotIn("Four, then.", sent)

        self.with_each_dialect(upstream.address, check)

    def test_replies_that_are_cut_to_length(self):
        upstream = self.mock()

        def check(session):
            if self.provider == "ollama":
                return  # the mock tells no done_reason but "stop"
            view, stored = self.reply(session, "Please stop early.")
            self.assertEqual("length", view.done["status"])
            self.assertEqual("This is all there is room", stored["content"])

        self.with_each_dialect(upstream.address, check)

    def test_pictures(self):
        upstream = self.mock()

        def check(session):
            parts = [{"type": "text", "text": "Please look at this."},
                     {"type": "image", "url": "data:image/png;base64," + RED_DOT}]
            view, _ = self.reply(session, None, parts)
            self.assertEqual("complete", view.done["status"], view.errors)
            self.assertEqual("A red dot.", view.text)

        self.with_each_dialect(upstream.address, check)

    def test_a_tool_that_nobody_offered(self):
        upstream = self.mock()

        def check(session):
            view, stored = self.reply(session, "Please use a tool.")
            self.check_failure(view, stored, "provider_failed", "upstream_tool_call")
            self.assertEqual("Let me look.", stored["content"])

        self.with_each_dialect(upstream.address, check)

    def test_refusals(self):
        upstream = self.mock()

        def check(session):
            for status, (code, reason) in REFUSALS.items():
                with self.subTest(status=status):
                    view, stored = self.reply(session, f"Please answer {status}.")
                    self.check_failure(view, stored, code, reason)
                    self.assertEqual("", stored["content"])

        self.with_each_dialect(upstream.address, check)

    def test_replies_that_break_off(self):
        upstream = self.mock()

        def check(session):
            view, stored = self.reply(session, "Please break off.")
            self.assertIn(view.done["status"], ("error", "interrupted"))
            self.assertTrue("One two three".startswith(stored["content"][:13]))
            self.assertNotIn("twelve", stored["content"])
            for wish in ("Please talk nonsense.", "Please hang up."):
                with self.subTest(wish=wish):
                    view, stored = self.reply(session, wish)
                    self.assertIn(view.done["status"], ("error", "interrupted"))
                    self.assertEqual("provider_failed", stored["error"]["code"])

        self.with_each_dialect(upstream.address, check)

    def test_answers_that_are_no_replies(self):
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: "
        answers = {"html": head + b"text/html\r\n\r\n<html><body>canary</body></html>",
                   "garbage": head + b"text/event-stream\r\n\r\ndata: {canary\n\n{canary\n",
                   "nothing": head + b"text/event-stream\r\n\r\n",
                   "hang up": b""}
        for name, response in answers.items():
            upstream = self.keep(raw_upstream(response))
            def check(session):
                with self.subTest(answer=name):
                    view, stored = self.reply(session, "Hello?")
                    self.assertEqual("error", view.done["status"])
                    self.assertEqual("provider_failed", stored["error"]["code"])
                    self.assertNotIn("canary", str(stored["error"]))
                    self.assertEqual("", stored["content"])

            self.with_each_dialect(upstream.address, check)

    def test_a_provider_and_a_key_are_enough(self):
        made = self.check(self.caller.post("/api/models", {"provider": "deepseek",
                                                           "apiKey": "sk-canary"}), 201)
        self.assertEqual("https://api.deepseek.com/v1", made["baseUrl"])
        self.assertEqual(("deepseek-chat", "deepseek-chat"), (made["model"], made["name"]))
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
