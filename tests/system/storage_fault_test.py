"""A disk that lies, fails, fills up or is held by another program, and a power cut: what was
acknowledged is there, a turn is stored whole or not at all, and the rest of the server goes on."""

import contextlib
import errno
import http.client
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path

import support
from fault_orders import (ALWAYS, FAILED, LOGGED, OPEN, READ, SYNC, TRUNCATE, WRITE, put_under,
                          seeded, wait_until, written_log)

CUTS = int(os.environ.get("TEST_CUTS", "60"))  # bench/reliability_bench.py makes it 500
CALLS = int(os.environ.get("TEST_CALLS", "3"))  # and this 40
CHATS = 4
RECOVERY_S_MAX = float(os.environ.get("TEST_RECOVERY_S_MAX", "10"))
CUT_OFF = (OSError, http.client.HTTPException, json.JSONDecodeError)


class storage_fault_test(support.system_test):
    def setUp(self):
        super().setUp()
        self.upstream = self.keep(support.mock_llm(self.folder))
        self.server.options += ["--set", "bcrypt_cost=4", "--set", "storage_busy_ms=300",
                                "--set", "chat_calls_per_min=100000",
                                "--set", "write_calls_per_min=100000",
                                "--set", "login_calls_per_min=100000"]
        self.shown = []  # (message, what it must hold) of all that was acknowledged

    def begin(self, model="mock-t5-i1-f1"):
        self.server.start()
        callers, made = self.open_to_many(self.upstream.base_url, model, 1)
        self.ada = callers[0]
        self.model = made["id"]
        self.chat = self.add_session(self.ada, self.model)

    def turn(self, content="Hi"):
        """One turn without a stream; a whole one is remembered."""
        told = self.ada.post("/api/chat/stream", {"sessionId": self.chat, "content": content},
                             {"Accept": "application/json"})
        if told.status == 200 and told.body["status"] == "complete":
            self.shown.append((told.body["id"], told.body["content"]))
        return told

    def health(self):
        return self.ada.get("/api/health").body["status"]

    def wait_for_recovery(self):
        # A turn counts, not a word of the server's about itself.
        return wait_until(lambda: self.turn().status == 200, RECOVERY_S_MAX, "a turn")

    def check_all(self, data=None):
        """Nothing acknowledged is gone, and no turn is half there."""
        self.assertTrue(self.server.process.is_running(), self.server.process.output()[-3000:])
        for message, content in self.shown:
            self.assertEqual(content, self.message(self.ada, self.chat, message)["content"])
        self.assertEqual([], support.integrity_faults(data or self.server.data))
        # The end of a reply that could not be stored is stored a moment after the disk is back.
        wait_until(lambda: not self.rows("SELECT 1 FROM messages WHERE status='streaming'", data),
                   RECOVERY_S_MAX, "the ends of all replies")
        rows = self.rows("SELECT role, hex(id), hex(parent_id) FROM messages", data)
        parents = {row[2] for row in rows}
        for role, own, _ in rows:
            if role == "user":
                self.assertIn(own, parents, "a message of a user without its reply")

    def rows(self, question, data=None):
        with tempfile.TemporaryDirectory(prefix="parley-rows-") as folder:
            for name in ("parley.db", "parley.db-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(Path(data or self.server.data) / name, f"{folder}/{name}")
            with contextlib.closing(sqlite3.connect(f"{folder}/parley.db")) as connection:
                return connection.execute(question).fetchall()

    # -- the Nth call fails --------------------------------------------------------------------

    def test_whichever_call_fails(self):
        orders = put_under(self.server, self.folder)
        self.begin()
        failed = turns = 0
        slowest = 0.0
        for calls, error in ((READ, errno.EIO), (WRITE, errno.EIO), (WRITE, errno.ENOSPC),
                             (SYNC, errno.EIO), (WRITE | SYNC | TRUNCATE | READ, errno.EIO)):
            for nth in range(1, CALLS + 1):
                with self.subTest(calls=calls, error=errno.errorcode[error], nth=nth):
                    orders.fail(calls, error, nth)
                    try:
                        for _ in range(nth + 1):
                            told = self.turn(f"call {nth}")
                            turns += 1
                            self.assert_told(told, calls)
                            if orders[FAILED]:
                                break
                    finally:
                        failed += orders.stop()
                    slowest = max(slowest, self.wait_for_recovery())
        self.check_all()
        self.assertGreater(failed, 3 * CALLS)
        print(f"    {turns} turns, {failed} calls failed; a turn again after {slowest:.2f} s "
              "at the latest")

    def assert_told(self, told, calls):
        if told.status == 200:
            self.assertIn(told.body["status"], ("complete", "error", "interrupted"))
        else:
            # SQLite takes a page that can't be read for a damaged one. A turn after a commit of the
            # server's own that failed is refused until storage has recovered.
            self.assertIn(told.body["error"]["code"],
                          ("storage_failed", "storage_full", "unavailable") +
                          (("corrupt_data",) if calls & READ else ()))
            self.assertNotIn(str(self.folder), json.dumps(told.body))

    def test_nothing_can_be_written_for_a_while(self):
        orders = put_under(self.server, self.folder)
        self.begin()
        self.turn()
        for error, status in ((errno.ENOSPC, 507), (errno.EIO, 503), (errno.EROFS, 503)):
            with self.subTest(error=errno.errorcode[error]):
                orders.fail(WRITE | SYNC, error, count=ALWAYS)
                try:
                    self.assertGreaterEqual(self.turn().status, 500)
                    told = self.turn()
                    self.assertEqual(status, told.status, told.body)
                    self.check_what_goes_on()
                finally:
                    orders.stop()
                took = self.wait_for_recovery()
                print(f"    {errno.errorcode[error]}: a turn again after {took:.2f} s")
        self.check_all()

    def check_what_goes_on(self):
        """Reading, logging in and the word about itself, while nothing can be stored."""
        self.assertEqual("degraded", self.health())
        self.assertEqual(200, self.ada.get(f"/api/sessions/{self.chat}").status)
        for message, content in self.shown[-3:]:
            self.assertEqual(content, self.message(self.ada, self.chat, message)["content"])
        told = self.server.client().post("/api/auth/login", {"username": "admin",
                                                             "password": support.PASSWORD})
        self.check(told, 200)
        newcomer = self.server.client()
        newcomer.token = told.body["accessToken"]
        self.assertEqual(200, newcomer.get(f"/api/sessions/{self.chat}").status)
        refreshed = newcomer.post("/api/auth/refresh",
                                  {"refreshToken": told.body["refreshToken"]})
        self.check(refreshed, 200)

    # -- a real disk that is full --------------------------------------------------------------

    def test_a_full_disk(self):
        self.server.data.mkdir(mode=0o700)
        mount = f'mount -t tmpfs -o size=16m,mode=700 none "{self.server.data}" && exec "$@"'
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
        self.server.prefix = [*unshare, "sh", "-c", mount, "sh"]
        self.begin()
        self.turn()
        # The folder as the server sees it.
        disk = Path(f"/proc/{self.server.process.child.pid}/root{self.server.data.resolve()}")
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        # What the database has in reserve is used up by and by.
        wait_until(lambda: self.turn("x" * 20_000).status == 507, 60, "507")
        self.assertEqual(507, self.turn().status)
        self.check_what_goes_on()
        with contextlib.suppress(OSError):
            ballast.unlink()
        took = self.wait_for_recovery()
        print(f"    a turn again {took:.2f} s after there was space (1 s is the aim)")
        self.check_all(disk)

    # -- starting ------------------------------------------------------------------------------

    def test_a_start_on_a_failing_disk(self):
        orders = put_under(self.server, self.folder)
        self.begin()
        self.turn()
        self.server.stop()
        refusals = 0
        for nth in range(1, 2 * CALLS + 1):
            orders.fail(WRITE | SYNC | OPEN | TRUNCATE | READ, errno.EIO, nth)
            started = support.process(
                [*self.server.prefix, support.program("parley"), "serve", "--data",
                 str(self.server.data), "--listen", "127.0.0.1:0", *self.server.options],
                self.folder / f"start-{nth}.log")
            wait_until(lambda: not started.is_running() or "listens on" in started.output(),
                       support.READY_S_MAX, "started or refused")
            if not started.is_running():
                refusals += 1
                self.assertIn(started.child.returncode, (1, 3), started.output())
                self.assertIn("parley: ", started.output())
            started.stop()
            self.assertNotIn("Sanitizer", started.output())
            orders.stop()
        self.assertGreater(refusals, 0)
        self.server.start()
        self.turn()
        self.check_all()

    # -- another program holds the database ----------------------------------------------------

    def test_a_database_that_another_program_holds(self):
        self.begin()
        self.turn()
        slowest = 0.0
        with contextlib.closing(sqlite3.connect(self.server.data / "parley.db",
                                                isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            told = self.turn()
            self.assertEqual(503, told.status, told.body)
            self.assertEqual("1", told.headers["Retry-After"])
            is_over = threading.Event()
            busy = threading.Thread(target=lambda: [self.turn() for _ in range(5)]
                                    and is_over.set())
            busy.start()
            while not is_over.is_set():
                begun = time.monotonic()
                self.assertEqual(200, self.ada.get("/api/health").status)
                slowest = max(slowest, time.monotonic() - begun)
                time.sleep(0.01)
            busy.join()
            other.execute("ROLLBACK")
        took = self.wait_for_recovery()
        self.check_all()
        print(f"    health in at most {slowest * 1000:.0f} ms; a turn again after {took:.2f} s")

    # -- the power is cut ----------------------------------------------------------------------

    def test_a_power_cut_at_any_moment(self):
        chance = seeded(self)
        orders = put_under(self.server, self.folder, is_logged=True)
        self.begin("mock-t20-i5-f1")
        is_over = threading.Event()
        told = []  # (records in the log by then, message, status, content)
        chats = [self.add_session(self.ada, self.model) for _ in range(CHATS)]
        timer = threading.Timer(2.5, is_over.set)
        timer.start()
        support.run_together([lambda each=each: self.talk(each, orders, told, is_over)
                              for each in chats])
        timer.join()
        self.server.process.kill()
        written = orders[LOGGED]
        log = written_log(self.folder)
        first = min(each[0] for each in told)
        kept = dropped = 0
        for number, cut in enumerate(sorted(chance.randint(first, written) for _ in range(CUTS))):
            log.play_until(cut)
            dropped += sum(map(len, log.pending.values()))
            folder = self.folder / "cut"
            log.leave(folder, chance if number % 2 else None)
            kept += self.check_cut(folder, [each for each in told if each[0] <= cut])
            if number % (CUTS // 2) == CUTS // 4:
                self.check_start(folder)
            shutil.rmtree(folder)
        self.assertGreater(kept, 0)
        self.assertGreater(dropped, 0)
        print(f"    {CUTS} power cuts in {written} calls, {dropped} unsynced writes dropped: "
              f"{kept} acknowledged messages, 0 lost")

    def talk(self, chat, orders, told, is_over):
        while not is_over.is_set():
            content = f"said at {time.monotonic()}"
            view = support.reply_view()
            with self.ada.stream("/api/chat/stream",
                                 {"sessionId": chat, "content": content}) as events:
                self.assertEqual(200, events.status, getattr(events, "problem", ""))
                for item in events:
                    view.take(item)
                    if item.name == "start":
                        told.append((orders[LOGGED], item.data["userMessageId"], "complete",
                                     content))
            told.append((orders[LOGGED], view.start["messageId"], view.done["status"], view.text))

    def check_cut(self, folder, told):
        with contextlib.closing(sqlite3.connect(folder / "parley.db")) as disk:
            self.assertEqual([("ok",)], disk.execute("PRAGMA integrity_check").fetchall())
            self.assertEqual([], disk.execute("PRAGMA foreign_key_check").fetchall())
            for _, message, status, content in told:
                row = disk.execute("SELECT status, parts FROM messages WHERE id = ?",
                                   (uuid.UUID(message).bytes,)).fetchone()
                self.assertIsNotNone(row, f"{message} was acknowledged and is lost")
                self.assertEqual(status, row[0])
                self.assertEqual(content, json.loads(row[1])[0]["text"])
        return len(told)

    # The server itself gets ready on what is left.
    def check_start(self, folder):
        shutil.copy2(self.server.data / "secrets.json", folder / "secrets.json")
        again = support.parley(self.folder, *self.server.options)
        again.data = folder
        self.keep(again).start()
        again.stop()
