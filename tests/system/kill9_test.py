"""kill -9 at any moment: what was acknowledged is there, and streams can be taken up again."""

import contextlib
import http.client
import json
import os
import random
import threading
import time

import support

RUNS = int(os.environ.get("TEST_RUNS", "10"))  # bench/reliability_bench.py makes it 200
USERS = int(os.environ.get("TEST_USERS", "5"))  # bench/reliability_bench.py makes it 250
SESSIONS_OF_EACH = 4  # the limit of running replies of one user
# 60 tokens, 20 ms apart: about 1.3 s a reply.
MODEL = "mock-t60-i20"
CUT_OFF = (OSError, http.client.HTTPException, json.JSONDecodeError)


class chat:
    """One session under load: sends turn after turn and remembers what it was told."""

    def __init__(self, test, caller, model_id, number):
        self.caller = caller
        self.session = test.add_session(caller, model_id)
        self.number = number
        self.turns = []  # (content, view) of each turn whose `start` arrived
        self.refusals = []
        self.view = support.reply_view()  # of the latest turn

    def talk(self, is_over):
        while not is_over.is_set():
            content = f"chat {self.number}, turn {len(self.turns)}"
            self.view = view = support.reply_view()
            with contextlib.suppress(*CUT_OFF):
                self.send(content, view)
            if view.start is not None:
                self.turns.append((content, view))
            if view.done is None:
                return  # cut off

    def send(self, content, view):
        body = {"sessionId": self.session, "content": content}
        with self.caller.stream("/api/chat/stream", body) as events:
            if events.status != 200:
                self.refusals.append((events.status, events.problem))
                return
            view.follow(events)


class kill9_test(support.system_test):
    def test_nothing_acknowledged_is_lost(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        upstream = self.keep(support.mock_llm(self.folder))
        for name in ("login_calls_per_min", "write_calls_per_min", "chat_calls_per_min",
                     "read_calls_per_min", "connections_per_address_max",
                     "connections_unadmitted_max"):
            self.server.options += ["--set", f"{name}=100000"]
        self.server.options += ["--set", "bcrypt_cost=4", "--set", "access_token_s=3600"]
        self.server.start()
        callers, model = self.open_to_many(upstream.base_url, MODEL, USERS)
        chats = [chat(self, caller, model["id"], number) for number, caller in
                 enumerate(caller for caller in callers for _ in range(SESSIONS_OF_EACH))]
        starts_s = []
        acknowledged = resumed = 0
        with self.subTest(seed=seed):
            for run in range(RUNS):
                for each in chats:
                    each.turns.clear()
                    each.view = support.reply_view()
                self.talk_until_killed(chats, chance.uniform(0.0, 2.2))
                self.assertEqual([], support.integrity_faults(self.server.data))
                self.server.start()
                starts_s.append(self.server.start_s)
                support.run_together([lambda each=each: self.check_chat(each) for each in chats])
                turns = [view for each in chats for _, view in each.turns]
                self.assertGreater(len(turns), 0, f"run {run}")
                acknowledged += len(turns)
                resumed += sum(view.done["status"] == "interrupted" for view in turns)
            self.assertEqual([], [refusal for each in chats for refusal in each.refusals])
        print(f"    {RUNS} times killed: {acknowledged} turns acknowledged, 0 lost; "
              f"{resumed} streams taken up again")
        print(f"    ready again after {min(starts_s):.2f} to {max(starts_s):.2f} s "
              f"(2 s are the aim for the release build)")

    def talk_until_killed(self, chats, seconds):
        is_over = threading.Event()
        killer = threading.Thread(target=self.kill, args=[chats, seconds, is_over])
        killer.start()
        support.run_together([lambda each=each: each.talk(is_over) for each in chats])
        killer.join()

    # The random time runs from the first event on: a slow machine must not turn a run into none.
    def kill(self, chats, seconds, is_over):
        waiting_until = time.monotonic() + 30
        while time.monotonic() < waiting_until and not any(each.view.start for each in chats):
            time.sleep(0.005)
        time.sleep(seconds)
        is_over.set()
        self.server.process.kill()

    def check_chat(self, each):
        for content, view in each.turns:
            kept = self.message(each.caller, each.session, view.start["userMessageId"])
            self.assertEqual(content, kept["content"])
            is_whole = view.done is not None
            if is_whole:
                self.assertEqual("complete", view.done["status"], view.errors)
            else:
                self.resume(each, view)
            stored = self.message(each.caller, each.session, view.start["messageId"])
            self.assertEqual(stored["content"], view.text)
            self.assertEqual("complete" if is_whole else view.done["status"], stored["status"])

    def resume(self, each, view):
        path = f"/api/chat/stream/{view.start['messageId']}"
        begun = time.monotonic()
        with each.caller.stream(path, last_id=view.last_id) as events:
            self.assertEqual(200, events.status, getattr(events, "problem", ""))
            view.follow(events)
        self.assertIsNotNone(view.done, f"no end after {time.monotonic() - begun:.1f} s")
        # The reply may have ended in the instant before the kill, its `done` still on the way.
        self.assertIn(view.done["status"], ("interrupted", "complete"))
