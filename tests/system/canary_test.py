"""Secrets that are looked for everywhere they must not be: in answers, the log, the database, its
log, exports, backups and what a crash leaves. And the file that holds the server's own."""

import http.server
import json
import os
import signal
import sqlite3
import subprocess
import threading
import urllib.parse
import zipfile
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import support
from fault_orders import wait_until

PASSWORD = "canary-password-93-Violet"
KEYS = ["sk-canary-upstream-4711-Indigo", "sk-canary-channel-4712-Umber"]
TEXT_ROUTES = ("/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/api/health",
               "/api/info", "/api/auth/methods")
ROUTES = ("/api/auth/me", "/api/auth/logins", "/api/users/me", "/api/users", "/api/users/{user}",
          "/api/users/invitations", "/api/models", "/api/models/{model}", "/api/keys",
          "/api/keys/{key}", "/api/sessions", "/api/sessions/{session}",
          "/api/sessions/{session}/messages", "/api/sessions/{session}/export?format=json",
          "/api/sessions/{session}/export?format=md", "/api/search?q=canary",
          "/api/settings", "/api/settings/system", "/api/usage", "/api/usage/limits",
          "/api/admin/usage", "/api/admin/quotas", "/api/admin/audit", "/api/admin/streams",
          "/api/admin/channels", "/api/admin/logs", "/api/admin/logs/summary?by=reason",
          "/v1/models")


class telling_upstream:
    """An upstream that repeats the key it was given wherever it can."""

    def __init__(self):
        class handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                key = self.headers.get("Authorization", "")
                asked = self.path.split("/")[1]
                body = {"error": {"message": f"Bad key: {key}", "type": key, "code": key}}
                text = json.dumps(body).encode()
                if asked == "stream":
                    text = (b'data: {"choices":[{"delta":{"content":"Well"}}]}\n\ndata: ' + text
                            + b"\n\n")
                elif asked == "garbage":
                    text = b"data: {" + key.encode() + b"\n\nevent: " + key.encode() + b"\n\n"
                is_stream = asked in ("stream", "garbage")
                self.send_response(200 if is_stream else int(asked))
                self.send_header("Content-Type",
                                 "text/event-stream" if is_stream else "application/json")
                self.send_header("X-Key", key)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def spellings(secret):
    """As it stands, and as it would look when somebody has encoded it."""
    raw = secret.encode()
    return {raw, b64encode(raw).rstrip(b"="), urlsafe_b64encode(raw).rstrip(b"="),
            raw.hex().encode(), urllib.parse.quote(secret, safe="").encode(), secret[::-1].encode()}


