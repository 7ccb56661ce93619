"""Stoplight's Prism between client and server: every request that is meant well and every answer is
as the contract says, by a reader of it that is not ours."""

import contextlib
import http.client
import json
import platform
import re
import shutil
import subprocess
import unittest

from support import (BUILD, PASSWORD, ROOT, client, free_port, mock_llm, process, system_test)

CONTRACT = BUILD / "generated/openapi.json"
MODULES = ROOT / "tests/contract/node_modules"
# Prism reads an answer to its end before it passes it on, and this one has none.
ENDLESS = "GET /api/events"
# Bodies that are no text.
BINARY = ("PUT /api/uploads/{upload}?offset=0", "GET /api/jobs/{job}/file")
# What mock_llm has not.
WITHOUT_EMBEDDINGS = {"POST /v1/embeddings": "502"}
# Allowed to users, and closed.
SECURE = "https://127.0.0.1:65000/v1"


class prism(process):
    """A proxy that holds what passes against a contract, and tells what differs."""

    def __init__(self, folder, server_port, contract=CONTRACT):
        machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "")
        node = MODULES / f"node-linux-{machine}/bin/node"
        script = MODULES / "@stoplight/prism-cli/dist/index.js"
        if not node.exists() or not script.exists():
            raise AssertionError("tests/contract/node_modules is missing: run ./dev test, "
                                 "or npm ci in tests/contract")
        self.port = free_port()
        super().__init__([str(node), str(script), "proxy", str(contract),
                          f"http://127.0.0.1:{server_port}", "--host", "127.0.0.1", "--port",
                          str(self.port)], folder / "prism.log", ready=r"listening on")

    def violations(self, of):
        """What it has said of requests or of responses."""
        return re.findall(rf"Violation: ({of}.*)", self.output())


class expectations:
    """tests/http/access.tsv, row by row."""

    def __init__(self):
        lines = [line for line in (ROOT / "tests/http/access.tsv").read_text().splitlines()
                 if line and not line.startswith("#")]
        columns = lines[0].split("\t")
        self.rows = [dict(zip(columns, line.split("\t"))) for line in lines[1:]]


