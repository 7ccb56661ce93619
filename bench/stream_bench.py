#!/usr/bin/env python3
"""What relaying a token costs: Parley against nginx, the same streams from the same upstream.

    ./dev bench stream [--streams 1000] [--rate 5] [--seconds 20] [--ramp 500]
                       [--targets nginx,parley]

One mock_llm is the upstream, sse_load the clients. Reference and Parley take turns, each run with
a freshly started server; shown are medians, written to build/bench/stream.json as well. nginx only
passes bytes on; Parley also counts, stores and checks who asks, so a ratio above 1 is no wonder.
`portkey` is a gateway that people use instead.
CPU is that of the server's processes within the window in which all streams are open, divided by
the tokens the upstream sent within it. `direct` has no server at all: the latency that mock_llm,
sse_load and the machine have by themselves. Loopback only; everything ends with the program.
"""

import argparse
import contextlib
import http.client
import json
import math
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_S_MAX = 20
SETTLE_S = 2  # after the last stream has opened

# --- what the bench takes for granted of Parley's command line and API ---------------------------

BCRYPT_COST = "4"  # the bench is not about hashing
PARLEY_SETTINGS = {
    "bcrypt_cost": BCRYPT_COST,
    "trusted_proxies": "127.0.0.1/32",  # all clients share one address
    "login_calls_per_min": "1000000",
    "keep_alive_s": "600",  # clients wait, connected, until all are logged in
}


def parley_serve(parley, data, port, upstream_port):
    given = {**PARLEY_SETTINGS, "upstream_allow": f"127.0.0.1/32:{upstream_port}"}
    settings = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
    return [parley, "serve", "--data", data, "--listen", f"127.0.0.1:{port}", *settings]


def parley_add_users(parley, data, count, role):
    """Prints a line of JSON for each user: username, password."""
    return [parley, "user", "add", "--data", data, "--count", str(count), "--role", role,
            "--set", f"bcrypt_cost={BCRYPT_COST}"]


def parley_model(upstream_port, model):
    """The body of POST /api/models/system."""
    return {"name": "bench", "provider": "openai", "model": model, "apiKey": "none-needed",
            "baseUrl": f"http://127.0.0.1:{upstream_port}/v1"}


# --- processes -----------------------------------------------------------------------------------


class Trouble(Exception):
    """A sentence for the user."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(arguments, log):
    """A process of ours: its output in `log`, its end with the block."""
    with log.open("wb") as output:
        child = subprocess.Popen([str(part) for part in arguments], stdin=subprocess.DEVNULL,
                                 stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(40)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_until(what, child, log, is_ready, seconds=START_S_MAX):
    until = time.monotonic() + seconds
    while time.monotonic() < until and child.poll() is None:
        if (ready := is_ready()) is not None:
            return ready
        time.sleep(0.02)
    raise Trouble(f"{what} did not come up:\n{log.read_text(errors='replace')[-2000:]}")


def call(port, method, path, body=None, token=None):
    """Status and parsed answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        fields = {"Content-Type": "application/json"}
        if token:
            fields["Authorization"] = f"Bearer {token}"
        connection.request(method, path, None if body is None else json.dumps(body), fields)
        response = connection.getresponse()
        text = response.read()
    return response.status, json.loads(text) if text else None


def must(port, method, path, body=None, token=None):
    status, answer = call(port, method, path, body, token)
    if status >= 400:
        raise Trouble(f"{method} {path}: status {status}: {json.dumps(answer)[:500]}")
    return answer


def answers(port, path):
    def ready():
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            return True if call(port, "GET", path)[0] == 200 else None
        return None
    return ready


# --- the servers ---------------------------------------------------------------------------------


class Upstream:
    def __init__(self, stack, bench, folder, seconds):
        log = folder / "mock_llm.log"
        child = stack.enter_context(running([bench / "mock_llm", "--seconds", str(seconds)], log))

        def port():
            found = re.search(r"listening 127\.0\.0\.1:(\d+)\n", log.read_text())
            return int(found[1]) if found else None
        self.port = wait_until("mock_llm", child, log, port)

    def stats(self):
        return must(self.port, "GET", "/stats")


