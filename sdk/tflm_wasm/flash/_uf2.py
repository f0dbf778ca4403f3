"""Runner `uf2`: a copy to the drive that a boot loader shows.

Source of the format: github.com/microsoft/uf2. Only whole 256-byte pages are written, each in a
block of 512 bytes that says where it goes. Sectors are written whole, but for what lies behind the
last page: RP2040's boot ROM loses pages of others (erratum RP2040-E14 of its datasheet).
"""

from __future__ import annotations

import errno
import os
import re
import struct
import sys
import time
from pathlib import Path
from typing import Final

from tflm_wasm._errors import (
    FlashWriteError,
    PortBusyError,
    PortPermissionError,
    ProbeNotFoundError,
    RunnerOptionError,
    VerifyError,
    WrongDeviceError,
)
from tflm_wasm.flash._image import Segment
from tflm_wasm.flash._options import TIMEOUT, Option
from tflm_wasm.flash._runner import Runner

_BLOCK: Final = struct.Struct("<8I476sI")
_MAGIC: Final = (0x0A324655, 0x9E5D5157, 0x0AB16F30)
_FAMILY_PRESENT: Final = 0x00002000
_PAGE: Final = 256
_SECTOR: Final = 4096
_INFO: Final = "INFO_UF2.TXT"
_CURRENT: Final = "CURRENT.UF2"
_NAME: Final = "NEW.UF2"
_ID: Final = re.compile(r"^Board-ID:\s*(.+?)\s*$", re.MULTILINE)
_POLL_S: Final = 0.05
_CHUNK: Final = 64 * 512
_GONE: Final = {errno.ENODEV, errno.EIO, errno.ENOENT, errno.ENXIO, errno.ESTALE, errno.ENOTDIR}
_FULL: Final = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


