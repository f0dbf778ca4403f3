"""`python -m tflm_wasm` is the command `tflm-wasm`."""

from __future__ import annotations

from tflm_wasm.cli import main

if __name__ == "__main__":
    main(prog_name="tflm-wasm")
