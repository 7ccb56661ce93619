"""What the documents say is so: their commands run, their tables are the program's.

UPDATE=1 python3 tests/run_python.py tests/system documents_test.py --filter tables
writes the tables anew.
"""

import os
import platform
import re
import subprocess
import sys
import unittest

import support
from support import PASSWORD, ROOT, program, system_test

OPERATIONS = ROOT / "docs/operations.md"
MARK = "<!-- made by tests/system/documents_test.py: UPDATE=1 -->\n"
# Where the commands of a block are run: "" here, the others by the proofs of deploy/; "docker"
# needs its engine, "source" is what builds the tests.
PLACES = ("", "debian", "docker", "tar", "source")


def blocks(path, kind=""):
    """The shell commands of a document, each block as it stands."""
    found = re.findall(r"^```sh ?(\w*)\n(.*?)^```$", path.read_text(), re.M | re.S)
    for place, _ in found:
        if place not in PLACES:
            raise AssertionError(f"{path}: a block of commands for '{place}'")
    return [text for place, text in found if place == kind]


class CommandsTest(system_test):
    """Blocks run one after the other in one shell, as a reader would."""

    def setUp(self):
        super().setUp()
        self.server.options += ["--demo", "--upstream-retries-max", "0", "--bcrypt-cost", "4"]
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.port}"

    def run_shell(self, text, **variables):
        folder = self.folder / "work"
        folder.mkdir(exist_ok=True)
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], cwd=folder, timeout=300, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"PATH": f"{support.BUILD}:{os.environ['PATH']}", "HOME": str(folder),
                 "PARLEY_SERVER": self.url, **variables})
        self.assertEqual(0, run.returncode, run.stdout.decode()[-3000:])
        return run.stdout.decode()

    def make_key(self):
        admin = self.register("ada")
        wish = {"name": "test", "scopes": ["chat", "models", "read"]}
        return self.check(admin.post("/api/keys", wish), 201)["key"]

    def test_readme(self):
        work = self.folder / "work"
        work.mkdir()
        (work / "key.txt").write_text("sk-not-a-key\n")
        prepared = "git init -q . && git add key.txt && echo more >>key.txt\n"
        text = "".join(blocks(ROOT / "README.md"))
        self.assertIn("http://127.0.0.1:8080", text)
        told = self.run_shell(prepared + text.replace("http://127.0.0.1:8080", self.url),
                              OPENAI_API_KEY="sk-not-a-key")
        self.assertIn('"status":"complete"', told)
        self.assertIn("chat.completion", told)
        self.assertNotIn('"error"', told)
        self.assertIn("scripted answer", told)
        rest = told[told.index('"status":"complete"'):]
        self.assertIn('"items":[', rest)

    def test_api(self):
        told = self.run_shell("".join(blocks(ROOT / "docs/api/README.md")),
                              PARLEY_TOKEN=self.make_key())
        self.assertIn("data: [DONE]", told)
        self.assertIn('"type":"message"', told)
        self.assertEqual(2, told.count('"status":"complete"}\n'))
        self.assertNotIn('"error"', told)

    def test_programs(self):
        machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "")
        node = support.HERE / f"node_modules/node-linux-{machine}/bin/node"
        key = self.make_key()
        # Where npm has put what they import.
        modules = self.folder / "work"
        modules.mkdir()
        (modules / "node_modules").symlink_to(support.HERE / "node_modules")
        found = sorted((ROOT / "docs/api").glob("*.mjs"))
        self.assertEqual(["ai-sdk.mjs", "langchain.mjs", "openai.mjs"],
                         [each.name for each in found])
        for each in found:
            with self.subTest(program=each.name):
                (modules / each.name).write_text(each.read_text())
                told = self.run_shell(f"{node} {each.name}", PARLEY_TOKEN=key)
                self.assertIn("scripted answer", told)
                self.assertIn(each.name, (ROOT / "docs/api/README.md").read_text())

    def test_the_program_in_python(self):
        """Debian has no package of OpenAI's client: its place takes what the example uses of it."""
        (self.folder / "openai.py").write_text(STAND_IN)
        told = self.run_shell(f"{sys.executable} {ROOT}/docs/api/with_openai.py",
                              PARLEY_TOKEN=self.make_key(), PYTHONPATH=str(self.folder))
        self.assertIn("scripted answer", told)

    def test_operations(self):
        told = self.run_shell("".join(blocks(OPERATIONS)),
                              PARLEY_DATA_DIR=str(self.server.data))
        self.assertIn("database: ", told)

    def test_tables_are_the_programs(self):
        admin = self.register("ada")
        gone = self.add_model(admin, f"http://127.0.0.1:{support.free_port()}/v1", "gone")
        models = self.check(admin.get("/api/models"), 200)["items"]
        demo = next(each for each in models if each["name"] == "demo")
        for model in (gone, demo):  # there are metrics that come with the first failure
            self.send(admin, self.add_session(admin, model["id"]), "Hello")
        metrics = self.metrics_with("parley_tokens_total")
        wanted = settings_table() + metrics_table(metrics)
        text = OPERATIONS.read_text()
        before, mark, now = text.partition(MARK)
        self.assertTrue(mark)
        if os.environ.get("UPDATE"):
            OPERATIONS.write_text(before + mark + wanted)
            return
        self.assertEqual(wanted, now, "UPDATE=1 writes them anew")


