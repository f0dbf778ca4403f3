"""Many frames in one call are, bit for bit, as many calls."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import tflm_wasm
from tests.support.board import random_frames
from tests.support.files import WAKEWORDS, ZOO, wakeword_model
from tests.support.models import Graph, Model, Op, Tensor, single_op
from tests.support.wat_guests import X, finish, guest, statics, store
from tflm_wasm import Limits, Session, _abi, _batch, build, load

ZOO_MODELS = sorted(ZOO.glob("*/*.tflite"))
DIGITS = ZOO / "digits_int8" / "digits_int8.tflite"
FRAMES = np.arange(40, dtype=np.int8).reshape(10, 1, 4)


def stacked(session: Session, count: int, seed: int = 0) -> list[np.ndarray]:
    """Return random frames: an array for each input."""
    frames = random_frames(session, count, seed=seed)
    return [np.stack(arrays) for arrays in zip(*frames, strict=True)]


def one_by_one(session: Session, frames: list[np.ndarray]) -> list[np.ndarray]:
    """Run the frames in a loop; return an array for each output."""
    runs = [session.run(*frame) for frame in zip(*frames, strict=True)]
    return [np.stack(arrays) for arrays in zip(*runs, strict=True)]


def assert_same(found, wanted) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert one.tobytes() == other.tobytes()


def runner(session: Session) -> type:
    return type(session._many)


@pytest.mark.parametrize("small_buffer", [False, True])
@pytest.mark.parametrize("model", [*ZOO_MODELS, *WAKEWORDS], ids=str)
def test_a_batch_is_a_loop(model, small_buffer, monkeypatch):
    if small_buffer:
        monkeypatch.setattr(_batch, "_BUFFER_BYTES", 1)
    path = wakeword_model(model) if isinstance(model, str) else model
    module = build(path)
    with module.open() as many, module.open() as loop:
        for number, count in enumerate((1, 7, 40)):
            frames = stacked(loop, count, seed=number)
            assert_same(many.invoke_many(*frames), one_by_one(loop, frames))
            # A state goes on from batch to single run and back.
            single = [array[0] for array in frames]
            assert_same(many.run(*single), loop.run(*single))
        many.reset()
        loop.reset()
        assert_same(many.invoke_many(*frames), one_by_one(loop, frames))
        assert runner(many) is _batch.Batch


def two_inputs_two_outputs() -> bytes:
    """Return a model of two inputs and two outputs, of unlike sizes."""
    shape = Tensor([1], "int32", data=[12])
    tensors = [Tensor([3, 4], "int16"), shape, Tensor([12], "int16")]
    tensors += [Tensor([1, 12], "int8"), Tensor([12], "int8")]
    ops = [Op("RESHAPE", [0, 1], [2]), Op("RESHAPE", [3, 1], [4])]
    return Model([Graph(tensors, ops, [0, 3], [4, 2])]).to_bytes()


def test_several_inputs_and_outputs_are_arrays_of_their_own():
    with load(two_inputs_two_outputs()) as session:
        rng = np.random.default_rng(1)
        a = rng.integers(-(2**15), 2**15, (50, 3, 4)).astype(np.int16)
        b = rng.integers(-128, 128, (50, 1, 12)).astype(np.int8)
        found = session.invoke_many(a, b)
        assert_same(found, [b.reshape(50, 12), a.reshape(50, 12)])
        assert_same(session.invoke_many(a[::2], b[::-2]), [b[::-2, 0], a[::2].reshape(25, 12)])


def test_no_frames_give_no_outputs():
    with load(DIGITS) as session:
        (x,) = session.inputs
        (y,) = session.invoke_many(np.zeros((0, *x.shape), x.dtype))
        assert y.shape == (0, *session.outputs[0].shape)


def test_outputs_go_where_the_caller_wants_them():
    with load(two_inputs_two_outputs()) as session:
        a, b = np.ones((5, 3, 4), np.int16), np.full((5, 1, 12), 2, np.int8)
        out = np.zeros((5, 12), np.int8), np.zeros((5, 12), np.int16)
        found = session.invoke_many(a, b, out=out)
        assert found[0] is out[0]
        assert found[1] is out[1]
        assert (out[0] == 2).all()
        assert (out[1] == 1).all()
    with load(guest()) as session:
        whole = np.zeros((20, 1, 4), np.int8)
        (y,) = session.invoke_many(FRAMES, out=whole[5:15])
        assert_same([y], [FRAMES + np.int8(1)])
        assert not whole[:5].any()
        assert not whole[15:].any()


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ((), "1 inputs; 0 were given"),
        ((FRAMES, FRAMES), "1 inputs; 2 were given"),
        ((FRAMES.astype(np.int16),), r"int8 \(10, 1, 4\), not int16"),
        ((FRAMES[:, 0],), r"int8 \(10, 1, 4\), not int8 \(10, 4\)"),
        ((np.int8(3),), "'tensor_0'"),
    ],
)
def test_frames_that_do_not_fit_are_refused_before_anything_runs(frames, text):
    with load(guest(invoke="unreachable")) as session:
        with pytest.raises(tflm_wasm.InputError, match=text):
            session.invoke_many(*frames)
        assert session.outputs


READ_ONLY = np.zeros((10, 1, 4), np.int8)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "out",
    [
        [],
        np.zeros((10, 4), np.int8),
        np.zeros((9, 1, 4), np.int8),
        np.zeros((10, 1, 4), np.uint8),
        np.zeros((20, 1, 4), np.int8)[::2],
        READ_ONLY,
        [[1, 2]],
    ],
)
def test_an_array_for_outputs_that_does_not_fit_is_refused_before_anything_runs(out):
    with load(guest(invoke="unreachable")) as session:
        with pytest.raises(tflm_wasm.InputError, match="output"):
            session.invoke_many(FRAMES, out=out)
        assert session.outputs


# --- frames that fail ---


def gather() -> bytes:
    """Return a model whose invoke fails when its input, an index, is not 0 to 3."""
    values = Tensor([4], "int8", data=[10, 20, 30, 40])
    return single_op(
        "GATHER",
        [values, Tensor([1], "int32")],
        [Tensor([1], "int8")],
        ("GatherOptions", {}),
    )


@pytest.mark.parametrize("kind", [_batch.Batch, _batch.Loop])
def test_a_frame_that_fails_is_named_and_those_before_it_are_there(kind, monkeypatch):
    if kind is _batch.Loop:
        monkeypatch.setattr("tflm_wasm._batch.SINCE", 99)
    with load(gather()) as session:
        good = np.array([[0], [1], [2], [3], [3], [2]], np.int32)
        (y,) = session.invoke_many(good)
        np.testing.assert_array_equal(y[:, 0], [10, 20, 30, 40, 40, 30])
        assert runner(session) is kind
        for bad in range(6):
            frames = good.copy()
            frames[bad:] = 99
            out = np.full((6, 1), -1, np.int8)
            with pytest.raises(tflm_wasm.GuestStatusError) as caught:
                session.invoke_many(frames, out=out)
            assert (caught.value.status, caught.value.frame) == (_abi.Status.RUNTIME, bad)
            np.testing.assert_array_equal(out[:bad], y[:bad])
            assert (out[bad:] == -1).all()
            assert_same(session.invoke_many(good), [y])
        assert session.run(np.array([1], np.int32))[0] == 20


# --- guests written by hand ---

# Copies the frames and adds one to each byte of each: inputs, outputs, count.
MANY = f"""(func (export "tflm_wasm_invoke_many") (param $i i32) (param $o i32) (param $n i32)
  (result i32) (local $left i32)
  (local.set $left (i32.mul (local.get $n) (i32.const 4)))
  (block $end (loop $next
    (br_if $end (i32.eqz (local.get $left)))
    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
    (i32.store8 (i32.add (local.get $o) (local.get $left))
      (i32.add (i32.const 1) (i32.load8_u (i32.add (local.get $i) (local.get $left)))))
    (br $next)))
  (i32.store (i32.const {_abi.FIELDS["frames_done"].offset}) (local.get $n)) CODE)"""
MINOR_2 = statics(abi_minor=2)


def with_many(code: str = finish(), **parts: object) -> bytes:
    return guest(**{"more": MANY.replace("CODE", code), "block": MINOR_2, **parts})


def test_a_foreign_module_that_has_the_function_is_called_once_for_many_frames():
    with load(with_many(invoke="unreachable")) as session:
        assert_same(session.invoke_many(FRAMES), [FRAMES + np.int8(1)])
        assert runner(session) is _batch.Batch


@pytest.mark.parametrize(
    "source", [guest(), with_many("unreachable", block=statics(abi_minor=1))], ids=["not", "1.1"]
)
def test_a_module_without_the_function_is_called_for_each_frame(source):
    with load(source) as session:
        assert_same(session.invoke_many(FRAMES), [FRAMES + np.int8(1)])
        assert runner(session) is _batch.Loop


def test_a_module_without_room_for_a_frame_is_called_for_each_frame(monkeypatch):
    monkeypatch.setattr(_batch, "_heap_end", lambda _: 65_520)
    memory = '(memory (export "memory") 1 1)'
    with load(with_many("unreachable", memory=memory)) as session:
        assert_same(session.invoke_many(FRAMES), [FRAMES + np.int8(1)])
        assert runner(session) is _batch.Loop


def test_the_room_that_there_is_will_do():
    memory = '(memory (export "memory") 1 1)'
    with load(with_many(memory=memory), limits=Limits(memory_bytes=65_536)) as session:
        frames = np.arange(80_000).astype(np.int8).reshape(-1, 1, 4)
        assert_same(session.invoke_many(frames), [frames + np.int8(1)])
        assert runner(session) is _batch.Batch


def frames_done(value: str) -> str:
    return f"(i32.store (i32.const {_abi.FIELDS['frames_done'].offset}) {value})"


@pytest.mark.parametrize(
    ("code", "error", "rule"),
    [
        ("unreachable", tflm_wasm.GuestTrap, None),
        ("(loop $again (br $again)) unreachable", tflm_wasm.GuestTimeout, None),
        ("(drop (memory.grow (i32.const 1)))" + finish(), tflm_wasm.GuestMemoryGrown, None),
        (frames_done("(i32.const 0)") + finish(), tflm_wasm.ContractError, "many.frames"),
        (frames_done("(i32.const -1)") + finish(), tflm_wasm.ContractError, "many.frames"),
        (frames_done("(i32.const 11)") + finish(), tflm_wasm.ContractError, "many.frames"),
        # A failure after the last frame makes no sense.
        (finish(-15, 0), tflm_wasm.ContractError, "many.frames"),
        (finish(output_size=40), tflm_wasm.ContractError, "output.cap"),
        (store("input_ptr", 0) + finish(), tflm_wasm.ContractError, "block.fixed"),
    ],
)
def test_a_guest_that_misbehaves_with_many_frames_ends_the_session(code, error, rule):
    session = load(with_many(code), limits=Limits(time_s=0.05))
    with pytest.raises(error) as caught:
        session.invoke_many(FRAMES)
    assert getattr(caught.value, "rule", None) == rule
    with pytest.raises(tflm_wasm.SessionDeadError):
        session.invoke_many(FRAMES)
    session.reopen()
    np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))


def test_a_signature_of_another_type_is_refused():
    wrong = '(func (export "tflm_wasm_invoke_many") (result i32) (i32.const 0))'
    with pytest.raises(tflm_wasm.ExportError, match="tflm_wasm_invoke_many"):
        load(guest(more=wrong))


def test_a_closed_session_runs_no_frames():
    session = load(DIGITS)
    session.close()
    with pytest.raises(tflm_wasm.SessionClosedError):
        session.invoke_many(np.zeros(1))


# --- the engine's side ---


def test_the_engine_refuses_buffers_that_overlap_or_are_not_free():
    module = build(gather())
    with module.open() as session:
        session.invoke_many(np.zeros((1, 1), np.int32))
        guest_of, block = session._live().guest, session._live().block
        start = session._many._addresses[0]
        model, arena = block["model_ptr"], block["arena_ptr"]
        bad = [
            *((start, start + 4 * 9, 10), (start + 4, start, 10), (start, start, 1)),
            *((model, start, 1), (arena, start, 1), (start, model, 1), (start, arena, 1)),
            *((start, start + 64, 1 << 30), (start, start + 64, -1), (0, start, 1)),
            *((start, 16, 1), (-16, start, 1), (start, -16, 1)),
        ]
        for arguments in bad:
            assert guest_of.call("tflm_wasm_invoke_many", *arguments) == _abi.Status.POINTER
            assert block["frames_done"] == 0
        for fine in ((start, start + 40, 10), (start + 10, start, 10), (start, start, 0)):
            guest_of.memory[start:] = bytes(len(guest_of.memory) - start)
            assert guest_of.call("tflm_wasm_invoke_many", *fine) == _abi.Status.OK
            assert block["frames_done"] == fine[2]


def test_the_engine_runs_many_frames_only_whole_and_of_the_right_size():
    with build(gather()).open() as session:
        session.invoke_many(np.zeros((1, 1), np.int32))
        guest_of, block = session._live().guest, session._live().block
        arguments = (*session._many._addresses, 2)
        for field, value, status in (
            ("op_end", 1, "STATE"),
            ("input_size", 3, "INPUT_SIZE"),
            ("output_cap", 0, "OUTPUT_CAP"),
        ):
            before = block[field]
            block[field] = value
            assert guest_of.call("tflm_wasm_invoke_many", *arguments) == _abi.Status[status]
            block[field] = before
        assert guest_of.call("tflm_wasm_invoke_many", *arguments) == _abi.Status.OK


# --- how many frames a call gets ---


def test_a_call_gets_twice_as_many_frames_until_it_takes_its_part_of_the_limit():
    with load(DIGITS, limits=Limits(time_s=8.0)) as session:
        frames = stacked(session, 1)
        session.invoke_many(*frames)
        batch = session._many
        assert batch._part_s == 1.0
        batch._next, batch._most = 1, 1000
        sizes = []
        for took in (0.0, 0.1, 0.2, 0.4, 0.6, 0.9, 1.1, 0.1):
            batch._adapt(batch._next, took)
            sizes.append(batch._next)
        assert sizes == [2, 4, 8, 16, 16, 16, 8, 16]
        batch._adapt(3, 0.0)  # the rest of the frames says nothing about a full call
        assert batch._next == 16
        batch._next = 800
        batch._adapt(800, 0.0)
        assert batch._next == 1000
    with load(DIGITS, limits=Limits(time_s=None)) as session:
        session.invoke_many(*frames)
        assert session._many._next == session._many._most


def test_two_threads_with_batches_of_one_session_get_their_own_outputs():
    errors = []
    with load(with_many()) as session:

        def work(seed: int) -> None:
            frames = np.random.default_rng(seed).integers(-128, 127, (500, 1, 4)).astype(np.int8)
            for _ in range(20):
                (y,) = session.invoke_many(frames)
                if not np.array_equal(y, frames + np.int8(1)):
                    errors.append(seed)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not errors


def test_threads_that_come_together_share_one_batch(monkeypatch):
    made, batch = [], _batch.Batch

    def make(*args):
        made.append(batch(*args))
        time.sleep(0.05)  # so that the others come meanwhile
        return made[-1]

    monkeypatch.setattr(_batch, "Batch", make)
    frames = np.zeros((3, 1, 4), np.int8)
    with load(with_many()) as session:
        threads = [threading.Thread(target=session.invoke_many, args=(frames,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(made) == 1


def test_views_made_before_the_buffer_are_still_the_modules_memory():
    with load(DIGITS) as session:
        view = session.inputs[0].view
        session.invoke_many(*stacked(session, 3))
        frames = stacked(session, 1, seed=5)
        view[...] = frames[0][0]
        session.invoke()
        with load(DIGITS) as other:
            assert_same([t.view for t in session.outputs], other.run(frames[0][0]))