class PrismTest(system_test):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.upstream = self.keep(mock_llm(self.folder))
        self.server.options += ["--upstream-allow", "127.0.0.0/8:65000",
                                "--set", "bcrypt_cost=4"]
        for rate in ("read", "write", "chat", "login"):
            self.server.options += ["--set", f"{rate}_calls_per_min=1000000"]
        self.server.start()
        self.admin = self.register("admin")
        self.names = 0
        made = self.add_model(self.admin, self.upstream.base_url, "mock-i0-f0",
                              path="/api/models/system")
        self.check(self.admin.patch("/api/settings/system", {"defaultModelId": made["id"]}), 200)

    def name(self):
        self.names += 1
        return f"n{self.names}"

    def person(self, role):
        """A new account, logged in."""
        name = self.name()
        made = self.check(self.admin.post("/api/users", {"username": name, "role": role}), 201)
        caller = self.server.client()
        tokens = self.check(caller.post("/api/auth/reset", {
            "username": name, "code": made["resetCode"], "newPassword": "correct horse battery"}),
            200)
        caller.token, caller.id, caller.name = tokens["accessToken"], made["id"], name
        return caller

    def system_model(self, upstream_name):
        return self.add_model(self.admin, self.upstream.base_url, upstream_name,
                              path="/api/models/system", name=self.name())

    def put_byte(self, owner, upload):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("PUT", f"/api/uploads/{upload}?offset=0", body=b"x", headers={
                "Content-Type": "application/octet-stream",
                "Authorization": f"Bearer {owner.token}"})
            self.assertEqual(connection.getresponse().status, 200)

    def make(self, kind, owner):
        """Something new of the owner's, as access_test.cpp makes it; its id."""
        def post(path, body):
            return self.check(owner.post(path, body, {"Accept": "application/json"}), 200, 201)

        if kind == "unique":
            return self.name()
        if kind == "upstream":
            return self.upstream.base_url
        if kind == "user":
            return owner.id
        if kind == "login":
            return self.check(owner.get("/api/auth/logins"), 200)["items"][0]["id"]
        if kind == "folder":
            return post("/api/folders", {"name": "f"})["id"]
        if kind == "key":
            return post("/api/keys", {"name": "k", "scopes": ["read"]})["id"]
        if kind == "secure":
            return SECURE
        if kind == "model":
            return self.add_model(owner, SECURE, "m", name=self.name())["id"]
        if kind in ("open", "name"):
            return self.system_model("mock-i0-f0")["id" if kind == "open" else "name"]
        if kind in ("upload", "loaded"):
            upload = post("/api/uploads", {"bytes": 1})["id"]
            if kind == "loaded":
                self.put_byte(owner, upload)
            return upload
        if kind == "job":
            job = self.check(owner.post("/api/users/me/export", None), 202)["id"]
            # The stream ends with the job.
            self.check(owner.get(f"/api/jobs/{job}/events"), 200)
            return job
        if kind == "invitation":
            made = self.check(self.admin.post("/api/users/invitations", {}), 201)
            return made["invitation"]["id"]
        model = self.system_model("mock-i0-f0-cut3")["id"] if kind == "cut" else None
        session = post("/api/sessions", {"title": "t"})["id"]
        turn = {"sessionId": session, "content": "Hi", **({"modelId": model} if model else {})}
        message = post("/api/chat/stream", turn)["id"]
        if kind == "summarised":
            post("/api/chat/stream", turn)
            self.check(owner.request("PUT", f"/api/sessions/{session}/summary", {"text": "t"}), 200)
        self.parent = session
        return message if kind in ("message", "cut") else session

    def fill(self, text, owner):
        self.parent = None
        while found := re.search(r"(.*)\{([a-z]+)\}", text, re.S):
            kind = found[2]
            if kind == "mine" or (kind == "session" and self.parent is None):
                value = self.make("session", owner)
            else:
                value = self.parent if kind == "session" else self.make(kind, owner)
            text = text[:found.start(2) - 1] + value + text[found.end(2) + 1:]
        return text

    def tour(self, proxy, column, role):
        """Every row of the table for one role; what was answered otherwise than it says."""
        differing = []
        person = self.person(role)
        for row in expectations().rows:
            route = f"{row['method']} {row['path']}"
            if row[column] == "-" or route == ENDLESS or route in BINARY:
                continue
            path, body = self.fill(f"{row['path']}\n{row['body']}", person).split("\n")
            caller = client(proxy.port, person.token)
            headers = {"Accept": "application/json"} if path.startswith("/api/chat") and \
                row["method"] == "POST" else None
            reply = caller.request(row["method"], path, None if body == "-" else json.loads(body),
                                   headers)
            wanted = WITHOUT_EMBEDDINGS.get(route, row[column])
            if str(reply.status) != wanted:
                differing.append(f"{route} {row['body']}: {reply.status}, not {wanted}: "
                                 f"{str(reply.body)[:200]}")
            if row["method"] != "GET" and re.match(r"/api/(users|auth)", path):
                person = self.person(role)
        return differing

    def test_the_smoke_script(self):
        proxy = self.keep(prism(self.folder, self.server.port))
        run = subprocess.run(
            [str(ROOT / "deploy/smoke.sh"), f"http://127.0.0.1:{proxy.port}"], check=False,
            env={"PATH": "/usr/bin:/bin", "SMOKE_USERNAME": "admin", "SMOKE_PASSWORD": PASSWORD,
                 "SMOKE_SKIP": "live changes"}, timeout=240, stdout=subprocess.PIPE)
        self.assertEqual(run.returncode, 0, run.stdout.decode())
        self.assertEqual(proxy.violations("response"), [])

    def test_a_tour_of_every_route(self):
        proxy = self.keep(prism(self.folder, self.server.port))
        self.assertEqual(self.tour(proxy, "own", "USER"), [])
        self.assertEqual(self.tour(proxy, "a-own", "ADMIN"), [])
        self.assertEqual(proxy.violations("response"), [])
        # What an unregistered or forbidden request says of itself is no fault of an answer.
        self.assertEqual([said for said in proxy.violations("request.body")], [])

    def test_it_sees_what_differs(self):
        contract = json.loads(CONTRACT.read_text())
        contract["components"]["schemas"]["Folder"]["properties"]["name"] = {"type": "integer"}
        del contract["paths"]["/api/folders"]["get"]["responses"]["200"]["content"]
        wrong = self.folder / "wrong.json"
        wrong.write_text(json.dumps(contract))
        proxy = self.keep(prism(self.folder, self.server.port, wrong))
        caller = client(proxy.port, self.admin.token)
        self.check(caller.post("/api/folders", {"name": "f"}), 201)
        self.assertTrue(any("name" in said for said in proxy.violations("response")),
                        proxy.output())


if __name__ == "__main__":
    unittest.main()
