"""Write the C header, the Python table and SPEC.md's tables from abi.toml and rules.toml.

`python abi/generate.py` writes them; with `--check` it exits 1 when one of them is stale.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (ROOT / "abi" / "abi.toml", ROOT / "abi" / "rules.toml")
C_HEADER = ROOT / "abi" / "tflm_wasm_abi.h"
PYTHON_TABLE = ROOT / "sdk" / "tflm_wasm" / "_abi.py"
SPEC = ROOT / "abi" / "SPEC.md"

# TOML type -> C type, struct code
TYPES = {
    "i32": ("int32_t", "i"),
    "u32": ("uint32_t", "I"),
    "u16": ("uint16_t", "H"),
    "u8": ("uint8_t", "B"),
    "f32": ("float", "f"),
    "u64": ("uint64_t", "Q"),
}
TOP_NUMBERS = ("block_bytes", "alignment_bytes", "max_io_tensors", "max_rank")
BANNER = "Generated from abi/abi.toml by abi/generate.py. Do not edit."

Abi = dict[str, Any]


def load() -> Abi:
    """Return abi.toml with rules.toml's table beside it."""
    merged: Abi = {}
    for path in SOURCES:
        merged |= tomllib.loads(path.read_text(encoding="utf-8"))
    return merged


def element(type_name: str) -> tuple[str, int]:
    """Split `i32[8]` into its element type and count (1 for a scalar)."""
    base, _, count = type_name.partition("[")
    return base, int(count.rstrip("]")) if count else 1


def type_bytes(type_name: str) -> int:
    """Return the size of a TOML type name in bytes, all elements together."""
    base, count = element(type_name)
    return int(base[1:]) // 8 * count


# --- the C header ---------------------------------------------------------------------------


def c_constants(abi: Abi) -> list[str]:
    """Return versions, limits, status codes and feature bits."""
    top = abi["abi"]
    lines = [f"#define TW_ABI_MAJOR {top['major']}", f"#define TW_ABI_MINOR {top['minor']}"]
    magic = int.from_bytes(top["magic"].encode(), "little")
    lines += [f"#define TW_ABI_MAGIC 0x{magic:08X}u /* the bytes {top['magic']} */"]
    lines += [f"#define TW_{key.upper()} {top[key]}u" for key in TOP_NUMBERS]
    for name, profile in abi["profiles"].items():
        for key, value in profile.items():
            lines.append(f"#define TW_{name.upper()}_{key.upper()} {value}u")
    lines += ["", "/* Status codes: 0 is success, every failure is negative. */", "typedef enum {"]
    for status in abi["status"]:
        name = "TW_OK" if status["code"] == 0 else f"TW_E_{status['name'].upper()}"
        lines.append(f"  {name} = {status['code']}, /* {status['doc']} */")
    lines += ["} tw_status;", ""]
    for name, bit in abi["features"].items():
        lines.append(f"#define TW_FEATURE_{name.upper()} (1u << {bit})")
    return lines


def c_member(field: Abi) -> str:
    """Return the struct member of one field."""
    base, count = element(field["type"])
    suffix = f"[{count}]" if count > 1 else ""
    return f"  {TYPES[base][0]} {field['name']}{suffix}; /* {field['doc']} */"


def c_structs(abi: Abi) -> list[str]:
    """Return the two structs and the assertions that pin their layout."""
    regions = {r["name"]: r for r in abi["region"]}
    last = abi["field"][-1]
    gap = regions["descriptors"]["offset"] - last["offset"] - type_bytes(last["type"])
    lines = ["typedef struct {", *map(c_member, abi["descriptor"]["field"]), "} tw_descriptor;", ""]
    lines += ["/* The control block: linear memory [0, 4096). */", "typedef struct {"]
    lines += [*map(c_member, abi["field"]), f"  uint8_t reserved_head[{gap}];"]
    lines.append("  tw_descriptor descriptors[TW_MAX_IO_TENSORS];")
    lines.append(f"  char error_text[{regions['error_text']['bytes']}];")
    lines.append(f"  uint8_t reserved[{regions['reserved']['bytes']}];")
    lines.append(f"  uint16_t canary[{regions['canary']['bytes'] // 2}];")
    lines += ["} tw_control_block;", ""]
    size = f"sizeof(tw_descriptor) == {abi['descriptor']['bytes']}"
    lines.append(f'_Static_assert({size}, "descriptor layout");')
    size = "sizeof(tw_control_block) == TW_BLOCK_BYTES"
    lines.append(f'_Static_assert({size}, "control block layout");')
    for field in [*abi["field"], *abi["region"]]:
        test = f"offsetof(tw_control_block, {field['name']}) == {field['offset']}"
        lines.append(f'_Static_assert({test}, "{field["name"]}");')
    return lines


