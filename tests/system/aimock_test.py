"""Conversations with an upstream that is not ours."""

import json

import support

FIXTURES = support.HERE / "fixtures.json"
STORY = json.loads(FIXTURES.read_text())["fixtures"][0]["response"]["content"]
# Pieces of eight UTF-16 units, as slow as a real model writes; none splits a character.
PACE = ("-c", "8", "-l", "5")


class aimock_test(support.system_test):
    def setUp(self):
        super().setUp()
        self.upstream = self.keep(support.aimock(self.folder, FIXTURES, *PACE))
        self.server.start()
        self.caller = self.register("ada")

    def converse(self, provider, base_url, model):
        made = self.add_model(self.caller, base_url, model, provider=provider)
        session = self.add_session(self.caller, made["id"])
        view = self.send(self.caller, session, "Please tell me a story.")
        self.assertEqual([], view.errors)
        self.assertEqual("complete", view.done["status"])
        self.assertEqual(STORY, view.text)
        self.assertEqual(session, view.start["sessionId"])

        stored = self.message(self.caller, session, view.start["messageId"])
        self.assertEqual(STORY, stored["content"])
        self.assertEqual("complete", stored["status"])
        self.assertEqual(view.start["userMessageId"], stored["parentId"])
        listed = self.check(self.caller.get(f"/api/sessions/{session}/messages"), 200)["items"]
        self.assertEqual([(view.start["messageId"], "assistant", STORY),
                          (view.start["userMessageId"], "user", "Please tell me a story.")],
                         [(item["id"], item["role"], item["content"]) for item in listed])

        # A client that comes late, and clients that were cut off at any event, end up the same.
        for count in (0, 1, 2, len(view.taken) // 3, len(view.taken) // 2, len(view.taken) - 2):
            with self.subTest(cut_after=count):
                self.resume(view, count)

    def resume(self, view, count):
        again = view.cut_after(count)
        path = f"/api/chat/stream/{view.start['messageId']}"
        with self.caller.stream(path, last_id=again.last_id or None) as events:
            self.assertEqual(200, events.status, getattr(events, "problem", ""))
            again.follow(events)
        self.assertEqual("complete", again.done["status"])
        self.assertEqual(STORY, again.text)
        self.assertEqual(view.last_id, again.last_id)

    def test_openai(self):
        self.converse("openai", self.upstream.base_url, "gpt-4o")
        sent = self.upstream.journal()[-1]["body"]
        self.assertTrue(sent["stream"])
        self.assertEqual("Please tell me a story.", sent["messages"][-1]["content"])

    def test_the_conversation_is_sent_along(self):
        made = self.add_model(self.caller, self.upstream.base_url, "gpt-4o")
        session = self.add_session(self.caller, made["id"])
        for _ in range(2):
            self.send(self.caller, session, "Now tell me a story.")
        roles = [message["role"] for message in self.upstream.journal()[-1]["body"]["messages"]]
        self.assertEqual(["user", "assistant", "user"], [r for r in roles if r != "system"])

    def test_an_upstream_that_fails(self):
        made = self.add_model(self.caller, self.upstream.base_url, "gpt-4o")
        session = self.add_session(self.caller, made["id"])
        view = self.send(self.caller, session, "Here the upstream breaks.")
        self.assertEqual("error", view.done["status"])
        self.assertEqual(["provider_failed"], [error["code"] for error in map(
            lambda data: data.get("error", data), view.errors)])
        kept = self.message(self.caller, session, view.start["userMessageId"])
        self.assertEqual("Here the upstream breaks.", kept["content"])