def encode(segments: tuple[Segment, ...], family: int) -> bytes:
    """Return a UF2 file: what lies in one page goes into one block, filled up with zeros."""
    pages: dict[int, bytearray] = {}
    for address, data in segments:
        for at in range(address, address + len(data)):
            page = pages.setdefault(at // _PAGE * _PAGE, bytearray(_PAGE))
            page[at % _PAGE] = data[at - address]
    last = max(pages, default=0)
    for sector in {at // _SECTOR * _SECTOR for at in pages}:
        for at in range(sector, min(sector + _SECTOR, last), _PAGE):
            pages.setdefault(at, bytearray(_PAGE))
    return b"".join(
        _BLOCK.pack(
            *_MAGIC[:2],
            *(_FAMILY_PRESENT, address, _PAGE, index, len(pages), family),
            bytes(page),
            _MAGIC[2],
        )
        for index, (address, page) in enumerate(sorted(pages.items()))
    )


def pages_of(content: bytes) -> dict[int, bytes]:
    """Return the pages of a UF2 file by address; blocks that are none are left out."""
    found = {}
    for at in range(0, len(content) - _BLOCK.size + 1, _BLOCK.size):
        one, two, _, address, size, _, _, _, data, end = _BLOCK.unpack_from(content, at)
        if (one, two, end) == _MAGIC and size <= len(data):
            found[address] = data[:size]
    return found


class Uf2Runner(Runner):
    """Copies the image to the boot loader's drive; the board restarts when it is there."""

    name = "uf2"
    doc = "the drive of a UF2 boot loader, such as the Raspberry Pi Pico's"
    options = (
        Option("family", int, 0xE48BFF56, "Family id; the default is the RP2040's."),
        Option("board_id", str, None, "What the drive's INFO_UF2.TXT must say."),
        Option(
            "drive", str, None, "Folder where the drive is mounted; found by itself if not set."
        ),
        TIMEOUT,
    )

    def matches(self) -> bool | None:
        """Compare with the drive's CURRENT.UF2; boot loaders without it can't be read back."""
        if self.job.dry_run:
            return None
        content = self._content()
        for drive in self._candidates():
            try:
                current = pages_of((drive / _CURRENT).read_bytes())
            except OSError:
                continue
            wanted = pages_of(content)
            if _board_id(drive) and all(current.get(at) == page for at, page in wanted.items()):
                return True
        return None

    def write(self) -> None:
        """Copy, then wait until the boot loader has left."""
        content = self._content()
        place = self.job.options["drive"] or "DRIVE"
        size = f"{len(content):,} bytes"
        if not self.job.step(f"copy {size} of UF2 to {place}/{_NAME}"):
            return
        drive = self._drive()
        self._copy(drive / _NAME, content)
        self._await_restart(drive)

    def _content(self) -> bytes:
        return encode(self.job.image.segments, self.job.options["family"])

    def _drive(self) -> Path:
        """Return the one drive that is the board's."""
        found = [(drive, name) for drive in self._candidates() if (name := _board_id(drive))]
        wanted = self.job.options["board_id"]
        fitting = [drive for drive, name in found if wanted in (None, name)]
        if found and not fitting:
            drive, name = found[0]
            message = f"The drive {drive} is a '{name}', not a '{wanted}'"
            raise WrongDeviceError(message, port=str(drive), found=name)
        if not fitting:
            raise ProbeNotFoundError(
                "There is no drive with a UF2 boot loader",
                probe=self.job.options["drive"],
                hint="Hold BOOTSEL while plugging the board in, mount its drive, and try again.",
                **self.fields(),
            )
        if len(fitting) > 1:
            names = ", ".join(map(str, fitting))
            raise RunnerOptionError(
                f"There are several drives: {names}",
                option="drive",
                hint=f"Name one: `tflm-wasm flash -o drive={fitting[0]}`.",
                **self.fields(),
            )
        return fitting[0]

    def _candidates(self) -> list[Path]:
        if self.job.options["drive"]:
            return [Path(self.job.options["drive"])]
        if sys.platform == "darwin":
            return sorted(Path("/Volumes").glob("*"))
        return sorted((*Path("/media").glob("*/*"), *Path("/run/media").glob("*/*")))

    def _copy(self, target: Path, content: bytes) -> None:
        written = 0
        try:
            with target.open("wb", buffering=0) as file:
                while written < len(content):
                    if self.job.deadline.passed:
                        raise self.too_late()
                    written += file.write(content[written : written + _CHUNK])
                    self.job.advance("write", self.job.image.size * written // len(content))
                os.fsync(file.fileno())
        except OSError as error:
            # The board restarts on the last block, often before the copy is acknowledged.
            if not (written == len(content) and error.errno in _GONE):
                raise self._copy_error(error, target, written, len(content)) from error

    def _copy_error(self, error: OSError, target: Path, written: int, size: int) -> Exception:
        sizes = f"{written:,} of {size:,} bytes"
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return PortPermissionError(
                f"{target.parent} may not be written: {error.strerror}",
                port=str(target.parent),
                hint=f"Mount it for yourself: `sudo mount -o remount,rw,uid=$UID {target.parent}`.",
            )
        if error.errno == errno.EBUSY:
            return PortBusyError(f"{target.parent} is in use", port=str(target.parent))
        why = "is full" if error.errno in _FULL else "went away"
        if error.errno not in _FULL | _GONE:
            why = f"can't be written: {error.strerror}"
        message = f"The drive {target.parent} {why} after {sizes}"
        return FlashWriteError(message, written=written, size=size, **self.fields())

    def _await_restart(self, drive: Path) -> None:
        """Wait until the drive is gone, as it is once the boot loader has taken everything."""
        while (drive / _INFO).exists():
            if self.job.deadline.passed:
                raise VerifyError(
                    f"The boot loader at {drive} did not take the image",
                    hint="Check the family id: `tflm-wasm flash -o family=0xE48BFF56`.",
                    **self.fields(),
                )
            time.sleep(_POLL_S)


def _board_id(drive: Path) -> str | None:
    """Return what the boot loader's drive says it is, or None when it is no such drive."""
    try:
        found = _ID.search((drive / _INFO).read_text("utf-8", "replace"))
    except OSError:
        return None
    return found[1] if found else None
