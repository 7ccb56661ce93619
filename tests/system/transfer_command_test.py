"""`parley import` and `parley export` at a running server."""

import json
import os
import subprocess
import unittest
import zipfile

from support import ROOT, program, system_test

GOLDEN = ROOT / "tests/golden/import"


class TransferCommandTest(system_test):
    def setUp(self):
        super().setUp()
        self.server.start()
        self.caller = self.register("ada")

    def parley(self, *arguments, code=0):
        run = subprocess.run(
            [program("parley"), *map(str, arguments)], timeout=120, check=False,
            env={"PATH": os.environ["PATH"], "PARLEY_TOKEN": self.caller.token,
                 "PARLEY_SERVER": f"http://127.0.0.1:{self.server.port}"},
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(run.returncode, code, run.stderr.decode())
        return run.stdout if code == 0 else run.stderr.decode()

    def test_chats_come_in_once_and_go_out_whole(self):
        for name, messages in (("chatgpt.json", 10), ("openwebui.json", 4), ("librechat.json", 3)):
            job = json.loads(self.parley("import", GOLDEN / name, "--json"))
            self.assertEqual(job["status"], "done", job)
            counts = job["report"]["messages"]
            self.assertEqual(counts["total"], messages)
            self.assertEqual(counts["taken"] + sum(each["count"] for kind in ("changed", "leftOut")
                                                   for each in counts[kind]), messages)
        again = self.parley("import", GOLDEN / "chatgpt.json").decode()
        self.assertRegex(again, r"chats +0 +0 +1 +1")
        self.assertIn("chats left out: 1 ", again)
        self.assertEqual(self.parley("export", "--out", "all.zip"), b"all.zip\n")
        with zipfile.ZipFile(self.folder / "all.zip") as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(len([name for name in archive.namelist()
                                  if name.startswith("sessions/")]), 3)
        self.assertEqual(os.stat(self.folder / "all.zip").st_mode & 0o777, 0o600)
        self.assertEqual(self.parley("export", "--out", "-")[:4], b"PK\x03\x04")
        other = self.register_other()
        self.caller = other
        job = json.loads(self.parley("import", "all.zip", "--json"))
        self.assertEqual(job["report"]["sessions"]["total"], 3)
        self.assertEqual(job["report"]["sessions"]["leftOut"], [])

    def register_other(self):
        self.check(self.caller.patch("/api/settings/system", {"registration": "open"}), 200)
        return self.register("bob")

    def test_what_is_no_export_is_refused(self):
        bad = self.folder / "bad.json"
        bad.write_text('[{"mapping": tru}]')
        self.assertIn("At byte 1", self.parley("import", bad, code=1))
        self.assertEqual(json.loads(self.parley("session", "list", "--json") or "[]"), [])
        self.assertIn("no such file", self.parley("import", self.folder / "none", code=1))
        bad.write_text("")
        self.assertIn("is empty", self.parley("import", bad, code=1))


if __name__ == "__main__":
    unittest.main()
