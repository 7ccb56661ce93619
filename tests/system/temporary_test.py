"""A temporary session and the audit log, with the built binary: no file has a word of the one, and
`parley audit verify` follows the other."""

import subprocess

import support

CANARY = "xylophone-canary-7391"


class temporary_test(support.system_test):
    def setUp(self):
        super().setUp()
        self.server.options += ["--log-level", "debug"]
        self.upstream = self.keep(support.mock_llm(self.folder))
        self.server.start()

    def files_with(self, text):
        """Of the server's: its data and its log."""
        files = [path for path in self.server.data.rglob("*") if path.is_file()]
        return [str(path) for path in [*files, self.server.log]
                if text.encode() in path.read_bytes()]

    def test_nothing_on_disk_has_a_word_of_it(self):
        callers, made = self.open_to_many(self.upstream.base_url, "mock-t20-i1", 1)
        view = support.reply_view()
        body = {"modelId": made["id"], "content": CANARY, "temporary": True}
        with callers[0].stream("/api/chat/stream", body) as events:
            self.assertEqual(200, events.status, getattr(events, "problem", ""))
            for item in events:
                view.take(item)
        self.assertEqual("complete", view.done["status"])
        found = callers[0].get(f"/api/sessions/{view.start['sessionId']}")
        self.assertEqual(200, found.status)
        self.assertEqual([], self.files_with(CANARY))
        self.server.stop()
        self.assertEqual([], self.files_with(CANARY))

        run = subprocess.run([support.program("parley"), "audit", "verify", "--data",
                              str(self.server.data)], capture_output=True, text=True, timeout=60,
                             check=False)
        self.assertEqual(0, run.returncode, run.stderr)
        self.assertIn("The audit log holds", run.stdout)
