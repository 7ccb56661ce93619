"""A browser in front of the server: pages of other origins, and the page at /docs."""

import http.server
import json
import queue
import subprocess
import threading
import time

import support

# Not /usr/bin's: that one is a script, which ends without ending the browser.
BROWSER = ["/usr/lib/chromium/chromium-headless-shell", "--no-sandbox", "--disable-gpu",
           "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
           "--enable-logging=stderr"]
BROWSER_S_MAX = 60
TOKENS = 20


class page_server:
    """An origin of its own with one page, which tells it what happened."""

    def __init__(self, host):
        self.told = queue.Queue()
        self.plan = {}
        origin = self

        class handler(http.server.BaseHTTPRequestHandler):
            def answer(self, media_type, body):
                self.send_response(200)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):  # pylint: disable=invalid-name
                if self.path == "/plan":
                    self.answer("application/json", json.dumps(origin.plan).encode())
                elif self.path == "/page.mjs":
                    self.answer("text/javascript",
                                (support.HERE / "browser_page.mjs").read_bytes())
                else:
                    self.answer("text/html", b"<!doctype html><body>"
                                             b"<script type=module src=/page.mjs></script>")

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                origin.told.put(json.loads(body))
                self.answer("application/json", b"{}")

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://{host}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class BrowserTest(support.system_test):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.wait_for_processes)

    def wait_for_processes(self):
        """Some write into the folder for a moment after the browser has ended."""
        until = time.monotonic() + BROWSER_S_MAX
        while time.monotonic() < until and subprocess.run(
                ["pgrep", "-f", "--", f"{self.folder}/browser"], stdout=subprocess.DEVNULL,
                check=False).returncode == 0:
            time.sleep(0.05)

    def browser(self, *more):
        return [*BROWSER, f"--user-data-dir={self.folder}/browser", *more]

    def open(self, origin):
        """What the page of that origin tells, and what the browser says of it."""
        browser = self.keep(support.process(self.browser("--remote-debugging-port=0", origin.url),
                                            self.folder / "browser.log"))
        try:
            told = origin.told.get(timeout=BROWSER_S_MAX)
        except queue.Empty:
            self.fail(f"the page told nothing: {browser.output()[-2000:]}")
        browser.stop()
        return told, browser.output()

    def test_pages_of_listed_origins_may_ask_and_others_may_not(self):
        listed = self.keep(page_server("127.0.0.1"))
        stranger = self.keep(page_server("localhost"))
        self.server.options += ["--cors-origins", listed.url]
        self.server.start()
        mock = self.keep(support.mock_llm(self.folder))
        ada = self.register("ada")
        model = self.add_model(ada, mock.base_url, f"mock-t{TOKENS}-i5-f1")
        session = self.add_session(ada, model["id"])
        for origin in (listed, stranger):
            origin.plan = {"server": f"http://127.0.0.1:{self.server.port}", "session": session,
                           "login": {"username": "ada", "password": support.PASSWORD}}

        told, console = self.open(listed)
        self.assertEqual(told["before"]["status"], 200, told)
        self.assertTrue(told["before"]["request"])
        self.assertEqual(told["changed"]["status"], 200, told)
        self.assertNotEqual(told["changed"]["etag"], told["before"]["etag"])
        self.assertEqual(told["events"][-1], "done", told)
        self.assertIn("frame-ancestors 'none'", console)
        self.assertEqual(self.check(ada.get(f"/api/sessions/{session}"), 200)["title"],
                         "From a page")

        told, _ = self.open(stranger)
        for name in ("login", "before", "changed", "events"):
            self.assertEqual(told[name], "refused: TypeError", name)
        messages = self.check(ada.get(f"/api/sessions/{session}/messages"), 200)["items"]
        self.assertEqual(len(messages), 2)

    def test_the_page_at_docs_shows_the_contract(self):
        self.server.start()
        shown = subprocess.run(
            self.browser("--dump-dom", "--virtual-time-budget=20000",
                         f"http://127.0.0.1:{self.server.port}/docs"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=BROWSER_S_MAX, check=True)
        console = shown.stderr.decode(errors="replace")
        self.assertIn("/api/chat/stream", shown.stdout.decode(errors="replace"), console[-2000:])
        refused = [line for line in console.splitlines() if "Content Security Policy" in line]
        # Redoc's logo, which would tell its makers who reads this.
        self.assertEqual([line for line in refused if "cdn.redoc.ly" not in line], [])
