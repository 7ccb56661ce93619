"""bench/mock_llm does what its model names say. TEST_BUILD: the build (default build/debug)."""

import http.client
import json
import os
import re
import socket
import subprocess
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("TEST_BUILD", "build/debug")
STAMPED = re.compile(r" (\d+):(\d+)\.+")


class Mock:
    """A running mock_llm; ends by itself after 120 s if a test forgets it."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [BUILD / "bench" / "mock_llm", "--seconds", "120", *options],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port = int(re.fullmatch(r"listening 127\.0\.0\.1:(\d+)\n", line)[1])

    def stop(self):
        self.process.terminate()
        status = self.process.wait(timeout=10)
        self.process.stdout.close()
        return status

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def get(self, path):
        connection = self.connection()
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def post(self, body, headers=None):
        """Status, headers and the whole body as bytes."""
        connection = self.connection()
        try:
            text = body if isinstance(body, (bytes, str)) else json.dumps(body)
            connection.request("POST", "/v1/chat/completions", text,
                               {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()


def request(model, text="say it", stream=True, **more):
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
    if stream and "stream_options" not in more:
        body["stream_options"] = {"include_usage": True}
    return {**body, **more}


def events(body):
    """The data of all events, by the rules of the HTML standard."""
    text = body.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found = []
    for block in text.split("\n\n"):
        data = [line[5:].removeprefix(" ") for line in block.split("\n")
                if line.startswith("data:")]
        if data:
            found.append("\n".join(data))
    return found


def chunks(body):
    found = events(body)
    return [json.loads(event) for event in found if event != "[DONE]"], found[-1:] == ["[DONE]"]


def content(parsed, field="content"):
    return "".join(choice["delta"].get(field) or ""
                   for chunk in parsed for choice in chunk.get("choices") or [])


class MockTestCase(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.mock = Mock(*cls.options)

    @classmethod
    def tearDownClass(cls):
        status = cls.mock.stop()
        assert status == 0, f"mock_llm ended with {status}"

    def stream(self, model, **more):
        status, _, body = self.mock.post(request(model, **more))
        self.assertEqual(status, 200)
        return chunks(body)

    def broken_stream(self, model):
        """What arrived before the connection broke, and how it broke."""
        text = json.dumps(request(model)).encode()
        with socket.create_connection(("127.0.0.1", self.mock.port), timeout=10) as client:
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: mock\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(text) + text)
            received = b""
            while True:
                try:
                    piece = client.recv(65536)
                except ConnectionResetError:
                    return received, "reset"
                if not piece:
                    return received, "closed"
                received += piece


class WholeStreams(MockTestCase):
    def test_a_stamped_stream_has_the_shape_of_openai(self):
        parsed, done = self.stream("mock-t25-i1-b40")
        self.assertTrue(done)
        self.assertEqual(parsed[0]["choices"][0]["delta"], {"role": "assistant", "content": ""})
        self.assertEqual({chunk["id"] for chunk in parsed}, {parsed[0]["id"]})
        self.assertEqual({chunk["created"] for chunk in parsed}, {parsed[0]["created"]})
        reasons = [choice["finish_reason"] for chunk in parsed for choice in chunk["choices"]]
        self.assertEqual(reasons, [None] * 26 + ["stop"])
        self.assertEqual(parsed[-1]["choices"], [])
        usage = parsed[-1]["usage"]
        self.assertEqual(usage["completion_tokens"], 25)
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + 25)
        self.assertTrue(all(chunk["usage"] is None for chunk in parsed[:-1]))
        text = content(parsed)
        self.assertEqual(len(text), 25 * 40)
        stamps = STAMPED.findall(text)
        self.assertEqual([int(number) for number, _ in stamps], list(range(25)))
        times = [int(stamp) for _, stamp in stamps]
        self.assertEqual(times, sorted(times))
        self.assertLessEqual(times[-1], time.monotonic_ns())

    def test_usage_comes_only_when_asked_for(self):
        parsed, done = self.stream("mock-t3-i0", stream_options={"include_usage": False})
        self.assertTrue(done)
        self.assertFalse(any("usage" in chunk for chunk in parsed))

    def test_the_default_model_answers_the_message_and_echo_repeats_it(self):
        parsed, done = self.stream("mock-i0-f0", text="Grüße, \"Welt\"")
        self.assertTrue(done)
        self.assertIn("You wrote: “Grüße, \"Welt\"”", content(parsed))
        parsed, _ = self.stream("mock-echo-i0-f0", text="one  two\n三 four")
        self.assertEqual(content(parsed), "one  two\n三 four")

    def test_a_long_message_is_quoted_without_cutting_a_character(self):
        parsed, done = self.stream("mock-i0-f0", text="x" + "漢" * 300)
        self.assertTrue(done)
        self.assertIn("漢…”", content(parsed))

    def test_without_stream_the_answer_is_one_object(self):
        status, _, body = self.mock.post(request("mock-t4-i1", stream=False))
        answer = json.loads(body)
        self.assertEqual((status, answer["object"]), (200, "chat.completion"))
        self.assertEqual(len(STAMPED.findall(answer["choices"][0]["message"]["content"])), 4)
        self.assertEqual(answer["usage"]["completion_tokens"], 4)

    def test_max_tokens_limits_the_answer(self):
        parsed, _ = self.stream("mock-t50-i0", max_tokens=7)
        self.assertEqual(len(STAMPED.findall(content(parsed))), 7)
        self.assertEqual(parsed[-2]["choices"][0]["finish_reason"], "length")

    def test_tokens_keep_their_pace(self):
        begun = time.monotonic()
        self.stream("mock-t11-i20-f100")
        self.assertGreaterEqual(time.monotonic() - begun, 0.3)

    def test_reasoning_comes_first(self):
        parsed, _ = self.stream("mock-t2-i0-reasoning3")
        self.assertEqual(content(parsed, "reasoning_content"), " thought0 thought1 thought2")
        self.assertEqual(len(STAMPED.findall(content(parsed))), 2)
        details = parsed[-1]["usage"]["completion_tokens_details"]
        self.assertEqual(details, {"reasoning_tokens": 3})

    def test_keep_alive_serves_one_request_after_the_other(self):
        connection = self.mock.connection()
        before = self.mock.get("/stats")["sockets"]
        for _ in range(3):
            connection.request("POST", "/v1/chat/completions", json.dumps(request("mock-t5-i0")))
            parsed, done = chunks(connection.getresponse().read())
            self.assertTrue(done)
            self.assertEqual(len(STAMPED.findall(content(parsed))), 5)
        connection.close()
        self.assertEqual(self.mock.get("/stats")["sockets"] - before, 2)

    def test_chunked_request_bodies_are_read(self):
        connection = self.mock.connection()
        text = json.dumps(request("mock-t1-i0")).encode()
        connection.request("POST", "/v1/chat/completions", iter([text[:9], text[9:]]),
                           {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()

    def test_a_slow_reader_stalls_the_stream_and_gets_everything(self):
        text = json.dumps(request("mock-t4000-i0-b4096")).encode()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(10)
            client.connect(("127.0.0.1", self.mock.port))
            client.sendall(b"POST /v1/chat/completions HTTP/1.0\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(text) + text)
            time.sleep(0.3)
            stats = self.mock.get("/stats")
            self.assertGreater(stats["stalls"], 0)
            self.assertGreater(stats["openStreams"], 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            received = b""
            while piece := client.recv(1 << 20):
                received += piece
        parsed, done = chunks(received.split(b"\r\n\r\n", 1)[1])
        self.assertTrue(done)
        numbers = [int(number) for number, _ in STAMPED.findall(content(parsed))]
        self.assertEqual(numbers, list(range(4000)))


class Variants(MockTestCase):
    """What a tolerant client must bear: the text is the same, the shape is not."""

    def test_line_ends_marks_and_comments(self):
        for model in ("crlf", "cr", "bom", "comments", "split1", "crlf-comments-bom-split7"):
            with self.subTest(model):
                parsed, done = self.stream("mock-t3-i0-" + model)
                self.assertTrue(done)
                self.assertEqual(len(STAMPED.findall(content(parsed))), 3)
        _, _, body = self.mock.post(request("mock-t3-i0-crlf"))
        self.assertEqual(body.count(b"\n"), body.count(b"\r\n"))
        _, _, body = self.mock.post(request("mock-t3-i0-cr"))
        self.assertEqual(body.count(b"\n"), 0)
        _, _, body = self.mock.post(request("mock-t3-i0-comments"))
        self.assertIn(b"\n: ping\n", body)

    def test_usage_shapes(self):
        parsed, _ = self.stream("mock-t3-i0-nousage")
        self.assertFalse(any(chunk.get("usage") for chunk in parsed))
        parsed, _ = self.stream("mock-t3-i0-usagelast")
        self.assertEqual(parsed[-1]["choices"][0]["finish_reason"], "stop")
        self.assertEqual(parsed[-1]["usage"]["completion_tokens"], 3)
        parsed, _ = self.stream("mock-t3-i0-nullchoices")
        self.assertIsNone(parsed[-1]["choices"])
        parsed, _ = self.stream("mock-t3-i0-nochoices")
        self.assertNotIn("choices", parsed[-1])
        self.assertEqual(parsed[-1]["usage"]["completion_tokens"], 3)

    def test_null_content_length_stop_and_no_done(self):
        parsed, _ = self.stream("mock-t3-i0-nullcontent")
        self.assertIsNone(parsed[0]["choices"][0]["delta"]["content"])
        parsed, _ = self.stream("mock-t3-i0-lengthstop")
        self.assertEqual(parsed[-2]["choices"][0]["finish_reason"], "length")
        parsed, done = self.stream("mock-t3-i0-nodone")
        self.assertFalse(done)
        self.assertEqual(parsed[-1]["usage"]["completion_tokens"], 3)


class Faults(MockTestCase):
    def test_refusals(self):
        for word, status, code in (("refuse429", 429, "rate_limit_exceeded"), ("500", 500, None),
                                   ("401", 401, "invalid_api_key"), ("refuse503", 503, None)):
            with self.subTest(word):
                got, headers, body = self.mock.post(request(f"mock-{word}-retry7"))
                self.assertEqual((got, json.loads(body)["error"]["code"]), (status, code))
                self.assertEqual(headers["Retry-After"], "7" if status in (429, 503) else None)

    def test_a_refusal_for_so_many_calls_then_an_answer(self):
        model = "mock-t1-i0-500-for2"
        self.assertEqual([self.mock.post(request(model))[0] for _ in range(4)],
                         [500, 500, 200, 200])
        self.assertEqual(self.mock.get("/stats")["callsByModel"][model], 4)

    def test_a_context_too_long_is_told_with_its_limit(self):
        status, _, body = self.mock.post(request("mock-toolong4096"))
        fault = json.loads(body)["error"]
        self.assertEqual((status, fault["code"], fault["param"]),
                         (400, "context_length_exceeded", "messages"))
        self.assertIn("maximum context length is 4096 tokens", fault["message"])
        _, _, body = self.mock.post(request("mock-toolong"))
        self.assertIn("8192 tokens", json.loads(body)["error"]["message"])

    def test_html_with_status_200(self):
        status, headers, body = self.mock.post(request("mock-html"))
        self.assertEqual((status, headers.get_content_type()), (200, "text/html"))
        self.assertTrue(body.startswith(b"<!doctype html>"))

    def test_garbage_stands_between_good_events(self):
        _, _, body = self.mock.post(request("mock-t12-i0-garbage"))
        text, bad = "", 0
        raw = [line for line in body.split(b"\n") if line.startswith(b"data: ")]
        for line in raw:
            try:
                text += content([json.loads(line[6:])])
            except (ValueError, TypeError, KeyError, AttributeError):
                bad += 1
        self.assertGreaterEqual(bad, 6)
        self.assertEqual(len(STAMPED.findall(text)), 12)

    def test_cut_closes_in_the_middle(self):
        received, how = self.broken_stream("mock-t9-i1-cut4")
        self.assertEqual((how, len(STAMPED.findall(received.decode()))), ("closed", 4))
        self.assertFalse(received.endswith(b"0\r\n\r\n"))
        self.assertNotIn(b"[DONE]", received)

    def test_end_is_a_clean_body_without_an_end(self):
        parsed, done = self.stream("mock-t9-i1-end4")
        self.assertEqual((done, len(STAMPED.findall(content(parsed)))), (False, 4))
        self.assertIsNone(parsed[-1]["choices"][0]["finish_reason"])

    def test_reset_after_tokens(self):
        received, how = self.broken_stream("mock-t9-i1-resetafter4")
        self.assertEqual((how, len(STAMPED.findall(received.decode()))), ("reset", 4))

    def test_reset_after_bytes_of_the_body(self):
        for count in (0, 1, 200, 1000):
            with self.subTest(count):
                received, how = self.broken_stream(f"mock-t20-i0-resetbyte{count}")
                self.assertEqual(how, "reset")
                framed = received.split(b"\r\n\r\n", 1)[1]
                body = re.sub(rb"(?:\r\n)?[0-9a-f]+\r\n(?=data: )", b"", framed)
                body = re.sub(rb"^[0-9a-f]+\r\n", b"", body).removesuffix(b"\r\n")
                self.assertEqual(len(body), count)

    def test_a_reset_behind_the_end_does_not_happen(self):
        parsed, done = self.stream("mock-t2-i0-resetbyte100000")
        self.assertTrue(done)
        self.assertEqual(len(STAMPED.findall(content(parsed))), 2)

    def test_hanging_says_nothing_and_keeps_the_connection(self):
        for model, tokens in (("mock-hang", 0), ("mock-t9-i1-hangafter4", 4)):
            with self.subTest(model):
                before = self.mock.get("/stats")
                text = json.dumps(request(model)).encode()
                with socket.create_connection(("127.0.0.1", self.mock.port)) as client:
                    client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n"
                                   b"Content-Length: %d\r\n\r\n" % len(text) + text)
                    client.settimeout(0.5)
                    received = b""
                    with self.assertRaises(TimeoutError):
                        while piece := client.recv(65536):
                            received += piece
                        self.fail("the connection was closed")
                    self.assertEqual(len(STAMPED.findall(received.decode())), tokens)
                    self.assertEqual(self.mock.get("/stats")["openStreams"],
                                     before["openStreams"] + 1)
                deadline = time.monotonic() + 5
                while self.mock.get("/stats")["openStreams"] > before["openStreams"]:
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.01)
                after = self.mock.get("/stats")
                self.assertEqual(after["streamsAbandoned"], before["streamsAbandoned"] + 1)

    def test_endless_streams_go_on_until_the_client_leaves(self):
        for model, ends in (("mock-t1-endless", True), ("mock-longline", False)):
            with self.subTest(model):
                connection = self.mock.connection()
                connection.request("POST", "/v1/chat/completions", json.dumps(request(model)))
                response = connection.getresponse()
                received = response.read(3 << 20)
                self.assertEqual(len(received), 3 << 20)
                lines = received.count(b"\n", 4096)
                self.assertTrue(lines > 1000 if ends else lines == 0)
                connection.sock.close()
                response.close()
                connection.close()

    def test_so_long_an_answer_is_not_given_at_once(self):
        for model in ("mock-t1-endless", "mock-t9999999-i0-b8192"):
            self.assertEqual(self.mock.post(request(model, stream=False))[0], 400)


class StrictRequests(MockTestCase):
    def test_malformed_bodies(self):
        good = request("mock-t1-i0")
        cases = {
            "no JSON": "{", "not an object": "[]", "trailing bytes": json.dumps(good) + "x",
            "no UTF-8": b"\xff", "no model": {**good, "model": None},
            "no messages": {**good, "messages": []},
            "a message without role": {**good, "messages": [{"content": "x"}]},
            "an unknown role": {**good, "messages": [{"role": "robot", "content": "x"}]},
            "content of the wrong type": {**good, "messages": [{"role": "user", "content": 7}]},
            "stream as text": {**good, "stream": "yes"},
            "stream_options without stream": {**good, "stream": False},
            "temperature out of bounds": {**good, "temperature": 3},
            "max_tokens 0": {**good, "max_tokens": 0},
        }
        for name, body in cases.items():
            with self.subTest(name):
                status, _, answer = self.mock.post(body)
                self.assertEqual(status, 400)
                self.assertEqual(json.loads(answer)["error"]["type"], "invalid_request_error")

    def test_names_that_are_not_understood(self):
        for model in ("gpt-4o", "mockup", "mock-", "mock-t", "mock-t0", "mock-x5", "mock-b31",
                      "mock-t10-i", "mock-refuse200", "mock-crlf5", "mock-t99999999"):
            with self.subTest(model):
                status, _, body = self.mock.post(request(model))
                self.assertEqual((status, json.loads(body)["error"]["code"]),
                                 (404, "model_not_found"))

    def test_framing(self):
        for head in (b"GET /stats\r\n\r\n", b"GET /stats HTTP/2.0\r\n\r\n",
                     b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                     b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                     b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                     b"GET / HTTP/1.1\r\n: no name\r\n\r\n"):
            with self.subTest(head):
                with socket.create_connection(("127.0.0.1", self.mock.port), timeout=10) as client:
                    client.sendall(head)
                    received = b""
                    while piece := client.recv(65536):
                        received += piece
                    self.assertTrue(received.startswith(b"HTTP/1.1 400 "), received)

    def test_unknown_paths_models_and_the_last_request(self):
        self.assertEqual(self.mock.get("/nothing")["error"]["type"], "invalid_request_error")
        self.assertIn("mock", [model["id"] for model in self.mock.get("/v1/models")["data"]])
        body = request("mock-t1-i0", text="remember \u2713")
        self.mock.post(body, {"Authorization": "Bearer sk-1"})
        last = self.mock.get("/last")
        self.assertEqual(last["body"], body)
        self.assertEqual(last["headers"]["Authorization"], "Bearer sk-1")
        self.mock.post("{")
        self.assertIsNone(self.mock.get("/last")["body"])


class WithKey(MockTestCase):
    options = ("--api-key", "sk-secret")

    def test_only_the_key_opens_it(self):
        body = request("mock-t1-i0")
        self.assertEqual(self.mock.post(body)[0], 401)
        self.assertEqual(self.mock.post(body, {"Authorization": "Bearer sk-other"})[0], 401)
        self.assertEqual(self.mock.post(body, {"Authorization": "Bearer sk-secret"})[0], 200)


if __name__ == "__main__":
    unittest.main()
