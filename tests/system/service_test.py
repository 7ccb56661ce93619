"""What systemd hears from a service of Type=notify, and what of its settings the unit keeps."""

import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from support import ANSWER_S_MAX, ROOT, program, process, system_test, table_options

UNIT = ROOT / "deploy/systemd/parley.service"


class NotifyTest(system_test):
    def setUp(self):
        super().setUp()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.settimeout(ANSWER_S_MAX)

    def start(self, address, **variables):
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        environment = [f"{name}={value}" for name, value in variables.items()]
        return self.keep(process(
            ["env", f"NOTIFY_SOCKET={address}", *environment, program("parley"), "serve",
             "--data", str(self.folder / "data"), "--listen", "127.0.0.1:0", *table_options()],
            self.folder / "parley.log", ready=r"listens on"))

    def hear(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))

    def test_it_says_when_it_is_ready_lives_and_stops(self):
        server = self.start(str(self.folder / "notify"), WATCHDOG_USEC=600_000)
        first = self.hear()
        self.assertEqual("1", first["READY"])
        self.assertIn("Serves on port", first["STATUS"])
        begun = time.monotonic()
        for _ in range(5):
            self.assertEqual({"WATCHDOG": "1"}, self.hear())
        self.assertGreater(time.monotonic() - begun, 0.9)  # each 0.2 s
        server.signal(signal.SIGTERM)
        last = self.hear()
        while "WATCHDOG" in last:
            last = self.hear()
        self.assertEqual("1", last["STOPPING"])
        self.assertGreater(int(last["EXTEND_TIMEOUT_USEC"]), 25_000_000)
        self.assertEqual(0, server.wait(ANSWER_S_MAX))

    def test_an_abstract_socket_and_no_watchdog(self):
        # A watchdog that is meant for another process is none.
        server = self.start(f"@parley-test-{os.getpid()}", WATCHDOG_USEC=300_000, WATCHDOG_PID=1)
        self.assertEqual("1", self.hear()["READY"])
        self.socket.settimeout(1)
        with self.assertRaises(socket.timeout):
            self.hear()
        server.signal(signal.SIGTERM)
        self.socket.settimeout(ANSWER_S_MAX)
        self.assertEqual("1", self.hear()["STOPPING"])

    def test_a_socket_that_nobody_reads_stops_nothing(self):
        server = self.start(str(self.folder / "notify"))
        self.socket.close()
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.wait(ANSWER_S_MAX))


class UnitTest(unittest.TestCase):
    def test_it_is_exposed_to_little(self):
        run = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        self.assertEqual(0, run.returncode, run.stdout.decode()[-500:])

    def test_systemd_knows_its_settings(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / UNIT.name
            copy.write_text(UNIT.read_text().replace("/usr/bin/parley", "/bin/true"))
            run = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                                  str(copy)],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                                 check=False)
        self.assertEqual((0, ""), (run.returncode, run.stdout.decode()))


if __name__ == "__main__":
    unittest.main()
