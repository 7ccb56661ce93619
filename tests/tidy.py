#!/usr/bin/env python3
"""Reads the source and holds it against the rules of docs/house.md that a program can check.

Usage: tests/tidy.py [FOLDER]     (default: the repository this file is in)
Prints `file:line: message` for each fault; exits with 1 if there is one. Needs only git.
"""

import json
import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
PRODUCT_LINES_MAX = 62_000

Fault = namedtuple("Fault", "path line message")

# --- floors -----------------------------------------------------------------------------------

# Longest name first: actors/impl is another folder than actors.
FLOORS = {"actors/impl": 3, "base": 0, "schema": 1, "chat": 2, "actors": 2, "http": 3,
          "storage": 3, "providers": 3, "app": 4, "tests": 5, "bench": 5}
PRODUCT = ("base", "schema", "chat", "actors", "http", "storage", "providers", "app")
# The one neighbourly look that is wanted: messages carry the plain types of chat/.
NEIGHBOURS_ALLOWED = {("actors", "chat"), ("tests", "bench"), ("bench", "tests")}

# A third party's header -> who may include it; tests and benches may include any.
THIRD_PARTIES = [
    (r"httplib\.h$", ["http/"]),
    (r"curl/", ["providers/"]),
    (r"sqlite3\.h$", ["storage/"]),
    (r"(openssl/|crypt\.h$|simdjson\.h$|spdlog/|toml\+\+/|toml\.hpp$)", ["base/"]),
    (r"archive(_entry)?\.h$", ["base/zip."]),
    (r"CLI/", ["app/"]),
    (r"date/", ["base/"]),
    (r"sys/epoll\.h$", ["base/io_loop."]),
    (r"caf/", ["actors/", "http/", "storage/", "providers/", "app/", "cmake/", "base/error.",
               "base/inspect.", "base/ids.", "base/record", "base/secret", "base/io_loop.",
               "base/timer_wheel"]),
    (r"catch2/", ["cmake/"]),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)


def folder_of(path):
    return next((name for name in FLOORS if path.startswith(name + "/")), None)


def check_floors(source, _):
    own = folder_of(source.path)
    for match in INCLUDE.finditer(source.without_comments):
        line = source.line_at(match.start())
        target = folder_of(match[1]) if match[1] else None
        if own and target and own != target and (own, target) not in NEIGHBOURS_ALLOWED:
            if FLOORS[target] > FLOORS[own]:
                yield line, f"{own}/ includes {match[1]} of a higher floor"
            elif FLOORS[target] == FLOORS[own]:
                yield line, f"{own}/ includes {match[1]} of its neighbour"
        yield from foreign_header(source.path, match[1] or match[2], line)


def foreign_header(path, header, line):
    if path.startswith(("tests/", "bench/")):
        return
    for pattern, places in THIRD_PARTIES:
        if re.match(pattern, header) and not path.startswith(tuple(places)):
            yield line, f"<{header}> may be included by {', '.join(places)} only"


def check_chat_is_pure(source, _):
    if source.path.startswith("chat/"):
        for match in re.finditer(r"\bcaf::", source.code):
            yield source.line_at(match.start()), "chat/ is free of CAF"


def check_include_circles(sources):
    """A file that includes itself by way of others; each circle is reported once."""
    edges = {s.path: [m[1] for m in INCLUDE.finditer(s.without_comments) if m[1]] for s in sources}
    state = {}

    def visit(path, trail):
        state[path] = "open"
        for target in edges[path]:
            if state.get(target) == "open":
                circle = trail[trail.index(target):] + [target]
                yield Fault(path, 1, "includes go in a circle: " + " -> ".join(circle))
            elif target in edges and target not in state:
                yield from visit(target, trail + [target])
        state[path] = "closed"

    for path in sorted(edges):
        if path not in state:
            yield from visit(path, [path])


# --- units ------------------------------------------------------------------------------------

# The release compiles several files of these folders as one (cmake/library.cmake).
UNITS = ("actors", "actors/impl", "http", "storage", "app")

# Comments are blanked: that of the closing brace leaves its blanks.
PRIVATE = re.compile(r"^namespace \{\n(.*?)^\} +$", re.S | re.M)
PRIVATE_FUNCTION = re.compile(r"^(?!//)[A-Za-z][^\n;={}()]*?\b(\w+)\(([^;{}]*?)\)[^;{}()]*\{", re.M)
PRIVATE_NAME = re.compile(r"^(?:class|struct|enum class) (\w+)[^;]*?\{|"
                          r"^(?:constexpr|const|inline|static)[^\n(]*?\b(\w+)(?:\[[^\]]*\])? ?[={]",
                          re.M)