class canary_test(support.system_test):
    def setUp(self):
        super().setUp()
        self.server.options += ["--log-level", "debug", "--set", "bcrypt_cost=4"]
        self.answers = []  # (what was asked, the answer's bytes)

    def ask(self, caller, method, path, body=None, headers=None):
        told = caller.request(method, path, body, headers)
        text = told.body if isinstance(told.body, str) else json.dumps(told.body)
        self.answers.append((f"{method} {path}", f"{told.headers}\n{text}".encode()))
        return told

    def found_in(self, secrets, places):
        """Where which of the secrets stands."""
        wanted = {spelling: name for name, secret in secrets.items()
                  for spelling in spellings(secret)}
        return [f"{name} in {place}" for place, content in places
                for spelling, name in wanted.items() if spelling in content]

    def files(self, *folders):
        return [(str(path), path.read_bytes()) for folder in folders
                for path in sorted(Path(folder).rglob("*")) if path.is_file()]

    # -- the walk ------------------------------------------------------------------------------

    def test_no_secret_is_told_logged_or_stored(self):
        upstream = self.keep(telling_upstream())
        self.server.start()
        caller = self.server.client()
        tokens = self.check(caller.post("/api/auth/register",
                                        {"username": "ada", "password": PASSWORD}), 201)
        caller.token = tokens["accessToken"]
        self.check(self.ask(caller, "PUT", "/api/auth/password",
                            {"currentPassword": PASSWORD, "newPassword": PASSWORD + "!"}), 204)
        again = self.check(caller.post("/api/auth/login",
                                       {"username": "ada", "password": PASSWORD + "!"}), 200)
        caller.token = again["accessToken"]
        fresh = self.check(caller.post("/api/auth/refresh",
                                       {"refreshToken": again["refreshToken"]}), 200)
        key = self.check(caller.post("/api/keys", {"name": "k", "scopes": ["chat", "read"]}), 201)
        self.secrets = {"password": PASSWORD, "upstream key": KEYS[0], "channel key": KEYS[1],
                        "access token": again["accessToken"],
                        "refresh token": again["refreshToken"],
                        "access token 2": fresh["accessToken"],
                        "refresh token 2": fresh["refreshToken"], "API key": key["key"]}
        for count in range(3):
            self.ask(self.server.client(), "POST", "/api/auth/login",
                     {"username": "ada", "password": f"{PASSWORD}{count}"})
        ids = {"user": self.ask(caller, "GET", "/api/users/me").body["id"], "key": key["id"]}
        self.talk_to_all(caller, upstream, ids)
        self.walk(caller, ids, key["key"])
        self.assertEqual([], self.found_in(self.secrets, self.answers))
        self.run_beside("backup", self.folder / "copies")
        self.run_beside("doctor", "--bundle", self.folder / "bundle.zip")
        places = self.files(self.server.data, self.folder / "copies")
        with zipfile.ZipFile(self.folder / "bundle.zip") as bundle:
            places += [(name, bundle.read(name)) for name in bundle.namelist()]
        self.assertTrue(any(name.startswith("logs/") for name, _ in places))
        self.assertTrue(any(name.endswith("-wal") for name, _ in places))
        self.assertTrue(any("/logs/log-" in name for name, _ in places))
        log = [("the log", self.server.log.read_bytes())]
        self.assertGreater(len(log[0][1]), 1000)
        self.assertEqual([], self.found_in(self.secrets, places + log))
        self.server.stop()
        places = self.files(self.server.data) + [("the log", self.server.log.read_bytes())]
        self.assertEqual([], self.found_in(self.secrets, places))
        print(f"    {len(self.secrets)} secrets in 6 spellings, {len(self.answers)} answers, "
              f"{len(places)} files, a backup and a bundle: 0 hits")

    def talk_to_all(self, caller, upstream, ids):
        for place in ("401", "403", "400", "404", "500", "stream", "garbage"):
            made = self.ask(caller, "POST", "/api/models", {
                "name": place, "provider": "openai", "model": "m",
                "baseUrl": f"{upstream.url}/{place}", "apiKey": KEYS[0],
                "channels": [{"name": "other", "baseUrl": f"{upstream.url}/{place}",
                              "apiKey": KEYS[1]}]})
            ids["model"] = self.check(made, 201)["id"]
            self.ask(caller, "POST", f"/api/models/{ids['model']}/test", {})
            chat = self.add_session(caller, ids["model"])
            ids["session"] = chat
            for headers in ({"Accept": "application/json"}, {}):
                self.ask(caller, "POST", "/api/chat/stream",
                         {"sessionId": chat, "content": "canary"}, headers)
            self.ask(caller, "POST", "/api/models/discover",
                     {"provider": "openai", "baseUrl": f"{upstream.url}/{place}",
                      "apiKey": KEYS[0]})
            self.ask(caller, "POST", "/v1/chat/completions",
                     {"model": place, "messages": [{"role": "user", "content": "Hi"}]})
            # A key that was typed where none belongs is not repeated.
            self.ask(caller, "PATCH", f"/api/models/{ids['model']}", {"apiKey": 5, "baseUrl": 7})

    def walk(self, caller, ids, key):
        for path in TEXT_ROUTES:
            self.check(self.ask(self.server.client(), "GET", path), 200)
        for path in ROUTES:
            self.check(self.ask(caller, "GET", path.format(**ids)), 200)
        bad = self.server.client()
        for token in (key + "x", key, caller.token + "x", self.secrets["refresh token"]):
            bad.token = token
            for path in ("/api/users/me", "/api/sessions", "/v1/models", "/api/absent"):
                self.ask(bad, "GET", path)
        # In a place where it does not belong it may reach the log of a path.
        self.ask(bad, "GET", f"/api/sessions?token={key}")
        self.ask(bad, "GET", f"/api/{KEYS[0]}")

    def run_beside(self, *command):
        run = subprocess.run([support.program("parley"), *command, "--data", self.server.data,
                              "--listen", f"127.0.0.1:{self.server.port}",
                              *support.table_options()], capture_output=True, timeout=60,
                             check=False)
        self.assertEqual(0, run.returncode, run.stderr)

    # -- a crash -------------------------------------------------------------------------------

    def test_a_crash_leaves_no_core(self):
        """Its memory holds every key in use."""
        here = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, here)
        # What a shell starts in the background ignores SIGQUIT.
        dumping = ["env", "--default-signal=QUIT", "prlimit", "--core=unlimited"]
        self.server.prefix = dumping
        os.environ["ASAN_OPTIONS"] = "disable_coredump=0:handle_abort=0"
        self.addCleanup(os.environ.pop, "ASAN_OPTIONS")
        self.server.start()
        self.assertFalse(self.dumps_core(self.server.process.child, signal.SIGQUIT))
        # Others do, where the machine lets them.
        other = subprocess.Popen([*dumping, "sleep", "60"])
        wait_until(lambda: Path(f"/proc/{other.pid}/comm").read_text() == "sleep\n", 5, "sleep")
        print(f"    another program leaves a core: {self.dumps_core(other, signal.SIGQUIT)}")

    def dumps_core(self, child, number):
        os.kill(child.pid, number)
        _, status = os.waitpid(child.pid, 0)
        child.returncode = -1
        self.assertTrue(os.WIFSIGNALED(status), status)
        return os.WCOREDUMP(status)

    # -- the secrets file ----------------------------------------------------------------------

    def add_sealed_models(self, upstream, count):
        self.server.start()
        callers, _ = self.open_to_many(upstream.base_url, "mock-t3-i1-f1", 1)
        for number in range(count):
            self.add_model(callers[0], upstream.base_url, "mock-t3-i1-f1", apiKey=KEYS[0],
                           name=f"model {number}",
                           channels=[{"name": "other", "baseUrl": upstream.base_url,
                                      "apiKey": KEYS[1]}])
        return callers[0]

    def rotate(self):
        run = subprocess.run([support.program("parley"), "secrets", "rotate", "--data",
                              self.server.data], capture_output=True, text=True, timeout=60,
                             check=False)
        self.assertEqual(0, run.returncode, run.stderr)
        return run.stdout

    def ring(self):
        return json.loads((self.server.data / "secrets.json").read_text())["sealing"]

    def sealed_with(self):
        """The names of the keys that the database is sealed with."""
        with sqlite3.connect(f"file:{self.server.data}/parley.db?mode=ro", uri=True) as database:
            rows = database.execute("SELECT sealed_key, channel_keys FROM model_configs").fetchall()
        texts = [text for key, others in rows for text in [key, *json.loads(others)] if text]
        return {text.split(".")[1] for text in texts}

    def wait_for(self, words):
        wait_until(lambda: words in self.server.process.output(), 20, words)

    def speaks(self, caller, model):
        return self.send(caller, self.add_session(caller, model), "Hi").done["status"]

    def test_turned_keys(self):
        upstream = self.keep(support.mock_llm(self.folder))
        admin = self.add_sealed_models(upstream, 3)
        models = [each["id"] for each in admin.get("/api/models").body["items"]]
        old = self.ring()["active"]
        self.assertEqual({old}, self.sealed_with())

        # While it runs nothing changes for it.
        self.assertIn("next start", self.rotate())
        new = self.ring()["active"]
        self.assertEqual({old, new}, set(self.ring()["keys"]))
        self.assertEqual("complete", self.speaks(admin, models[0]))
        self.server.stop()

        # The next start seals anew, without being asked; logins go on with a refreshed token.
        self.server.start()
        self.wait_for("secrets.sealed_anew")
        self.assertEqual({new}, self.sealed_with())
        self.assertEqual(401, admin.get("/api/users/me").status)
        admin.token = self.check(self.server.client().post("/api/auth/login", {
            "username": "admin", "password": support.PASSWORD}), 200)["accessToken"]
        for model in models:
            self.assertEqual("complete", self.speaks(admin, model))
        # A rename by who has the old text in memory must not bring it back for good.
        self.check(admin.patch(f"/api/models/{models[0]}", {"name": "renamed"}), 200)
        self.server.stop()
        self.server.start()
        self.assertEqual([new], list(self.ring()["keys"]))
        self.assertEqual("complete", self.speaks(admin, models[0]))

    def test_a_file_that_is_lost_or_another_ones(self):
        upstream = self.keep(support.mock_llm(self.folder))
        admin = self.add_sealed_models(upstream, 1)
        model = admin.get("/api/models").body["items"][0]["id"]
        self.server.stop()
        path = self.server.data / "secrets.json"
        own = path.read_bytes()

        path.unlink()
        self.server.start()
        self.wait_for("secrets.json was missing")
        self.wait_for("secrets.lost")
        self.server.stop()

        # Now there is one, of another installation as it were.
        self.server.start()
        self.wait_for("not the file that API keys of models were sealed with")
        self.wait_for("secrets.foreign")
        self.server.stop()

        path.write_bytes(own)
        self.server.start()
        self.wait_for("Stop it with")
        self.assertNotIn("WARNING", self.server.process.output())
        self.assertEqual("complete", self.speaks(admin, model))
        self.server.stop()

        for damage, words in ((b"", "is damaged"), (own[:100], "is damaged"),
                              (own.replace(b'"pepper":"', b'"pepper":"A'), "short or obvious key")):
            path.write_bytes(damage)
            run = subprocess.run([support.program("parley"), "serve", "--data", self.server.data,
                                  "--listen", "127.0.0.1:0", *self.server.options], text=True,
                                 capture_output=True, timeout=60, check=False)
            self.assertEqual(1, run.returncode)
            self.assertIn(words, run.stderr)
            self.assertIn("restore it from a backup", run.stderr)
            self.assertEqual(damage, path.read_bytes())
        path.unlink()
        path.symlink_to("/dev/null")
        run = subprocess.run([support.program("parley"), "secrets", "rotate", "--data",
                              self.server.data], capture_output=True, text=True, timeout=60,
                             check=False)
        self.assertEqual(1, run.returncode)
        self.assertIn("is not this user's own file", run.stderr)
