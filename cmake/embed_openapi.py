#!/usr/bin/env python3
"""Turns the contract into the JSON that the server answers, as a file and as C++ to compile.

Usage: embed_openapi.py schema/openapi.yaml OUTPUT.json OUTPUT.cpp

Stricter than YAML: a key that stands twice, and a value that JSON does not have, are faults.
"""

import hashlib
import json
import sys
from pathlib import Path

import yaml

# g++ takes literals of any length, ISO C++ promises 64 KiB.
LITERAL_BYTES_MAX = 60_000

SOURCE = """// Generated from schema/openapi.yaml by cmake/embed_openapi.py.
#include "http/contract.hpp"

namespace parley::http {

std::string_view contract_json() {
  static const std::string text = std::string{} +
%s;
  return text;
}

std::string_view contract_tag() {
  return "\\"%s\\"";
}

}  // namespace parley::http
"""


class Loader(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        names = [key.value for key, _ in getattr(node, "own_pairs", node.value)]
        for name in names:
            if names.count(name) > 1 and name != "<<":
                raise yaml.YAMLError(f"'{name}' stands twice{node.start_mark}")
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node):
        if not hasattr(node, "own_pairs"):
            node.own_pairs = list(node.value)
        super().flatten_mapping(node)


def check_names(value, path=""):
    if isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(name, str):
                raise ValueError(f"{path}: the name {name!r} needs quotes")
            check_names(member, f"{path}/{name}")
    elif isinstance(value, list):
        for item in value:
            check_names(item, path)


def literals_of(text):
    data = text.encode()
    start = 0
    while start < len(data):
        end = min(start + LITERAL_BYTES_MAX, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield f'      std::string{{R"json({data[start:end].decode()})json"}}'
        start = end


def main():
    source, json_output, cpp_output = (Path(name) for name in sys.argv[1:])
    contract = yaml.load(source.read_text(encoding="utf-8"), Loader)
    check_names(contract)
    text = json.dumps(contract, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    json_output.write_text(text, encoding="utf-8")
    tag = hashlib.sha256(text.encode()).hexdigest()[:32]
    cpp_output.write_text(SOURCE % (" +\n".join(literals_of(text)), tag), encoding="utf-8")


if __name__ == "__main__":
    main()