def private_names(code):
    """What unnamed namespaces hold; a function with the types it takes."""
    for block in PRIVATE.finditer(code):
        for found in PRIVATE_FUNCTION.finditer(block[1]):
            types = [re.sub(r"\s*\b\w+$", "", " ".join(each.split()))
                     for each in found[2].split(",")]
            yield f"{found[1]}({', '.join(types)})", block.start(1) + found.start()
        for found in PRIVATE_NAME.finditer(block[1]):
            yield found[1] or found[2], block.start(1) + found.start()


def check_private_names(sources):
    """A name twice in what may be compiled as one, which only the release would find out."""
    first = {}
    for source in sources:
        unit = max((one for one in UNITS if source.path.startswith(one + "/")), key=len, default="")
        if not unit or not source.path.endswith(".cpp"):
            continue
        for name, place in private_names(source.without_comments):
            known = first.setdefault((unit, name), source.path)
            if known != source.path:
                yield Fault(source.path, source.without_comments.count("\n", 0, place) + 1,
                            f"{name} is in {known}, too; the release compiles both as one")


# --- sizes ------------------------------------------------------------------------------------


def check_sizes(source, _):
    if len(source.lines) > FILE_LINES_MAX:
        yield len(source.lines), f"{len(source.lines)} lines; a file has at most {FILE_LINES_MAX}"
    raw = source.lines_of_raw_strings()
    for number, line in enumerate(source.lines, 1):
        if len(line) > COLUMNS_MAX and number not in raw and "://" not in line:
            yield number, f"{len(line)} columns; a line has at most {COLUMNS_MAX}"


def check_function_length(source, _):
    for first, last in functions(source.code):
        length = source.line_at(last) - source.line_at(first) + 1
        if length > FUNCTION_LINES_MAX:
            yield (source.line_at(first),
                   f"a function of {length} lines; at most {FUNCTION_LINES_MAX}")


def functions(code):
    """(start of the head, closing brace) of each function at namespace or class level."""
    # Preprocessor lines are blanked: macros have braces of their own.
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: blank(m[0]), code, flags=re.M)
    head = 0
    position = 0
    parens = 0
    while position < len(code):
        char = code[position]
        if char in "()":
            parens += 1 if char == "(" else -1
        elif char == "{":
            end = closing_brace(code, position)
            text = code[head:position]
            # `member_{value}` and `= {…}` belong to an expression, its head goes on.
            if parens > 0 or re.search(r"[\w>\])]$", text) or re.search(r"=\s*$", text):
                position = end
            elif is_function_head(text):
                access = re.match(r"(\s|(public|private|protected)\s*:(?!:))*", text)
                yield head + access.end(), end
                position = end
                head = end + 1
            else:
                head = position + 1
        elif char in ";}" and parens <= 0:
            head = position + 1
        position += 1


def is_function_head(text):
    text = re.sub(r"\btemplate\s*<", "<", text)
    while (shorter := re.sub(r"<[^<>()]*>|\[\[[^\]]*\]\]", " ", text)) != text:
        text = shorter
    words = re.sub(r"\b(public|private|protected)\s*:(?!:)", " ", text).split()
    return ")" in text and not (words and words[0] in ("class", "struct", "union", "enum",
                                                       "namespace", "extern"))


def closing_brace(code, start):
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, start):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return len(code) - 1


# --- words ------------------------------------------------------------------------------------

BANNED_WORDS = {"util", "utils", "manager", "managers", "common", "misc", "info", "infos",
                "helper", "helpers"}
# Names that others gave; each is written exactly like this.
FOREIGN_NAMES = {"common_type", "common_type_t", "common_with", "common_reference",
                 "common_reference_t", "common_reference_with", "curl_version_info",
                 "curl_version_info_data", "curl_multi_info_read", "INFO", "UNSCOPED_INFO",
                 "log_info", "TestCaseInfo", "testInfo"}
FOREIGN_PREFIXES = ("CURLINFO_", "SPDLOG_", "SQLITE_", "CAF_")
# A log level is called so everywhere.
FOREIGN_SCOPES = re.compile(r"(?:\blevel::|\blog_level::)$")
LOG_LEVEL_FILES = ("base/log.hpp", "base/log.cpp")


def parts_of(name):
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def check_file_name(path):
    for folder_or_file in path.split("/"):
        for part in parts_of(folder_or_file):
            if part in BANNED_WORDS:
                yield Fault(path, 1, f"'{part}' in a name says nothing")


