"""The proxies of deploy/ in front of the server: TLS, streams event by event, the client's own
address. The very files are run, with ports and certificates of the test."""

import contextlib
import http.client
import os
import socket
import ssl
import subprocess
import time
import unittest

import support
from tls_test import make_certificates

CLIENT = "127.0.0.2"  # that its address may differ from the proxy's
SPACING_S = 0.3


def trusting():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class tls_client(support.client):
    def _connect(self):
        return http.client.HTTPSConnection("localhost", self.port, timeout=self.timeout_s,
                                           context=trusting(), source_address=(CLIENT, 0))


class front(support.process):
    def __init__(self, arguments, log, port):
        super().__init__(arguments, log)
        self.port = port
        until = time.monotonic() + support.READY_S_MAX
        while time.monotonic() < until and self.is_running():
            # Caddy listens before it has made its certificate.
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", port), 5) as raw, \
                        trusting().wrap_socket(raw, server_hostname="localhost"):
                    return
            time.sleep(0.02)
        self.stop()
        raise AssertionError(f"the proxy did not start:\n{self.output()}")


def nginx(folder, upstream):
    make_certificates(folder)
    port = support.free_port()
    text = (support.ROOT / "deploy/nginx/parley.conf").read_text()
    for old, new in (("  listen 80;\n", f"  listen 127.0.0.1:{support.free_port()};\n"),
                     ("  listen 443 ssl http2;\n", f"  listen 127.0.0.1:{port} ssl http2;\n"),
                     ("  listen [::]:80;\n", ""), ("  listen [::]:443 ssl http2;\n", ""),
                     ("127.0.0.1:8080", f"127.0.0.1:{upstream}"),
                     ("/etc/letsencrypt/live/chat.example.org/fullchain.pem",
                      f"{folder}/server.pem"),
                     ("/etc/letsencrypt/live/chat.example.org/privkey.pem",
                      f"{folder}/server.key")):
        if old not in text:
            raise AssertionError(f"deploy/nginx/parley.conf has no {old!r}")
        text = text.replace(old, new)
    (folder / "site.conf").write_text(text)
    temporary = "".join(f"{name}_temp_path {folder};\n" for name in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n"
        f"events {{ }}\nhttp {{\naccess_log off;\n{temporary}include {folder}/site.conf;\n}}\n")
    return front(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")],
                 folder / "front.log", port)


def caddy(folder, upstream):
    port = support.free_port()
    # Certificates of its own; nothing outside the test's folder.
    (folder / "Caddyfile").write_text(
        "{\nadmin off\nlocal_certs\nskip_install_trust\nauto_https disable_redirects\n"
        f"storage file_system {folder}/caddy\n}}\n"
        + (support.ROOT / "deploy/caddy/Caddyfile").read_text())
    return front(["env", f"PARLEY_SITE=localhost:{port}", f"PARLEY_UPSTREAM=127.0.0.1:{upstream}",
                  f"HOME={folder}", f"XDG_CONFIG_HOME={folder}", f"XDG_DATA_HOME={folder}", "caddy",
                  "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"],
                 folder / "front.log", port)


class behind_a_proxy:
    def setUp(self):
        super().setUp()
        self.mock = self.keep(support.mock_llm(self.folder))
        self.server.options += ["--trusted-proxies", "127.0.0.1/32", "--profile", "production"]
        self.server.start()
        self.admin = self.register("ada")
        self.front = self.keep(type(self).proxy(self.folder, self.server.port))
        self.caller = tls_client(self.front.port, self.admin.token)

    def test_a_stream_comes_event_by_event(self):
        model = self.add_model(self.caller, self.mock.base_url,
                               f"mock-t10-i{int(SPACING_S * 1000)}")
        session = self.add_session(self.caller, model["id"])
        view = support.reply_view()
        times = []
        with self.caller.stream("/api/chat/stream",
                                {"sessionId": session, "content": "Hi"}) as events:
            self.assertEqual(200, events.status)
            for each in events:
                view.take(each)
                if each.name == "delta":
                    times.append(time.monotonic())
        self.assertEqual("complete", view.done["status"])
        # Held back until the end they would all come at once.
        self.assertGreater(times[-1] - times[0], 5 * SPACING_S)
        # What was cut off goes on through the proxy as well.
        half = view.cut_after(len(view.taken) // 2)
        with self.caller.stream(f"/api/chat/stream/{view.start['messageId']}",
                                last_id=half.last_id) as events:
            half.follow(events)
        self.assertEqual(view.text, half.text)

    def test_the_clients_own_address_is_known_and_not_what_it_claims(self):
        reply = self.caller.post("/api/auth/login",
                                 {"username": "ada", "password": support.PASSWORD},
                                 headers={"X-Forwarded-For": "203.0.113.9"})
        self.check(reply, 200)
        logins = self.check(self.caller.get("/api/auth/logins"), 200)["items"]
        self.assertIn(CLIENT, [each["address"] for each in logins])
        self.assertNotIn("203.0.113.9", str(logins))

    def test_metrics_stay_on_this_machine(self):
        self.check(self.caller.get("/metrics"), 403)
        self.check(self.server.client().get("/metrics"), 200)

    def test_browsers_are_told_to_keep_to_tls(self):
        self.assertIn("max-age=", self.caller.get("/healthz").headers["Strict-Transport-Security"])


class NginxTest(behind_a_proxy, support.system_test):
    proxy = staticmethod(nginx)


class CaddyTest(behind_a_proxy, support.system_test):
    proxy = staticmethod(caddy)

    def test_the_file_is_as_caddy_writes_it(self):
        run = subprocess.run(["caddy", "fmt", str(support.ROOT / "deploy/caddy/Caddyfile")],
                             stdout=subprocess.PIPE, timeout=30, check=True,
                             env={"PATH": os.environ["PATH"], "HOME": str(self.folder)})
        self.assertEqual((support.ROOT / "deploy/caddy/Caddyfile").read_text(),
                         run.stdout.decode())


if __name__ == "__main__":
    unittest.main()
