"""`parley chat`: through pipes and in a terminal, over connections that break and replies that are
stopped."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading
import time
import unittest

from support import PASSWORD, mock_llm, program, system_test

END_S_MAX = 60


class cutting_proxy:
    """Passes bytes on to a server; an answer is cut after so many bytes, each connection once."""

    def __init__(self, port, cuts):
        self.port_behind = port
        self.cuts = list(cuts)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.requests = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self.port_behind)) as server:
            budget = None
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is client:
                        line = data.split(b"\r\n", 1)[0].decode()
                        if re.match(r"(GET|POST|DELETE|PATCH|PUT) ", line):
                            self.requests.append(line)
                            is_stream = "/api/chat/stream" in line
                            budget = self.cuts.pop(0) if is_stream and self.cuts else None
                        server.sendall(data)
                        continue
                    if budget is None:
                        client.sendall(data)
                        continue
                    client.sendall(data[:budget])
                    budget -= len(data)
                    if budget <= 0:
                        return

    def stop(self):
        self.listener.close()


class terminal:
    """A program in a terminal of its own."""

    def __init__(self, arguments, environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(arguments[0], arguments, environment)
        self.seen = ""

    def wait_for(self, text):
        until = time.monotonic() + END_S_MAX
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, until - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {text!r} in {self.seen!r}")
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                piece = b""
            if not piece:
                raise AssertionError(f"it ended without {text!r}: {self.seen!r}")
            self.seen += piece.decode(errors="replace")
        before, self.seen = self.seen.split(text, 1)
        return before

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self):
        while True:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                break
            if not piece:
                break
            self.seen += piece.decode(errors="replace")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


class ChatCommandTest(system_test):
    def setUp(self):
        super().setUp()
        self.upstream = self.keep(mock_llm(self.folder))
        self.server.start()
        self.admin = self.register("admin")
        self.add("mock")

    def add(self, model):
        made = self.add_model(self.admin, self.upstream.base_url, model,
                              path="/api/models/system")
        self.check(self.admin.patch("/api/settings/system", {"defaultModelId": made["id"]}), 200)

    def environment(self, **more):
        return {"PATH": os.environ["PATH"], "TERM": "xterm", **more}

    def arguments(self, *more, port=None):
        return [program("parley"), "chat", "--server",
                f"http://127.0.0.1:{port or self.server.port}", *more]

    def chat(self, text, *more, port=None, token=None):
        run = subprocess.run(
            self.arguments(*more, port=port), input=text.encode(), timeout=END_S_MAX, check=False,
            env=self.environment(PARLEY_TOKEN=token or self.admin.token),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return run.returncode, run.stdout.decode(), run.stderr.decode()

    def reply_to(self, text):
        """What the server has stored as the last reply of the newest session."""
        session = self.admin.get("/api/sessions").body["items"][0]["id"]
        items = self.admin.get(f"/api/sessions/{session}/messages").body["items"]
        asked = [item for item in items if item["role"] == "user"]
        self.assertEqual(asked[0]["content"], text)
        return session, [item for item in items if item["role"] == "assistant"][0]

    def test_a_pipe_goes_in_and_the_reply_comes_out(self):
        code, out, fault = self.chat("hello\n")
        self.assertEqual((code, fault), (0, ""))
        _, reply = self.reply_to("hello")
        self.assertEqual(out, reply["content"] + "\n")

    def test_lines_are_turns_of_one_session_and_a_whole_is_one(self):
        code, _, _ = self.chat("one\n\ntwo\n")
        self.assertEqual(code, 0)
        session, _ = self.reply_to("two")
        self.assertEqual(self.admin.get(f"/api/sessions/{session}").body["messageCount"], 4)
        code, _, _ = self.chat("three\nfour\n", "--whole", "--session", session, "--model", "mock")
        self.assertEqual(code, 0)
        items = self.admin.get(f"/api/sessions/{session}/messages").body["items"]
        self.assertEqual(len(items), 6)
        self.assertEqual(items[1]["content"], "three\nfour\n")

    def test_events_for_programs(self):
        code, out, _ = self.chat("hello\n", "--json", "--temporary")
        self.assertEqual(code, 0)
        events = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(events[0]["event"], "start")
        self.assertEqual(events[-1]["event"], "done")
        self.assertEqual(self.admin.get("/api/sessions").body["items"], [])

    def test_a_broken_connection_is_taken_up_where_it_was(self):
        # Before any event, amid the text, and amid an event of what was resumed.
        proxy = self.keep(cutting_proxy(self.server.port, [20, 1300, 700]))
        code, out, fault = self.chat("hello\n", port=proxy.port)
        self.assertEqual((code, fault), (0, ""))
        session, reply = self.reply_to("hello")
        self.assertEqual(out, reply["content"] + "\n")
        self.assertEqual(self.admin.get(f"/api/sessions/{session}").body["messageCount"], 2)
        streams = [line.split(" HTTP")[0] for line in proxy.requests if "/chat/stream" in line]
        self.assertEqual(streams[:2], ["POST /api/chat/stream"] * 2)
        self.assertEqual(streams[2:], [f"GET /api/chat/stream/{reply['id']}"] * 2)

    def test_what_is_wrong_is_one_sentence(self):
        code, _, fault = self.chat("hello\n", "--model", "nothing")
        self.assertEqual(code, 1)
        self.assertEqual(fault, "parley: There is no model nothing; there are: mock.\n")
        code, _, fault = self.chat("hello\n", token="wrong")
        self.assertEqual(code, 1)
        self.assertRegex(fault, r"^parley: [^\n]+\n$")
        code, _, fault = self.chat("hello\n", "--session", "../../users")
        self.assertIn("this is no id", fault)
        self.upstream.stop()
        code, out, fault = self.chat("hello\n")
        self.assertEqual((code, out.strip()), (1, ""))
        self.assertRegex(fault, r"^parley: [^\n]+\n$")
        self.server.stop()
        code, _, fault = self.chat("hello\n")
        self.assertEqual(code, 1)
        self.assertIn("nothing answers there", fault)
        run = subprocess.run(self.arguments("--no-such"), env=self.environment(), check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(run.returncode, 2)

    def test_nobody_to_ask_is_told(self):
        run = subprocess.run(self.arguments(), env=self.environment(), input=b"hello\n",
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"PARLEY_TOKEN", run.stderr)
        (self.folder / "password").write_text(PASSWORD + "\n")
        run = subprocess.run(
            self.arguments("--username", "admin", "--password-file",
                           str(self.folder / "password")),
            env=self.environment(), input=b"hello\n", stdout=subprocess.PIPE, check=False)
        self.assertEqual(run.returncode, 0)

    def test_a_person_logs_in_talks_and_leaves(self):
        shell = terminal(self.arguments(), self.environment())
        shell.wait_for("Username on http://127.0.0.1")
        shell.type("admin\n")
        shell.wait_for("Password: ")
        shell.type(PASSWORD + "\n")
        self.assertNotIn(PASSWORD, shell.wait_for("you > "))
        shell.type("hello\n")
        shell.wait_for("parley > ")
        answered = shell.wait_for("you > ")
        _, reply = self.reply_to("hello")
        self.assertIn(reply["content"].split()[0], answered)
        shell.type("\x04")
        self.assertEqual(shell.wait(), 0)
        self.assertIn("Go on with: parley chat --session", shell.seen)

    def test_no_color(self):
        for variable, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
            shell = terminal(self.arguments(),
                             self.environment(PARLEY_TOKEN=self.admin.token, **variable))
            shell.wait_for("you > ")
            shell.type("\x04")
            shell.wait()
            self.assertEqual("\x1b[" in shell.seen, is_coloured, shell.seen)

    def test_ctrl_c_stops_the_reply_and_then_the_program(self):
        self.add("mock-t2000-i20")
        shell = terminal(self.arguments(), self.environment(PARLEY_TOKEN=self.admin.token))
        shell.wait_for("you > ")
        shell.type("hello\n")
        shell.wait_for("parley > ")
        shell.wait_for(" ")
        shell.type("\x03")
        shell.wait_for("[stopped]")
        shell.wait_for("you > ")
        _, reply = self.reply_to("hello")
        self.assertEqual(reply["status"], "stopped")
        shell.type("\x03")
        self.assertEqual(shell.wait(), 130)

    def test_a_signal_ends_a_pipe_too(self):
        self.add("mock-t2000-i20")
        child = subprocess.Popen(self.arguments(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE,
                                 env=self.environment(PARLEY_TOKEN=self.admin.token))
        self.addCleanup(child.kill)
        child.stdin.write(b"hello\n")
        child.stdin.flush()
        self.assertTrue(child.stdout.read(1))
        child.send_signal(signal.SIGINT)
        child.stdin.close()
        child.stdout.read()
        self.assertEqual(child.wait(END_S_MAX), 0)
        self.assertEqual(child.stderr.read(), b"[stopped]\n")
        child.stdout.close()
        child.stderr.close()
        _, reply = self.reply_to("hello")
        self.assertEqual(reply["status"], "stopped")


if __name__ == "__main__":
    unittest.main()
