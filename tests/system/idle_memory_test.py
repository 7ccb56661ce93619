"""What a server does with its memory when nobody is awake."""

import re
from pathlib import Path

from fault_orders import wait_until
from support import READY_S_MAX, system_test

TEXT = "Grüße aus 北京: what is held must be held for a reason. " * 50


class IdleMemoryTest(system_test):
    def setUp(self):
        super().setUp()
        self.server.options += ["--set", "bcrypt_cost=4", "--set", "user_idle_max_s=2",
                                "--set", "log_level=debug"]

    def times_given_back(self):
        return self.server.process.output().count("memory.given_back")

    def table_kilobytes(self):
        """Of the token tables' pages that are mapped."""
        maps = Path(f"/proc/{self.server.process.child.pid}/smaps").read_text(encoding="ascii")
        return sum(map(int, re.findall(r"\.bpe\nSize:.*?\nRss:\s+(\d+) kB", maps, re.DOTALL)))

    def count(self, caller):
        body = {"model": "gpt-4o", "text": TEXT}
        return self.check(caller.post("/api/tokens/count", body), 200)

    def test_it_goes_back_each_time_all_are_asleep(self):
        self.server.start()
        wait_until(lambda: self.times_given_back() == 1, READY_S_MAX, "given back after the start")
        self.assertEqual(0, self.table_kilobytes())
        caller = self.register("ada")
        counted = self.count(caller)
        self.assertFalse(counted["estimated"])
        self.assertGreater(self.table_kilobytes(), 0)
        wait_until(lambda: self.times_given_back() == 2, 2 * READY_S_MAX, "given back once more")
        self.assertEqual(0, self.table_kilobytes())
        self.assertEqual(counted, self.count(caller))
        self.assertEqual(200, caller.get("/api/sessions").status)
