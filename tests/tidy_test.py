#!/usr/bin/env python3
"""tidy.py must find each kind of fault, and must not find one where there is none."""

import subprocess
import tempfile
import unittest
from pathlib import Path

import tidy


class tidy_case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        subprocess.run(["git", "init", "-q", self.root], check=True)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def faults(self):
        return [f"{f.path}:{f.line}: {f.message}" for f in tidy.check_all(self.root)[0]]

    def assert_clean(self, path, text):
        self.write(path, text)
        self.assertEqual([], self.faults())

    def assert_fault(self, path, text, line, words):
        self.write(path, text)
        found = self.faults()
        self.assertEqual(1, len(found), found)
        self.assertTrue(found[0].startswith(f"{path}:{line}: "), found[0])
        self.assertIn(words, found[0])


class coverage_test(tidy_case):
    def test_routes_and_tests_are_those_that_there_are(self):
        self.write("http/router.cpp", 'read("/a/{id}", 1, 2);\n'
                                      'make.write(method::post,\n  "/a", 1, 2);\n')
        self.write("tests/http/a_test.cpp", "")
        good = "| route | test |\n|---|---|\n| `POST /a` | `http/a_test.cpp` |\n"
        self.assert_clean("docs/coverage.md", good + "| `GET /a/{id}` | not yet |\n")
        self.assert_fault("docs/coverage.md", good, 1, "GET /a/{id} of http/router.cpp is not here")
        self.assert_fault("docs/coverage.md", good + "| `GET /a/{id}` | `http/b_test.cpp` |\n", 4,
                          "there is no tests/http/b_test.cpp")
        self.assert_fault("docs/coverage.md", good + "| `GET /a/{id}` | not yet |\n"
                          "| `PUT /a` | not yet |\n", 5, "has no PUT /a")


class floors_test(tidy_case):
    def test_lower_floors_and_the_own_folder_are_free(self):
        self.assert_clean("http/a.cpp", '#include "http/b.hpp"\n#include "actors/edge.hpp"\n'
                                        '#include "chat/context.hpp"\n#include "base/json.hpp"\n')

    def test_a_higher_floor(self):
        self.assert_fault("base/a.hpp", '#pragma once\n#include "schema/user.hpp"\n', 2,
                          "higher floor")

    def test_neighbours_of_floor_three(self):
        self.assert_fault("http/a.cpp", '#include "storage/sqlite.hpp"\n', 1, "neighbour")
        self.assert_fault("http/a.cpp", '#include "actors/impl/session_actor.hpp"\n', 1,
                          "neighbour")

    def test_the_tables_do_not_see_the_actors(self):
        self.assert_fault("actors/edge.hpp", '#include "actors/impl/x.hpp"\n', 1, "higher floor")

    def test_messages_may_use_chat_but_not_the_other_way(self):
        self.assert_clean("actors/a.hpp", '#include "chat/context.hpp"\n')
        self.assert_fault("chat/a.hpp", '#include "actors/b.hpp"\n', 1, "neighbour")

    def test_only_app_tests_and_benches_see_everything(self):
        for folder in ("app", "tests/http", "bench"):
            self.assert_clean(folder + "/a.cpp", '#include "storage/a.hpp"\n'
                                                 '#include "http/a.hpp"\n')
        self.assert_fault("app/b.cpp", '#include "tests/support/a.hpp"\n', 1, "higher floor")

    def test_a_commented_include_is_none(self):
        self.assert_clean("base/a.hpp",
                          '// #include "app/node.hpp"\n/*\n#include "http/a.hpp"\n*/\n')

    def test_third_parties_stay_in_their_folder(self):
        for header, home, other in (
                ("httplib.h", "http", "app"), ("curl/curl.h", "providers", "http"),
                ("sqlite3.h", "storage", "actors/impl"), ("openssl/evp.h", "base", "http"),
                ("simdjson.h", "base", "schema"), ("CLI/CLI.hpp", "app", "base"),
                ("caf/all.hpp", "actors", "schema"), ("catch2/catch.hpp", "tests", "app")):
            with self.subTest(header):
                self.assert_clean(home + "/a.cpp", f"#include <{header}>\n")
                self.assert_fault(other + "/b.cpp", f"#include <{header}>\n", 1, header)
                (self.root / other / "b.cpp").unlink()

    def test_epoll_is_the_loop_s_own(self):
        self.assert_clean("base/io_loop.cpp", "#include <sys/epoll.h>\n")
        self.assert_fault("http/reactor.cpp", "#include <sys/epoll.h>\n", 1, "base/io_loop")

    def test_chat_is_free_of_caf(self):
        self.assert_fault("chat/a.cpp", "\ncaf::actor a;\n", 2, "free of CAF")

    def test_a_circle_of_includes(self):
        self.write("base/a.hpp", '#include "base/b.hpp"\n')
        self.write("base/c.hpp", '#include "base/a.hpp"\n')
        self.write("base/b.hpp", '#include "base/c.hpp"\n')
        self.assertEqual(["base/c.hpp:1: includes go in a circle: base/a.hpp -> base/b.hpp -> "
                          "base/c.hpp -> base/a.hpp"], self.faults())


