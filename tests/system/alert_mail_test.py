"""Alerts by mail beyond this machine, to a server that is not ours: what is told only over TLS."""

import json
import os

from support import HERE, process, system_test
from tls_test import make_certificates

NAME = "mail.parley.test"
SECRET = "canary-mail-password"


class post_box(process):
    def __init__(self, folder, mode):
        super().__init__(["/usr/bin/python3", str(HERE / "post_box.py"), mode, str(folder)],
                         folder / "post_box.log", ready=r"listening (\d+)")
        self.port = int(self.match[1])

    def told(self, what):
        lines = [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]
        return [line for line in lines if line["what"] == what]


class AlertMailTest(system_test):
    def setUp(self):
        super().setUp()
        make_certificates(self.folder, "DNS:" + NAME)

    def try_mail(self, box, trusts_us=True):
        """What the server says of a test mail. It alone knows the name, and trusts our CA."""
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost {NAME}\n")
        mounts = [f'mount --bind "{self.folder}/hosts" /etc/hosts']
        if trusts_us:
            mounts.append(f'mount --bind "{self.folder}/ca.pem" '
                          "/etc/ssl/certs/ca-certificates.crt")
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
        self.server.prefix = [*unshare, "sh", "-c", " && ".join([*mounts, 'exec "$@"']), "sh"]
        config = self.folder / "parley.toml"
        config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in {
            "bcrypt_cost": 4, "alert_smtp_url": f"smtp://{NAME}:{box.port}",
            "alert_smtp_user": "parley", "alert_smtp_password": SECRET,
            "alert_mail_from": "parley@example.org", "alert_mail_to": ["ada@example.org"],
        }.items()))
        self.server.options += ["--config", str(config)]
        self.server.start()
        tried = self.check(self.register("ada").post("/api/admin/alerts/test", None), 200)
        self.assertNotIn("canary", json.dumps(tried))
        (mail,) = tried["items"]
        return mail

    def assert_told_nothing(self, box, mail):
        self.assertFalse(mail["delivered"])
        self.assertEqual(([], []), (box.told("log in"), box.told("mail")))

    def test_starttls_before_the_password(self):
        box = self.keep(post_box(self.folder, "starttls"))
        mail = self.try_mail(box)
        self.assertTrue(mail["delivered"], (mail, box.output()))
        (log_in,) = box.told("log in")
        self.assertEqual(("parley", SECRET), (log_in["name"], log_in["password"]))
        (sent,) = box.told("mail")
        self.assertTrue(sent["secure"])
        self.assertEqual(["ada@example.org"], sent["to"])
        self.assertIn("Subject: ", sent["text"])

    def test_without_starttls_nothing_is_told(self):
        box = self.keep(post_box(self.folder, "plain"))
        self.assert_told_nothing(box, self.try_mail(box))

    def test_a_stranger_is_told_nothing(self):
        box = self.keep(post_box(self.folder, "starttls"))
        self.assert_told_nothing(box, self.try_mail(box, trusts_us=False))