NGINX = """
daemon off;
master_process on;
worker_processes 1;
worker_rlimit_nofile {connections};
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
{user}
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream mock {{ server 127.0.0.1:{upstream_port}; keepalive {streams}; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }}
  }}
}}
"""


class Direct:
    """No server between."""
    pid = None

    def __init__(self, upstream, plan):
        self.load = ["--target", "openai", "--url", f"127.0.0.1:{upstream.port}",
                     "--model", plan.model]

    @contextlib.contextmanager
    def started(self):
        yield self


class Nginx:
    def __init__(self, upstream, plan, folder):
        self.program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        if not self.program:
            raise Trouble("nginx is missing: apt-get install --no-install-recommends nginx-light")
        self.folder = folder
        self.port = free_port()
        self.load = ["--target", "openai", "--url", f"127.0.0.1:{self.port}", "--model", plan.model]
        (folder / "nginx.conf").write_text(NGINX.format(
            folder=folder, port=self.port, upstream_port=upstream.port, streams=plan.streams,
            # Two for each stream; with few free ones left nginx would close idle clients.
            connections=3 * plan.streams + 1024, user="user root;" if os.geteuid() == 0 else ""))

    @contextlib.contextmanager
    def started(self):
        log = self.folder / "nginx.log"
        arguments = [self.program, "-e", self.folder / "nginx-error.log", "-p", self.folder,
                     "-c", self.folder / "nginx.conf"]
        with running(arguments, log) as child:
            wait_until("nginx", child, log, answers(self.port, "/v1/models"))
            self.pid = child.pid
            yield self


class Portkey:
    """A gateway on Hono and Node, of bench/portkey; it neither stores nor knows who asks."""

    def __init__(self, upstream, plan, folder):
        machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "")
        modules = ROOT / "bench/portkey/node_modules"
        self.program = [modules / f"node-linux-{machine}/bin/node",
                        modules / "@portkey-ai/gateway/build/start-server.js"]
        if not all(part.exists() for part in self.program):
            raise Trouble("portkey is missing: npm ci --prefix bench/portkey")
        self.folder, self.port = folder, free_port()
        self.load = ["--target", "openai", "--url", f"127.0.0.1:{self.port}", "--model", plan.model,
                     "--header", "x-portkey-provider: openai", "--header",
                     f"x-portkey-custom-host: http://127.0.0.1:{upstream.port}/v1"]

    @contextlib.contextmanager
    def started(self):
        log = self.folder / "portkey.log"
        arguments = [*self.program, f"--port={self.port}", "--headless"]
        with running(arguments, log) as child:
            wait_until("Portkey", child, log,
                       lambda: True if "Ready for connections" in log.read_text() else None)
            self.pid = child.pid
            yield self


