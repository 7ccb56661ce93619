"""Alerts of the real binary, at receivers that check what their vendors document: each cause fires
once and resolves once at each of them."""

import base64
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import socketserver
import threading
import time
import unittest
import urllib.parse

from support import ANSWER_S_MAX, PASSWORD, free_port, process, program, system_test

TOKEN = "canary-token"
SECRET = "canary-secret"


def hmac_sha256(key, message):
    return hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()


class web_receivers(http.server.ThreadingHTTPServer):
    """Webhook, Feishu, DingTalk and WeCom in one server, by path. `taken`: the texts of each."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), web_handler)
        self.taken = {"webhook": [], "feishu": [], "dingtalk": [], "wecom": []}
        self.refused = []  # what a vendor would have refused
        self.feishu_refusals = 0  # how often it shall, whatever comes
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, name):
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"

    def stop(self):
        self.shutdown()
        self.server_close()


class web_handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        name = url.path.split("/")[1]
        try:
            text, good = getattr(self, f"take_{name}")(raw, json.loads(raw), query)
        except Exception as fault:  # pylint: disable=broad-except
            self.server.refused.append(f"{name}: {fault!r} of {self.path} {raw}")
            self.answer(200, {"errcode": 310000, "errmsg": str(fault), "code": 19021})
            return
        if text is not None:
            self.server.taken[name].append(text)
        self.answer(200, good)

    @staticmethod
    def check(condition, what):
        if not condition:
            raise ValueError(what)

    def take_webhook(self, raw, body, _):
        sent_at = self.headers["X-Parley-Timestamp"]
        self.check(abs(time.time() - int(sent_at)) < 300, "old")
        wanted = "sha256=" + hmac_sha256(SECRET, f"{sent_at}.{raw}").hex()
        self.check(hmac.compare_digest(self.headers["X-Parley-Signature"], wanted), "signature")
        self.check(body["version"] == 1, "version")
        return body, {}

    def take_feishu(self, _, body, __):
        # Custom bot, "Signature verification": the key is timestamp\nsecret, the message empty.
        self.check(abs(time.time() - int(body["timestamp"])) < 3600, "old")
        wanted = base64.b64encode(hmac_sha256(f"{body['timestamp']}\n{SECRET}", "")).decode()
        self.check(body["sign"] == wanted, "sign")
        self.check(body["msg_type"] == "text", "msg_type")
        if self.server.feishu_refusals > 0:
            self.server.feishu_refusals -= 1
            return None, {"code": 11232, "msg": "frequency limited", "data": {}}
        return body["content"]["text"], {"code": 0, "msg": "success", "data": {}}

    def take_dingtalk(self, _, body, query):
        # Custom robot, "Sign": HMAC of timestamp\nsecret by the secret, in the query.
        self.check(query["access_token"] == TOKEN, "access_token")
        self.check(abs(time.time() * 1000 - int(query["timestamp"])) < 3_600_000, "old")
        wanted = base64.b64encode(hmac_sha256(SECRET, f"{query['timestamp']}\n{SECRET}")).decode()
        self.check(query["sign"] == wanted, "sign")
        self.check(body["msgtype"] == "text", "msgtype")
        return body["text"]["content"], {"errcode": 0, "errmsg": "ok"}

    def take_wecom(self, _, body, query):
        self.check(query["key"] == TOKEN, "key")
        self.check(body["msgtype"] == "text", "msgtype")
        self.check(len(body["text"]["content"].encode()) <= 2048, "too long")
        return body["text"]["content"], {"errcode": 0, "errmsg": "ok"}


class mail_receiver(socketserver.ThreadingTCPServer):
    """RFC 5321, as far as a client with AUTH PLAIN goes."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), mail_handler)
        self.mails = []  # (sender, recipients, message)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def stop(self):
        self.shutdown()
        self.server_close()


