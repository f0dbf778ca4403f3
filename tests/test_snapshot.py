"""A module that carries its memory as init left it is one that init was called in."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

import tflm_wasm
from tests.support.board import random_frames
from tests.support.files import WAKEWORDS, ZOO, wakeword_model
from tests.support.wat_guests import INIT, X, finish, guest, statics
from tflm_wasm import Limits, Module, _abi, _session, _snapshot, build, load
from tflm_wasm._wasm_rewrite import rewrite

ZOO_MODELS = sorted(ZOO.glob("*/*.tflite"))
DIGITS = ZOO / "digits_int8" / "digits_int8.tflite"
BEARING = ZOO / "bearing_int8" / "bearing_int8.tflite"
START, SIZE = _abi.REGIONS["descriptors"][0], _abi.DESCRIPTOR_BYTES


def changed(module: Module, *segments: tuple[int, bytes]) -> bytes:
    """Return the module with other bytes in its memory."""
    return rewrite(module.wasm, memory=module.parsed.memories[0], segments=segments)


def field(name: str, value: int) -> tuple[int, bytes]:
    info = _abi.FIELDS[name]
    return info.offset, struct.pack(info.code, value)


@pytest.mark.parametrize("model", [*ZOO_MODELS, *WAKEWORDS], ids=str)
def test_a_module_with_its_memory_gives_the_bytes_of_one_without(model):
    path = wakeword_model(model) if isinstance(model, str) else model
    carrying, plain = build(path), build(path, snapshot=False)
    assert (carrying.is_initialised, plain.is_initialised) == (True, False)
    assert (carrying.model, carrying.arena_bytes) == (plain.model, plain.arena_bytes)
    with carrying.open() as one, plain.open() as other:
        for attribute in ("inputs", "outputs"):
            for a, b in zip(getattr(one, attribute), getattr(other, attribute), strict=True):
                assert (a.name, a.shape, a.dtype, a.scale) == (b.name, b.shape, b.dtype, b.scale)
        assert one.arena_used == other.arena_used
        for number, frame in enumerate(random_frames(one, 30)):
            if number % 10 == 5:
                one.reset()
                other.reset()
            if number == 17:
                one.reopen()
                other.reopen()
            for a, b in zip(one.run(*frame), other.run(*frame), strict=True):
                assert a.tobytes() == b.tobytes()


def test_opening_it_calls_no_init(monkeypatch):
    module = build(DIGITS)
    monkeypatch.setattr(_session, "load_model", None)
    with module.open() as session:
        session.invoke()
        session.reopen()
        session.invoke()
    with pytest.raises(TypeError):
        build(DIGITS.read_bytes(), snapshot=False).open()


def test_init_may_be_called_all_the_same_and_starts_over():
    with build(BEARING).open() as session:
        frames = random_frames(session, 10)
        first = [session.run(*frame)[0].tobytes() for frame in frames]
        block = session._live().block
        arguments = block["model_ptr"], block["model_size"], block["scratch_size"]
        assert session._live().guest.call("tflm_wasm_init", *arguments) == _abi.Status.OK
        assert [session.run(*frame)[0].tobytes() for frame in frames] == first


def test_start_runs_it_at_once():
    with build(DIGITS).open() as session, build(DIGITS).open() as other:
        (frame,) = random_frames(session, 1)
        session.inputs[0].view[...] = frame[0]
        session._live().guest.call("_start")
        assert session.outputs[0].view.tobytes() == other.run(*frame)[0].tobytes()


def test_the_same_model_gives_the_same_bytes_and_nothing_of_the_dead_stack():
    module = build(DIGITS)
    assert module.wasm == build(DIGITS).wasm
    stack = module._block["stack_size"]
    assert stack > 0
    assert not any(module.parsed.initial_bytes(_abi.BLOCK_BYTES, stack))


def test_a_larger_arena_is_carried_too():
    needed = build(DIGITS).arena_bytes
    module = build(DIGITS, arena_bytes=needed + 70_000)
    with module.open() as session, build(DIGITS).open() as other:
        (frame,) = random_frames(session, 1)
        assert session.run(*frame)[0].tobytes() == other.run(*frame)[0].tobytes()
        assert session._live().block["scratch_size"] == needed + 70_000


def test_memory_comes_as_few_parts_without_long_zeros():
    memory = np.zeros(200_000, np.uint8)
    memory[0] = memory[_abi.BLOCK_BYTES - 1] = 1
    memory[32] = 2  # features
    memory[1000:3000:1000] = 1
    memory[9_000:9_010] = 7
    memory[9_500] = 8
    memory[150_000:150_003] = 9
    parts = _snapshot.segments(memory, 150_002)
    assert [(at, len(data)) for at, data in parts] == [
        *((0, 2001), (4095, 1), (9_000, 501), (150_000, 2)),
    ]
    assert parts[0][1][32] == _abi.Feature.EMBEDDED_MODEL | _abi.Feature.INITIALISED
    assert parts[2][1][500] == 8


# --- engines ---


def guest_engine(more: str = "", init: str = INIT + finish(output_size=0)) -> bytes:
    """Return an engine whose model is 16 bytes of anything at 4096."""
    block = statics(features=0, model_ptr=0, model_size=0, scratch_size=0)
    return guest(block=block, init=init, more=more)


def test_an_engine_with_all_its_state_in_memory_is_carried():
    module = build(bytes(16), engine=guest_engine("(global (mut i32) (i32.const 8192))"))
    assert module.is_initialised
    with module.open() as session:
        np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))


def test_an_engine_whose_init_leaves_what_it_may_not_is_found_out():
    engine = guest_engine(init=INIT + finish())
    with pytest.raises(tflm_wasm.ContractError, match="output_size"):
        build(bytes(16), engine=engine)
    build(bytes(16), engine=engine, snapshot=False).open().close()


@pytest.mark.parametrize(
    "more",
    [
        "(global (mut i32) (i32.const 0)) (global (mut i32) (i32.const 1))",
        "(global (mut i64) (i64.const 0))",
        "(global f32 (f32.const 0))",
        '(data "passive")',
    ],
)
def test_an_engine_that_may_have_state_elsewhere_is_not(more):
    module = build(bytes(16), engine=guest_engine(more))
    assert not module.is_initialised
    with module.open() as session:
        np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))


# --- nothing in it is trusted ---

WRONG = {
    "status": field("status", -15),
    "output_size": field("output_size", 10),
    "an arena elsewhere": field("arena_ptr", 16),
    "more used than needed": field("arena_used", 1 << 30),
    "more needed than there is": field("arena_needed", 1 << 30),
    "an error's operator": field("error_op", 0),
    "an error's subgraph": field("error_subgraph", 0),
    "an error's text": (_abi.REGIONS["error_text"][0], b"oh"),
    "a step begun": field("op_end", 1),
    "a step done": field("op_code", 3),
    "frames done": field("frames_done", 3),
}
WRONG_TENSORS = {
    "no output": (field("output_count", 0), "descriptor.count"),
    "too many tensors": (field("input_count", 32), "descriptor.count"),
    "an input in the block": ((START, struct.pack("<I", 16)), "descriptor.memory"),
    "an input behind memory": ((START, struct.pack("<I", 0xFFFF_FFF0)), "descriptor.memory"),
    "an output in the stack": ((START + SIZE, struct.pack("<I", 4096)), "descriptor.memory"),
    "a shape that is not its bytes": ((START + 24, struct.pack("<i", 9)), "descriptor.shape"),
    "another input_ptr": (field("input_ptr", 8192), "io.fields"),
    "another input_size": (field("input_size", 1), "io.fields"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_block_that_is_not_as_after_init_does_not_open(what):
    with pytest.raises(tflm_wasm.ContractError) as caught:
        load(changed(build(DIGITS), WRONG[what]))
    assert caught.value.rule == "block.initialised"
    assert caught.value.rule in _abi.RULES


@pytest.mark.parametrize("what", WRONG_TENSORS)
def test_tensors_are_checked_as_after_init(what):
    segment, rule = WRONG_TENSORS[what]
    with pytest.raises(tflm_wasm.ContractError) as caught:
        load(changed(build(DIGITS), segment))
    assert caught.value.rule == rule


def test_an_arena_that_memory_does_not_hold_does_not_open():
    module = build(DIGITS)
    end = module.memory_bytes - module._block["arena_ptr"]
    segments = (field("scratch_size", end + 16), field("arena_needed", 100))
    with pytest.raises(tflm_wasm.ContractError, match="the arena"):
        load(changed(module, *segments))


def test_memory_changed_in_any_way_ends_in_a_typed_error_or_runs():
    """Replay one by its seed."""
    limits = Limits(time_s=0.5)
    ran = 0
    for path in (DIGITS, BEARING):
        module = build(path)
        end = module._block["arena_ptr"] + module.arena_bytes
        where = range(_abi.BLOCK_BYTES + module._block["stack_size"], end)
        for seed in range(60):
            chance = random.Random(seed)  # noqa: S311 - a test pattern
            segments = [
                (chance.choice(where), chance.choice((b"\xff" * 4, b"\0" * 4, chance.randbytes(4))))
                for _ in range(chance.choice((1, 8, 200)))
            ]
            try:
                with load(changed(module, *segments), limits=limits) as session:
                    for frame in random_frames(session, 2, seed=seed):
                        session.run(*frame)
                    session.reset()
                    ran += 1
            except (tflm_wasm.GuestError, tflm_wasm.ModuleError):
                continue
    assert ran > 10
