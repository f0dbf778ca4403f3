"""Synthesise the speech files of speech.json with espeak-ng.

    python firmware_models/speech/make.py           write the WAV files
    python firmware_models/speech/make.py --check   exit 1 when a file is no longer what it says

Needs numpy and the program espeak-ng (`apt-get install espeak-ng`). The files are committed, so
only who changes a phrase runs this. Another espeak-ng version sounds slightly different: after a
change, run `make run` and correct the sums in README.md.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import wave
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
Pcm = NDArray[np.int16]


def speak(text: str, voice: str, words_per_minute: int) -> tuple[Pcm, int]:
    """Return what espeak-ng says: mono int16 samples and their rate in Hz (22,050)."""
    command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "--stdout", text]
    riff = subprocess.run(command, check=True, capture_output=True).stdout
    # espeak-ng streams, so the sizes in its header are not the real ones: read up to the end.
    start = riff.index(b"data") + 8
    rate = int.from_bytes(riff[24:28], "little")
    usable = (len(riff) - start) // 2 * 2
    return np.frombuffer(riff[start : start + usable], dtype="<i2"), rate


def resample(pcm: Pcm, rate: int, new_rate: int) -> Pcm:
    """Return `pcm` at `new_rate` Hz; the spectrum above the new Nyquist frequency is cut off."""
    length = round(len(pcm) * new_rate / rate)
    spectrum = np.fft.rfft(pcm.astype(np.float64))[: length // 2 + 1]
    samples = np.fft.irfft(spectrum, length) * (length / len(pcm))
    return np.clip(np.round(samples), -32768, 32767).astype("<i2")


def noise(duration_ms: int, peak: int, seed: int, rate: int) -> Pcm:
    """Return white noise, uniform in -peak..peak."""
    generator = np.random.default_rng(seed)
    return generator.integers(-peak, peak + 1, duration_ms * rate // 1000).astype("<i2")


def sound(entry: dict[str, Any], rate: int) -> Pcm:
    """Return the samples of one entry of speech.json, without the silence around them."""
    if "says" not in entry:
        return noise(entry["noise_ms"], entry["noise_peak"], entry["noise_seed"], rate)
    spoken, spoken_rate = speak(entry["says"], entry["voice"], entry["words_per_minute"])
    return resample(spoken, spoken_rate, rate)


def wav_bytes(pcm: Pcm, rate: int) -> bytes:
    """Return a RIFF file of mono int16 samples."""
    buffer = BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm.astype("<i2").tobytes())
    return buffer.getvalue()


def main() -> int:
    """Write or check every file; print the rows of README.md's table."""
    if shutil.which("espeak-ng") is None:
        print("espeak-ng is missing: apt-get install espeak-ng", file=sys.stderr)
        return 2
    manifest = json.loads((HERE / "speech.json").read_text(encoding="utf-8"))
    rate = manifest["sample_rate"]
    silence = np.zeros(manifest["silence_ms"] * rate // 1000, dtype="<i2")
    stale = []
    for entry in manifest["files"]:
        path = HERE / entry["name"]
        made = wav_bytes(np.concatenate([silence, sound(entry, rate), silence]), rate)
        if "--check" not in sys.argv:
            path.write_bytes(made)
        elif made != path.read_bytes():
            stale.append(entry["name"])
        print(f"| `{entry['name']}` | {len(made):,} | `{hashlib.sha256(made).hexdigest()}` |")
    if stale:
        print(f"differ from what espeak-ng says now: {', '.join(stale)}", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