class Parley:
    def __init__(self, upstream, plan, folder):
        self.program = plan.build / "parley"
        if not self.program.exists():
            raise Trouble(f"{self.program} is missing: cmake --build --preset release")
        self.upstream, self.plan, self.folder = upstream, plan, folder
        self.data = folder / "data"
        self.users_file = folder / "users.jsonl"
        self.model_id = None
        self.admin = json.loads(self.run(parley_add_users(self.program, self.data, 1, "ADMIN")))
        self.users_file.write_text(
            self.run(parley_add_users(self.program, self.data, plan.streams, "USER")))

    def run(self, arguments):
        done = subprocess.run([str(part) for part in arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300)
        if done.returncode != 0:
            raise Trouble(f"{' '.join(map(str, arguments[1:3]))}: {done.stderr[-1000:]}")
        return done.stdout

    def make_model(self, port):
        login = {key: self.admin[key] for key in ("username", "password")}
        tokens = must(port, "POST", "/api/auth/login", login)
        body = parley_model(self.upstream.port, self.plan.model)
        return must(port, "POST", "/api/models/system", body, tokens["accessToken"])["id"]

    @contextlib.contextmanager
    def started(self):
        port = free_port()
        log = self.folder / "parley.log"
        arguments = parley_serve(self.program, self.data, port, self.upstream.port)
        with running(arguments, log) as child:
            wait_until("Parley", child, log, answers(port, "/readyz"))
            self.model_id = self.model_id or self.make_model(port)
            self.pid = child.pid
            self.load = ["--target", "parley", "--url", f"127.0.0.1:{port}",
                         "--model", self.model_id, "--tokens", str(self.plan.tokens),
                         "--users-file", self.users_file]
            yield self


# --- measuring -----------------------------------------------------------------------------------


class Plan:
    """What one run is: its streams, long enough for ramp, settling and the window."""

    def __init__(self, options):
        self.build = options.build.resolve()
        self.streams, self.rate, self.seconds = options.streams, options.rate, options.seconds
        self.ramp = options.ramp
        ramp_s = self.streams / self.ramp
        # Twice the ramp: a server that takes long to open them must still have all open at once.
        self.tokens = math.ceil((2 * ramp_s + SETTLE_S + self.seconds + 2) * self.rate)
        self.model = f"mock-t{self.tokens}-i{round(1000 / self.rate)}-b{options.token_bytes}"
        self.run_s_max = math.ceil(self.tokens / self.rate + ramp_s + 60 + self.streams / 50)


def meter(plan, pid, seconds=0):
    done = subprocess.run(
        [plan.build / "bench/process_meter", "--pid", str(pid), "--children",
         "--seconds", str(seconds)],
        capture_output=True, text=True, timeout=seconds + 30, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Trouble(f"process_meter: {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure(plan, upstream, server, folder):
    """One run through a server that has just been started."""
    idle = meter(plan, server.pid) if server.pid else None
    log = folder / "sse_load.log"
    arguments = [plan.build / "bench/sse_load", *server.load, "--streams", str(plan.streams),
                 "--ramp", str(plan.ramp), "--seconds", str(plan.run_s_max)]
    with running(arguments, log) as load:
        def all_open():
            return True if upstream.stats()["openStreams"] >= plan.streams else None
        try:
            wait_until("All streams", load, log, all_open, plan.run_s_max)
        except Trouble:
            print("  not all streams were open at once", file=sys.stderr)
        cost = window(plan, upstream, server, idle) if load.poll() is None else {}
        with contextlib.suppress(subprocess.TimeoutExpired):
            load.wait(plan.run_s_max + 10)
    lines = log.read_text(errors="replace").splitlines()
    found = [line for line in lines if line.startswith("{")]
    if not found:
        raise Trouble("sse_load said nothing:\n" + "\n".join(lines[-20:]))
    return {**json.loads(found[-1]), **cost}


def window(plan, upstream, server, idle):
    time.sleep(SETTLE_S)
    before, begun = upstream.stats(), time.monotonic()
    if server.pid:
        used = meter(plan, server.pid, plan.seconds)
    else:
        time.sleep(plan.seconds)
    after, ended = upstream.stats(), time.monotonic()
    tokens = after["tokens"] - before["tokens"]
    cost = {"windowTokens": tokens, "windowTokensPerSecond": tokens / (ended - begun),
            "windowOpenStreams": min(before["openStreams"], after["openStreams"])}
    if server.pid and tokens:
        # The meter's own window is a little shorter than that of the tokens: scale.
        cpu_us = (used["userUs"] + used["systemUs"]) * (ended - begun) / used["seconds"]
        cost |= {"cpuUsPerToken": cpu_us / tokens,
                 "kibPerStream": (used["pssBytes"] - idle["pssBytes"]) / plan.streams / 1024,
                 "pssIdleMib": idle["pssBytes"] / 2**20, "descriptors": used["descriptors"],
                 "switchesPerToken": (used["switchesVoluntary"] + used["switchesForced"]) / tokens}
    return cost


COLUMNS = (  # title, where it stands in a run, has a ratio
    ("CPU us/token", ("cpuUsPerToken",), True),
    ("KiB/stream", ("kibPerStream",), True),
    ("added p50 ms", ("addedMs", "p50"), True),
    ("added p99 ms", ("addedMs", "p99"), True),
    ("first p50 ms", ("firstTokenMs", "p50"), True),
    ("first p99 ms", ("firstTokenMs", "p99"), True),
    ("events/token", ("eventsPerToken",), False),
    ("failed", ("failed",), False),
)


def at(run, path):
    for name in path:
        run = run.get(name) if run else None
    return run


def medians(runs):
    summary = {}
    for title, path, _ in COLUMNS:
        values = [value for run in runs if (value := at(run, path)) is not None]
        # A failed stream must never hide behind a median.
        fold = sum if title == "failed" else statistics.median
        summary[title] = fold(values) if values else None
    return summary


def print_table(summaries):
    def line(name, values):
        print(f"{name:<17}" + "".join(f"{value:>14}" for value in values))

    line("", [title for title, _, _ in COLUMNS])
    for name, summary in summaries.items():
        line(name, ["-" if summary[title] is None else
                    f"{summary[title]:.0f}" if title == "failed" else f"{summary[title]:.2f}"
                    for title, _, _ in COLUMNS])
    for ratio_name, ratio in ratios(summaries).items():
        line(ratio_name, [f"{ratio[title]:.2f}" if title in ratio else ""
                          for title, _, _ in COLUMNS])


def ratios(summaries):
    ours = summaries.get("parley")
    return {f"parley : {name}": {title: ours[title] / theirs[title]
                                 for title, _, has_ratio in COLUMNS
                                 if has_ratio and ours[title] is not None and theirs[title]}
            for name, theirs in summaries.items()
            if ours and name in ("nginx", "portkey")}


def run_all(options, stack):
    plan = Plan(options)
    for program in ("mock_llm", "sse_load", "process_meter"):
        if not (path := plan.build / "bench" / program).exists():
            raise Trouble(f"{path} is missing: cmake --build --preset release")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-bench-")))
    total_s = plan.run_s_max * options.runs * (len(options.targets) + 1) + 600
    upstream = Upstream(stack, plan.build / "bench", folder, total_s)
    kinds = {"direct": lambda: Direct(upstream, plan),
             "nginx": lambda: Nginx(upstream, plan, folder),
             "portkey": lambda: Portkey(upstream, plan, folder),
             "parley": lambda: Parley(upstream, plan, folder)}
    targets = {name: kinds[name]() for name in options.targets}
    print(f"{plan.streams} streams of {plan.rate} tokens/s ({plan.model}), window "
          f"{plan.seconds} s, {options.runs} runs in turn: {', '.join(targets)}", flush=True)
    runs = {name: [] for name in targets}
    for number in range(options.runs):
        for name, target in targets.items():
            with target.started() as server:
                found = measure(plan, upstream, server, folder)
            runs[name].append(found)
            cpu = found.get("cpuUsPerToken")
            print(f"  {number + 1} {name:<8} {found['ok']} ok, {found['failed']} failed"
                  + (f", {cpu:.1f} us a token" if cpu else "")
                  + "".join(f"; {why}: {count}" for why, count in found["failures"].items()),
                  flush=True)
    return plan, runs


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=5, help="tokens a second in each stream")
    parser.add_argument("--seconds", type=int, default=20, help="the measured window of each run")
    parser.add_argument("--ramp", type=int, default=500, help="new streams a second")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--token-bytes", type=int, default=32)
    parser.add_argument("--targets", default="direct,nginx,parley")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--out", type=Path, default=ROOT / "build/bench/stream.json")
    options = parser.parse_args()
    options.targets = options.targets.split(",")
    if not set(options.targets) <= {"direct", "nginx", "portkey", "parley"}:
        parser.error("--targets knows direct, nginx, portkey and parley")
    if not (1 <= options.streams <= 9500 and 0.01 <= options.rate <= 1000
            and 1 <= options.seconds <= 600 and 1 <= options.runs <= 20
            and 1 <= options.ramp <= 100_000):
        parser.error("--streams 1..9500, --rate 0.01..1000, --seconds 1..600, --runs 1..20, "
                     "--ramp 1..100000")
    return options


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with contextlib.ExitStack() as stack:
            plan, runs = run_all(options, stack)
    except Trouble as trouble:
        print(f"stream_bench: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    summaries = {name: medians(found) for name, found in runs.items()}
    print()
    print_table(summaries)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({
        "streams": plan.streams, "rate": plan.rate, "seconds": plan.seconds, "model": plan.model,
        "cores": os.cpu_count(), "kernel": os.uname().release, "medians": summaries,
        "ratios": ratios(summaries), "runs": runs}, indent=1) + "\n")
    return 1 if any(summary["failed"] for summary in summaries.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
