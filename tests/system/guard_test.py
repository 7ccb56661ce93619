"""The guard on a real socket: a corpus of tricks with lines, headers, lengths and chunks. Each has
one reading or is refused, and what hides in it is never carried out."""

import contextlib
import re
import socket
import time

import support

QUIET_S = 0.2  # after an answer; one that comes later would show among the sessions
HEAD = "Host: a\r\nAuthorization: Bearer {token}\r\n"
# What a trick tries to bring in: a session more would tell that it was carried out.
HIDDEN = ("POST /api/sessions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
          "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}")
JSON = "Content-Type: application/json\r\n"
POST = "POST /api/sessions HTTP/1.1\r\n" + HEAD + JSON
GET = "GET /api/health HTTP/1.1\r\n" + HEAD


def body(framing, content):
    return POST + framing + "\r\n\r\n" + content


# name -> (bytes, the statuses of all answers, the sessions that it makes)
LINES = {
    "a plain one": (GET + "\r\n", [200], 0),
    "two in a row": (GET + "\r\n" + GET + "\r\n", [200, 200], 0),
    "bare LF": ("GET /api/health HTTP/1.1\nHost: a\n\n", [400], 0),
    "bare LF after a header": ("GET /api/health HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", [400], 0),
    "bare CR": ("GET /api/health HTTP/1.1\rHost: a\r\n\r\n", [400], 0),
    "CR CR LF": ("GET /api/health HTTP/1.1\r\r\nHost: a\r\n\r\n", [400], 0),
    "a tab between": ("GET\t/api/health HTTP/1.1\r\nHost: a\r\n\r\n", [400], 0),
    "two spaces": ("GET  /api/health HTTP/1.1\r\nHost: a\r\n\r\n", [400], 0),
    "a space behind": ("GET /api/health HTTP/1.1 \r\nHost: a\r\n\r\n", [400], 0),
    "no version": ("GET /api/health\r\nHost: a\r\n\r\n", [400], 0),
    "version 2": ("GET /api/health HTTP/2.0\r\nHost: a\r\n\r\n", [505], 0),
    "version 1.10": ("GET /api/health HTTP/1.10\r\nHost: a\r\n\r\n", [400, 505], 0),
    "a preface of HTTP/2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505], 0),
    "a small version": ("GET /api/health http/1.1\r\nHost: a\r\n\r\n", [400], 0),
    "a method in small letters": ("get /api/health HTTP/1.1\r\nHost: a\r\n\r\n", [501], 0),
    "an unknown method": ("BREW /api/health HTTP/1.1\r\nHost: a\r\n\r\n", [501], 0),
    "TRACE": ("TRACE /api/health HTTP/1.1\r\nHost: a\r\n\r\n", [501], 0),
    "CONNECT": ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", [400, 501], 0),
    "an absolute form": ("GET http://other/api/health HTTP/1.1\r\nHost: a\r\n\r\n", [400], 0),
    "NUL in the path": ("GET /api/he\0alth HTTP/1.1\r\nHost: a\r\n\r\n", [400], 0),
    "an encoded NUL": ("GET /api/sessions/%00 HTTP/1.1\r\n" + HEAD + "\r\n", [400], 0),
    "an encoded slash": ("GET /api%2Fhealth HTTP/1.1\r\nHost: a\r\n\r\n", [400], 0),
    "dots": ("GET /api/../metrics HTTP/1.1\r\nHost: a\r\n\r\n", [400, 404], 0),
    "a long URI": ("GET /" + "a" * 3000 + " HTTP/1.1\r\nHost: a\r\n\r\n", [414], 0),
    "a method on the wrong path": ("DELETE /api/health HTTP/1.1\r\nHost: a\r\n\r\n", [405], 0),
}

