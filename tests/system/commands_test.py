"""The commands but `serve` and `chat`: at a running server, on the database, about themselves."""

import contextlib
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import unittest
from pathlib import Path

from support import integrity_faults, mock_llm, program, system_test, table_options


class CommandsTest(system_test):
    def run_parley(self, *arguments, token=None, given="", **environment):
        if token:
            environment["PARLEY_TOKEN"] = token
        run = subprocess.run(
            [program("parley"), *map(str, arguments)], input=given.encode(), timeout=120,
            env={"PATH": os.environ["PATH"], **environment}, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return run.returncode, run.stdout.decode(), run.stderr.decode()

    def good(self, *arguments, **more):
        code, out, fault = self.run_parley(*arguments, **more)
        self.assertEqual((code, fault), (0, ""), out)
        return out

    def local(self, *arguments):
        return self.good(*arguments, "--data", self.server.data, "--set", "bcrypt_cost=4",
                         *table_options())


class RemoteCommandsTest(CommandsTest):
    def setUp(self):
        super().setUp()
        self.server.start()
        self.admin = self.register("admin")

    def ask(self, *arguments, **more):
        return self.good(*arguments, token=self.admin.token,
                         PARLEY_SERVER=f"http://127.0.0.1:{self.server.port}", **more)

    def refused(self, *arguments):
        code, _, fault = self.run_parley(
            *arguments, token=self.admin.token,
            PARLEY_SERVER=f"http://127.0.0.1:{self.server.port}")
        self.assertEqual(code, 1)
        self.assertRegex(fault, r"^parley: [^\n]+\n")
        return fault

    def test_keys(self):
        made = json.loads(self.ask("key", "add", "--name", "report", "--scope", "read", "--scope",
                                   "chat", "--days", "2", "--json"))
        self.assertEqual(made["scopes"], ["read", "chat"])
        self.assertIsNotNone(made["expiresAt"])
        code, key, hint = self.run_parley(
            "key", "add", "--name", "other", "--scope", "read", token=self.admin.token,
            PARLEY_SERVER=f"http://127.0.0.1:{self.server.port}")
        self.assertEqual(code, 0)
        self.assertRegex(key, r"^sk-ply-[0-9A-Za-z]+\n$")
        self.assertIn("parley key revoke", hint)
        listed = self.ask("key", "list")
        self.assertIn("report", listed)
        self.assertNotIn(made["key"], listed)
        names = [json.loads(line)["name"] for line in self.ask("key", "list", "--json").split("\n")
                 if line]
        self.assertEqual(sorted(names), ["other", "report"])
        # The other key is a login too, for what it may do.
        sessions = self.good("session", "list", "--json", token=key.strip(),
                             PARLEY_SERVER=f"http://127.0.0.1:{self.server.port}")
        self.assertEqual(sessions, "")
        self.assertEqual(self.ask("key", "revoke", made["id"]), "")
        self.assertNotIn("report", self.ask("key", "list"))
        self.refused("key", "revoke", made["id"])
        self.assertIn("no id", self.refused("key", "revoke", "x/../y"))
        code, _, _ = self.run_parley("key", "add", "--name", "n", "--scope", "everything")
        self.assertEqual(code, 2)

    def test_models(self):
        upstream = self.keep(mock_llm(self.folder))
        out = self.ask("model", "add", "--provider", "openai", "--name", "mine", "--model", "mock",
                       "--base-url", upstream.base_url, "--api-key-file", "-", "--system", "--test",
                       given="not-a-key\n")
        self.assertIn("made the model mine", out)
        self.assertRegex(self.ask("model", "list"), r"mine +openai +mock +yes +yes")
        self.assertRegex(self.ask("model", "test", "mine"), r"mine answers; first token after \d+")
        told = json.loads(self.ask("model", "test", "mine", "--json"))
        self.assertTrue(told["ok"])
        self.assertIn("There is no model yours", self.refused("model", "test", "yours"))
        self.assertIn("/baseUrl", self.refused("model", "add", "--provider", "openai", "--model",
                                               "m", "--base-url", "ftp://x"))
        upstream.stop()
        code, out, _ = self.run_parley("model", "test", "mine", token=self.admin.token,
                                       PARLEY_SERVER=f"http://127.0.0.1:{self.server.port}")
        self.assertEqual(code, 1)
        self.assertIn("mine does not answer: ", out)

    def test_sessions(self):
        ids = []
        for number in range(103):
            made = self.admin.post("/api/sessions", {"title": f"Talk {number}\x1b[2J"})
            ids.append(self.check(made, 201)["id"])
        lines = self.ask("session", "list", "--json").splitlines()
        self.assertEqual(len(lines), 103)
        self.assertEqual(json.loads(lines[0])["id"], ids[-1])
        self.assertIn("Talk 7", self.ask("session", "list"))
        self.assertEqual(len(self.ask("session", "list", "--archived").splitlines()), 1)
        exported = self.folder / "talk.json"
        self.assertEqual(self.ask("session", "export", ids[0], "--format", "json", "--output",
                                  exported), "")
        self.assertIn("Talk 0", exported.read_text())
        self.assertEqual(exported.stat().st_mode & 0o777, 0o600)
        self.assertIn("Talk 0", self.ask("session", "export", ids[0]))
        self.refused("session", "export", "01890000-0000-7000-8000-000000000000")


class LocalCommandsTest(CommandsTest):
    def test_accounts(self):
        made = json.loads(self.local("user", "add", "--username", "ada", "--role", "ADMIN"))
        self.local("user", "add", "--username", "eve")
        changed = json.loads(self.local("user", "role", "--username", "eve", "--role", "ADMIN"))
        self.assertEqual(changed["role"], "ADMIN")
        self.local("user", "role", "--username", "eve", "--role", "USER")
        self.assertEqual(json.loads(self.local("user", "disable", "--username", "eve"))["status"],
                         "disabled")
        self.server.start()
        login = {"username": "ada", "password": made["password"]}
        self.check(self.server.client().post("/api/auth/login", login), 200)
        code, _, fault = self.run_parley("user", "enable", "--username", "eve", "--data",
                                         self.server.data, *table_options())
        self.assertEqual(code, 1)
        self.assertIn("Another Parley server uses", fault)
        self.server.stop()
        self.assertEqual(json.loads(self.local("user", "enable", "--username", "eve"))["status"],
                         "active")
        code, _, fault = self.run_parley("user", "disable", "--username", "ada", "--data",
                                         self.server.data, *table_options())
        self.assertEqual(code, 1)
        self.assertIn("last administrator", fault)
        code, _, fault = self.run_parley("user", "disable", "--username", "nobody", "--data",
                                         self.server.data, *table_options())
        self.assertEqual((code, fault), (1, "parley: There is no account nobody.\n"))

    def backup(self, *more):
        return self.run_parley("backup", self.folder / "copies", "--data", self.server.data, *more)

    def test_a_backup_while_the_server_runs(self):
        self.server.start()
        admin = self.register("admin")
        session = self.check(admin.post("/api/sessions", {"title": "kept"}), 201)["id"]
        code, out, fault = self.backup("--json")
        self.assertEqual((code, fault), (0, ""))
        told = json.loads(out)
        folder, = (self.folder / "copies").iterdir()
        self.assertEqual(json.loads((folder / "backup.json").read_text()), told)
        copy = folder / told["files"][0]["name"]
        self.assertEqual(copy.stat().st_size, told["files"][0]["bytes"])
        self.assertEqual(hashlib.sha256(copy.read_bytes()).hexdigest(), told["files"][0]["sha256"])
        self.assertEqual(copy.stat().st_mode & 0o077, 0)
        self.assertEqual(folder.stat().st_mode & 0o077, 0)
        self.assertEqual(integrity_faults(folder), [])
        # The server went on, and the copy serves in its place.
        self.check(admin.post("/api/sessions", {"title": "after"}), 201)
        self.server.stop()
        for name in ("parley.db", "parley.db-wal", "parley.db-shm"):
            with contextlib.suppress(FileNotFoundError):
                (self.server.data / name).unlink()
        (self.server.data / "parley.db").write_bytes(copy.read_bytes())
        self.server.start()
        titles = [item["title"] for item in self.check(admin.get("/api/sessions"), 200)["items"]]
        self.assertEqual(titles, ["kept"])
        self.check(admin.get(f"/api/sessions/{session}"), 200)

    def test_a_backup_without_a_server_and_of_what_is_broken(self):
        self.local("user", "add", "--username", "ada")
        code, out, _ = self.backup()
        self.assertEqual(code, 0)
        self.assertIn("secrets.json", out)
        database = self.server.data / "parley.db"
        text = bytearray(database.read_bytes())
        text[8192:16384] = b"\xff" * 8192
        database.write_bytes(text)
        code, _, fault = self.backup()
        self.assertEqual(code, 1, fault)
        # Nothing of it is left.
        self.assertEqual(len(list((self.folder / "copies").iterdir())), 1)
        code, _, fault = self.run_parley("backup", self.folder / "copies", "--data",
                                         self.folder / "nothing")
        self.assertEqual(code, 1)
        self.assertIn("There is no database", fault)
        code, _, _ = self.run_parley("backup")
        self.assertEqual(code, 2)

    def test_migrate(self):
        self.local("user", "add", "--username", "ada")
        told = json.loads(self.local("migrate", "--check", "--json"))
        self.assertEqual(told["state"], "current")
        self.assertIn("that of this program", self.local("migrate"))
        with contextlib.closing(sqlite3.connect(self.server.data / "parley.db")) as database:
            database.execute("PRAGMA user_version = 9999")
        code, out, _ = self.run_parley("migrate", "--check", "--json", "--data", self.server.data)
        self.assertEqual((code, json.loads(out)["state"]), (1, "newer"))
        code, _, fault = self.run_parley("migrate", "--data", self.server.data)
        self.assertEqual(code, 1)
        self.assertIn("newer Parley", fault)


class TableTest(CommandsTest):
    """What is made from the table of commands names all of them."""

    def commands(self):
        """Every command, by asking each for its help."""
        found = []

        def collect(words):
            out = self.good(*words, "--help")
            below = re.findall(r"^  (\w+)(?:,\w+)? {2,}", out.split("Subcommands:")[-1], re.M) \
                if "Subcommands:" in out else []
            for word in below:
                collect([*words, word])
            if not below:
                found.append(" ".join(words))

        collect([])
        return found

    def test_the_manual_has_every_command(self):
        page = self.good("man")
        commands = self.commands()
        self.assertIn("user passwd", commands)
        self.assertGreater(len(commands), 24)
        for command in commands:
            self.assertRegex(page, rf'(?m)^\.SS parley {command}\b')
        check = subprocess.run(["groff", "-Kutf8", "-man", "-ww", "-Tutf8", "-z"], check=False,
                               input=page.encode(), stderr=subprocess.PIPE)
        self.assertEqual((check.returncode, check.stderr.decode()), (0, ""))

    def complete(self, *words):
        """What bash offers after these words."""
        script = self.folder / "parley.bash"
        if not script.exists():
            script.write_text(self.good("completion", "bash"))
        quoted = " ".join(f"'{word}'" for word in words)
        run = subprocess.run(
            ["bash", "-c", f"source {script}; COMP_WORDS=({quoted}); "
             f"COMP_CWORD={len(words) - 1}; _parley; printf '%s\\n' \"${{COMPREPLY[@]}}\""],
            stdout=subprocess.PIPE, cwd=self.folder, check=True)
        return run.stdout.decode().split()

    def test_bash_completes(self):
        self.assertEqual(self.complete("parley", "us"), ["user"])
        self.assertEqual(self.complete("parley", "key", ""), ["-h", "--help", "add", "list",
                                                              "revoke"])
        self.assertEqual(self.complete("parley", "user", "add", "--role", ""), ["USER", "ADMIN"])
        self.assertEqual(self.complete("parley", "session", "export", "--fo"), ["--format"])
        self.assertIn("parley.bash", self.complete("parley", "serve", "--config", "par"))
        self.assertEqual(self.complete("parley", "completion", "f"), ["fish"])
        self.assertEqual(self.complete("parley", "chat", "--model", "x", "--temp"),
                         ["--temporary"])

    def test_zsh_and_fish_know_every_command(self):
        # The manual has them all, as another test says.
        commands = re.findall(r"(?m)^\.SS parley ([a-z ]+[a-z])", self.good("man"))
        self.assertIn("user passwd", commands)
        for shell in ("zsh", "fish"):
            text = self.good("completion", shell)
            for command in commands:
                self.assertIn(f"'{command}'", text)
            self.assertIn("--json" if shell == "zsh" else "-l json", text)
        code, _, _ = self.run_parley("completion", "csh")
        self.assertEqual(code, 2)

    def test_version(self):
        version = re.search(r"project\(parley VERSION ([\d.]+)",
                            (Path(__file__).parents[2] / "CMakeLists.txt").read_text())[1]
        self.assertEqual(self.good("version"), f"parley {version}\n")
        self.assertEqual(json.loads(self.good("version", "--json")), {"version": version})


if __name__ == "__main__":
    unittest.main()
