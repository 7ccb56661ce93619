#!/usr/bin/env python3
"""How much goes through: whole turns a second, and tokens as fast as the upstream sends them.

    ./dev bench throughput [--only turns tokens] [--runs 3] [--targets direct,nginx,portkey,parley]

`turns`: each of 100 clients asks for short answers that are not streamed, one after the other.
Parley has stored both messages of a turn when it answers, and sends the chat so far with the next;
the others pass on. `tokens`: 100 replies of 20,000 tokens, streamed without a pause. Servers take
turns, each run with one freshly started; shown are medians, written to build/bench/throughput.json
as well. CPU is that of the server's processes from the first request to the last answer.
An answer counts only if it brought exactly its tokens, in order. Ends with 1 if a figure is missed.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
from pathlib import Path

import figures
import stream_bench as stream

CLIENTS = 100
RUN_S_MAX = 240
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Plan:
    """What stream_bench's servers want to know, and what sse_load is asked for."""

    def __init__(self, options, model, tokens, rounds, more):
        self.build = options.build.resolve()
        self.streams, self.rounds, self.model, self.tokens = CLIENTS, rounds, model, tokens
        self.more = more


KINDS = {
    "turns": lambda options: Plan(options, "mock-t10-i0-b32", 10, 40, ["--whole"]),
    "tokens": lambda options: Plan(options, "mock-t20000-i0-b32", 20_000, 1, []),
}


def cpu_s(pid):
    """Of a process and its children, whose threads may have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return sum(map(int, fields[11:15])) / TICKS_PER_S + sum(cpu_s(child) for child in children)


def log_in(server):
    """Before anything is measured: a login hashes a password."""
    port = int(server.load[server.load.index("--url") + 1].rpartition(":")[2])
    users = [json.loads(line) for line in server.users_file.read_text().splitlines()]
    file = server.folder / "tokens.jsonl"
    with file.open("w") as out:
        for user in users:
            login = {key: user[key] for key in ("username", "password")}
            told = stream.must(port, "POST", "/api/auth/login", login)
            print(json.dumps({"accessToken": told["accessToken"]}), file=out)
    server.load[server.load.index("--users-file") + 1] = file


def measure(plan, server, folder):
    """One run: how much came a second, and the CPU of each."""
    if isinstance(server, stream.Parley):
        log_in(server)
    before = cpu_s(server.pid) if server.pid else 0
    log = folder / "sse_load.log"
    with stream.running([plan.build / "bench/sse_load", *server.load, "--streams", plan.streams,
                         "--rounds", plan.rounds, "--ramp", "100000", "--seconds", RUN_S_MAX,
                         *plan.more], log) as load:
        load.wait(RUN_S_MAX + 30)
        used = cpu_s(server.pid) - before if server.pid else 0
    lines = [line for line in log.read_text(errors="replace").splitlines() if line[:1] == "{"]
    if not lines:
        raise stream.Trouble(f"sse_load said nothing: {log.read_text()[-2000:]}")
    found = json.loads(lines[-1])
    count = found["ok"] * (plan.tokens if plan.rounds == 1 else 1)
    return {"perSecond": count / found["seconds"], "cpuUs": used * 1e6 / max(1, count),
            "p99Ms": found["firstTokenMs"]["p99"], "ok": found["ok"], "failed": found["failed"],
            "failures": found["failures"]}


def run_kind(options, stack, kind):
    plan = KINDS[kind](options)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-bench-")))
    upstream = stream.Upstream(stack, plan.build / "bench", folder,
                               RUN_S_MAX * options.runs * len(options.targets))
    makes = {"direct": lambda: stream.Direct(upstream, plan),
             "nginx": lambda: stream.Nginx(upstream, plan, folder),
             "portkey": lambda: stream.Portkey(upstream, plan, folder),
             "parley": lambda: stream.Parley(upstream, plan, folder)}
    servers = {name: makes[name]() for name in options.targets}
    runs = {name: [] for name in servers}
    for number in range(options.runs):
        for name, target in servers.items():
            with target.started() as server:
                found = measure(plan, server, folder)
            runs[name].append(found)
            print(f"  {number + 1} {name:<8} {found['ok']} ok, {found['failed']} failed, "
                  f"{found['perSecond']:,.0f} {kind}/s, {found['cpuUs']:.2f} us each "
                  f"{found['failures'] or ''}", flush=True)
    return runs


def show(kind, runs):
    """The table of one kind; its figures, each with whether it is met."""
    middle = {name: {key: statistics.median(run[key] for run in found)
                     for key in ("perSecond", "cpuUs", "p99Ms")} for name, found in runs.items()}
    print(f"{kind:<10} {'each second':>12} {'CPU us each':>12} {'p99 ms':>8}")
    for name, one in middle.items():
        print(f"{name:<10} {one['perSecond']:>12,.0f} {one['cpuUs']:>12.2f} {one['p99Ms']:>8.1f}")
    failed = sum(run["failed"] for found in runs.values() for run in found)
    is_met = {f"{kind} that failed: {failed} (at most 0": failed == 0}
    ours = middle.get("parley")
    if kind == "turns" and ours and "portkey" in middle:
        more = ours["perSecond"] / middle["portkey"]["perSecond"]
        cpu = ours["cpuUs"] / middle["portkey"]["cpuUs"]
        is_met[f"turns of Portkey's: {more:.1f} x as many (at least 8"] = more >= 8
        is_met[f"CPU of a turn, of Portkey's: {cpu:.3f} x (at most 0.125"] = cpu <= 0.125
    if kind == "tokens" and ours and "nginx" in middle:
        share = ours["perSecond"] / middle["nginx"]["perSecond"]
        is_met[f"tokens a second, of nginx's: {share:.2f} x (at least 0.4"] = share >= 0.4
    return is_met


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--targets", default="direct,nginx,portkey,parley")
    figures.add_build(parser)
    options = parser.parse_args()
    options.targets = options.targets.split(",")
    stream.PARLEY_SETTINGS |= {"chat_calls_per_min": "1000000"}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    is_met, written = {}, {}
    try:
        for kind in options.only:
            with contextlib.ExitStack() as stack:
                written[kind] = run_kind(options, stack, kind)
            is_met |= show(kind, written[kind])
    except stream.Trouble as trouble:
        print(f"throughput_bench: {trouble}", file=sys.stderr)
        return 1
    out = figures.ROOT / "build/bench/throughput.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"cores": os.cpu_count(), "runs": written}, indent=1) + "\n")
    return figures.verdict(is_met)


if __name__ == "__main__":
    sys.exit(main())