class units_test(tidy_case):
    def test_private_names_differ_within_what_is_compiled_as_one(self):
        def unit(*lines):
            return "namespace {\n\n" + "\n".join(lines) + "\n\n}  // namespace\n"

        function = "int f(const x& first, int second) {\n  return 1;\n}\n"
        self.write("app/a.cpp", unit(function, "constexpr int most = 1;", "struct seen {\n};"))
        self.assert_clean("app/b.cpp", unit("int f(const x& other) {\n  return most;\n}",
                                            "class f_seen {\n  int f(const x& a, int b) {\n"
                                            "    return 1;\n  }\n};"))
        self.assert_fault("app/b.cpp", unit(function.replace("second", "other")), 3,
                          "f(const x&, int) is in app/a.cpp, too")
        self.assert_fault("app/b.cpp", unit("", "constexpr size_t most{2};"), 4, "most is in")
        self.assert_fault("app/b.cpp", unit("class seen : public f {\n};"), 3, "seen is in")
        # providers/ is compiled file by file, and base/ as well.
        self.write("app/b.cpp", "")
        self.write("base/a.cpp", unit(function))
        self.assert_clean("base/b.cpp", unit(function))


class sizes_test(tidy_case):
    def test_file_length(self):
        self.assert_clean("base/a.cpp", "int a;\n" * 500)
        self.assert_fault("base/a.cpp", "int a;\n" * 501, 501, "501 lines")

    def test_columns_count_characters(self):
        self.assert_clean("base/a.cpp", "// " + "ä" * 97 + "\n")
        self.assert_fault("base/a.cpp", "\n// " + "ä" * 98 + "\n", 2, "101 columns")

    def test_raw_strings_and_addresses_may_be_long(self):
        self.assert_clean("tests/unit/a_test.cpp", 'auto a = R"(' + "x" * 200 + ')";\n')
        self.assert_clean("base/a.cpp", "// https://www.rfc-editor.org/" + "x" * 100 + "\n")

    def function_of(self, head, lines):
        return head + " {\n" + "  work();\n" * (lines - 2) + "}\n"

    def test_function_length(self):
        for head in ("void f()", "template <class T>\nrequires(sizeof(T) > 2) T g(T a)",
                     "a::a() : b_{1}, c_(2)", "auto f(int a = {}) const -> std::vector<int>",
                     "  int operator()(int a) noexcept", 'TEST_CASE("a { brace")'):
            extra = head.count("\n")
            with self.subTest(head):
                self.assert_clean("base/a.cpp", "namespace n {\n"
                                  + self.function_of(head, 70 - extra) + "}\n")
                self.assert_fault("base/a.cpp",
                                  "namespace n {\nclass c : public d<int> {\n public:\n"
                                  + self.function_of(head, 71 - extra) + "};\n}\n", 4, "71 lines")

    def test_tables_and_classes_are_no_functions(self):
        rows = '  {get, "/a", handler(1)},\n' * 100
        self.assert_clean("base/a.cpp", "const route table[] = {\n" + rows + "};\n"
                          "class a final : public b<decltype(f())> {\n" + "  int a();\n" * 100
                          + "};\nenum class e : uint8_t {\n" + "  x,\n" * 100 + "};\n")

    def test_product_size(self):
        files = tidy.PRODUCT_LINES_MAX // 490
        for number in range(files):
            self.write(f"base/file{number}.cpp", "int a;\n" * 490)
        self.assertEqual([], self.faults())
        self.write("base/last.cpp", "int a;\n" * 490)
        found = self.faults()
        self.assertEqual(1, len(found))
        self.assertIn(f"{(files + 1) * 490:,} lines", found[0])


