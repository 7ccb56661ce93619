"""Upstreams over TLS: who is trusted, and many calls on one connection of HTTP/2."""

import socket
import subprocess
import time

import support

NGINX = """
daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{
  log_format calls "$connection $server_protocol $status";
  access_log {folder}/access.log calls;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    location / {{
      proxy_pass http://127.0.0.1:{mock};
      proxy_http_version 1.1;
      proxy_buffering off;
    }}
  }}
}}
"""


def make_certificates(folder):
    """ca.pem, and server.pem for 127.0.0.1 that it signed."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=Parley test CA")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=upstream")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.pem")


class tls_front(support.process):
    """nginx with a certificate of a CA that only the test knows, in front of mock_llm."""

    def __init__(self, folder, mock):
        self.folder = folder
        self.port = support.free_port()
        make_certificates(folder)
        settings = folder / "nginx.conf"
        settings.write_text(NGINX.format(folder=folder, port=self.port, mock=mock.port))
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
        """(connection, protocol, status) of each call that is over."""
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

    def add(self, model="mock-echo", host="127.0.0.1", **more):
        made = self.add_model(self.admin, f"https://{host}:{self.front.port}/v1", model,
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
        self.assertEqual({"HTTP/2.0"}, {protocol for _, protocol, _ in calls})
        self.assertEqual(1, len({connection for connection, _, _ in calls}))

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
