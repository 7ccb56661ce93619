"""`parley models check`: the system models against the catalogue and what is laid over it."""

import subprocess

import support

OVERLAY = """
[provider.house]
dialect = "openai-compatible"
base_url = "https://llm.example.org/v1"
models = [{ id = "house-1", window = 8192, price = ["1.5", "2"] }]

[provider.openai]
models = [{ id = "gpt-of-next-week", window = 100000, price = ["1", "2", "0.5"] }]
"""


class models_check_test(support.system_test):
    def setUp(self):
        super().setUp()
        self.overlay = self.folder / "providers.d"
        self.overlay.mkdir()
        (self.overlay / "house.toml").write_text(OVERLAY)
        self.server.options += ["--providers-dir", str(self.overlay)]
        self.server.start()
        self.admin = self.register("ada")

    def add(self, name, **more):
        return self.check(self.admin.post("/api/models/system",
                                          {"name": name, "apiKey": "not-a-key", **more}), 201)

    def run_check(self):
        self.server.stop()
        found = subprocess.run([support.program("parley"), "models", "check", "--data",
                                str(self.server.data), *self.server.options],
                               capture_output=True, text=True, timeout=60, check=False)
        self.assertNotIn("not-a-key", found.stdout + found.stderr)
        return found.returncode, found.stdout.splitlines(), found.stderr

    def test_known_models_with_a_price(self):
        made = self.add("at home", provider="house", model="house-1")
        self.assertEqual("https://llm.example.org/v1", made["baseUrl"])
        self.assertEqual(("1.5", 8192), (made["prices"]["inputPerMTok"], made["contextWindow"]))
        self.add("new", provider="openai", model="gpt-of-next-week")
        code, lines, _ = self.run_check()
        self.assertEqual(0, code, lines)
        self.assertTrue(lines[-1].startswith("2 system models, 0 doubts;"), lines)

    def test_unknown_models_and_missing_prices(self):
        self.add("odd", provider="openai", model="gpt-nobody-knows")
        self.add("unpriced", provider="openai-compatible", model="m",
                 baseUrl="https://llm.example.org/v1")
        # On one's own machines any model may be there.
        self.add("local", provider="ollama", model="whatever", baseUrl="http://127.0.0.1:11434")
        code, lines, _ = self.run_check()
        self.assertEqual(1, code, lines)
        self.assertEqual(["odd (openai, gpt-nobody-knows): it has no price",
                          "odd (openai, gpt-nobody-knows): the catalogue does not know this model",
                          "unpriced (openai-compatible, m): it has no price"], sorted(lines[:-1]))
        self.assertTrue(lines[-1].startswith("3 system models, 3 doubts;"), lines)

    def test_a_faulty_file_is_named_with_its_line(self):
        (self.overlay / "worse.toml").write_text("[provider.house]\ndialect = \"telepathy\"\n")
        code, _, told = self.run_check()
        self.assertEqual(1, code)
        self.assertIn("worse.toml:2", told)
