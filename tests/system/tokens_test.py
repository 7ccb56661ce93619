"""`parley tokens` against the official ids of tests/golden/bpe, and its answers to bad input."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import BUILD, ROOT, program

VECTORS = ROOT / "tests/golden/bpe/vectors.jsonl"


def tokens(*arguments, given=b""):
    run = subprocess.run([program("parley"), "tokens", *arguments], input=given, timeout=120,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return run.returncode, run.stdout.decode(), run.stderr.decode()


def lines_of(texts, **options):
    return "".join(json.dumps(text, **options) + "\n" for text in texts).encode()


class TokensTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vectors = [json.loads(line) for line in VECTORS.read_text("utf-8").split("\n") if line]

    def test_ids_and_counts_are_the_official_ones(self):
        texts = [vector["text"] for vector in self.vectors]
        self.assertGreaterEqual(len(texts), 2500)
        for encoding, key in (("cl100k_base", "cl100k"), ("o200k_base", "o200k")):
            wanted = [vector[key] for vector in self.vectors]
            # Escaped or not, a text is the same text.
            for is_ascii in (True, False):
                given = lines_of(texts, ensure_ascii=is_ascii)
                status, out, _ = tokens("--encoding", encoding, "--ids", given=given)
                self.assertEqual(status, 0)
                self.assertEqual([json.loads(line) for line in out.splitlines()], wanted)
            status, out, _ = tokens("--encoding", encoding, given=given)
            self.assertEqual(status, 0)
            self.assertEqual(out.splitlines(), [str(len(ids)) for ids in wanted])

    def test_a_file_is_one_text(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "text"
            path.write_bytes("Grüße,\n世界 \xff".encode("latin-1", "ignore") + b"\n<|endoftext|>\n")
            status, out, _ = tokens("--encoding", "o200k_base", "--file", str(path))
            text = path.read_bytes().decode(errors="replace")
            self.assertEqual((status, out),
                             tokens("--encoding", "o200k_base", given=lines_of([text]))[:2])
            self.assertEqual(out.count("\n"), 1)
            status, out, fault = tokens("--encoding", "o200k_base", "--file", folder + "/none")
            self.assertEqual((status, out), (1, ""))
            self.assertIn("/none", fault)

    def test_a_model_names_its_vocabulary_or_is_estimated(self):
        given = lines_of(["The quick brown fox", "世界"])
        for model, encoding in (("gpt-4o", "o200k_base"), ("gpt-4", "cl100k_base")):
            self.assertEqual(tokens("--model", model, given=given),
                             tokens("--encoding", encoding, given=given))
        status, out, fault = tokens("--model", "claude-sonnet-4", given=given)
        self.assertEqual(status, 0)
        self.assertEqual(len(out.splitlines()), 2)
        self.assertIn("estimate", fault)
        status, out, fault = tokens("--model", "claude-sonnet-4", "--ids", given=given)
        self.assertEqual((status, out), (2, ""))
        self.assertIn("not public", fault)

    def test_half_a_surrogate_and_bad_utf8_count_as_the_replacement_character(self):
        wanted = tokens("--encoding", "o200k_base", "--ids", given=lines_of(["a\ufffdb"]))
        self.assertEqual(wanted[0], 0)
        for text in (rb'"a\ud83db"', rb'"a\uDE00b"', b'"a\xffb"'):
            self.assertEqual(tokens("--encoding", "o200k_base", "--ids", given=text), wanted)
        pair = rb'"\ud83d\ude00"'
        self.assertEqual(tokens("--encoding", "o200k_base", given=pair),
                         tokens("--encoding", "o200k_base", given='"😀"'.encode()))

    def test_a_bad_line_is_named(self):
        for bad in (b"tell me", b"[1]", b"", b'"open', b"12"):
            status, out, fault = tokens("--encoding", "o200k_base",
                                        given=b'"a"\n' + bad + b'\n"b"\n')
            self.assertEqual((status, out), (1, "1\n"), bad)
            self.assertIn("line 2", fault)

    def test_wrong_usage(self):
        for arguments in ((), ("--encoding", "p50k_base"),
                          ("--encoding", "o200k_base", "--model", "gpt-4")):
            status, out, fault = tokens(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertTrue(fault)

    def test_a_missing_or_damaged_table_is_one_sentence(self):
        with tempfile.TemporaryDirectory() as folder:
            status, out, fault = tokens("--encoding", "o200k_base", "--vocabulary-dir", folder,
                                        given=b'"a"\n')
            self.assertEqual((status, out), (1, ""))
            self.assertIn("o200k_base.bpe", fault)
            (Path(folder) / "o200k_base.bpe").write_bytes(b"PRLYBPE\0" * 1000)
            status, out, fault = tokens("--encoding", "o200k_base", "--vocabulary-dir", folder,
                                        given=b'"a"\n')
            self.assertEqual((status, out, fault.count("\n")), (1, "", 1))
            self.assertIn("o200k_base.bpe", fault)

    def test_the_server_does_not_start_on_a_bad_table(self):
        with tempfile.TemporaryDirectory() as folder:
            tables = Path(folder) / "tables"
            tables.mkdir()

            def serve():
                run = subprocess.run(
                    [program("parley"), "serve", "--data", folder + "/data", "--listen",
                     "127.0.0.1:0", "--vocabulary-dir", str(tables)],
                    timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                said = [line for line in run.stdout.decode().splitlines()
                        if line.startswith("parley: ")]
                self.assertEqual(len(said), 1, run.stdout)
                self.assertIn(str(tables), said[0])
                return run.returncode, said[0]

            status, said = serve()
            self.assertEqual(status, 1)
            self.assertIn("is missing", said)
            self.assertIn("npm ci", said)
            for name in ("cl100k_base", "o200k_base"):
                whole = (BUILD / f"vocabulary/{name}.bpe").read_bytes()
                (tables / f"{name}.bpe").write_bytes(whole)
            whole = (tables / "o200k_base.bpe").read_bytes()
            (tables / "o200k_base.bpe").write_bytes(whole[:-4096])
            status, said = serve()
            self.assertEqual(status, 1)
            self.assertIn("truncated", said)
            # The version stands behind the eight bytes of the magic (chat/bpe_format.hpp).
            (tables / "o200k_base.bpe").write_bytes(whole[:8] + b"\x63\0\0\0" + whole[12:])
            status, said = serve()
            self.assertEqual(status, 1)
            self.assertIn("version 99", said)


if __name__ == "__main__":
    unittest.main()