def c_header(abi: Abi) -> str:
    """Return the text of the C header."""
    lines = [f"/* {BANNER} */", "#ifndef TFLM_WASM_ABI_H", "#define TFLM_WASM_ABI_H", ""]
    lines += ["#include <stddef.h>", "#include <stdint.h>", ""]
    lines += [*c_constants(abi), "", *c_structs(abi), "", "#endif", ""]
    return "\n".join(lines)


# --- the Python table -----------------------------------------------------------------------


def py_types(abi: Abi) -> list[str]:
    """Return the classes."""
    lines = ["class Field(NamedTuple):"]
    lines += ['    """One field of the control block or of a descriptor."""', ""]
    lines += ["    offset: int", "    code: str", "    written_by: str", "    doc: str", "", ""]
    lines += ["class Signature(NamedTuple):"]
    lines += ['    """Parameter and result types of an export."""', ""]
    lines += ["    params: tuple[str, ...]", "    results: tuple[str, ...]", "    doc: str", "", ""]
    lines += ["class Status(IntEnum):"]
    lines += ['    """Status codes: 0 is success, every failure is negative."""', ""]
    lines += [f"    {s['name'].upper()} = {s['code']}" for s in abi["status"]]
    lines += ["", "", "class Feature(IntFlag):"]
    lines += ['    """Feature bits of the control block."""', ""]
    lines += [f"    {name.upper()} = {1 << bit}" for name, bit in abi["features"].items()]
    return lines


def py_layout(abi: Abi) -> list[str]:
    """Return versions, profiles, fields, regions and the descriptor."""
    top = abi["abi"]
    lines = [f"ABI_MAJOR: Final = {top['major']}", f"ABI_MINOR: Final = {top['minor']}"]
    lines += [f'MAGIC: Final = b"{top["magic"]}"']
    lines += [f"{key.upper()}: Final = {top[key]}" for key in TOP_NUMBERS]
    lines += ["", "# profile -> limits in bytes", "PROFILES: Final = {"]
    for name, profile in abi["profiles"].items():
        inner = ", ".join(f'"{k}": {v}' for k, v in profile.items())
        lines.append(f'    "{name}": {{{inner}}},')
    lines += ["}", "", "FIELDS: Final = {"]
    for field in abi["field"]:
        code = f'"<{TYPES[field["type"]][1]}"'
        values = f'{field["offset"]}, {code}, "{field["by"]}", {json.dumps(field["doc"])}'
        lines.append(f'    "{field["name"]}": Field({values}),')
    lines += ["}", "", "# name -> (offset, bytes)", "REGIONS: Final = {"]
    for region in abi["region"]:
        lines.append(f'    "{region["name"]}": ({region["offset"]}, {region["bytes"]}),')
    lines += ["}", "", f"DESCRIPTOR_BYTES: Final = {abi['descriptor']['bytes']}"]
    lines += ["DESCRIPTOR_FIELDS: Final = {"]
    for field in abi["descriptor"]["field"]:
        base, count = element(field["type"])
        code = f'"<{count if count > 1 else ""}{TYPES[base][1]}"'
        values = f'{field["offset"]}, {code}, "module", {json.dumps(field["doc"])}'
        lines.append(f'    "{field["name"]}": Field({values}),')
    return [*lines, "}"]


def py_tuple(names: list[str]) -> str:
    """Return a tuple literal of strings."""
    inner = ", ".join(f'"{name}"' for name in names)
    return f"({inner},)" if len(names) == 1 else f"({inner})"


