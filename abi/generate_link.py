"""Write the link's C header, its Python table and the tables of link.md from link.toml.

`python abi/generate_link.py` writes them; with `--check` it exits 1 when one of them is stale.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from generate import md_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "abi" / "link.toml"
C_HEADER = ROOT / "firmware_models" / "device" / "tw_link_defs.h"
PYTHON_TABLE = ROOT / "sdk" / "tflm_wasm" / "_link" / "_defs.py"
SPEC = ROOT / "docs" / "reference" / "link.md"
BANNER = "Generated from abi/link.toml by abi/generate_link.py. Do not edit."
CODES = {"u8": ("B", 1), "u16": ("H", 2), "u32": ("I", 4), "u64": ("Q", 8), "i32": ("i", 4)}
# table -> C prefix, C type, Python class, its docstring
ENUMS = {
    "error": ("TW_LINK_E", "tw_link_error", "ErrorCode", "Why a device refuses a request."),
    "fault": ("TW_FAULT", "tw_fault_kind", "FaultKind", "What the sandbox stopped."),
    "slot_state": ("TW_SLOT", "tw_slot_state", "SlotState", "How far a model slot is filled."),
}

Link = dict[str, Any]
Fields = list[list[str]]


def code_of(type_name: str) -> tuple[str, int]:
    """Return the struct code and the size of a field's type."""
    match = re.fullmatch(r"bytes\[(\d+)\]", type_name)
    return (f"{match[1]}s", int(match[1])) if match else CODES[type_name]


def layouts(link: Link) -> dict[str, Fields]:
    """Return every group of fields by name, in the order of the file."""
    found = {}
    for message in link["message"]:
        found[f"{message['name']}_request"] = message["request"]
        found[f"{message['name']}_reply"] = message["reply"]
    for name, event in link["event"].items():
        found[f"{name}_event"] = event["fields"]
    for name, record in link["record"].items():
        found[f"{name}_record"] = record["fields"]
    return {name: fields for name, fields in found.items() if fields}


# --- the C header ---------------------------------------------------------------------------


def c_enum(prefix: str, type_name: str, rows: list[tuple[str, int, str]]) -> list[str]:
    """Return a C enum."""
    lines = ["typedef enum {"]
    lines += [f"  {prefix}_{name.upper()} = {code}, /* {doc} */" for name, code, doc in rows]
    return [*lines, f"}} {type_name};", ""]


def c_offsets(name: str, fields: Fields) -> list[str]:
    """Return the offset of each field and the bytes of all of them."""
    lines, offset = [f"/* {name} */", "enum {"], 0
    for field, type_name, _ in fields:
        lines.append(f"  TW_{name.upper()}_{field.upper()} = {offset},")
        offset += code_of(type_name)[1]
    return [*lines, f"  TW_{name.upper()}_BYTES = {offset},", "};"]


def c_header(link: Link) -> str:
    """Return the text of the C header."""
    lines = [f"/* {BANNER} */", "#ifndef TW_LINK_DEFS_H", "#define TW_LINK_DEFS_H", "", "enum {"]
    lines.append(f"  TW_LINK_VERSION = {link['link']['version']},")
    lines += [f"  TW_LINK_{name.upper()} = {value}," for name, value in link["limits"].items()]
    lines += ["};", ""]
    types = [(m["name"], m["type"], m["doc"]) for m in link["message"]]
    types += [(name, e["type"], e["doc"]) for name, e in link["event"].items()]
    lines += c_enum("TW_TYPE", "tw_link_type", types)
    for table, (prefix, type_name, *_) in ENUMS.items():
        lines += c_enum(prefix, type_name, [(r["name"], r["code"], r["doc"]) for r in link[table]])
    counters = [(r["name"], i, r["doc"]) for i, r in enumerate(link["counter"])]
    counters.append(("count", len(counters), "how many there are"))
    lines += c_enum("TW_COUNTER", "tw_link_counter", counters)
    for name, fields in layouts(link).items():
        lines += c_offsets(name, fields)
    return "\n".join([*lines, "", "#endif", ""])


# --- the Python table -----------------------------------------------------------------------

_PY_HEAD = '''"""The link as data: message types, layouts, error codes, counters, limits."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple


class Layout(NamedTuple):
    """Fields that follow each other without padding."""

    struct: struct.Struct
    names: tuple[str, ...]

'''


def py_enum(name: str, doc: str, rows: list[tuple[str, int]]) -> list[str]:
    """Return an IntEnum."""
    return [
        "",
        f"class {name}(IntEnum):",
        f'    """{doc}"""',
        "",
        *(f"    {row.upper()} = {code}" for row, code in rows),
        "",
    ]


