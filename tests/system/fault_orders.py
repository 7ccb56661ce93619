"""Faults that a test orders while the server runs: faults/faults.c, built and laid under it."""

import errno
import mmap
import os
import random
import struct
import subprocess
import time
from pathlib import Path

import support

SOURCE = Path(__file__).resolve().parent / "faults/faults.c"
WRITE, SYNC, OPEN, TRUNCATE, ACCEPT, READ, ALLOCATE = 1, 2, 4, 8, 16, 32, 64
# The fields of `struct control` in faults.c.
CALLS, NTH, COUNT, ERROR, SEEN, FAILED, SHIFT_NS, LOGGED, DELAY_MS = range(9)
ALWAYS = 1 << 40


def build_library(folder):
    library = Path(folder) / "faults.so"
    if not library.exists():
        subprocess.run(["clang-14", "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl",
                        "-lpthread"], check=True)
    return library


class fault_orders:
    """The page that the test and the server share."""

    def __init__(self, folder):
        self.path = Path(folder) / "orders"
        self.path.write_bytes(bytes(4096))
        with self.path.open("r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)

    def __getitem__(self, field):
        return struct.unpack_from("=q", self.page, 8 * field)[0]

    def __setitem__(self, field, value):
        struct.pack_into("=q", self.page, 8 * field, value)

    def fail(self, calls, error=errno.EIO, nth=1, count=1, delay_ms=0):
        """From the nth of these calls on so many fail."""
        self[CALLS] = 0
        for field, value in ((NTH, nth), (COUNT, count), (ERROR, error), (SEEN, 0), (FAILED, 0),
                             (DELAY_MS, delay_ms)):
            self[field] = value
        self[CALLS] = calls

    def delay(self, calls, delay_ms, count=1):
        """So many of these calls are late, the next one first."""
        self.fail(calls, error=0, count=count, delay_ms=delay_ms)

    def stop(self):
        """How many have failed."""
        self[CALLS] = 0
        return self[FAILED]


def put_under(server, folder, is_logged=False, below=None):
    """From its next start on `server` lives with the faults that are ordered; the orders. They are
    of its data without the log, which would be counted with them, or of the folder `below`."""
    orders = fault_orders(folder)
    if below is None:
        server.options += ["--log-files", "off"]
    variables = {"LD_PRELOAD": build_library(folder), "FAULT_CONTROL": orders.path,
                 "FAULT_FOLDER": (below or server.data).resolve()}
    if is_logged:
        variables["FAULT_LOG"] = Path(folder) / "written"
    server.prefix = ["env", *(f"{name}={value}" for name, value in variables.items())]
    return orders


class written_log:
    """What the server wrote into its folder, call by call; what a power cut leaves of it."""

    HEAD = struct.Struct("=cBHIq")

    def __init__(self, folder):
        self.bytes = (Path(folder) / "written").read_bytes()
        self.at = 0
        self.number = 0
        self.durable = {}  # by name: the bytes as of the last sync
        self.pending = {}  # by name: what was done since, (kind, offset, data)

    def play_until(self, number):
        while self.number < number:
            self.play_one()

    def play_one(self):
        kind, name_bytes, _, data_bytes, offset = self.HEAD.unpack_from(self.bytes, self.at)
        self.at += self.HEAD.size
        name = self.bytes[self.at:self.at + name_bytes].decode()
        self.at += name_bytes
        data = memoryview(self.bytes)[self.at:self.at + data_bytes]
        self.at += data_bytes
        self.number += 1
        if kind == b"s":
            for change in self.pending.pop(name, []):
                self.apply(self.durable.setdefault(name, bytearray()), change)
        elif kind == b"u":
            self.durable.pop(name, None)
            self.pending.pop(name, None)
        else:
            self.pending.setdefault(name, []).append((kind, offset, data))

    @staticmethod
    def apply(content, change):
        kind, offset, data = change
        if kind == b"t":
            content[:] = content[:offset].ljust(offset, b"\0")
            return
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset:offset + len(data)] = data

    def leave(self, folder, chance=None):
        """What is on the disk after a cut here; with `chance`, some of the unsynced as well, in
        any choice, for a disk writes in its own order."""
        folder.mkdir(mode=0o700)
        for name, content in self.durable.items():
            left = bytearray(content)
            for change in self.pending.get(name, []) if chance else []:
                if chance.random() < 0.5:
                    self.apply(left, change)
            path = folder / name
            path.write_bytes(left)
            path.chmod(0o600)


def wait_until(is_so, seconds, what):
    """How long it took."""
    begun = time.monotonic()
    while not is_so():
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)
    return time.monotonic() - begun


def seeded(test):
    """Chance whose seed a failure tells."""
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    test.addCleanup(lambda: test.has_failed() and print(f"    SEED={seed}"))
    return random.Random(seed)


__all__ = [name for name in dir() if name.isupper()] + [
    "fault_orders", "put_under", "written_log", "wait_until", "seeded", "support"]