class words_test(tidy_case):
    def test_parts_of_names(self):
        for name in ("session_manager", "StringUtils", "misc", "k_common_limit", "infoText"):
            with self.subTest(name):
                self.assert_fault("base/a.cpp", f"\n\nint {name} = 0;\n", 3, name)

    def test_whole_words_and_foreign_names_only(self):
        self.assert_clean("base/a.cpp", "#include <sys/sysinfo.h>\nstd::common_type_t<int> a;\n"
                          "auto b = curl_multi_info_read(c, d);\nint information, utility;\n"
                          'get("/api/info");  // a manager of helpers\n'
                          "log_info(spdlog::level::info);\n")
        self.assert_clean("base/log.hpp", "enum class log_level { debug, info };\n")

    def test_names_of_files_and_of_python(self):
        self.assert_fault("base/string_utils.hpp", "", 1, "utils")
        (self.root / "base/string_utils.hpp").unlink()
        self.assert_fault("tests/a.py",
                          "import sys\n\nde" "f run_helper():\n    pass\n", 3, "helper")


class contents_test(tidy_case):
    def test_marks(self):
        for mark in ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"):
            with self.subTest(mark):
                self.assert_fault("docs/a.md", f"one\n{mark}: two\n", 2, mark)

    def test_secrets(self):
        for secret in ("sk-" + "proj-Zk39" * 5, "AKIA" + "Q7" * 8, "ghp_" + "Zq93" * 9,
                       "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIE"):
            with self.subTest(secret):
                self.assert_fault("deploy/a.toml", "key = '" + secret + "'\n", 1, "secret")
        self.assert_clean("deploy/a.toml", "key = 'sk-" + "test-0123456789abcdef0123'\n")

    def test_machine_paths(self):
        self.assert_fault("dev", "cd /work" + "/parley/\n", 1, "one machine")
        self.assert_clean("dev", "curl http://x/api/work" + "/a network" + "/root\n")

    def test_lock_files_name_no_host(self):
        self.assert_fault("tests/system/package-lock.json",
                          '{"packages": {\n"node_modules/a": {"integrity": "x",\n'
                          '"resolved": "https://a.example/b.tgz"}}}\n', 3, "registry host")
        self.assert_clean("tests/system/package-lock.json",
                          '{"packages": {"": {}, "node_modules/a": {"integrity": "x"}}}\n')
        self.assert_fault("tests/system/package-lock.json",
                          '{"packages": {"": {}, "node_modules/a": {"version": "1"}}}\n', 1,
                          "no integrity")


class sql_test(tidy_case):
    def test_exec_takes_literals_only(self):
        self.assert_clean("storage/a.cpp", 'sqlite3_exec(db, "PRAGMA a", nullptr, nullptr, 0);\n'
                          'sqlite3_exec(db,\n  "PRAGMA"\n  " b", nullptr, nullptr, 0);\n')
        for argument in ("text.c_str()", '("a" + b).c_str()', '"a" NAME'):
            with self.subTest(argument):
                self.assert_fault("storage/a.cpp", f"\nsqlite3_exec(db, {argument}, 0, 0, 0);\n",
                                  2, "literal")

    def test_migrations_have_no_gap(self):
        self.write("schema/sqlite/0001_first.sql", "")
        self.assert_clean("schema/sqlite/0002_second.sql", "")
        self.assert_fault("schema/sqlite/0004_fourth.sql", "", 1, "0003 is due")


class repository_test(unittest.TestCase):
    def test_it_has_no_faults_and_is_found_whole(self):
        faults, lines, sources = tidy.check_all(Path(__file__).resolve().parent.parent)
        self.assertEqual(faults, [])
        self.assertGreater(lines, 20_000)
        self.assertGreater(sources, 500)


if __name__ == "__main__":
    unittest.main()