def py_meaning(abi: Abi) -> list[str]:
    """Return status texts, exports and rules."""
    lines = ["STATUS_DOC: Final = {"]
    lines += [f"    Status.{s['name'].upper()}: {json.dumps(s['doc'])}," for s in abi["status"]]
    lines += ["}", "", "EXPORTS: Final = {"]
    for export in abi["export"]:
        values = [py_tuple(export["params"]), py_tuple(export["results"])]
        values.append(json.dumps(export["doc"]))
        lines.append(f'    "{export["name"]}": Signature({", ".join(values)}),')
    optional = ", ".join(f'"{e["name"]}"' for e in abi["export"] if e.get("optional"))
    lines += ["}", f"OPTIONAL_EXPORTS: Final = frozenset(({optional},))"]
    lines += ["", "# rule id -> what `tflm-wasm check` holds a module against, in order"]
    lines += ["RULES: Final = {"]
    for name, rule in abi["rule"].items():
        lines.append(f'    "{name}": {json.dumps(rule["title"])},')
    return [*lines, "}", 'CANARY: Final = b"\\xa5\\xc5" * 8']


def python_table(abi: Abi) -> str:
    """Return the text of the Python module."""
    doc = '"""The ABI as data: offsets, limits, status codes, exports and rules."""'
    lines = [
        f"# {BANNER}",
        "# ruff: noqa: E501",
        "# fmt: off",
        doc,
        "",
        "from __future__ import annotations",
        "",
    ]
    lines += ["from enum import IntEnum, IntFlag", "from typing import Final, NamedTuple", "", ""]
    lines += [*py_types(abi), "", "", *py_layout(abi), "", *py_meaning(abi), ""]
    return "\n".join(lines)


# --- the tables of SPEC.md ------------------------------------------------------------------


def md_table(head: list[str], rows: list[list[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def md_tables(abi: Abi) -> dict[str, str]:
    """Return SPEC.md's tables by the name of their marker."""
    fields = [[f["offset"], f["type"], f"`{f['name']}`", f["by"], f["doc"]] for f in abi["field"]]
    regions = [[r["offset"], r["bytes"], f"`{r['name']}`", r["doc"]] for r in abi["region"]]
    descriptor = [
        [f["offset"], f["type"], f"`{f['name']}`", f["doc"]] for f in abi["descriptor"]["field"]
    ]
    statuses = [[s["code"], f"`{s['name']}`", s["doc"]] for s in abi["status"]]
    exports = [
        [f"`{e['name']}`", f"({', '.join(e['params'])}) → ({', '.join(e['results'])})", e["doc"]]
        for e in abi["export"]
    ]
    profiles = [[n, *(f"{v:,}" for v in p.values())] for n, p in abi["profiles"].items()]
    features = [[bit, f"`{name}`"] for name, bit in abi["features"].items()]
    rules = [[f"`{name}`", rule["title"]] for name, rule in abi["rule"].items()]
    return {
        "fields": md_table(["offset", "type", "field", "written by", "meaning"], fields),
        "regions": md_table(["offset", "bytes", "region", "meaning"], regions),
        "descriptor": md_table(["offset", "type", "field", "meaning"], descriptor),
        "statuses": md_table(["code", "name", "meaning"], statuses),
        "exports": md_table(["export", "type", "meaning"], exports),
        "profiles": md_table(["profile", "model bytes", "input bytes"], profiles),
        "features": md_table(["bit", "name"], features),
        "rules": md_table(["rule", "what it says"], rules),
    }


def spec(abi: Abi) -> str:
    """Return SPEC.md with the text between its markers replaced."""
    tables = md_tables(abi)

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        return f"<!-- table: {name} -->\n{tables.pop(name)}\n<!-- end -->"

    text = SPEC.read_text(encoding="utf-8")
    text = re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)
    if tables:
        raise SystemExit(f"SPEC.md has no marker for: {', '.join(tables)}")
    return text


def main(arguments: list[str]) -> int:
    """Write or check the generated files; return the exit code."""
    abi = load()
    outputs = {C_HEADER: c_header(abi), PYTHON_TABLE: python_table(abi), SPEC: spec(abi)}
    stale = []
    for path, text in outputs.items():
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
    for path in stale:
        print(f"stale: {path.relative_to(ROOT)}; run `python abi/generate.py`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
