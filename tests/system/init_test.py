"""`parley init`: what a file wishes for is made once, and what is wrong in it is named."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import program, table_options


class InitTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def init(self, wish):
        path = self.folder / "wish.json"
        path.write_text(json.dumps(wish))
        (self.folder / "password").write_text("correct horse battery\n")
        run = subprocess.run(
            [program("parley"), "init", "--data", self.folder / "data", "--file", path,
             "--set", "bcrypt_cost=4", *table_options(), "--admin-username", "ada",
             "--admin-password-file", self.folder / "password"],
            timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return run.returncode, run.stdout.decode(), run.stderr.decode()

    @staticmethod
    def model(name, **more):
        return {"name": name, "provider": "openai", "model": "gpt-4o", "apiKey": "sk-0",
                "baseUrl": "https://api.openai.com/v1", **more}

    def test_a_second_run_changes_nothing(self):
        wish = {"models": [self.model("one"), self.model("two")]}
        status, out, fault = self.init(wish)
        self.assertEqual((status, fault), (0, ""))
        for line in ("made the ADMIN ada", "made the model one", "made the model two"):
            self.assertIn(line, out)
        status, out, _ = self.init(wish)
        self.assertEqual(status, 0)
        self.assertNotIn("made", out)
        self.assertIn("the model two is there already", out)

    def test_a_wrong_model_is_named(self):
        status, _, fault = self.init({"models": [self.model("one"),
                                                 self.model("two", contextWindow="big")]})
        self.assertEqual(status, 1)
        self.assertIn("wish.json: model 2: ", fault)
        self.assertIn("/contextWindow", fault)
        status, _, fault = self.init({"models": [self.model("three", baseUrl="ftp://x/y")]})
        self.assertEqual(status, 1)
        self.assertIn('the model "three": ', fault)
        self.assertIn("/baseUrl", fault)


if __name__ == "__main__":
    unittest.main()
