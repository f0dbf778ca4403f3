"""Build hook: compiles the C engine to ``sdk/tflm_wasm/engine.wasm``, and packs firmware sources.

Editable installs are wheels too.
The compiler is clang from PyPI ``ziglang``, a pinned build requirement, so the same sources give
the same bytes. An sdist needs no hook: it carries the sources.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENGINE = "sdk/tflm_wasm/engine.wasm"
BUILD_SCRIPT = "firmware_models/engine/build.py"
# What firmware is made of, and what boards are: `tflm_wasm.aot._sources` finds it in the package.
FIRMWARE = ("abi", "firmware_models/boards", "firmware_models/device", "firmware_models/engine")


class EngineBuildHook(BuildHookInterface):
    """Adds the compiled engine to what the wheel holds."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the engine and register it as an artifact; an sdist is left alone."""
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        with _no_junk_in_the_tree():
            build_engine = _load_build_engine(root / BUILD_SCRIPT)
            build_engine(root / ENGINE)
        build_data["artifacts"].append(f"/{ENGINE}")
        if version == "standard":  # an editable install has them in the checkout
            packed = {str(root / path): f"tflm_wasm/_sources/{path}" for path in FIRMWARE}
            build_data["force_include"].update(packed)


def _load_build_engine(script: Path) -> Callable[[Path], None]:
    """Return ``build_engine`` of the engine's build script, which is not part of a package."""
    spec = importlib.util.spec_from_file_location("tflm_wasm_engine_build", script)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(script)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    build_engine: Callable[[Path], None] = module.build_engine
    return build_engine


@contextmanager
def _no_junk_in_the_tree() -> Iterator[None]:
    """Point Zig's caches at a temporary folder and write no byte code while building."""
    saved_environment = dict(os.environ)
    saved_flag = sys.dont_write_bytecode
    with tempfile.TemporaryDirectory(prefix="tflm-wasm-build-") as folder:
        # Both caches, because Zig would put the local one beside the sources.
        os.environ["ZIG_LOCAL_CACHE_DIR"] = folder
        os.environ.setdefault("ZIG_GLOBAL_CACHE_DIR", folder)
        sys.dont_write_bytecode = True
        try:
            yield
        finally:
            sys.dont_write_bytecode = saved_flag
            os.environ.clear()
            os.environ.update(saved_environment)
