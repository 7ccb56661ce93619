"""What happens to a whole process: no descriptors left, every error of accept, a clock that jumps,
a log that can't be written, signals."""

import contextlib
import errno
import signal
import socket
import threading
import time

import support
from fault_orders import ACCEPT, FAILED, SHIFT_NS, put_under, wait_until

HOUR_S = 3600
YEAR_S = 365 * 24 * HOUR_S
STREAMS = 4
ACCEPT_ERRORS = (errno.ECONNABORTED, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM,
                 errno.EPROTO, errno.EPERM, errno.EINTR, errno.ENETDOWN, errno.EHOSTUNREACH)


class running_streams:
    """Streams in threads of their own, which go on while the test does harm."""

    def __init__(self, test, model, caller, count=STREAMS):
        self.test = test
        self.views = [support.reply_view() for _ in range(count)]
        self.arrived = [[] for _ in range(count)]
        self.failures = []
        sessions = [test.add_session(caller, model["id"]) for _ in range(count)]
        self.threads = [threading.Thread(target=self.read, args=(number, caller, session),
                                         daemon=True)
                        for number, session in enumerate(sessions)]
        for thread in self.threads:
            thread.start()
        wait_until(lambda: self.failures or all(view.text for view in self.views), 30,
                   "every stream has text")

    def read(self, number, caller, session):
        try:
            with caller.stream("/api/chat/stream",
                               {"sessionId": session, "content": "speak"}) as events:
                self.test.assertEqual(200, events.status, getattr(events, "problem", ""))
                for item in events:
                    self.views[number].take(item)
                    self.arrived[number].append(time.monotonic())
        except BaseException as problem:  # pylint: disable=broad-except
            self.failures.append(problem)

    def longest_gap_s(self):
        return max(later - earlier for times in self.arrived
                   for earlier, later in zip(times, times[1:]))

    def finish(self, status="complete"):
        for thread in self.threads:
            thread.join(support.ANSWER_S_MAX)
            self.test.assertFalse(thread.is_alive(), "a stream hangs")
        self.test.assertEqual([], self.failures)
        for view in self.views:
            self.test.assertEqual(0, view.events_after_done)
            self.test.assertIsNotNone(view.done, view.errors)
            self.test.assertEqual(status, view.done["status"])


