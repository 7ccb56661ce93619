"""A mail server for one test: aiosmtpd, which Debian's own Python has.

    /usr/bin/python3 post_box.py MODE FOLDER

MODE is `starttls`, with FOLDER/server.pem, or `plain`. A line of JSON for each try to log in and
each mail.
"""

import json
import socket
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

PASSWORDS = {"parley": "canary-mail-password"}


def tell(**what):
    print(json.dumps(what), flush=True)


def authenticate(_server, _session, _envelope, _mechanism, given):
    name, password = given.login.decode(), given.password.decode()
    tell(what="log in", name=name, password=password)
    return AuthResult(success=PASSWORDS.get(name) == password)


class Handler:
    async def handle_DATA(self, _server, session, envelope):
        tell(what="mail", secure=session.ssl is not None, to=envelope.rcpt_tos,
             text=envelope.content.decode())
        return "250 OK"


def options_of(mode, folder):
    if mode == "plain":
        return {"auth_require_tls": False}
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    return {"tls_context": tls, "require_starttls": True}


with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
Controller(Handler(), hostname="127.0.0.1", port=port, authenticator=authenticate,
           auth_required=True, **options_of(*sys.argv[1:])).start()
print(f"listening {port}", flush=True)
threading.Event().wait()