HEADERS = {
    "no Host": ("GET /api/health HTTP/1.1\r\n\r\n", [400], 0),
    "two Hosts": ("GET /api/health HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", [400], 0),
    "a space before the colon": (GET + "X-A : b\r\n\r\n", [400], 0),
    "a folded line": (GET + "X-A: b\r\n c\r\n\r\n", [400], 0),
    "a folded first line": ("GET /api/health HTTP/1.1\r\n Host: a\r\n\r\n", [400], 0),
    "no name": (GET + ": b\r\n\r\n", [400], 0),
    "no colon": (GET + "X-A\r\n\r\n", [400], 0),
    "NUL in a value": (GET + "X-A: b\0c\r\n\r\n", [400], 0),
    "a control byte": (GET + "X-A: b\x01c\r\n\r\n", [400], 0),
    "CR in a value": (GET + "X-A: b\rX-B: c\r\n\r\n", [400], 0),
    "an encoded CRLF": (GET + "X-A: b%0d%0aX-B: c\r\n\r\n", [200], 0),
    "brackets in a name": (GET + "X[A]: b\r\n\r\n", [400], 0),
    "REMOTE_ADDR": (GET + "REMOTE_ADDR: 10.0.0.1\r\n\r\n", [200], 0),
    "101 of them": (GET + "".join(f"X-{n}: a\r\n" for n in range(101)) + "\r\n", [431], 0),
    "a long line": (GET + "X-A: " + "a" * 9000 + "\r\n\r\n", [431], 0),
    "a head too long": (GET + "".join(f"X-{n}: {'a' * 1000}\r\n" for n in range(80)) + "\r\n",
                        [431], 0),
    "another expectation": (GET + "Expect: tea\r\n\r\n", [417], 0),
    "overlapping ranges": (GET + "Range: bytes=0-,0-,0-,0-,0-\r\n\r\n", [200], 0),
    "a gzip body": (body("Content-Encoding: gzip\r\nContent-Length: 2", "{{}}"), [415], 0),
    "no media type": ("POST /api/sessions HTTP/1.1\r\n" + HEAD + "Content-Length: 2\r\n\r\n{{}}",
                      [415], 0),
}

LENGTHS = {
    "a good one": (body("Content-Length: 2", "{{}}"), [201], 1),
    "two that agree": (body("Content-Length: 2\r\nContent-Length: 2", "{{}}"), [400], 0),
    "two that differ": (body("Content-Length: 0\r\nContent-Length: 2", "{{}}"), [400], 0),
    "a list": (body("Content-Length: 2, 2", "{{}}"), [400], 0),
    "a plus": (body("Content-Length: +2", "{{}}"), [400], 0),
    "a minus": (body("Content-Length: -2", "{{}}"), [400], 0),
    "hexadecimal": (body("Content-Length: 0x2", "{{}}"), [400], 0),
    "a blank amid": (body("Content-Length: 2 2", "{{}}"), [400], 0),
    "nothing": (body("Content-Length:", "{{}}"), [400], 0),
    "a vertical tab": (body("Content-Length: \x0b2", "{{}}"), [400], 0),
    "beyond 64 bits": (body("Content-Length: 18446744073709551618", "{{}}"), [400, 413], 0),
    "too much": (body("Content-Length: 99999999", "{{}}"), [413], 0),
    "a request behind a body": (body("Content-Length: 2", "{{}}") + HIDDEN, [201, 201], 2),
    "a request in a body": (body(f"Content-Length: {{hidden_bytes}}", HIDDEN), [400], 0),
    "a length on GET": (GET + "Content-Length: {hidden_bytes}\r\n\r\n" + HIDDEN,
                        [200, 400, 413], 0),
}