class mail_handler(socketserver.StreamRequestHandler):
    def say(self, *lines):
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    def read_message(self):
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def handle(self):
        self.say("220 mail.example.org ESMTP")
        is_known, sender, recipients = False, None, []
        for line in self.rfile:
            verb, _, rest = line.decode().rstrip("\r\n").partition(" ")
            verb = verb.upper()
            if verb == "EHLO":
                self.say("250-mail.example.org", "250 AUTH PLAIN")
            elif verb == "AUTH":
                given = rest.partition(" ")[2]
                if not given:
                    self.say("334 ")
                    given = self.rfile.readline().decode().strip()
                is_known = base64.b64decode(given).decode() == f"\0parley\0{SECRET}"
                self.say("235 2.7.0 ok" if is_known else "535 5.7.8 no")
            elif not is_known and verb != "QUIT":
                self.say("530 5.7.0 who are you?")
            elif verb == "MAIL":
                sender = rest
                self.say("250 ok")
            elif verb == "RCPT":
                recipients.append(rest)
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                message = email.message_from_bytes(self.read_message(),
                                                   policy=email.policy.default)
                self.server.mails.append((sender, recipients, message))
                self.say("250 ok")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("500 what?")


class AlertsTest(system_test):
    def setUp(self):
        super().setUp()
        self.web = self.keep(web_receivers())
        self.post_box = self.keep(mail_receiver())
        self.config = self.folder / "parley.toml"
        self.write_settings()
        self.server.options += ["--config", str(self.config)]

    def write_settings(self, **more):
        """Every receiver; nothing is low unless `more` says so."""
        values = {
            "bcrypt_cost": 4, "upstream_retries_max": 0,
            "alert_look_s": 1, "alert_hold_s": 1, "alert_disk_percent": 0, "alert_disk_bytes": 0,
            "alert_webhook_url": self.web.url("webhook") + "/" + TOKEN,
            "alert_webhook_secret": SECRET,
            "alert_feishu_url": self.web.url("feishu") + "/" + TOKEN,
            "alert_feishu_secret": SECRET,
            "alert_dingtalk_url": self.web.url("dingtalk") + "?access_token=" + TOKEN,
            "alert_dingtalk_secret": SECRET,
            "alert_wecom_url": self.web.url("wecom") + "?key=" + TOKEN,
            "alert_smtp_url": f"smtp://127.0.0.1:{self.post_box.port}",
            "alert_smtp_user": "parley", "alert_smtp_password": SECRET,
            "alert_mail_from": "parley@example.org",
            "alert_mail_to": ["ada@example.org", "eve@example.org"], **more}
        self.config.write_text("".join(f"{name} = {json.dumps(value)}\n"
                                       for name, value in values.items()))

    def webhook_news(self):
        return [f"{one['state']} {one['kind']} {one['subject']}"
                for body in self.web.taken["webhook"] for one in body["alerts"]]

    def text_news(self, texts):
        """Of people's texts: the title names a single alert as its entry does."""
        entries = [entry for text in texts for entry in text.replace("\r", "").split("\n\n")[1:]]
        return [entry.split("\n")[0].replace("FIRING", "firing").replace("RESOLVED", "resolved")
                for entry in entries]

    def all_news(self):
        mails = [message.get_content() for _, _, message in self.post_box.mails]
        return {"webhook": self.webhook_news(), "mail": self.text_news(mails),
                **{name: self.text_news(self.web.taken[name])
                   for name in ("feishu", "dingtalk", "wecom")}}

    def assert_told(self, *wanted):
        """All receivers, this and no more: neither now nor some looks later."""
        until = time.monotonic() + ANSWER_S_MAX
        expected = {name: list(wanted) for name in self.all_news()}
        while time.monotonic() < until and self.all_news() != expected:
            time.sleep(0.05)
        self.assertEqual(expected, self.all_news(), self.web.refused)
        time.sleep(3)
        self.assertEqual(expected, self.all_news())
        self.assertEqual([], self.web.refused)

    def assert_no_secret_is_shown(self):
        log = self.server.log.read_text()
        for path in (self.server.data / "logs").glob("*"):
            log += path.read_text(errors="replace")
        self.assertIn("alert.fired", log)
        self.assertNotIn("canary", log)

    def test_an_upstream_that_is_down_and_comes_back(self):
        self.web.feishu_refusals = 1
        self.server.start()
        admin = self.register("ada")
        port = free_port()
        model = self.add_model(admin, f"http://127.0.0.1:{port}/v1", "mock-echo",
                               path="/api/models/system")
        session = self.add_session(admin, model["id"])
        self.assertNotEqual([], self.send(admin, session, "Hello").errors)
        self.assert_told("firing upstream_down mock-echo")
        known = self.check(admin.get("/api/admin/alerts"), 200)
        self.assertEqual(["upstream_down"], [one["kind"] for one in known["items"]])
        self.assertEqual([None] * 5, [one["error"] for one in known["receivers"]])
        failed = [one["receiver"] for one in known["receivers"] if one["failedAt"]]
        self.assertEqual(["feishu"], failed)
        body = self.web.taken["webhook"][0]["alerts"][0]
        self.assertIn("parley model test mock-echo", body["mend"])
        sender, recipients, message = self.post_box.mails[0]
        self.assertEqual("FROM:<parley@example.org>", sender)
        self.assertEqual(["TO:<ada@example.org>", "TO:<eve@example.org>"], recipients)
        self.assertIn("FIRING upstream_down mock-echo (Parley on ", message["Subject"])
        self.assertIn("To do: ", message.get_content())

        self.keep(process([program("bench/mock_llm"), "--port", str(port)],
                          self.folder / "mock.log", ready=r"listening"))
        until = time.monotonic() + ANSWER_S_MAX
        while self.send(admin, session, "Hello").errors and time.monotonic() < until:
            time.sleep(0.5)
        self.assert_told("firing upstream_down mock-echo", "resolved upstream_down mock-echo")
        self.assertEqual([], self.check(admin.get("/api/admin/alerts"), 200)["items"])
        self.assert_no_secret_is_shown()

    def test_a_budget_at_four_fifths_and_raised(self):
        self.server.start()
        mock = self.keep(process([program("bench/mock_llm"), "--port", "0"],
                                 self.folder / "mock.log", ready=r"127\.0\.0\.1:(\d+)"))
        admin = self.register("ada")
        model = self.add_model(admin, f"http://127.0.0.1:{mock.match[1]}/v1", "mock-echo")
        session = self.add_session(admin, model["id"])

        def limit(requests):
            rule = {"subject": "everyone", "window": "total", "measure": "requests",
                    "limit": requests}
            self.check(admin.request("PUT", "/api/admin/quotas", {"items": [rule]}), 200)

        limit(5)
        for _ in range(3):
            self.send(admin, session, "Hello")
        self.assert_told()
        for _ in range(2):
            self.send(admin, session, "Hello")
        self.assert_told("firing budget ada/total/requests")
        self.assertIn("ada has used 4 of 5 requests in total",
                      self.web.taken["webhook"][0]["alerts"][0]["summary"])
        limit(100)
        self.send(admin, session, "Hello")
        self.assert_told("firing budget ada/total/requests", "resolved budget ada/total/requests")

    def test_a_disk_that_is_low_over_a_restart(self):
        self.write_settings(alert_disk_percent=100)
        self.server.start()
        self.assert_told("firing disk_low data_dir")
        self.server.stop()
        self.server.start()
        self.assert_told("firing disk_low data_dir")
        self.server.stop()
        self.write_settings()
        self.server.start()
        self.assert_told("firing disk_low data_dir", "resolved disk_low data_dir")

    def test_a_test_reaches_everybody(self):
        self.server.start()
        admin = self.register("ada")
        tried = self.check(admin.post("/api/admin/alerts/test", None), 200)["items"]
        self.assertEqual(["webhook", "feishu", "dingtalk", "wecom", "mail"],
                         [one["receiver"] for one in tried])
        self.assertTrue(all(one["delivered"] for one in tried), tried)
        self.assert_told("firing test test")
        self.assertEqual([], self.check(admin.get("/api/admin/alerts"), 200)["items"])
        # A wrong secret is the receiver's to see, and is said without it.
        self.server.stop()
        self.write_settings(alert_dingtalk_secret="canary-wrong",
                            alert_smtp_password="canary-wrong")
        self.server.start()
        admin = self.server.client()
        admin.token = self.check(admin.post("/api/auth/login", {
            "username": "ada", "password": PASSWORD}), 200)["accessToken"]
        tried = self.check(admin.post("/api/admin/alerts/test", None), 200)["items"]
        faults = {one["receiver"]: one["error"] for one in tried if not one["delivered"]}
        self.assertEqual({"dingtalk", "mail"}, set(faults))
        self.assertIn("310000", faults["dingtalk"])
        self.assertIn("535", faults["mail"])
        self.assertNotIn("canary", json.dumps(tried))


if __name__ == "__main__":
    unittest.main()