def check_words(source, _):
    if source.is_cpp:
        code = re.sub(r"^[ \t]*#[ \t]*include[^\n]*", lambda m: blank(m[0]), source.code,
                      flags=re.M)
        names = re.finditer(r"[A-Za-z_]\w*", code)
    else:
        code = source.text
        names = re.finditer(r"(?m)(?<=def )\w+|(?<=class )\w+|^[ \t]*\w+(?= = |\(\) \{)", code)
    for match in names:
        name = match[0].strip()
        if name in FOREIGN_NAMES or name.startswith(FOREIGN_PREFIXES):
            continue
        if name == "log_info" or (name == "info" and source.path in LOG_LEVEL_FILES):
            continue
        banned = BANNED_WORDS.intersection(parts_of(name))
        if banned and not FOREIGN_SCOPES.search(code, max(0, match.start() - 20), match.start()):
            yield source.line_at(match.start()), f"'{banned.pop()}' in '{name}' says nothing"


# --- what must not be in the repository --------------------------------------------------------

# Written in two pieces, so that this file passes its own check.
MARKS = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|home/\w+)/")
SECRETS = [
    re.compile(r"\bsk-(?:ant-|proj-|ply-)?[A-Za-z0-9_-]{24,}"),
    re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    re.compile(r"\bAIza[0-9A-Za-z_-]{35}"),
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}"),
    re.compile(r"\bxox[abpr]-[0-9A-Za-z-]{20,}"),
    re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*\S"),
]
MADE_UP = re.compile(r"test|fake|canary|example|0123456789|abcdef|aaaa|xxxx", re.I)


def check_marks(source, _):
    for match in MARKS.finditer(source.text):
        yield source.line_at(match.start()), f"{match[0]}: finish it, or write an issue"


def check_machine_paths(source, _):
    for match in MACHINE_PATH.finditer(source.text):
        yield source.line_at(match.start()), f"{match[0]} exists on one machine only"


def check_secrets(source, _):
    for pattern in SECRETS:
        for match in pattern.finditer(source.text):
            if not MADE_UP.search(match[0]):
                yield source.line_at(match.start()), "this looks like a secret"


def check_lock_files(source, _):
    name = source.path.rsplit("/", 1)[-1]
    if name == "package-lock.json":
        for match in re.finditer(r'"resolved"\s*:\s*"\w+://', source.text):
            yield source.line_at(match.start()), "a lock file names no registry host"
        for path, package in json.loads(source.text).get("packages", {}).items():
            if path and "integrity" not in package and not package.get("link"):
                yield 1, f"{path} has no integrity hash"
    elif name == ".npmrc":
        for match in re.finditer(r"(?m)^.*registry\s*=\s*\S*://", source.text):
            yield source.line_at(match.start()), "the registry is the machine's choice"


# --- SQL --------------------------------------------------------------------------------------

STRINGS_ONLY = re.compile(r'\s*(?:R"(\w*)\(.*?\)\1"\s*|"(?:\\.|[^"\\\n])*"\s*)+,', re.S)


def check_prepared_statements(source, _):
    for match in re.finditer(r"\bsqlite3_exec\s*\(", source.code):
        comma = source.code.find(",", match.end())
        if comma < 0 or not STRINGS_ONLY.match(source.text, comma + 1):
            yield (source.line_at(match.start()),
                   "sqlite3_exec takes a literal only; values are bound to prepared statements")


def check_migrations(paths):
    names = sorted(p for p in paths if p.startswith("schema/sqlite/") and p.endswith(".sql"))
    for expected, path in enumerate(names, 1):
        number = re.match(r"schema/sqlite/(\d{4})_[a-z0-9_]+\.sql$", path)
        if not number:
            yield Fault(path, 1, "a migration is called NNNN_name.sql")
        elif int(number[1]) != expected:
            yield Fault(path, 1, f"migration {number[1]} stands where {expected:04} is due")


# --- docs/coverage.md -------------------------------------------------------------------------

COVERAGE = "docs/coverage.md"
THE_TABLE = "http/router.cpp"
# read("/x", …), erase("/x", …), make.write(method::put, "/x", …), {{method::get, "/x", …
ROUTE = re.compile(r'\b(read|erase)\("([^"]+)"|\bmethod::(\w+),\s*"([^"]+)"')
VERBS = {"read": "GET", "get": "GET", "post": "POST", "put": "PUT", "patch": "PATCH",
         "erase": "DELETE"}