CHUNKS = {
    "good ones": (body("Transfer-Encoding: chunked", "1\r\n{{\r\n1\r\n}}\r\n0\r\n\r\n"), [201], 1),
    "with a length, length first": (
        body("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + HIDDEN), [400], 0),
    "with a length, chunks first": (
        body("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n" + HIDDEN), [400], 0),
    "xchunked": (body("Transfer-Encoding: xchunked", "0\r\n\r\n" + HIDDEN), [400, 501], 0),
    "chunked twice": (body("Transfer-Encoding: chunked, chunked", "0\r\n\r\n" + HIDDEN), [400], 0),
    "two fields": (body("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
                        "0\r\n\r\n" + HIDDEN), [400], 0),
    "identity": (body("Transfer-Encoding: identity", HIDDEN), [400, 501], 0),
    "gzip, chunked": (body("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), [400, 501], 0),
    "a tab before": (body("Transfer-Encoding:\tchunked", "2\r\n{{}}\r\n0\r\n\r\n"), [201], 1),
    "a vertical tab before": (body("Transfer-Encoding: \x0bchunked", "0\r\n\r\n" + HIDDEN),
                              [400, 501], 0),
    "a space before the colon": (body("Transfer-Encoding : chunked", "0\r\n\r\n" + HIDDEN),
                                 [400], 0),
    "on 1.0": ("POST /api/sessions HTTP/1.0\r\n" + HEAD + JSON
               + "Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n", [400], 0),
    "a size of -2": (body("Transfer-Encoding: chunked", "-2\r\n{{}}\r\n0\r\n\r\n"), [400], 0),
    "a size of 0x2": (body("Transfer-Encoding: chunked", "0x2\r\n{{}}\r\n0\r\n\r\n"), [400], 0),
    "a size of nine digits": (body("Transfer-Encoding: chunked", "000000002\r\n{{}}\r\n0\r\n\r\n"),
                              [400], 0),
    "a size that wraps": (body("Transfer-Encoding: chunked", "100000002\r\n{{}}\r\n0\r\n\r\n"),
                          [400], 0),
    "a size with LF": (body("Transfer-Encoding: chunked", "2\n{{}}\r\n0\r\n\r\n"), [400], 0),
    "a chunk with LF": (body("Transfer-Encoding: chunked", "2\r\n{{}}\n0\r\n\r\n"), [400], 0),
    "a chunk without an end": (body("Transfer-Encoding: chunked", "2\r\n{{}}0\r\n\r\n"), [400], 0),
    "a size too small": (body("Transfer-Encoding: chunked", "1\r\n{{}}\r\n0\r\n\r\n"), [400], 0),
    "a space behind the size": (body("Transfer-Encoding: chunked", "2 \r\n{{}}\r\n0\r\n\r\n"),
                                [400], 0),
    "a trailer": (body("Transfer-Encoding: chunked",
                       "2\r\n{{}}\r\n0\r\nContent-Length: 9\r\n\r\n"), [400], 0),
    "a request behind the end": (
        body("Transfer-Encoding: chunked", "2\r\n{{}}\r\n0\r\n\r\n" + HIDDEN), [201, 201], 2),
    "a request in a chunk": (
        body("Transfer-Encoding: chunked", "{hidden_hex}\r\n" + HIDDEN + "\r\n0\r\n\r\n"),
        [400], 0),
    "too much by and by": (
        body("Transfer-Encoding: chunked", ("fffff\r\n" + " " * 0xfffff + "\r\n") * 2), [413], 0),
}


class guard_test(support.system_test):
    def setUp(self):
        super().setUp()
        self.server.options += ["--set", "bcrypt_cost=4", "--set", "write_calls_per_min=100000",
                                "--set", "connections_per_address_max=10000"]
        self.server.start()
        self.ada = self.register("ada")

    def fill(self, text):
        hidden = HIDDEN.format(token=self.ada.token)
        return text.format(token=self.ada.token, hidden_bytes=len(hidden),
                           hidden_hex=f"{len(hidden):x}").encode("latin-1")

    def send(self, text, piece=None):
        """The statuses of all answers, until the server closes or says nothing more."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as one:
            with contextlib.suppress(OSError):  # it may have refused before all was sent
                for at in range(0, len(text), piece or len(text)):
                    one.sendall(text[at:at + (piece or len(text))])
                    if piece:
                        time.sleep(0.0005)
            told = b""
            with contextlib.suppress(OSError):
                while received := one.recv(65536):
                    told += received
                    one.settimeout(QUIET_S)
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", told)
                if status != b"100"]

    def sessions(self):
        return len(self.check(self.ada.get("/api/sessions?limit=100"), 200)["items"])

    def run_corpus(self, corpus):
        for name, (text, statuses, made) in corpus.items():
            raw = self.fill(text)
            for piece in (None, 7 if len(raw) < 700 else 4096):
                with self.subTest(name, piece=piece):
                    before = self.sessions()
                    told = self.send(raw, piece)
                    if len(statuses) == len(told) == 2:
                        self.assertEqual(statuses, told)
                    else:
                        # A choice of one refusal; a second answer would be to a smuggled request.
                        self.assertEqual(1, len(told), told)
                        self.assertIn(told[0], statuses)
                    self.assertEqual(made, self.sessions() - before)

    def test_request_lines(self):
        self.run_corpus(LINES)

    def test_headers(self):
        self.run_corpus(HEADERS)

    def test_lengths(self):
        self.run_corpus(LENGTHS)

    def test_chunks(self):
        self.run_corpus(CHUNKS)