class LinksTest(unittest.TestCase):
    def test_what_documents_point_to_is_there(self):
        documents = [ROOT / "README.md", ROOT / "README.zh-CN.md", OPERATIONS,
                     ROOT / "docs/api/README.md"]
        for path in documents:
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
                self.assertTrue((path.parent / target).exists(), f"{path}: {target}")

    def test_both_readmes_have_the_same_commands(self):
        english, chinese = (re.findall(r"^```sh ?(\w*)\n(.*?)^```$", path.read_text(), re.M | re.S)
                            for path in (ROOT / "README.md", ROOT / "README.zh-CN.md"))
        def bare(found):
            return [(place, [line for line in re.sub(r" *#(?= ).*", "", text).split("\n") if line])
                    for place, text in found]
        self.assertEqual(bare(english), bare(chinese))


def settings_table():
    """`parley config example` as Markdown."""
    example = subprocess.run([program("parley"), "config", "example"], check=True, timeout=60,
                             stdout=subprocess.PIPE).stdout.decode()
    lines = ["\n## Settings\n"]
    meaning = []
    for line in example.split("\n")[3:]:
        if line.startswith("# ---- "):
            lines += [f"\n### {line[7:]}\n", "\n", "| setting | default | meaning |\n",
                      "|---|---|---|\n"]
        elif match := re.match(r"# (\w+) = (.*)$", line):
            value = match[2].replace("|", "\\|")
            text = " ".join(meaning).replace("|", "\\|")
            lines.append(f"| `{match[1]}` | `{value}` | {text} |\n")
            meaning = []
        elif line.startswith("# "):
            meaning.append(line[2:])
        elif not line:
            meaning = []
    return "".join(lines)


def metrics_table(text):
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.M))
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    lines = ["\n## Metrics\n", "\n", "| metric | kind | meaning |\n", "|---|---|---|\n"]
    for name in sorted(helps):
        lines.append(f"| `{name}` | {kinds[name]} | {helps[name]} |\n")
    return "".join(lines)


STAND_IN = '''"""As much of OpenAI's client as the example uses, for machines without it."""
import json
import types
import urllib.request


class OpenAI:
    def __init__(self, base_url, api_key):
        self.chat = types.SimpleNamespace(completions=self)
        self.base_url, self.api_key = base_url, api_key

    def create(self, **body):
        request = urllib.request.Request(
            self.base_url + "/chat/completions", json.dumps(body).encode(),
            {"Authorization": "Bearer " + self.api_key, "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            for line in answer:
                data = line.decode().removeprefix("data: ").strip()
                if data and data != "[DONE]":
                    yield json.loads(data, object_hook=lambda given: Chunk(given))


class Chunk(dict):
    def __getattr__(self, name):
        return self.get(name)
'''


if __name__ == "__main__":
    unittest.main()
