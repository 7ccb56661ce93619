"""`parley migrate-from openwebui`: whole installations, from databases as migrations make them."""

import json
import os
import sqlite3
import subprocess
import unittest
from urllib.parse import quote

from openwebui_fixture import conversation, message, openwebui_db
from support import integrity_faults, process, program, system_test, table_options

# bcrypt of PASSWORD with cost 4; "$2a$" is the same digest under its older name.
PASSWORD = "correct horse battery staple 7"
HASH = "$2b$04$J5GEVTuDKTYm2.KC5NpZIu3OpF5AKJEUWvTh6DDTVA1h8RAYZIgs2"
OWN_KEY = "sk-own-0123456789abcdef"
KINDS = ("users", "folders", "models", "chats", "messages")


class MigrateFromTest(system_test):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "webui.db"

    def parley(self, *arguments, code=0):
        run = subprocess.run(
            [program("parley"), "migrate-from", "openwebui", "--db", str(self.file), "--data",
             str(self.server.data), *arguments, *table_options()], timeout=120, check=False,
            env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(run.returncode, code, run.stderr.decode())
        return run.stdout.decode() if code == 0 else run.stderr.decode()

    def move(self, *arguments):
        return json.loads(self.parley("--json", *arguments))

    def log_in(self, name):
        caller = self.server.client()
        body = self.check(caller.post("/api/auth/login",
                                      {"username": name, "password": PASSWORD}), 200)
        caller.token = body["accessToken"]
        return caller, body["user"]

    def assert_sums(self, report, **totals):
        for kind in KINDS:
            each = report[kind]
            self.assertEqual(each["total"], each["taken"] + sum(each["changed"].values()) +
                             sum(each["leftOut"].values()))
        self.assertEqual({kind: report[kind]["total"] for kind in totals}, totals)

    def fill_2026(self, base_url):
        db = openwebui_db(self.file, "2026")
        db.user("u1", "Ada L.", "ada@example.org", "admin", HASH)
        db.user("u2", "Bob", "bob@example.org", "user", HASH.replace("$2b$", "$2a$"))
        db.user("u3", "Carol", "carol@example.org", "pending", HASH)
        db.user("u4", "Dan", "dan@example.org", "user")
        db.user("u5", "Eve", "eve@example.org", "user", HASH, active=0)
        db.user("u6", "Fay", "fay with spaces", "user", HASH)
        for key, parent, name in (("f2", "f1", "Arches"), ("f1", None, "Bridges"),
                                  ("f3", "gone", "Lost")):
            db.insert("folder", id=key, parent_id=parent, user_id="u1", name=name,
                      is_expanded=0, created_at=1, updated_at=1,
                      data={"system_prompt": "Be brief."} if key == "f1" else None)
        for key, name in (("steel_and_iron", "Steel and Iron"), ("new", "new")):
            db.insert("tag", id=key, name=name, user_id="u1")
        db.settings({"openai.enable": True,
                     "openai.api_base_urls": ["https://api.openai.com/v1", base_url, ""],
                     "openai.api_keys": ["sk-openai-0123456789abcdef", OWN_KEY],
                     "openai.api_configs": {"1": {"prefix_id": "own", "model_ids": ["mock-echo"],
                                                  "enable": True}},
                     "ollama.base_urls": ["http://127.0.0.1:11434"]})
        db.model("own.mock-echo", "u1", "Echo")
        db.model("helper", "u1", "helper", base="gpt-4o",
                 params={"temperature": 0.25, "system": "You help."})
        db.grant(1, "own.mock-echo", "user", "*")
        db.grant(2, "helper", "user", "u2")
        question = message("m1", None, "user", "What carries an arch? 橋梁", 1_710_000_001)
        answers = [message(f"m{n}", "m1", "assistant", text, 1_710_000_001 + n,
                           model="own.mock-echo", modelName="Echo", done=True)
                   for n, text in ((2, "Its line of thrust."), (3, "The voussoirs."))]
        last = message("m4", "m2", "user", "And a cable?", 1_710_000_009)
        db.chat("c1", "u1", "Arches 1", conversation([question, *answers, last], "m4",
                                                      ["own.mock-echo"]),
                pinned=1, folder_id="f2", meta={"tags": ["steel_and_iron", "new"]})
        db.chat("c2", "u1", "Old", conversation([message("m1", None, "user", "Old words", 1)], "m1",
                                                ["llama3:8b"]), archived=1)
        db.chat("c3", "u2", "Rows", {"history": {"messages": {}, "currentId": None}})
        db.insert("chat_message", id="c3-a", chat_id="c3", user_id="u2", role="user",
                  content=json.dumps("From a row"), done=1, created_at=1_710_000_100)
        db.insert("chat_message", id="c3-b", chat_id="c3", user_id="u2", role="assistant",
                  parent_id="a", content=json.dumps("Answered in a row"), model_id="gpt-4o", done=1,
                  created_at=1_710_000_101)
        db.chat("c4", "shared-c1", "Arches 1", conversation([question], "m1", []))
        db.chat("c5", "nobody", "Orphan", conversation([question], "m1", []))
        db.chat("c6", "u2", "Broken", '{"history":')
        db.close()

    def test_a_whole_installation(self):
        # It answers only to the key that came with the database.
        mock = self.keep(process([program("bench/mock_llm"), "--port", "0", "--api-key", OWN_KEY],
                                 self.folder / "mock.log",
                                 ready=r"listening 127\.0\.0\.1:(\d+)"))
        self.fill_2026(f"http://127.0.0.1:{mock.match[1]}/v1")
        trial = self.move("--dry-run")
        self.assertFalse(self.server.data.exists())
        report = self.move()
        self.assertEqual(trial, report)
        self.assert_sums(report, users=6, folders=3, chats=6, messages=7)
        self.assertEqual(report["users"]["taken"], 2)
        self.assertEqual(report["users"]["changed"],
                         {"disabled": 2, "password_missing": 1, "username_made": 1})
        self.assertEqual(report["folders"]["changed"], {"parent_missing": 1})
        self.assertEqual(report["models"]["changed"],
                         {"title_left_out": 1, "system_prompt_left_out": 1})
        self.assertEqual(report["models"]["taken"], 1)
        self.assertEqual(report["chats"]["taken"], 3)
        self.assertEqual(report["chats"]["leftOut"],
                         {"shared_copy": 1, "owner_missing": 1, "not_json": 1})
        self.assertEqual(integrity_faults(self.server.data), [])

        self.server.start()
        self.assertIn("Another Parley server uses", self.parley(code=1))
        ada, user = self.log_in("ada@example.org")
        self.assertEqual((user["role"], user["displayName"]), ("ADMIN", "Ada L."))
        self.check_chats(ada)
        self.check_models(ada)
        bob, user = self.log_in("Bob@example.org")
        self.assertEqual(user["role"], "USER")
        self.assertEqual([each["title"] for each in
                          self.check(bob.get("/api/sessions"), 200)["items"]], ["Rows"])
        names = [each["name"] for each in self.check(bob.get("/api/models"), 200)["items"]]
        self.assertEqual(sorted(names), ["helper", "own.mock-echo"])
        for name in ("carol@example.org", "eve@example.org", "dan@example.org"):
            self.check(self.server.client().post(
                "/api/auth/login", {"username": name, "password": PASSWORD}), 401, 403)
        self.log_in("Fay-u6")

    def check_chats(self, ada):
        listed = self.check(ada.get("/api/sessions"), 200)["items"]
        self.assertEqual([each["title"] for each in listed], ["Arches 1"])
        chat = listed[0]
        self.assertTrue(chat["pinned"])
        self.assertEqual(chat["tags"], ["Steel and Iron", "new"])
        self.assertEqual(chat["source"], {"kind": "openwebui", "id": "c1"})
        self.assertEqual(chat["createdAt"], "2024-03-09T16:00:00.000Z")
        archived = self.check(ada.get("/api/sessions?archived=true"), 200)["items"]
        self.assertEqual([each["title"] for each in archived], ["Old"])
        folders = {each["name"]: each for each in
                   self.check(ada.get("/api/folders"), 200)["items"]}
        self.assertEqual(sorted(folders), ["Arches", "Bridges", "Lost"])
        self.assertEqual(folders["Arches"]["parentId"], folders["Bridges"]["id"])
        self.assertEqual(folders["Bridges"]["systemPrompt"], "Be brief.")
        self.assertEqual(chat["folderId"], folders["Arches"]["id"])
        tree = self.check(ada.get(f"/api/sessions/{chat['id']}/messages"), 200)["items"]
        self.assertEqual({each["content"] for each in tree},
                         {"What carries an arch? 橋梁", "Its line of thrust.", "The voussoirs.",
                          "And a cable?"})
        siblings = [each["siblings"] for each in tree if each["role"] == "assistant"]
        self.assertEqual(sorted(each["index"] for each in siblings), [0, 1])
        self.assertGreater(min(each["tokens"]["count"] for each in tree), 0)
        for words in ("thrust", "橋梁"):
            hits = self.check(ada.get(f"/api/search?q={quote(words)}"), 200)
            self.assertEqual(len(hits["items"]), 1, words)
        view = self.send(ada, chat["id"], "Go on")
        self.assertEqual(view.done["status"], "complete", view.errors)

    def check_models(self, ada):
        models = {each["name"]: each for each in
                  self.check(ada.get("/api/models"), 200)["items"]}
        self.assertEqual(sorted(models), ["helper", "llama3:8b", "own.mock-echo"])
        self.assertTrue(models["helper"]["hasApiKey"])
        self.assertEqual(models["helper"]["model"], "gpt-4o")
        self.assertEqual(models["helper"]["params"]["temperature"], 0.25)
        self.assertEqual(models["helper"]["baseUrl"], "https://api.openai.com/v1")
        self.assertEqual(models["own.mock-echo"]["model"], "mock-echo")
        self.assertEqual(models["own.mock-echo"]["access"], [{"type": "everyone"}])
        self.assertEqual(models["llama3:8b"]["provider"], "ollama")
        self.assertEqual(models["llama3:8b"]["access"], [{"type": "role", "id": "ADMIN"}])

    def test_a_second_run_adds_what_is_new(self):
        self.fill_2026("http://127.0.0.1:18080/v1")
        first = self.move()
        with sqlite3.connect(self.file) as db:
            db.execute("INSERT INTO chat SELECT 'c9', user_id, 'New', share_id, archived,"
                       " created_at, updated_at, chat, pinned, meta, folder_id, tasks, summary,"
                       " last_read_at FROM chat WHERE id='c1'")
        db.close()
        second = self.move()
        self.assertEqual(second["users"]["leftOut"], {"already_there": 6})
        self.assertEqual(second["folders"]["leftOut"], {"already_there": 3})
        self.assertEqual(second["models"]["leftOut"], {"already_there": 3})
        self.assertEqual(second["chats"]["taken"], 1)
        self.assertEqual(second["chats"]["leftOut"]["already_there"], first["chats"]["taken"])
        self.server.start()
        ada, _ = self.log_in("ada@example.org")
        listed = self.check(ada.get("/api/sessions"), 200)["items"]
        self.assertEqual(sorted(each["title"] for each in listed), ["Arches 1", "New"])
        self.assertEqual(integrity_faults(self.server.data), [])

    def test_an_old_database(self):
        db = openwebui_db(self.file, "2024")
        db.user("u1", "Ada", "ada@example.org", "admin", HASH)
        listed = {"models": ["gpt-4o"], "messages": [
            {"role": "user", "content": "First"}, {"role": "assistant", "content": "Second"}]}
        db.chat("c1", "u1", "A list", listed)
        for key, name in (("1", "Old tag"), ("2", "pinned")):
            db.insert("chatidtag", id=key, tag_name=name, chat_id="c1", user_id="u1", timestamp=1)
            db.insert("tag", id=key, name=name, user_id="u1")
        db.settings({"openai.api_base_urls": ["https://api.openai.com/v1"],
                     "openai.api_keys": ["sk-0123456789abcdef0123"]})
        db.close()
        report = self.move()
        self.assert_sums(report, users=1, folders=0, models=1, chats=1, messages=2)
        self.server.start()
        ada, _ = self.log_in("ada@example.org")
        chat = self.check(ada.get("/api/sessions"), 200)["items"][0]
        self.assertEqual((chat["tags"], chat["pinned"]), (["Old tag"], True))
        model = self.check(ada.get("/api/models"), 200)["items"][0]
        self.assertEqual((model["name"], model["hasApiKey"], model["access"]),
                         ("gpt-4o", True, [{"type": "everyone"}]))
        self.assertEqual(chat["modelId"], model["id"])

    def test_what_is_no_database_of_open_webui(self):
        self.assertIn("There is no database", self.parley(code=1))
        self.file.write_bytes(b"hello" * 1000)
        self.parley(code=1)
        self.file.unlink()
        with sqlite3.connect(self.file) as db:
            db.execute("CREATE TABLE chat (id TEXT)")
        db.close()
        self.assertIn("no database of Open WebUI", self.parley(code=1))
        self.assertFalse(self.server.data.exists())


if __name__ == "__main__":
    unittest.main()
