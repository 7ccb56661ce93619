"""Backups of the real binary: the commands, the route, the schedule, and what is made of them."""

import http.client
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest
from contextlib import closing, suppress

from support import ANSWER_S_MAX, integrity_faults, mock_llm, program, system_test, table_options

PHRASE = "correct horse battery\n"


class BackupTest(system_test):
    def setUp(self):
        super().setUp()
        self.server.options += ["--set", "bcrypt_cost=4"]
        self.phrase = self.folder / "phrase.txt"
        self.phrase.write_text(PHRASE)
        self.copies = self.server.data / "backups"

    def run_parley(self, *arguments, data=None):
        run = subprocess.run(
            [program("parley"), *map(str, arguments), "--data", str(data or self.server.data),
             *table_options()], timeout=120, check=False, env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return run.returncode, run.stdout.decode(), run.stderr.decode()

    def good(self, *arguments, **more):
        code, out, fault = self.run_parley(*arguments, **more)
        self.assertEqual((code, fault), (0, ""), out)
        return out

    def refused(self, *arguments, **more):
        code, _, fault = self.run_parley(*arguments, **more)
        self.assertEqual(code, 1)
        self.assertRegex(fault, r"^parley: [^\n]+\n$")
        return fault

    def end_of(self, admin, job):
        until = time.monotonic() + ANSWER_S_MAX
        while time.monotonic() < until:
            known = self.check(admin.get(f"/api/jobs/{job}"), 200)
            if known["status"] not in ("queued", "running"):
                return known
            time.sleep(0.02)
        raise AssertionError("the job does not end")

    def wait_for_copies(self, count):
        until = time.monotonic() + ANSWER_S_MAX
        while time.monotonic() < until:
            if len(list(self.copies.glob("*/backup.json"))) == count:
                return sorted(path.parent for path in self.copies.glob("*/backup.json"))
            time.sleep(0.02)
        raise AssertionError(f"there are no {count} backups: {list(self.copies.glob('*/*'))}")

    def fill(self, mib):
        """Bytes that make a backup take a moment."""
        with closing(sqlite3.connect(self.server.data / "parley.db")) as database:
            database.execute("CREATE TABLE filling (bytes BLOB)")
            for _ in range(mib):
                database.executemany("INSERT INTO filling VALUES (?)",
                                     [(os.urandom(4096),) for _ in range(256)])
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class RestoreTest(BackupTest):
    def test_a_whole_installation_moves_to_another_directory(self):
        """Backup, secrets and a new machine: the model's key opens, the password fits."""
        upstream = self.keep(mock_llm(self.folder))
        self.server.start()
        admin = self.register("admin")
        model = self.add_model(admin, upstream.base_url, "mock-echo")
        session = self.add_session(admin, model["id"])
        self.send(admin, session, "Before the backup")
        begun = self.check(admin.post("/api/admin/backup", None), 202)
        over = self.end_of(admin, begun["id"])
        self.assertEqual(over["status"], "done", over)
        folder = self.copies / over["report"]["backup"]["name"]
        self.assertEqual(integrity_faults(folder), [])
        self.send(admin, session, "After it")
        keys = self.folder / "keys.json"
        self.good("secrets", "export", keys, "--passphrase-file", self.phrase)
        self.assertEqual(keys.stat().st_mode & 0o777, 0o600)
        for secret in (self.server.data / "secrets.json").read_text().split('"'):
            if len(secret) > 40:
                self.assertNotIn(secret, keys.read_text())
        self.assertIn("is there already", self.refused("secrets", "export", keys,
                                                       "--passphrase-file", self.phrase))
        self.server.stop()

        other = self.folder / "other"
        told = self.good("restore", folder, data=other)
        self.assertIn("secrets.json is missing", told)
        self.assertIn("parley secrets import", told)
        self.phrase.write_text("wrong horse battery\n")
        self.assertIn("does not open it", self.refused(
            "secrets", "import", keys, "--passphrase-file", self.phrase, data=other))
        self.phrase.write_text(PHRASE)
        self.good("secrets", "import", keys, "--passphrase-file", self.phrase, data=other)
        self.server.data = other
        self.server.start()
        again = self.server.client()
        login = {"username": "admin", "password": "correct horse battery staple 7"}
        again.token = self.check(again.post("/api/auth/login", login), 200)["accessToken"]
        texts = [each["content"] for each in self.check(
            again.get(f"/api/sessions/{session}/messages"), 200)["items"]
            if each["role"] == "user"]
        self.assertEqual(texts, ["Before the backup"])
        self.send(again, session, "The key of the model opens")

    def test_restore_refuses_and_keeps(self):
        self.server.start()
        admin = self.register("admin")
        self.good("backup", self.copies)
        folder, = self.copies.iterdir()
        self.check(admin.post("/api/sessions", {"title": "after"}), 201)
        self.assertIn("Another Parley server uses", self.refused("restore", folder))
        self.server.process.kill()  # its log stays, with what is newest in it
        self.assertIn("There is no backup", self.refused("restore", self.folder / "nothing"))
        copy = folder / "parley.db"
        good = copy.read_bytes()
        copy.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        self.assertIn("digest", self.refused("restore", folder))
        copy.write_bytes(good)
        manifest = folder / "backup.json"
        told = json.loads(manifest.read_text())
        manifest.write_text(json.dumps({**told, "schema": 9999}))
        self.assertIn("schema 9999", self.refused("restore", folder))
        manifest.write_text(json.dumps(told))
        self.assertEqual(list(self.server.data.glob("before-restore-*")), [])

        out = json.loads(self.good("restore", folder, "--json"))
        self.assertEqual(out["secrets"], "fitting")
        self.assertEqual(out["backup"]["sha256"], told["files"][0]["sha256"])
        kept = self.folder / "kept"
        kept.mkdir()
        for path in (self.server.data / os.path.basename(out["keptIn"])).iterdir():
            shutil.copy(path, kept)
        with closing(sqlite3.connect(kept / "parley.db")) as database:
            self.assertEqual(database.execute("SELECT title FROM sessions").fetchall(),
                             [("after",)])
        self.server.start()
        self.assertEqual(self.check(admin.get("/api/sessions"), 200)["items"], [])
        self.assertEqual(integrity_faults(self.server.data), [])

    def test_secrets_that_do_not_fit_are_told(self):
        upstream = self.keep(mock_llm(self.folder))
        self.server.start()
        admin = self.register("admin")
        self.add_model(admin, upstream.base_url, "mock-echo")
        self.good("backup", self.copies)
        folder, = self.copies.iterdir()
        self.server.stop()
        other = self.folder / "other"
        self.run_parley("user", "add", "--username", "eve", "--bcrypt-cost", "4", data=other)
        self.assertIn("is not the file that API keys in the backup were",
                      self.good("restore", folder, data=other))
        keys = self.folder / "keys.json"
        self.good("secrets", "export", keys, "--passphrase-file", self.phrase)
        before = (other / "secrets.json").read_text()
        self.assertIn("has other keys", self.refused("secrets", "import", keys, "--passphrase-file",
                                                     self.phrase, data=other))
        self.assertEqual((other / "secrets.json").read_text(), before)

    def test_a_backup_says_that_nobody_has_the_secrets(self):
        self.run_parley("user", "add", "--username", "ada", "--bcrypt-cost", "4")
        self.assertIn("WARNING: nobody has made a copy", self.good("backup", self.copies))
        self.phrase.write_text("short\n")
        self.assertIn("at least 12", self.refused(
            "secrets", "export", self.folder / "keys.json", "--passphrase-file", self.phrase))
        self.assertFalse((self.folder / "keys.json").exists())
        self.assertIn("WARNING", self.good("backup", self.copies))
        self.assertIn("Nobody can be asked", self.refused("secrets", "export",
                                                          self.folder / "keys.json"))
        self.phrase.write_text(PHRASE)
        self.good("secrets", "export", self.folder / "keys.json", "--passphrase-file", self.phrase)
        self.assertNotIn("WARNING", self.good("backup", self.copies))


class ScheduleTest(BackupTest):
    def age(self):
        text = self.metrics_with("parley_backup_age_seconds ")
        return int(text.split("\nparley_backup_age_seconds ")[1].split()[0])

    def wait_for_age_below(self, seconds):
        until = time.monotonic() + ANSWER_S_MAX
        while self.age() >= seconds:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)

    def test_backups_are_made_when_they_are_due_and_old_ones_go(self):
        self.server.options += ["--backup-delay-s", "0", "--backups-kept-max", "2"]
        self.server.start()
        first, = self.wait_for_copies(1)
        self.wait_for_age_below(ANSWER_S_MAX)
        self.server.stop()
        for hours, count in ((23, 1), (25, 2), (25, 2)):
            for path in self.copies.glob("*/backup.json"):
                told = json.loads(path.read_text())
                at = time.gmtime(time.time() - hours * 3600)
                told["createdAt"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", at)
                path.write_text(json.dumps(told))
            known = set(self.copies.iterdir())
            self.server.start()
            if hours == 23:
                self.assertGreaterEqual(self.age(), 23 * 3600)
                time.sleep(0.5)
                self.assertEqual(set(self.copies.iterdir()), known)
            else:
                self.wait_for_age_below(3600)  # after the old ones have gone
                self.assertEqual(len(self.wait_for_copies(count)), count)
                self.assertNotEqual(set(self.copies.iterdir()), known)
            self.server.stop()
        self.assertFalse(first.exists())
        for folder in self.copies.iterdir():
            self.assertEqual(integrity_faults(folder), [])

    def test_a_failing_one_is_told_and_an_unfinished_one_goes(self):
        self.copies.parent.mkdir(mode=0o700)
        self.copies.write_text("in the way")
        self.server.options += ["--backup-delay-s", "0"]
        self.server.start()
        text = self.metrics_with("parley_backup_failures_total 1")
        self.assertIn("parley_backup_age_seconds", text)
        self.assertIn("backup.failed", self.server.process.output())
        self.server.stop()
        self.copies.unlink()
        old = self.copies / "parley-20260101T000000Z"
        old.mkdir(parents=True)
        (old / "parley.db").write_bytes(b"half")
        for path in (old / "parley.db", old):
            os.utime(path, (1, 1))
        self.server.start()
        self.wait_for_copies(1)
        until = time.monotonic() + ANSWER_S_MAX
        while old.exists() and time.monotonic() < until:
            time.sleep(0.02)
        self.assertFalse(old.exists())

    def test_a_backup_in_the_middle_of_which_it_is_cancelled_or_the_server_ends(self):
        self.server.start()
        admin = self.register("admin")
        self.server.stop()
        self.fill(48)
        self.server.start()
        for end in ("cancel", "SIGTERM", "SIGKILL"):
            with self.subTest(end=end):
                job = self.check(admin.post("/api/admin/backup", None), 202)["id"]
                until = time.monotonic() + ANSWER_S_MAX
                while not list(self.copies.glob("*/parley.db")) and time.monotonic() < until:
                    time.sleep(0.002)
                if end == "cancel":
                    self.check(admin.request("DELETE", f"/api/jobs/{job}"), 204)
                    self.assertEqual(self.end_of(admin, job)["status"], "cancelled")
                else:
                    begun = time.monotonic()
                    self.server.process.signal(getattr(signal, end))
                    self.server.process.wait(ANSWER_S_MAX)
                    self.assertLess(time.monotonic() - begun, 20)
                    self.server.start()
                    self.assertIn(self.end_of(admin, job)["status"], ("interrupted", "cancelled"))
                if end != "SIGKILL":
                    self.assertEqual(list(self.copies.iterdir()), [])
        self.assertEqual(list(self.copies.glob("*/backup.json")), [])
        shutil.rmtree(self.copies)  # what SIGKILL has left half made
        self.assertEqual(integrity_faults(self.server.data), [])

    def test_readers_are_answered_while_a_backup_is_made(self):
        self.server.start()
        admin = self.register("admin")
        self.server.stop()
        self.fill(32)
        self.server.start()
        job = self.check(admin.post("/api/admin/backup", None), 202)["id"]
        told = []
        with suppress(http.client.HTTPException), \
                admin.stream(f"/api/jobs/{job}/events") as events:
            for each in events:
                self.check(admin.post("/api/sessions", {"title": "meanwhile"}), 201)
                told.append((each.name, each.data["done"], each.data["total"]))
        self.assertEqual(told[-1][0], "done")
        self.assertGreater(told[-1][2], 2 * 32 << 20)
        self.assertEqual(told[-1][1], told[-1][2])
        self.assertEqual([done for _, done, _ in told], sorted(done for _, done, _ in told))


if __name__ == "__main__":
    unittest.main()