class process_fault_test(support.system_test):
    def setUp(self):
        super().setUp()
        self.upstream = self.keep(support.mock_llm(self.folder))
        self.server.options += ["--set", "bcrypt_cost=4", "--set", "io_threads=1"]

    def begin(self, model):
        self.server.start()
        callers, made = self.open_to_many(self.upstream.base_url, model, 1)
        return callers[0], made

    def health_s(self):
        """How long it took to answer that it is well."""
        begun = time.monotonic()
        self.assertEqual(200, self.server.client().get("/api/health").status)
        return time.monotonic() - begun

    # -- accept --------------------------------------------------------------------------------

    def test_no_error_of_accept_ends_the_listener(self):
        orders = put_under(self.server, self.folder)
        ada, model = self.begin("mock-t150-i20-f1")
        streams = running_streams(self, model, ada)
        slowest = 0.0
        for error in ACCEPT_ERRORS:
            with self.subTest(error=errno.errorcode[error]):
                orders.fail(ACCEPT, error, count=5)
                with socket.create_connection(("127.0.0.1", self.server.port)):
                    wait_until(lambda: orders[FAILED] > 0, 5, "a call fails")
                    # Those that were waiting are served once the system gives descriptors again.
                    orders.stop()
                    slowest = max(slowest, self.health_s())
        streams.finish()
        self.assertLess(slowest, 2.0)
        print(f"    health after an error of accept in at most {slowest * 1000:.0f} ms")

    def test_no_descriptor_left(self):
        self.server.prefix = ["prlimit", "--nofile=200:200"]
        self.server.options += ["--set", "connections_unadmitted_max=100000",
                                "--set", "connections_per_address_max=100000"]
        ada, model = self.begin("mock-t250-i20-f1")
        streams = running_streams(self, model, ada)
        with contextlib.ExitStack() as crowd:
            turned_away = 0
            for _ in range(400):
                one = crowd.enter_context(socket.create_connection(
                    ("127.0.0.1", self.server.port), timeout=10))
                one.setblocking(False)
                turned_away += self.is_turned_away(one)
            # What is running goes on, also what needs a descriptor of the reserve.
            before = [len(times) for times in streams.arrived]
            wait_until(lambda: all(len(now) > then + 3 for now, then
                                   in zip(streams.arrived, before)), 10, "all streams go on")
        begun = time.monotonic()

        def is_well():
            with contextlib.suppress(OSError, support.http.client.HTTPException):
                return self.server.client().get("/api/health").status == 200
            return False

        wait_until(is_well, 5, "health again")
        again_s = time.monotonic() - begun
        streams.finish()
        print(f"    400 connections, {turned_away} turned away with 503; health again after "
              f"{again_s * 1000:.0f} ms")

    @staticmethod
    def is_turned_away(one):
        time.sleep(0.001)
        with contextlib.suppress(OSError):
            return b" 503 " in one.recv(4096)
        return False

    # -- the clock -----------------------------------------------------------------------------

    def test_a_clock_that_jumps(self):
        orders = put_under(self.server, self.folder)
        ada, model = self.begin("mock-t200-i15-f1")
        streams = running_streams(self, model, ada)
        for shift_s in (HOUR_S, -HOUR_S, 10 * YEAR_S, -10 * YEAR_S):
            with self.subTest(shift_s=shift_s):
                orders[SHIFT_NS] = shift_s * 10**9
                before = [len(times) for times in streams.arrived]
                wait_until(lambda: all(len(now) > then + 3 for now, then
                                       in zip(streams.arrived, before)), 10, "all streams go on")
                self.assertLess(self.health_s(), 2)
                # A token of another time proves nothing.
                self.assertEqual(401, ada.get("/api/users/me").status)
        orders[SHIFT_NS] = 0
        streams.finish()
        self.assertLess(streams.longest_gap_s(), 2)
        self.assertEqual(200, ada.get("/api/users/me").status)

    def test_what_was_said_stays_in_its_order(self):
        orders = put_under(self.server, self.folder)
        ada, model = self.begin("mock-echo-i1-f1")
        chat = self.add_session(ada, model["id"])
        said = []
        for number in range(6):
            orders[SHIFT_NS] = -number * 30 * 10**9  # the clock goes back, within the leeway once
            ada.token = self.check(self.server.client().post("/api/auth/login", {
                "username": "admin", "password": support.PASSWORD}), 200)["accessToken"]
            said.append(f"word {number}")
            self.assertEqual("complete", self.send(ada, chat, said[-1]).done["status"])
        listed = self.check(ada.get(f"/api/sessions/{chat}/messages?limit=100"), 200)["items"]
        self.assertEqual(said[::-1], [each["content"] for each in listed
                                      if each["role"] == "user"])

    # -- the log -------------------------------------------------------------------------------

    def test_a_log_that_can_not_be_written(self):
        for number, redirection in enumerate((">/dev/full 2>&1", ">&- 2>&-", "> >(true) 2>&1")):
            with self.subTest(redirection=redirection):
                server = support.parley(self.folder / str(number), *self.server.options,
                                        "--log-level", "debug")
                server.folder.mkdir()
                self.keep(server)
                server.prefix = ["bash", "-c", f'exec "$@" {redirection}', "bash"]
                server.start()
                for _ in range(20):
                    self.assertEqual(401, server.client().get("/api/users/me").status)
                self.assertEqual(200, server.client().get("/api/health").status)

    # -- signals -------------------------------------------------------------------------------

    def test_signals_that_mean_nothing_to_it(self):
        ada, model = self.begin("mock-t60-i15-f1")
        streams = running_streams(self, model, ada, 1)
        for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGHUP):
            self.server.process.signal(number)
            self.assertLess(self.health_s(), 2)
        streams.finish()

    def test_a_second_sigterm_takes_its_patience(self):
        ada, model = self.begin("mock-t1000-i100-f1")
        streams = running_streams(self, model, ada)
        self.server.process.signal(signal.SIGTERM)
        wait_until(lambda: "node.stops" in self.server.process.output(), 5, "it stops")
        time.sleep(0.3)  # it would drain for 20 s; the second signal must not come with the first
        self.assertTrue(self.server.process.is_running())
        begun = time.monotonic()
        self.server.process.signal(signal.SIGTERM)
        self.assertEqual(0, self.server.process.wait(10), self.server.process.output())
        print(f"    ended {time.monotonic() - begun:.2f} s after the second signal")
        streams.finish("interrupted")
        self.assertEqual([], support.integrity_faults(self.server.data))
        self.server.start()
        for view in streams.views:
            stored = self.message(ada, view.start["sessionId"], view.start["messageId"])
            self.assertEqual((view.text, "interrupted"), (stored["content"], stored["status"]))
