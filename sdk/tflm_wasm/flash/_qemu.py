"""Runner `qemu`: an emulated board that lives on in the background."""

from __future__ import annotations

from typing import Final

from tflm_wasm import emulator
from tflm_wasm._errors import VerifyError
from tflm_wasm._monitor import monitor
from tflm_wasm.flash._options import TIMEOUT, Option
from tflm_wasm.flash._runner import Runner

_BOOT_S: Final = 0.5


class QemuRunner(Runner):
    """Ends the emulator that runs for the board, if any, and starts one with the image."""

    name = "qemu"
    doc = "QEMU on this machine, in the background"
    options = (
        Option("icount", int, None, "One instruction takes 2^icount ns, so that ticks repeat."),
        TIMEOUT,
    )

    def matches(self) -> bool | None:
        """Return whether an emulator with this very image runs."""
        running = emulator.find(self.job.board.name)
        return running is not None and running.digest == self.job.image.digest

    def write(self) -> None:
        """Start the emulator, check its memory, and let it run."""
        job = self.job
        icount = job.options["icount"]
        if not job.step(*emulator.command(job.board, job.image.path, icount=icount)):
            return
        if running := emulator.find(job.board.name):
            running.end()
        started = emulator.Emulator(
            job.board, job.image.path, icount=icount, timeout_s=job.deadline.left, kept=True
        )
        try:
            self._check(started)
            self._start(started)
            emulator.keep(started, digest=job.image.digest, image=job.image.path)
        except BaseException:
            started.close()
            raise

    def _start(self, started: emulator.Emulator) -> None:
        """Let it run and hear its boot log, which nobody could hear later."""
        transport = started.connect()
        try:
            self.job.boot_log += [line.text for line in monitor(transport, time_s=_BOOT_S)]
        finally:
            transport.close()

    def _check(self, started: emulator.Emulator) -> None:
        done = 0
        for address, data in self.job.image.segments:
            if started.read_memory(address, len(data)) != data:
                message = f"{started.board} holds other bytes at 0x{address:08x} than the image"
                raise VerifyError(message, address=address, **self.fields())
            done += len(data)
            self.job.advance("verify", done)
