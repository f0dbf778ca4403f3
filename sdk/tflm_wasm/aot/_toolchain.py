"""The compilers for boards: clang from ziglang, and an installed GCC for Arm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tflm_wasm.aot._board import Core
from tflm_wasm.aot._errors import ToolMissingError
from tflm_wasm.aot._tools import run, zig, zig_version

_GCC: Final = "arm-none-eabi-gcc"
_GCC_HINT: Final = f"Install it: `apt-get install gcc-{_GCC.removesuffix('-gcc')}`, or use zig."
# GCC's names where they differ from the board file's; its FPU is what -mfpu calls it.
_GCC_CPU: Final = {"cortex-m4f": "cortex-m4", "cortex-m55": "cortex-m55+nomve"}
_GCC_FPU: Final = {
    "cortex-m4f": "fpv4-sp-d16",
    "cortex-m7": "fpv5-d16",
    "cortex-m33": "fpv5-sp-d16",
    "cortex-m55": "auto",
}


@dataclass(frozen=True)
class Toolchain:
    """A C compiler with its linker.

    Attributes:
        name: Its name and version.
        run: Runs it with these arguments; `folder`, if given, is where.
        guest: Options for the guest's core.
        firmware: The same without floating-point registers: the guest's are not kept while the
            firmware runs.
        link: Options for linking.
        kernels: The engine's kernels for the core, as in the engine's build script.
        libraries: What stands behind the objects.
    """

    name: str
    run: Callable[..., str]
    guest: tuple[str, ...]
    firmware: tuple[str, ...]
    link: tuple[str, ...]
    kernels: str
    libraries: tuple[str, ...] = ()


def toolchain(compiler: str, core: Core) -> Toolchain:
    """Return the compiler of that name, for a core.

    Raises:
        ToolMissingError: It is not installed.
        ValueError: There is no such compiler, or it does not compile for the core.
    """
    if compiler == "zig":
        return _zig(core)
    if compiler == _GCC:
        return _gcc(core)
    raise ValueError(f"compiler is {compiler!r}, neither 'zig' nor {_GCC!r}")


def _zig(core: Core) -> Toolchain:
    target = f"--target={core.target}"
    version = zig_version()
    fpu = "+vfp4d16sp" if core.fpu else ""
    # Where registers run out, a limit or an address is loaded by one instruction instead of put
    # together by two.
    pools = "+no_movt" if core.family == "cortexm" else ""
    return Toolchain(
        name=f"zig {version}",
        run=lambda *arguments, folder=None: zig("cc", *arguments, folder=folder),
        guest=(target, f"-mcpu={core.cpu}{pools}"),
        firmware=(target, f"-mcpu={core.runtime_cpu}"),
        link=(target, f"-mcpu={core.runtime_cpu}{fpu}"),
        kernels=core.kernels,
    )


def _gcc(core: Core) -> Toolchain:
    if core.family != "cortexm":
        raise ToolMissingError(
            f"{_GCC} does not compile for {core.name}",
            tool=_GCC,
            hint="Use the other compiler: `tflm-wasm aot --compiler zig`.",
        )
    try:
        version = run(_GCC, _GCC, "-dumpfullversion").strip()
    except ToolMissingError as error:
        raise ToolMissingError(f"{_GCC} is not installed", tool=_GCC, hint=_GCC_HINT) from error
    cpu = ("-mthumb", f"-mcpu={_GCC_CPU.get(core.name, core.name)}")
    fpu: tuple[str, ...] = ("-mfloat-abi=soft",)
    general: tuple[str, ...] = ()
    if core.fpu:
        fpu = ("-mfloat-abi=hard", f"-mfpu={_GCC_FPU[core.name]}")
        general = ("-mgeneral-regs-only",)
    return Toolchain(
        name=f"{_GCC} {version}",
        run=lambda *arguments, folder=None: run(_GCC, _GCC, *arguments, folder=folder),
        guest=(*cpu, *fpu),
        # It takes a symbol of the linker script for an object with nothing in front of it.
        firmware=(*cpu, *fpu, *general, "-Wno-array-bounds"),
        link=(*cpu, *fpu, "-nostdlib"),
        kernels="dsp" if core.kernels == "mve" else core.kernels,
        libraries=("-Wl,--start-group", "-lm", "-lc_nano", "-lgcc", "-Wl,--end-group"),
    )
