"""SIGTERM: streams get their end, what they said is stored, the exit code is 0."""

import signal
import threading

import support
from fault_orders import FAILED, SYNC, put_under, wait_until

USERS = 5
SESSIONS_OF_EACH = 4
STREAMS = USERS * SESSIONS_OF_EACH
LATE_S = 8  # more than a second of patience and five for the last commits
# Longest drain: 20 s for streams, then the end of all.
EXIT_S_MAX = 40


class sigterm_test(support.system_test):
    def setUp(self):
        super().setUp()
        self.upstream = self.keep(support.mock_llm(self.folder))
        self.server.start()
        self.all_started = threading.Semaphore(0)

    def stream_all(self, model, read, prepare=lambda: None):
        """20 streams, SIGTERM once each has shown text; (caller, session, view) of each."""
        callers, made = self.open_to_many(self.upstream.base_url, model, USERS)
        results = [(caller, self.add_session(caller, made["id"]), support.reply_view())
                   for caller in callers for _ in range(SESSIONS_OF_EACH)]

        def end_the_server():
            for _ in range(STREAMS):
                self.assertTrue(self.all_started.acquire(timeout=support.READY_S_MAX),
                                "not every stream began")
            prepare()
            self.server.process.signal(signal.SIGTERM)

        support.run_together([lambda result=result: read(*result) for result in results]
                             + [end_the_server])
        self.assertEqual(0, self.server.process.wait(EXIT_S_MAX), self.server.process.output())
        return results

    def read_cut(self, caller, session, view):
        has_text = False
        body = {"sessionId": session, "content": "speak"}
        with caller.stream("/api/chat/stream", body) as events:
            self.assertEqual(200, events.status, getattr(events, "problem", ""))
            for item in events:
                view.take(item)
                if view.text and not has_text:
                    has_text = True
                    self.all_started.release()

    def read(self, caller, session, view):
        self.read_cut(caller, session, view)
        self.assertIsNotNone(view.done, f"a stream ended without its end: {view.errors}")
        self.assertEqual(0, view.events_after_done)

    def check_stored(self, results):
        self.assertEqual([], support.integrity_faults(self.server.data))
        self.server.start()
        for caller, session, view in results:
            stored = self.message(caller, session, view.start["messageId"])
            self.assertEqual(view.text, stored["content"])
            self.assertEqual(view.done["status"], stored["status"])

    def test_short_replies_end_by_themselves(self):
        results = self.stream_all("mock-t100-i20", self.read)
        self.assertEqual({"complete"}, {view.done["status"] for _, _, view in results})
        self.check_stored(results)

    def test_long_replies_are_interrupted(self):
        # 100 s: longer than any drain.
        results = self.stream_all("mock-t1000-i100", self.read)
        self.assertEqual({"interrupted"}, {view.done["status"] for _, _, view in results})
        self.check_stored(results)

    def test_a_disk_that_is_late_ends_no_stream_silently(self):
        orders = put_under(self.server, self.folder)
        self.server.options += ["--set", "drain_s=1"]
        self.server.stop()
        self.server.start()

        def hold_up():
            orders.delay(SYNC, LATE_S * 1000)
            wait_until(lambda: orders[FAILED] == 1, 5, "a commit that is late")

        results = self.stream_all("mock-t1000-i100", self.read_cut, hold_up)
        self.assertEqual([], support.integrity_faults(self.server.data))
        self.server.start()
        for caller, session, view in results:
            self.assertEqual(["draining"], [told["reason"] for told in view.errors])
            path = f"/api/chat/stream/{view.start['messageId']}"
            with caller.stream(path, last_id=view.last_id) as events:
                view.follow(events)
            stored = self.message(caller, session, view.start["messageId"])
            self.assertEqual("interrupted", view.done["status"])
            self.assertEqual(view.text, stored["content"])

    def test_an_idle_server_ends_at_once(self):
        self.register("ada")
        self.server.process.signal(signal.SIGTERM)
        self.assertEqual(0, self.server.process.wait(5), self.server.process.output())
