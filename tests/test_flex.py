"""The FlexBuffer reader reads what FlatBuffers' own writer writes, and survives anything else."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers

from tests.support.native import native_program

Line = tuple[list[int | None], list[tuple[int | None, float | None] | None]]


def read(buffers: Sequence[bytes], *keys: str) -> list[Line | None]:
    """Return for each buffer None when it is bad, else its values by position and by key.

    By position there is one value more than the buffer has, which must not be readable.
    """
    sent = b"".join(struct.pack("<I", len(data)) + data for data in buffers)
    command = [native_program("probe"), "flex", *keys]
    result = subprocess.run(command, input=sent, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()[-3000:]
    lines = result.stdout.decode().splitlines()
    assert len(lines) == len(buffers)
    return [None if line == "bad" else _parse(line) for line in lines]


def _parse(line: str) -> Line:
    head, tail = line.split("|")
    count, *positions = head.replace(":", "").split()
    values = [None if word == "-" else int(word) for word in positions]
    assert len(values) == int(count) + 1
    assert values.pop() is None
    return values, [_pair(word) for word in tail.split()]


def _pair(word: str) -> tuple[int | None, float | None] | None:
    if word == "absent":
        return None
    whole, real = word.split(":")
    return (
        None if whole == "-" else int(whole),
        None if real == "-" else float.fromhex(real),
    )


def one(data: bytes, *keys: str) -> Line:
    [line] = read([data], *keys)
    assert line is not None
    return line


@pytest.mark.parametrize("big", [1, 1000, 100_000, 1 << 40], ids=["8", "16", "32", "64"])
def test_a_map_of_integers_reads_by_position_and_by_key_in_every_width(big: int) -> None:
    values = {"b": -5, "a": 7, "long_name": big, "c": 0}
    positions, named = one(flexbuffers.Dumps(values), "a", "long_name", "missing", "b", "lo")
    low = (big & 0xFFFFFFFF) - (big >> 31 & 1) * (1 << 32)
    assert positions == [7, -5, 0, low]
    assert named == [(7, 7.0), (low, float(big)), None, (-5, -5.0), None]


def test_every_type_of_number_converts_as_in_tflm() -> None:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Bool("bool", True)  # noqa: FBT003
        builder.Float("float", -2.75, 4)
        builder.Float("double", 1e10)
        builder.Float("huge", 1e300, 8)
        builder.Float("nan", float("nan"), 8)
        builder.IndirectInt("indirect", -300)
        builder.IndirectUInt("indirect_u", 1 << 33)
        builder.IndirectFloat("indirect_f", 0.5)
        builder.Null("null")
        builder.UInt("uint", 200)
        builder.String("text", "12")
    keys = ["bool", "float", "double", "indirect", "indirect_u", "indirect_f", "null", "uint"]
    positions, named = one(bytes(builder.Finish()), *keys, "huge", "text", "nan")
    billions = 10**10 - (2 << 32)
    assert named[:8] == [
        (1, 1.0),
        (-2, -2.75),
        (billions, float(np.float32(1e10))),
        (-300, -300.0),
        (0, float(1 << 33)),
        (0, 0.5),
        (0, 0.0),
        (200, 200.0),
    ]
    assert named[8] == (None, float("inf"))
    assert named[9] == (None, None)
    assert named[10] is not None
    assert named[10][0] is None
    assert np.isnan(named[10][1])
    # By position in the keys' order: floats, indirect ones and text are none.
    assert positions == [1, None, None, None, None, None, None, None, 0, None, 200]


def test_an_unsigned_byte_by_position_is_signed_as_in_tflm() -> None:
    builder = flexbuffers.Builder()
    with builder.Vector():
        builder.UInt(200)
        builder.UInt(3)
    assert one(bytes(builder.Finish()), "a") == ([-56, 3], [None])


def test_a_vector_has_values_but_no_keys() -> None:
    assert one(flexbuffers.Dumps([1, 2, True]), "1") == ([1, 2, 1], [None])


def test_an_empty_map_is_one() -> None:
    assert one(flexbuffers.Dumps({}), "a") == ([], [None])


@pytest.mark.parametrize(
    "value",
    [5, 2.5, "text", None, True, b"blob"],
    ids=["int", "float", "string", "null", "bool", "blob"],
)
def test_a_root_that_is_no_map_or_vector_is_bad(value: Any) -> None:
    assert read([flexbuffers.Dumps(value)]) == [None]


def test_a_root_that_is_a_typed_vector_is_bad() -> None:
    builder = flexbuffers.Builder()
    builder.TypedVectorFromElements([1, 2, 3])
    assert read([bytes(builder.Finish())]) == [None]


def test_many_keys_are_all_found() -> None:
    values = {f"key{i:03d}": i * i - 500 for i in range(150)}
    keys = list(values)
    positions, named = one(flexbuffers.Dumps(values), *keys, "key", "key1500", "zzz")
    assert positions == list(values.values())
    assert [pair and pair[0] for pair in named] == [*values.values(), None, None, None]


def damaged(data: bytes, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    mutant = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        position = int(rng.integers(len(mutant)))
        kind = int(rng.integers(4))
        if kind == 0:
            mutant[position] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            mutant[position] = int(rng.choice([0, 1, 2, 4, 8, 127, 128, 255]))
        elif kind == 2:
            mutant[position] = int(rng.integers(256))
        else:
            end = position + int(rng.integers(1, 9))
            mutant[position:end] = rng.bytes(len(mutant[position:end]))
    return bytes(mutant[: int(rng.integers(1, len(mutant) + 1))] if seed % 5 == 0 else mutant)


def test_no_damage_makes_a_read_leave_the_buffer() -> None:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.IndirectFloat("x", 2.5)
        builder.IndirectInt("y", 1 << 40)
        builder.UInt("z", 70_000)
    sound = [
        flexbuffers.Dumps({"end_index": 241, "start_index": 5}),
        flexbuffers.Dumps({"T": 7, "fft_length": 512, "x": 0.5, "y": None}),
        flexbuffers.Dumps([1, 2.0, "three", {"x": 1}]),
        bytes(builder.Finish()),
    ]
    buffers = [data[:length] for data in sound for length in range(len(data) + 1)]
    buffers += [damaged(data, seed) for data in sound for seed in range(3000)]
    lines = read(buffers, "x", "y", "fft_length", "")
    bad = lines.count(None)
    assert 1000 < bad < len(lines) - 1000, "the damage is too weak or too strong"
