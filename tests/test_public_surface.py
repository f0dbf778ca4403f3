"""What `import tflm_wasm` gives, and what it costs."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import tflm_wasm
from tests.support.files import ZOO
from tflm_wasm import (
    TflmWasmError,
    _errors,
    _errors_board,
    _errors_interpreter,
    _errors_link,
    _errors_oracle,
)

HEAVY = {
    "ai_edge_litert",
    "click",
    "flatbuffers",
    "numpy",
    "rich",
    "serial",
    "tflite",
    "tflite_micro",
    "tflite_runtime",
    "wasmtime",
}
# What the way to a first run does without: each takes a quarter of a millisecond, or much more.
SLOW = {
    "importlib.metadata",
    "importlib.util",
    "mmap",
    "numpy",
    "statistics",
    "subprocess",
    "tempfile",
    "tflite",
    "wasmtime",
}
NAMES = {
    "Device",
    "Interpreter",
    "Limits",
    "Module",
    "OpTime",
    "Pool",
    "Profile",
    "Session",
    "Tensor",
    "__version__",
    "build",
    "load",
}
ERRORS = {
    name: value
    for module in (_errors, _errors_board, _errors_interpreter, _errors_link, _errors_oracle)
    for name, value in vars(module).items()
    if inspect.isclass(value) and issubclass(value, TflmWasmError)
}


def modules_after(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has after `code`."""
    report = f"{code}\nimport sys; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has after `code`."""
    return {name.split(".")[0] for name in modules_after(code)}


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_after("import tflm_wasm") & HEAVY


def test_errors_and_limits_load_nothing_heavy():
    assert not loaded_after("from tflm_wasm import Limits, TflmWasmError") & HEAVY


def test_what_opens_a_model_loads_nothing_heavy():
    assert not loaded_after("from tflm_wasm import Module, Pool, Session, build, load") & HEAVY


@pytest.mark.parametrize("kind", ["wasm", "tflite"])
def test_a_first_run_on_bytes_loads_no_numpy_and_little_else(tmp_path, kind):
    path = ZOO / "sine_int8" / "sine_int8.tflite"
    if kind == "wasm":
        module, path = tflm_wasm.build(path), tmp_path / "model.wasm"
        module.save(path)
    # A first process may have to compile, and then writes a file.
    code = f"import tflm_wasm; tflm_wasm.load({str(path)!r}).run_bytes(b'x')"
    loaded_after(code)
    names = modules_after(code)
    assert "tflm_wasm._session" in names
    assert not names & SLOW
    private = {name.removeprefix("tflm_wasm.") for name in names}
    assert not private & {"_batch", "_interpreter", "_model", "_names", "_pool", "_profile"}
    assert not private & {f"_errors_{one}" for one in ("board", "interpreter", "link", "oracle")}
    assert kind == "tflite" or not private & {"_build", "_snapshot", "_wasm_rewrite"}


def test_the_public_names_are_these():
    assert set(tflm_wasm.__all__) == NAMES | set(ERRORS)
    assert dir(tflm_wasm) == tflm_wasm.__all__ == sorted(tflm_wasm.__all__)


@pytest.mark.parametrize("name", sorted(NAMES | set(ERRORS)))
def test_every_public_name_resolves_and_is_documented(name):
    value = getattr(tflm_wasm, name)
    assert name == "__version__" or value.__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tflm_wasm.nothing  # noqa: B018


@pytest.mark.parametrize("error", ERRORS.values(), ids=str)
def test_every_error_has_a_hint_that_ends_with_something_to_do(error):
    raised = error("message")
    assert str(raised) == "message"
    assert raised.hint.endswith(".")
    assert raised.__notes__ == [f"Hint: {raised.hint}"]


def test_the_tree_drawn_in_the_file_is_the_tree():
    drawn = {}
    path: list[str] = []
    for line in (_errors.__doc__ or "").splitlines():
        name = line.lstrip("│├└─ ").split(" ")[0]
        if name not in ERRORS:
            continue
        depth = (len(line) - len(line.lstrip("│├└─ "))) // 4
        path[depth:] = [name]
        drawn[name] = path[depth - 1] if depth else None
    real = {
        name: next((base.__name__ for base in error.__bases__ if base.__name__ in ERRORS), None)
        for name, error in ERRORS.items()
    }
    assert drawn == real


def test_an_error_refuses_a_field_it_does_not_have():
    with pytest.raises(TypeError, match="GuestTrap has no field 'colour'"):
        tflm_wasm.GuestTrap("x", colour="red")
