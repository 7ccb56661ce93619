"""Upstreams over TLS: who is trusted, and many calls on one connection of HTTP/2."""

import socket
import subprocess
import threading
import time

import support

NGINX = """
daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{
  log_format calls "$connection $server_protocol $status $ssl_session_reused";
  access_log {folder}/access.log calls;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  ssl_certificate_key {folder}/server.key;
  ssl_session_cache shared:sessions:1m;
  proxy_http_version 1.1;
  proxy_buffering off;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {folder}/server.pem;
    location / {{ proxy_pass http://127.0.0.1:{mock}; }}
  }}
  server {{
    listen 127.0.0.1:{expired} ssl http2;
    ssl_certificate {folder}/expired.pem;
    location / {{ proxy_pass http://127.0.0.1:{mock}; }}
  }}
  server {{  # closes after each answer
    listen 127.0.0.1:{brief} ssl;
    ssl_certificate {folder}/server.pem;
    keepalive_timeout 0;
    location / {{ proxy_pass http://127.0.0.1:{mock}; }}
  }}
}}
"""


def make_certificates(folder, name="IP:127.0.0.1"):
    """ca.pem, and server.pem and expired.pem that it signed, for `name`."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=Parley test CA")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=upstream")
    (folder / "names").write_text(f"subjectAltName={name}\n")
    for file, days in (("server", "2"), ("expired", "-1")):
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", days, "-extfile", "names", "-out", f"{file}.pem")


class tls_front(support.process):
    """nginx with a certificate of a CA that only the test knows, in front of mock_llm."""

    def __init__(self, folder, mock):
        self.folder = folder
        self.port, self.expired, self.brief = (support.free_port() for _ in range(3))
        make_certificates(folder)
        settings = folder / "nginx.conf"
        settings.write_text(NGINX.format(folder=folder, port=self.port, expired=self.expired,
                                         brief=self.brief, mock=mock.port))
        super().__init__(["nginx", "-p", str(folder), "-c", str(settings)], folder / "front.log")
        until = time.monotonic() + support.READY_S_MAX
        while time.monotonic() < until and self.is_running():
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        self.stop()
        raise AssertionError(f"nginx did not start:\n{self.output()}")

    def calls(self):
        """(connection, protocol, status, "r" for a resumed TLS session) of each that is over."""
        text = (self.folder / "access.log").read_text()
        return [tuple(line.split()) for line in text.splitlines()]


class tls_test(support.system_test):
    def setUp(self):
        super().setUp()
        self.mock = self.keep(support.mock_llm(self.folder))
        self.front = self.keep(tls_front(self.folder, self.mock))
        # Tries again would each cost a second; one thread, so that the calls can share.
        self.server.options += ["--upstream-retries-max", "0", "--io-threads", "1",
                                "--streams-per-user-max", "64"]
        self.server.start()
        self.admin = self.register("ada")
        self.authority = (self.folder / "ca.pem").read_text()

    def add(self, model="mock-echo", host="127.0.0.1", port=None, **more):
        made = self.add_model(self.admin, f"https://{host}:{port or self.front.port}/v1", model,
                              path="/api/models/system", **more)
        self.assertNotIn("BEGIN CERTIFICATE", str(made))
        self.assertEqual("caCertificates" in more, made["hasCaCertificates"])
        return self.add_session(self.admin, made["id"])

    def check_untrusted(self, view):
        self.assertEqual("error", view.done["status"])
        self.assertEqual("", view.text)
        self.assertEqual(["upstream_tls"], [each["reason"] for each in view.errors])
        self.assertEqual("No trusted connection to the model provider is possible.",
                         view.errors[0]["message"])
        self.assertEqual([], [call for call in self.front.calls() if call[2] == "200"])

    def test_a_stranger_is_not_trusted(self):
        self.check_untrusted(self.send(self.admin, self.add(), "Hi"))

    def test_a_certificate_for_another_name_is_not_trusted(self):
        session = self.add(host="localhost", caCertificates=self.authority)
        self.check_untrusted(self.send(self.admin, session, "Hi"))

    def test_a_certificate_that_has_expired_is_not_trusted(self):
        session = self.add(port=self.front.expired, caCertificates=self.authority)
        self.check_untrusted(self.send(self.admin, session, "Hi"))

    def test_a_new_connection_resumes_the_tls_session(self):
        session = self.add(port=self.front.brief, caCertificates=self.authority)
        talks = self.add("mock-t60000-i10", port=self.front.brief, caCertificates=self.authority)
        self.assertEqual("complete", self.send(self.admin, session, "Hi").done["status"])
        # While one call runs the next one is not made by what made the first.
        talking = threading.Thread(target=lambda: self.send(self.admin, talks, "Hi"))
        talking.start()
        self.wait_for_streams(1)
        self.assertEqual("complete", self.send(self.admin, session, "Hi").done["status"])
        self.check(self.admin.post("/api/chat/stop", {"sessionId": talks}), 204)
        talking.join(support.ANSWER_S_MAX)
        self.wait_for_streams(0)
        calls = self.front.calls()
        self.assertEqual(3, len({connection for connection, *_ in calls}))
        self.assertEqual([".", "r", "r"], [reused for *_, reused in calls])
        # No way around the check: another model trusts others.
        view = self.send(self.admin, self.add("mock-t3", port=self.front.brief), "Hi")
        self.assertEqual(["upstream_tls"], [each["reason"] for each in view.errors])

    def open_streams(self):
        return support.client(self.mock.port).get("/stats").body["openStreams"]

    def wait_for_streams(self, count):
        begun = time.monotonic()
        while self.open_streams() != count:
            self.assertLess(time.monotonic() - begun, support.ANSWER_S_MAX)
            time.sleep(0.005)
        return time.monotonic() - begun

    def test_a_stop_ends_one_stream_of_a_shared_connection(self):
        talks = self.add("mock-t60000-i10", caCertificates=self.authority)
        views = []
        talking = threading.Thread(
            target=lambda: views.append(self.send(self.admin, talks, "Hi")))
        talking.start()
        self.wait_for_streams(1)
        for model in ("mock-hang", "mock-t400-i20"):  # before the first byte, and amid the text
            session = self.add(model, caCertificates=self.authority)
            with self.admin.stream("/api/chat/stream",
                                   {"sessionId": session, "content": "Hi"}) as events:
                for event in events:
                    if event.name == ("start" if model == "mock-hang" else "delta"):
                        break
                self.wait_for_streams(2)
                self.check(self.admin.post("/api/chat/stop", {"sessionId": session}), 204)
                self.assertLess(self.wait_for_streams(1), 1)
                self.assertEqual("done", list(events)[-1].name)
        self.assertEqual([], views)
        self.check(self.admin.post("/api/chat/stop", {"sessionId": talks}), 204)
        talking.join(support.ANSWER_S_MAX)
        self.assertEqual([("stopped", [])], [(view.done["status"], view.errors) for view in views])
        self.assertEqual(1, len({connection for connection, *_ in self.front.calls()}))

    def test_trust_is_per_model(self):
        trusting = self.add(caCertificates=self.authority)
        view = self.send(self.admin, trusting, "Hi")
        self.assertEqual("complete", view.done["status"], view.errors)
        # A connection that is open is no way around the check of another model.
        stranger = self.add("mock-t3")
        view = self.send(self.admin, stranger, "Hi")
        self.assertEqual(["upstream_tls"], [each["reason"] for each in view.errors])

    def test_many_calls_share_a_connection(self):
        session_count = 20
        made = self.add_model(self.admin, f"https://127.0.0.1:{self.front.port}/v1", "mock-t20",
                              path="/api/models/system", caCertificates=self.authority)
        sessions = [self.add_session(self.admin, made["id"]) for _ in range(session_count)]
        views = []
        support.run_together([lambda each=each: views.append(self.send(self.admin, each, "Hi"))
                              for each in sessions])
        self.assertEqual({"complete"}, {view.done["status"] for view in views})
        calls = self.front.calls()
        self.assertEqual(session_count, len(calls))
        self.assertEqual({"HTTP/2.0"}, {protocol for _, protocol, *_ in calls})
        self.assertEqual(1, len({connection for connection, *_ in calls}))

    def test_only_an_admin_brings_certificates(self):
        self.check(self.admin.patch("/api/settings/system", {"registration": "open"}), 200)
        caller = self.register("eve")
        body = {"name": "m", "model": "m", "baseUrl": "https://api.example.com/v1",
                "caCertificates": self.authority}
        refused = caller.post("/api/models", body)
        self.assertEqual(422, refused.status)
        self.assertEqual(["/caCertificates"], [each["path"] for each in
                                               refused.body["error"]["fields"]])
        self.check(self.admin.post("/api/models", body), 201)
