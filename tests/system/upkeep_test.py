"""What the server does by night: old chats go, and who has them open is told."""

import contextlib
import sqlite3
import threading
import unittest

from fault_orders import wait_until
from support import READY_S_MAX, mock_llm, system_test

DAY_MS = 86_400_000


class UpkeepTest(system_test):
    def setUp(self):
        super().setUp()
        self.upstream = self.keep(mock_llm(self.folder))
        self.server.options += ["--set", "bcrypt_cost=4", "--set", "upkeep_hour=0",
                                "--set", "upkeep_delay_s=5"]

    def make_old(self, *chats):
        """As if nobody had touched them for two days."""
        with contextlib.closing(sqlite3.connect(self.server.data / "parley.db")) as database:
            for chat in chats:
                database.execute("UPDATE sessions SET updated_at = updated_at - ? WHERE "
                                 "lower(hex(id)) = ?", (2 * DAY_MS, chat.replace("-", "")))
            database.commit()

    def test_old_chats_go_and_listeners_are_told(self):
        self.server.start()
        callers, model = self.open_to_many(self.upstream.base_url, "mock-t5-i0-f0", 2)
        admin, user = callers
        self.check(admin.patch("/api/settings/system", {"chatRetentionDays": 1}), 200)
        chats = {name: self.add_session(user, model["id"])
                 for name in ("old", "older", "pinned", "young")}
        for chat in chats.values():
            self.send(user, chat, "Hi")
        self.check(user.patch(f"/api/sessions/{chats['pinned']}", {"pinned": True}), 200)
        self.assertEqual(1, self.check(user.get("/api/info"), 200)["limits"]["chatRetentionDays"])
        self.server.stop()
        self.make_old(chats["old"], chats["older"], chats["pinned"])

        self.server.start()
        told = []

        def listen():
            with user.stream("/api/events") as events:
                for item in events:
                    told.append((item.name, item.data.get("id")))

        threading.Thread(target=listen, daemon=True).start()
        wanted = {("session.deleted", chats["old"]), ("session.deleted", chats["older"])}
        wait_until(lambda: wanted <= set(told), READY_S_MAX, "both chats are gone")
        for name, status in (("old", 404), ("older", 404), ("pinned", 200), ("young", 200)):
            self.assertEqual(status, user.get(f"/api/sessions/{chats[name]}").status, name)
        wait_until(lambda: self.audit(admin), READY_S_MAX, "the audit log has it")
        self.assertEqual([{"chats": 2, "days": 1}], self.audit(admin))
        self.assertIn("parley_upkeep_chats_total 2\n", self.metrics_with("parley_upkeep"))
        self.assertIn("upkeep.done", self.server.process.output())
        self.server.stop()
        with contextlib.closing(sqlite3.connect(self.server.data / "parley.db")) as database:
            count = "SELECT COUNT(*) FROM "
            self.assertEqual((2,), database.execute(count + "sessions").fetchone())
            self.assertEqual((4,), database.execute(count + "messages").fetchone())

    def audit(self, admin):
        found = self.check(admin.get("/api/admin/audit?action=chats"), 200)
        return [entry["detail"] for entry in found["items"]]


if __name__ == "__main__":
    unittest.main()
