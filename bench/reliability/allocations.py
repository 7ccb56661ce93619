"""No memory: whichever allocation fails, its request is answered with an error or the process ends
at once; nothing acknowledged is lost, and nothing hangs.

Only for a build without sanitizers, whose allocator no library can stand before.
"""

import collections
import contextlib
import errno
import http.client
import json
import random
import signal

import support
from fault_orders import ALLOCATE, SEEN, put_under, wait_until

NEVER = 1 << 60
CUT_OFF = (OSError, http.client.HTTPException, json.JSONDecodeError)
WELL_S_MAX = 20
ANSWERS = (200, 201, 401, 404, 500, 502, 503, 504, 507)


class shortage:
    """Fails one allocation after the other of a server that a test keeps."""

    def __init__(self, test, seed=7):
        self.test = test
        self.chance = random.Random(seed)
        # Few threads: as little as may be is counted that has nothing to do with the request.
        for value in ("io_threads=1", "scheduler_threads=1", "bcrypt_cost=4", "readers=1"):
            test.server.options += ["--set", value]
        self.orders = put_under(test.server, test.folder)
        self.answers = collections.Counter()
        self.ends = collections.Counter()  # by scenario
        self.crashes = []  # what ended otherwise than by std::terminate, or answered oddly
        self.shown = {}  # what was acknowledged: message -> content
        self.failed = 0

    def begin(self, caller, model):
        self.ada, self.model = caller, model
        self.ada.timeout_s = WELL_S_MAX
        self.chat = self.test.add_session(caller, model)

    # -- what is asked while memory is short ---------------------------------------------------

    def turn(self):
        told = self.ada.post("/api/chat/stream", {"sessionId": self.chat, "content": "Hi"},
                             {"Accept": "application/json"})
        if told.status == 200 and told.body["status"] == "complete":
            self.shown[told.body["id"]] = told.body["content"]
        return told

    def new_chat(self):
        return self.ada.post("/api/sessions", {"title": "A chat", "modelId": self.model})

    def read(self):
        return self.ada.get(f"/api/sessions/{self.chat}/messages?limit=20")

    def search(self):
        return self.ada.get("/api/search?q=the")

    def log_in(self):
        return self.ada.post("/api/auth/login", {"username": "admin",
                                                 "password": support.PASSWORD})

    def look(self):
        return self.test.server.client().get("/metrics")

    # ------------------------------------------------------------------------------------------

    def allocations_of(self, scenario):
        """About how many there are from the request to its answer."""
        self.orders.fail(ALLOCATE, errno.ENOMEM, NEVER)
        if scenario().status >= 300:
            raise AssertionError(f"{scenario.__name__} fails with all the memory there is")
        self.orders.stop()
        return self.orders[SEEN]

    def fail_one(self, scenario, nth):
        self.orders.fail(ALLOCATE, errno.ENOMEM, nth)
        try:
            told = scenario()
            self.answers[told.status] += 1
            if told.status not in ANSWERS:
                self.crashes.append((scenario.__name__, nth, told.status))
        except CUT_OFF:
            self.answers["cut off"] += 1
        finally:
            self.failed += self.orders.stop()
        server = self.test.server
        try:
            wait_until(lambda: not server.process.is_running() or self.is_well(), WELL_S_MAX,
                       "well again, or over")
            wait_until(lambda: not server.process.is_running() or self.is_free(), WELL_S_MAX,
                       "a reply's end")
        except AssertionError as what:
            self.crashes.append((scenario.__name__, nth, f"hangs: {what}", self.last_words()))
            server.process.kill()
        if server.process.is_running():
            return
        code = server.process.wait(support.ANSWER_S_MAX)
        self.ends[scenario.__name__] += 1
        if code not in (-signal.SIGABRT, -signal.SIGKILL):
            self.crashes.append((scenario.__name__, nth, code, self.last_words()))
        server.start()

    def is_well(self):
        """Another connection is served, and what stores and reads is there."""
        with contextlib.suppress(*CUT_OFF):
            asker = self.test.server.client()
            asker.timeout_s = 5
            asker.token = self.ada.token
            told = asker.patch(f"/api/sessions/{self.chat}", {"title": "A chat"})
            if told.status == 401:  # so many logins later the first of them is forgotten
                self.ada.token = self.log_in().body.get("accessToken")
            return told.status == 200
        return False

    def is_free(self):
        """The chat takes another turn: no reply of it goes on for ever."""
        with contextlib.suppress(*CUT_OFF):
            return self.turn().status == 200
        return False

    def last_words(self):
        return self.test.server.process.output()[-1500:]

    def run(self, runs):
        """So many allocations in all, evenly over the scenarios."""
        self.turn()
        scenarios = (self.turn, self.new_chat, self.read, self.search, self.log_in, self.look)
        for scenario in scenarios:
            known = max(self.allocations_of(scenario) for _ in range(3))
            if known == 0:
                raise AssertionError("a build with sanitizers has an allocator of its own")
            share = min(known, max(1, runs // len(scenarios)))
            for nth in sorted(self.chance.sample(range(1, known + 1), share)):
                self.fail_one(scenario, nth)

    def lost(self):
        """Acknowledged messages that are not there, before and after a start; other damage."""
        lost = []
        for _ in range(2):
            told = []
            try:
                wait_until(lambda: told.append(self.turn()) or told[-1].status == 200,
                           support.ANSWER_S_MAX, "a turn again")
            except AssertionError:
                lost.append(f"no turn again: {told[-1].status} {told[-1].body}")
            for message, content in self.shown.items():
                told = self.ada.get(f"/api/sessions/{self.chat}/messages/{message}")
                if told.status != 200 or told.body["content"] != content:
                    lost.append(message)
            lost += support.integrity_faults(self.test.server.data)
            self.test.server.stop()
            self.test.server.start()
        return lost
