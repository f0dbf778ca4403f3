"""Writing firmware into a board's flash."""

from __future__ import annotations

from tflm_wasm.flash._flash import FlashResult, flash, runners
from tflm_wasm.flash._options import Option
from tflm_wasm.flash._runner import Runner

__all__ = ["FlashResult", "Option", "Runner", "flash", "runners"]
