"""The guests of guests.toml, as WebAssembly.

`python abi/conformance/guests.py DIRECTORY` writes each as NAME.wat and NAME.wasm.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import wasmtime

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Guest:
    """A module and the one rule that it breaks; `rule` is None when it conforms."""

    name: str
    rule: str | None
    profile: str
    wat: str

    def wasm(self) -> bytes:
        """Assemble it."""
        return bytes(wasmtime.wat2wasm(self.wat))


def load() -> list[Guest]:
    """Return all guests, edited.

    Raises:
        ValueError: A text to edit does not occur exactly once.
    """
    source = HERE / "negate.wat"
    texts = {"negate": source.read_text(encoding="utf-8")}
    guests = []
    manifest = tomllib.loads((HERE / "guests.toml").read_text(encoding="utf-8"))
    for entry in manifest["guest"]:
        name = entry["name"]
        wat = texts[entry.get("base", "negate")]
        for old, new in entry["edits"]:
            if wat.count(old) != 1:
                raise ValueError(f"{name}: {wat.count(old)} times in its base: {old!r}")
            wat = wat.replace(old, new)
        texts[name] = wat
        guests.append(Guest(name, entry.get("rule"), entry.get("profile", "strict"), wat))
    return guests


def main(directory: Path) -> None:
    """Write all guests to a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for guest in load():
        (directory / f"{guest.name}.wat").write_text(guest.wat, encoding="utf-8")
        (directory / f"{guest.name}.wasm").write_bytes(guest.wasm())
        print(f"{guest.rule or 'conforms':<20} {guest.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