def check_coverage(sources, paths):
    """Its tests exist, and its list of routes is THE table's."""
    found = {source.path: source for source in sources}
    if COVERAGE not in found or THE_TABLE not in found:
        return
    page = found[COVERAGE]
    listed = {}
    for number, line in enumerate(page.lines, 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or len(cells) < 2:
            continue
        for test in re.findall(r"`([\w/]+\.\w+)`", cells[-1]):
            if f"tests/{test}" not in paths:
                yield Fault(COVERAGE, number, f"there is no tests/{test}")
        if route := re.fullmatch(r"`([A-Z]+ /\S*)`", cells[0]):
            listed[route[1]] = number
    routes = {f"{VERBS[m[1] or m[3]]} {m[2] or m[4]}"
              for m in ROUTE.finditer(found[THE_TABLE].without_comments)}
    for route in sorted(routes - set(listed)):
        yield Fault(COVERAGE, 1, f"{route} of {THE_TABLE} is not here")
    for route in sorted(set(listed) - routes):
        yield Fault(COVERAGE, listed[route], f"{THE_TABLE} has no {route}")


# --- reading ----------------------------------------------------------------------------------

TOKEN = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<raw>R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+')", re.S)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


class Source:
    """One file; `code` is its text with comments and literals blanked, positions unchanged."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.splitlines()
        self.is_cpp = path.endswith((".hpp", ".cpp"))
        self.line_starts = None
        self.code = TOKEN.sub(self._blank_literal, text) if self.is_cpp else text
        self.without_comments = text
        if self.is_cpp:
            self.without_comments = TOKEN.sub(
                lambda m: blank(m[0]) if m["comment"] or m["raw"] else m[0], text)

    @staticmethod
    def _blank_literal(match):
        text = match[0]
        if match["comment"]:
            return blank(text)
        return text[0] + blank(text[1:-1]) + text[-1]

    def line_at(self, position):
        return self.text.count("\n", 0, position) + 1

    def lines_of_raw_strings(self):
        numbers = set()
        if self.is_cpp:
            for match in TOKEN.finditer(self.text):
                if match["raw"]:
                    numbers.update(range(self.line_at(match.start()),
                                         self.line_at(match.end()) + 1))
        return numbers


CPP_CHECKS = [check_floors, check_chat_is_pure, check_sizes, check_function_length, check_words,
              check_prepared_statements]
SCRIPT_CHECKS = [check_sizes, check_words]
TEXT_CHECKS = [check_marks, check_machine_paths, check_secrets, check_lock_files]
SCRIPTS = (".py", ".sh", "dev", ".ci/run")
# Texts of others, kept word for word.
FOREIGN_FILES = ("LICENSE",)


def list_files(root):
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True).stdout
    return sorted({p for p in listed.split("\0") if p and (root / p).is_file()})


def read_sources(root, paths):
    for path in paths:
        if path in FOREIGN_FILES:
            continue
        try:
            yield Source(path, (root / path).read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue  # a picture or a recorded stream; no rule here is about bytes


def check_all(root):
    """All faults of a tree, and the number of lines of the product."""
    paths = list_files(root)
    sources = list(read_sources(root, paths))
    faults = []
    for path in paths:
        faults.extend(check_file_name(path))
    for source in sources:
        checks = list(TEXT_CHECKS)
        if source.is_cpp:
            checks += CPP_CHECKS
        elif source.path.endswith(SCRIPTS):
            checks += SCRIPT_CHECKS
        for check in checks:
            faults.extend(Fault(source.path, *fault) for fault in check(source, root))
    cpp = [source for source in sources if source.is_cpp]
    faults.extend(check_include_circles(cpp))
    faults.extend(check_private_names(cpp))
    faults.extend(check_migrations(paths))
    faults.extend(check_coverage(sources, set(paths)))
    product_lines = sum(len(s.lines) for s in cpp if s.path.startswith(tuple(
        folder + "/" for folder in PRODUCT)))
    if product_lines > PRODUCT_LINES_MAX:
        faults.append(Fault("docs/house.md", 1, f"the product has {product_lines:,} lines, "
                                                f"more than {PRODUCT_LINES_MAX:,}"))
    return faults, product_lines, len(sources)


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    faults, product_lines, files = check_all(root)
    for fault in sorted(faults):
        print(f"{fault.path}:{fault.line}: {fault.message}")
    print(f"tidy: {files} files, {len(faults)} faults; "
          f"the product has {product_lines:,} of {PRODUCT_LINES_MAX:,} lines")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
