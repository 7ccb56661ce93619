"""`parley doctor`: each check sees the thing it is for when that is broken, and says the mend."""

import contextlib
import json
import os
import resource
import sqlite3
import subprocess
import time
import unittest
import zipfile

from support import program, system_test, table_options


class DoctorTest(system_test):
    def setUp(self):
        super().setUp()
        self.run_parley("user", "add", "--username", "ada", "--role", "ADMIN")
        self.data = self.server.data

    def run_parley(self, *arguments, **more):
        return subprocess.run(
            [program("parley"), *arguments, "--data", str(self.server.data), "--set",
             "bcrypt_cost=4", *table_options()], timeout=120, check=False,
            env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            **more)

    def doctor(self, *arguments, **more):
        """Its exit code, and what it found by check."""
        run = self.run_parley("doctor", "--json", *arguments, **more)
        self.assertEqual(run.stderr, b"")
        told = json.loads(run.stdout)
        self.assertEqual(run.returncode == 0, told["sound"])
        return {each["check"]: each for each in told["checks"]}

    def assert_found(self, check, level, words, *arguments, **more):
        found = self.doctor(*arguments, **more)[check]
        self.assertEqual(found["level"], level, found)
        self.assertIn(words, found["what"])
        self.assertTrue(found["mend"])

    def test_a_sound_installation_and_one_that_runs(self):
        found = self.doctor()
        self.assertEqual(list(found), ["configuration", "trusted_proxies", "permissions",
                                       "file system", "descriptors", "clock", "secrets",
                                       "secrets copy", "database", "backups", "alerts", "log",
                                       "audit log"])
        for check in ("configuration", "trusted_proxies", "permissions", "secrets", "database",
                      "backups", "alerts", "log", "audit log"):
            self.assertEqual(found[check]["level"], "ok", found[check])
        self.assertIn("nobody is alerted", found["alerts"]["what"])
        self.assertIn("operations.md", found["alerts"]["mend"])
        self.assertIn("the chain holds", found["audit log"]["what"])
        self.server.start()
        self.assertEqual(self.doctor()["audit log"]["level"], "ok")
        text = self.run_parley("doctor").stdout.decode()
        self.assertIn("database: ", text)
        self.assertIn("log: 1 files, 0 of at most 1024 MiB", text)
        self.assertNotIn("\x1b", text)

    def test_it_looks_and_makes_nothing(self):
        self.server.data = self.folder / "absent"
        found = self.doctor()
        self.assertEqual(found["permissions"]["level"], "warning")
        self.assertFalse(self.server.data.exists())

    def test_configuration(self):
        self.assert_found("configuration", "warning", "plain HTTP", "--listen", "0.0.0.0:8080")
        run = self.run_parley("doctor", "--streams-max", "many")
        self.assertEqual(run.returncode, 2)
        self.assertIn(b"streams", run.stderr)

    def test_a_proxy_that_is_not_trusted(self):
        production = ("--set", "profile=production", "--bcrypt-cost", "12")
        self.assert_found("trusted_proxies", "warning", "shares its address", *production)
        trusted = self.doctor(*production, "--trusted-proxies", "127.0.0.0/8")
        self.assertEqual(trusted["trusted_proxies"]["level"], "ok")

    def test_permissions(self):
        database = self.data / "parley.db"
        for path in (self.data, database, self.data / "secrets.json"):
            mode = path.stat().st_mode
            path.chmod(mode | 0o044)
            self.assert_found("permissions", "fault", str(path))
            path.chmod(mode)
        self.assertEqual(self.doctor()["permissions"]["level"], "ok")
        self.server.data = database
        self.assert_found("permissions", "fault", "no directory")

    def test_descriptors(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))

        self.assert_found("descriptors", "warning", "512 files", preexec_fn=limit)

    def test_a_clock_that_went_back(self):
        later = time.time() + 7200
        os.utime(self.data / "parley.db", (later, later))
        self.assert_found("clock", "fault", "but a file of the data is of")

    def test_secrets(self):
        secrets = self.data / "secrets.json"
        text = secrets.read_text()
        secrets.write_text("{}")
        self.assert_found("secrets", "fault", "secrets.json")
        secrets.unlink()
        self.assert_found("secrets", "fault", "is missing beside a database")
        self.assertFalse(secrets.exists())
        secrets.write_text(text)
        secrets.chmod(0o600)
        self.assertEqual(self.doctor()["secrets"]["level"], "ok")

    def test_the_log(self):
        self.assertEqual(self.doctor("--log-files", "off")["log"]["level"], "ok")
        logs = self.data / "logs"
        logs.mkdir(mode=0o755)
        self.assert_found("log", "fault", "mode 755")
        logs.rmdir()
        logs.symlink_to("/tmp")
        self.assert_found("log", "warning", "No log can be kept")

    def test_the_database(self):
        database = self.data / "parley.db"
        good = database.read_bytes()
        for start in (8192, 0):
            bad = bytearray(good)
            bad[start:start + 8192] = b"\xff" * 8192
            database.write_bytes(bad)
            self.assert_found("database", "fault", "")
        database.write_bytes(good)
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA user_version = 9999")
        self.assert_found("database", "fault", "schema 9999")

    def test_a_copy_of_the_secrets(self):
        self.assert_found("secrets copy", "warning", "Nobody has made a copy")
        phrase = self.folder / "phrase.txt"
        phrase.write_text("correct horse battery\n")
        made = self.run_parley("secrets", "export", str(self.folder / "keys.json"),
                               "--passphrase-file", str(phrase))
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(self.doctor()["secrets copy"]["level"], "ok")
        self.run_parley("secrets", "rotate")
        self.assert_found("secrets copy", "warning", "turned since")

    def test_backups(self):
        inside = self.data / "backups"
        self.assertIn("none yet", self.doctor()["backups"]["what"])
        self.assertEqual(self.run_parley("backup", str(inside)).returncode, 0)
        self.assertIn("0 hours old", self.doctor()["backups"]["what"])
        made, = inside.iterdir()
        copy = made / "parley.db"
        good = copy.read_bytes()
        copy.write_bytes(good[:-1] + b"x")
        self.assert_found("backups", "fault", "is not what it was")
        copy.write_bytes(good)
        manifest = made / "backup.json"
        told = json.loads(manifest.read_text())
        told["createdAt"] = "2026-01-01T00:00:00.000Z"
        manifest.write_text(json.dumps(told))
        self.assert_found("backups", "warning", "hours old")
        for path in (manifest, copy):
            path.unlink()
        made.rmdir()
        old = time.time() - 3 * 86400
        os.utime(self.data / "secrets.json", (old, old))
        self.assert_found("backups", "warning", "There is none in")
        self.assertEqual(self.doctor("--backup-every-hours", "0")["backups"]["level"], "ok")

    def bundle(self, file, *arguments):
        """Its entries by name."""
        run = self.run_parley("doctor", "--bundle", str(file), *arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn(b"look into it before you send it", run.stdout)
        self.assertEqual(0o600, file.stat().st_mode & 0o777)
        with zipfile.ZipFile(file) as entries:
            self.assertIsNone(entries.testzip())
            return {name: entries.read(name) for name in entries.namelist()}

    def test_a_bundle_for_whoever_is_to_help(self):
        secrets = {"password": "violet-Canary-9173", "key": "sk-canary-0123456789-indigo",
                   "chat": "umber-canary-words", "email": "teal.canary@example.org",
                   "name": "ochre-canary", "admin": "sepia-canary"}
        (self.folder / "password").write_text(secrets["password"])
        self.run_parley("user", "add", "--username", secrets["name"], "--password-file",
                        str(self.folder / "password"))
        self.server.start()
        caller = self.server.client()
        told = self.check(caller.post("/api/auth/login", {
            "username": secrets["name"], "password": secrets["password"]}), 200)
        caller.token = secrets["token"] = told["accessToken"]
        secrets["refresh token"] = told["refreshToken"]
        self.check(caller.patch("/api/users/me", {"email": secrets["email"]}), 200)
        self.check(caller.post("/api/models", {
            "name": "m", "provider": "openai", "model": "m", "apiKey": secrets["key"],
            "baseUrl": "https://api.example.org/v1"}), 201)
        chat = self.check(caller.post("/api/sessions", {"title": secrets["chat"]}), 201)["id"]
        self.check(caller.get(f"/api/sessions/{chat}?q={secrets['email']}"), 200, 422)
        self.check(caller.get("/api/absent"), 404)
        config = self.folder / "parley.toml"
        config.write_text(f'init_admin_username = "{secrets["admin"]}"\n'
                          f'init_admin_email = "{secrets["email"]}"\n'
                          f'init_admin_password = "{secrets["password"]}"\n')
        config.chmod(0o600)
        place = ("--listen", f"127.0.0.1:{self.server.port}", "--config", str(config))
        found = self.bundle(self.folder / "one.zip", *place)
        for name, content in found.items():
            for kind, secret in secrets.items():
                self.assertNotIn(secret.encode(), content, f"{kind} in {name}")
        self.assertIn(b"parley_http_requests_total", found["server/metrics.txt"])
        self.assertEqual("ok", json.loads(found["server/health.json"])["status"])
        self.assertTrue(json.loads(found["doctor.json"])["checks"])
        self.assertIn("version", json.loads(found["about.json"]))
        database = json.loads(found["database.json"])
        self.assertEqual((2, 1), (database["rows"]["users"], database["rows"]["sessions"]))
        self.assertIn("kernel", json.loads(found["system/machine.json"]))
        self.assertIn(b"MemTotal", found["system/memory.txt"])
        self.assertIn(b"\nbcrypt_cost = 4  # ", found["settings.txt"])
        logs = b"".join(text for name, text in found.items() if name.startswith("logs/"))
        self.assertIn(b"node.started", logs)
        self.assertNotIn(b"setup.done", logs)

        # Not over a file that is there; and without a server that answers.
        again = self.run_parley("doctor", "--bundle", str(self.folder / "one.zip"))
        self.assertEqual(1, again.returncode)
        self.assertIn(b"is there already", again.stderr)
        self.server.stop()
        found = self.bundle(self.folder / "two.zip", *place)
        self.assertIn(b"metrics: ", found["server/metrics.txt"])

    def test_the_audit_log(self):
        with contextlib.closing(sqlite3.connect(self.data / "parley.db")) as connection:
            triggers = connection.execute(
                "SELECT name FROM sqlite_schema WHERE type='trigger' AND tbl_name='audit_log'")
            for (name,) in triggers.fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            changed = connection.execute("UPDATE audit_log SET action = 'nothing'").rowcount
            connection.commit()
        self.assertGreater(changed, 0)
        self.assert_found("audit log", "fault", "does not follow")


if __name__ == "__main__":
    unittest.main()
