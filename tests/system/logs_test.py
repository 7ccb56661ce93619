"""The log in files: what the server writes beside stderr, on a disk that takes nothing as well, and
`parley logs`, which reads it without the server."""

import errno
import json
import os
import signal
import subprocess
import time
import unittest

from fault_orders import ALWAYS, FAILED, OPEN, WRITE, put_under, wait_until
from support import mock_llm, program, system_test


class LogsTest(system_test):
    def setUp(self):
        super().setUp()
        self.server.options += ["--set", "bcrypt_cost=4"]
        self.folder_of_logs = self.server.data / "logs"

    def parley(self, *arguments):
        return subprocess.run([program("parley"), "logs", *arguments, "--data",
                               str(self.server.data)], timeout=60, check=False,
                              env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)

    def lines(self, *arguments):
        run = self.parley("--json", *arguments)
        self.assertEqual((0, ""), (run.returncode, run.stderr))
        return [json.loads(line) for line in run.stdout.splitlines()]

    def ask(self, name, path="/api/users/me"):
        return self.server.client().get(path, {"X-Request-Id": name})

    def has(self, name):
        return bool(self.lines("--request", name))

    def test_lines_are_found_while_it_runs_and_after(self):
        self.assertEqual([], self.lines())
        self.server.start()
        self.assertEqual(401, self.ask("first-one").status)
        wait_until(lambda: self.has("first-one"), 5, "the line is in its file")
        path, = self.folder_of_logs.glob("log-*.jsonl")
        self.assertEqual(0o600, path.stat().st_mode & 0o777)
        self.assertEqual(0o700, self.folder_of_logs.stat().st_mode & 0o777)
        self.server.stop()
        line, = self.lines("--request", "first-one")
        self.assertEqual(("http.request", "/api/users/me", 401, "token_missing"),
                         (line["event"], line["route"], line["status"], line["reason"]))
        events = [each["event"] for each in self.lines("--event", "node")]
        self.assertEqual(["node.started", "node.stops", "node.stopped"], events)
        self.assertEqual([], self.lines("--level", "error"))
        self.assertEqual([], self.lines("--until", "1h"))
        self.assertEqual(1, len(self.lines("--since", "1h", "--lines", "1")))
        text = self.parley("--request", "first-one").stdout
        self.assertRegex(text, r"^\S+Z info +http\.request request=first-one method=GET ")
        # The next run goes on in the same file.
        self.server.start()
        self.server.stop()
        self.assertEqual(2, len(self.lines("--event", "node.started")))
        self.assertEqual([path], list(self.folder_of_logs.glob("log-*.jsonl")))
        for bad in (("--since", "soon"), ("--user", "ada"), ("--level", "loud"),
                    ("--by", "route", "--level", "error")):
            self.assertEqual(2, self.parley(*bad).returncode, bad)

    def test_sums_and_steps(self):
        upstream = self.keep(mock_llm(self.folder))
        self.server.start()
        callers, model = self.open_to_many(upstream.base_url, "mock-t20-i5-f50", 1)
        chat = self.add_session(callers[0], model["id"])
        self.assertEqual("complete", self.send(callers[0], chat, "Hi").done["status"])
        wait_until(lambda: self.lines("--route", "/api/chat/stream"), 5, "its line")
        line = self.lines("--route", "/api/chat/stream")[-1]
        steps = [line[name] for name in ("queue_ms", "storage_ms", "first_byte_ms", "stream_ms")]
        self.assertAlmostEqual(line["took_ms"], sum(steps), delta=1)
        self.assertGreater(line["stream_ms"], 50)
        run = self.parley("--by", "model", "--json")
        told = json.loads(run.stdout)
        self.assertEqual(1, told["items"][0]["now"]["count"])
        answer = self.check(callers[0].get("/api/admin/logs/summary?by=model"), 200)
        self.assertEqual(told["items"], answer["items"])
        self.assertIn("slowest ms", self.parley("--by", "route").stdout)

    def test_it_follows(self):
        self.server.start()
        self.ask("before")
        wait_until(lambda: self.has("before"), 5, "the line is in its file")
        child = subprocess.Popen([program("parley"), "logs", "--follow", "--event", "http.request",
                                  "--data", str(self.server.data)], stdout=subprocess.PIPE,
                                 text=True, env={"PATH": os.environ["PATH"]})
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        begun = time.monotonic()
        self.ask("after")
        for line in child.stdout:
            if "request=after" in line:
                break
            self.assertLess(time.monotonic() - begun, 30)
        child.send_signal(signal.SIGINT)

    def test_files_are_bounded(self):
        self.server.options += ["--log-file-bytes", "64KiB", "--log-bytes-max", "1MiB",
                                "--log-level", "debug"]
        self.server.start()
        path = "/api/" + "x" * 1500
        name = "y" * 60
        client = self.server.client()
        for _ in range(600):
            client.get(path, {"X-Request-Id": name})
        self.server.stop()
        files = sorted(self.folder_of_logs.glob("log-*.jsonl"))
        self.assertGreater(len(files), 1)
        self.assertLessEqual(max(file.stat().st_size for file in files), 64 << 10)
        self.assertLessEqual(sum(file.stat().st_size for file in files), 1 << 20)

    def test_a_disk_that_takes_nothing_loses_lines_alone(self):
        orders = put_under(self.server, self.folder, below=self.folder_of_logs)
        self.server.start()
        self.ask("good")
        wait_until(lambda: self.has("good"), 5, "the line is in its file")
        for error in (errno.ENOSPC, errno.EIO):
            with self.subTest(error=errno.errorcode[error]):
                orders.fail(WRITE | OPEN, error, count=ALWAYS)
                name = f"lost-{error}"
                self.assertEqual(401, self.ask(name).status)
                wait_until(lambda: orders[FAILED] > 0, 5, "a write fails")
                self.assertEqual(200, self.server.client().get("/api/health").status)
                orders.stop()
                again = f"again-{error}"
                wait_until(lambda: self.ask(again) and self.has(again), 10, "it writes again")
                self.assertFalse(self.has(name))
        text = self.metrics_with("parley_log_lines_dropped")
        self.assertNotIn("parley_log_lines_dropped 0\n", text)

    def test_what_lies_in_its_place_is_left_alone(self):
        self.server.data.mkdir(mode=0o700)
        self.folder_of_logs.symlink_to(self.folder)
        self.server.start()
        self.assertEqual(401, self.ask("one").status)
        self.server.stop()
        self.assertEqual([], list(self.folder.glob("log-*")))

    def test_it_can_be_off(self):
        self.server.options += ["--log-files", "off"]
        self.server.start()
        self.assertEqual(401, self.ask("one").status)
        self.server.stop()
        self.assertFalse(self.folder_of_logs.exists())


if __name__ == "__main__":
    unittest.main()