def python_table(link: Link) -> str:
    """Return the text of the Python module."""
    lines = [f"# {BANNER}", "# ruff: noqa: E501", "# fmt: off", *_PY_HEAD.rstrip().splitlines(), ""]
    types = [(m["name"], m["type"]) for m in link["message"]]
    types += [(name, e["type"]) for name, e in link["event"].items()]
    lines += py_enum("Type", "Types of requests and events.", types)
    for table, (*_, name, doc) in ENUMS.items():
        lines += py_enum(name, doc, [(row["name"], row["code"]) for row in link[table]])
    lines += ["", f"VERSION: Final = {link['link']['version']}"]
    lines += [f"{name.upper()}: Final = {value}" for name, value in link["limits"].items()]
    lines += ["", "ERROR_DOC: Final = {"]
    for row in link["error"]:
        lines.append(f"    ErrorCode.{row['name'].upper()}: {json.dumps(row['doc'])},")
    lines += ["}", "", "FAULT_DOC: Final = {"]
    for row in link["fault"]:
        lines.append(f"    FaultKind.{row['name'].upper()}: {json.dumps(row['doc'])},")
    lines += ["}", "", "# name -> meaning, in the order of the reply to `stats`"]
    lines += ["COUNTERS: Final = {"]
    for row in link["counter"]:
        lines.append(f'    "{row["name"]}": {json.dumps(row["doc"])},')
    lines += ["}", "", "LAYOUTS: Final = {"]
    for name, fields in layouts(link).items():
        code = "<" + "".join(code_of(type_name)[0] for _, type_name, _ in fields)
        names = ", ".join(f'"{field}"' for field, *_ in fields)
        lines.append(f'    "{name}": Layout(struct.Struct("{code}"), ({names},)),')
    return "\n".join([*lines, "}", ""])


# --- the tables of link.md ------------------------------------------------------------------


def md_fields(fields: Fields, tail: str | None) -> str:
    """Return the table of one payload."""
    rows: list[list[object]] = []
    offset = 0
    for name, type_name, doc in fields:
        rows.append([offset, type_name, f"`{name}`", doc])
        offset += code_of(type_name)[1]
    if tail:
        rows.append([offset, "bytes", "the rest", tail])
    return md_table(["offset", "type", "field", "meaning"], rows) if rows else "Empty."


def md_messages(link: Link) -> str:
    """Return the section of every request."""
    parts = []
    for m in link["message"]:
        parts.append(f"#### `{m['name']}` (0x{m['type']:02X})\n\n{m['doc']}")
        parts.append("Request:\n\n" + md_fields(m["request"], m.get("request_tail")))
        parts.append("Reply:\n\n" + md_fields(m["reply"], m.get("reply_tail")))
    return (
        "\n\n".join(parts)
        .replace("Request:\n\nEmpty.", "Request: empty.")
        .replace("Reply:\n\nEmpty.", "Reply: empty.")
    )


def md_tables(link: Link) -> dict[str, str]:
    """Return link.md's tables by the name of their marker."""
    tables = {"messages": md_messages(link)}
    for name, event in link["event"].items():
        head = f"Type 0x{event['type']:02X}. {event['doc']}\n\n"
        tables[name] = head + md_fields(event["fields"], event["tail"])
    for name, record in link["record"].items():
        tables[name] = record["doc"] + "\n\n" + md_fields(record["fields"], None)
    for table in ENUMS:
        rows = [[row["code"], f"`{row['name']}`", row["doc"]] for row in link[table]]
        tables[f"{table}_codes"] = md_table(["code", "name", "meaning"], rows)
    rows = [[i, f"`{row['name']}`", row["doc"]] for i, row in enumerate(link["counter"])]
    tables["counters"] = md_table(["index", "name", "counts"], rows)
    rows = [[f"`{name}`", value] for name, value in link["limits"].items()]
    tables["limits"] = md_table(["name", "value"], rows)
    return tables


def spec(link: Link) -> str:
    """Return link.md with the text between its markers replaced."""
    tables = md_tables(link)

    def fill(match: re.Match[str]) -> str:
        return f"<!-- table: {match[1]} -->\n{tables.pop(match[1])}\n<!-- end -->"

    text = SPEC.read_text(encoding="utf-8")
    text = re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)
    if tables:
        raise SystemExit(f"link.md has no marker for: {', '.join(tables)}")
    return text


def main(arguments: list[str]) -> int:
    """Write or check the generated files; return the exit code."""
    link = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    outputs = {C_HEADER: c_header(link), PYTHON_TABLE: python_table(link), SPEC: spec(link)}
    stale = []
    for path, text in outputs.items():
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
    for path in stale:
        print(
            f"stale: {path.relative_to(ROOT)}; run `python abi/generate_link.py`", file=sys.stderr
        )
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
