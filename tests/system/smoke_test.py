"""deploy/smoke.sh: every step passes on a sound server, with jq and without; what is broken is
named."""

import os
import shutil
import subprocess
import unittest
from pathlib import Path

from support import PASSWORD, ROOT, mock_llm, system_test

SCRIPT = ROOT / "deploy/smoke.sh"


class SmokeTest(system_test):
    def setUp(self):
        super().setUp()
        self.upstream = self.keep(mock_llm(self.folder))

    def smoke(self, port, path=None, **variables):
        environment = {"PATH": path or os.environ["PATH"],
                       **{f"SMOKE_{name.upper()}": value for name, value in variables.items()}}
        run = subprocess.run([str(SCRIPT), f"http://127.0.0.1:{port}"], env=environment,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                             check=False)
        return run.returncode, run.stdout.decode()

    def start(self):
        """A server with the account `admin` and a system model `mock`."""
        self.server.start()
        admin = self.register("admin")
        self.add_model(admin, self.upstream.base_url, "mock", path="/api/models/system")
        return admin

    def path_without_jq(self):
        folder = self.folder / "bin"
        folder.mkdir()
        for name in ("bash", "env", "curl", "python3", "mktemp", "rm", "head", "tail", "sed", "tr",
                     "grep", "awk", "cat"):
            (folder / name).symlink_to(Path(shutil.which(name)).resolve())
        return str(folder)

    def test_all_passes_on_a_sound_server(self):
        self.start()
        code, told = self.smoke(self.server.port, username="admin", password=PASSWORD)
        self.assertEqual(code, 0, told)
        self.assertNotIn("FAIL", told)
        self.assertIn("ok    a turn, streamed\n", told)
        self.assertIn(", 0 failed\n", told)

    def test_it_makes_the_first_account_and_needs_no_jq(self):
        self.server.start()
        code, told = self.smoke(self.server.port, self.path_without_jq(), username="admin",
                                password=PASSWORD)
        self.assertIn("ok    the first account\n", told)
        self.assertIn("ok    makes no second session\n", told)
        self.assertIn("FAIL  a model to chat with", told)
        self.assertIn(", 1 failed\n", told)
        self.assertEqual(code, 1)

    def test_a_user_is_kept_out_of_what_is_an_administrators(self):
        admin = self.start()
        self.check(admin.patch("/api/settings/system", {"registration": "open"}), 200)
        user = self.register("user")
        code, told = self.smoke(self.server.port, token=user.token)
        self.assertEqual(code, 0, told)
        self.assertIn("ok    of ADMINs alone\n", told)
        # Nothing of it is left.
        self.assertEqual(user.get("/api/sessions").body["items"], [])
        self.assertEqual(user.get("/api/folders").body["items"], [])
        self.assertEqual(user.get("/api/keys").body["items"], [])

    def test_what_is_broken_is_named(self):
        self.start()
        code, told = self.smoke(self.server.port, username="admin", password="wrong")
        self.assertEqual(code, 1)
        self.assertIn("FAIL  log in: POST /api/auth/login should answer 200, not 401", told)
        self.upstream.stop()
        code, told = self.smoke(self.server.port, username="admin", password=PASSWORD)
        self.assertEqual(code, 1)
        self.assertIn("FAIL  a completion: POST /v1/chat/completions should answer 200", told)
        self.server.stop()
        code, told = self.smoke(self.server.port)
        self.assertEqual(code, 1)
        self.assertIn("Nothing answers", told)

    def test_wrong_usage(self):
        run = subprocess.run([str(SCRIPT), "not-a-url"], stderr=subprocess.PIPE, check=False)
        self.assertEqual(run.returncode, 2)
        self.assertIn(b"usage", run.stderr)


if __name__ == "__main__":
    unittest.main()
