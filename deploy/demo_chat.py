#!/usr/bin/env python3
"""A chat in the terminal with a Parley of its own and a made-up model: no key, nothing kept.

Usage: deploy/demo_chat.py --build build/release      (./dev demo builds it first)
Reads one message a line; ends at end of input or an empty line. Every call is one of the public
HTTP API, so this is also the shortest client: make_account, make_model, and Conversation.say.
"""

import argparse
import contextlib
import http.client
import json
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_S_MAX = 20
ANSWER_S_MAX = 120


class Trouble(Exception):
    """What went wrong, in a sentence for the person at the terminal."""


class Server:
    """One caller of a running Parley."""

    def __init__(self, port):
        self.port = port
        self.token = None

    def open(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S_MAX)
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        return connection, connection.getresponse()

    def call(self, method, path, body=None):
        connection, response = self.open(method, path, body)
        with contextlib.closing(connection):
            return checked(response, json.loads(response.read() or b"{}"))

    def stream(self, path, body):
        """Yields (event, data) of an answer as text/event-stream."""
        connection, response = self.open("POST", path, body)
        with contextlib.closing(connection):
            if response.status != 200:
                checked(response, json.loads(response.read() or b"{}"))
            name = "message"
            for line in response:
                field, _, value = line.decode().rstrip("\r\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)


def checked(response, body):
    if response.status < 400:
        return body
    error = body.get("error", {})
    fields = "".join(f"\n  {field['path']}: {field['message']}"
                     for field in error.get("fields") or [])
    raise Trouble(f"{error.get('message', 'The server refused.')} "
                  f"({response.status} {error.get('code', '')}){fields}")


def make_account(server):
    """The first account of a new Parley becomes its ADMIN."""
    tokens = server.call("POST", "/api/auth/register",
                         {"username": "demo", "password": secrets.token_urlsafe(18)})
    server.token = tokens["accessToken"]


def make_model(server, upstream_port):
    """How to reach the made-up model; a real one differs in baseUrl, model and apiKey only."""
    model = server.call("POST", "/api/models", {
        "name": "made-up", "provider": "openai", "model": "mock", "apiKey": "none-needed",
        "baseUrl": f"http://127.0.0.1:{upstream_port}/v1"})
    return model["id"]


class Conversation:
    """One chat session; the server keeps its messages."""

    def __init__(self, server, model_id):
        self.server = server
        self.session = server.call("POST", "/api/sessions", {"modelId": model_id})["id"]

    def say(self, content):
        """Prints the reply as it comes."""
        body = {"sessionId": self.session, "content": content}
        status = None
        for event, data in self.server.stream("/api/chat/stream", body):
            if event == "delta":
                print(data["text"], end="", flush=True)
            elif event == "error":
                print(f"\n[{data.get('error', data).get('message', 'The reply failed.')}]",
                      end="")
            elif event == "done":
                status = data["status"]
        print()
        if status is None:
            raise Trouble("The stream ended without its end; is the server still there?")
        if status != "complete":
            print(f"[{status}]")


def start(stack, arguments, log):
    """A process that ends with the demo; its output goes to `log`."""
    with log.open("wb") as output:
        child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=subprocess.STDOUT, start_new_session=True)

    def end():
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    stack.callback(end)
    return child


def wait_until(what, child, log, is_ready):
    until = time.monotonic() + START_S_MAX
    while time.monotonic() < until and child.poll() is None:
        if (ready := is_ready()) is not None:
            return ready
        time.sleep(0.02)
    raise Trouble(f"{what} did not start:\n{log.read_text(errors='replace')[-2000:]}")


def start_upstream(stack, build, folder):
    log = folder / "upstream.log"
    child = start(stack, [build / "bench/mock_llm", "--port", "0"], log)

    def port():
        match = re.search(r"listening 127\.0\.0\.1:(\d+)", log.read_text(errors="replace"))
        return int(match[1]) if match else None

    return wait_until("The made-up model", child, log, port)


def start_server(stack, build, folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "parley.log"
    child = start(stack, [build / "parley", "serve", "--data", folder / "data",
                          "--listen", f"127.0.0.1:{port}"], log)
    server = Server(port)

    def ready():
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection, response = server.open("GET", "/readyz")
            with contextlib.closing(connection):
                return server if response.status == 200 else None
        return None

    return wait_until("Parley", child, log, ready)


def chat(conversation):
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        print("Write something; an empty line or Ctrl-D ends the chat.\n")
    while True:
        if is_terminal:
            print("you    > ", end="", flush=True)
        line = sys.stdin.readline()
        if not line.strip():
            break
        if not is_terminal:
            print(f"you    > {line.strip()}")
        print("parley > ", end="", flush=True)
        conversation.say(line.strip())
    if is_terminal:
        print("\nNothing of this was kept. `./dev run` starts a Parley that keeps its data.")


def main():
    parser = argparse.ArgumentParser(description="A chat with a made-up model.")
    parser.add_argument("--build", type=Path, required=True, help="folder of the built programs")
    build = parser.parse_args().build.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-demo-")))
            upstream_port = start_upstream(stack, build, folder)
            server = start_server(stack, build, folder)
            make_account(server)
            chat(Conversation(server, make_model(server, upstream_port)))
    except Trouble as trouble:
        print(f"demo: {trouble}", file=sys.stderr)
        return 1
    except (OSError, http.client.HTTPException) as problem:
        print(f"demo: {problem or type(problem).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
