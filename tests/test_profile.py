"""A profile runs each operator once, times it, and leaves the outputs of an ordinary run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tflm_wasm
from tests.support import wat_guests
from tests.support.board import random_frames
from tests.support.files import ZOO, wakeword_model
from tests.support.firmware import firmware, needs_qemu, needs_tools
from tests.support.models import Graph, Model, Op, Tensor
from tests.support.wat_guests import ADD_ONE, INIT, finish, statics, store
from tflm_wasm import Device, Module, OpTime, Profile, Session, _abi, aot
from tflm_wasm._inspect_ops import read_ops
from tflm_wasm._profile import collect
from tflm_wasm.emulator import Emulator

MODELS = {path.stem: path.read_bytes() for path in sorted(ZOO.glob("*/*.tflite"))}
X = np.zeros((1, 4), np.int8)


def same_outputs(one: Session | Device, other: Session) -> bool:
    pairs = zip(one.outputs, other.outputs, strict=True)
    return all(a.view.tobytes() == b.view.tobytes() for a, b in pairs)


@pytest.mark.parametrize("model", [*MODELS.values(), "okay_nabu"], ids=[*MODELS, "okay_nabu"])
def test_a_profile_names_every_operator_and_gives_the_bytes_of_a_run(model):
    data = wakeword_model(model).read_bytes() if isinstance(model, str) else model
    module = tflm_wasm.build(data)
    with module.open() as timed, module.open() as plain:
        for number, frame in enumerate(random_frames(plain, 30)):
            plain.run(*frame)
            if number % 3 == 2:  # whole runs in between share the state
                timed.run(*frame)
            else:
                profile = timed.profile(*frame)
            assert same_outputs(timed, plain), f"frame {number}"
    expected = [
        (op.index, op.name, op.outputs[0].shape if op.outputs else None, op.macs)
        for op in read_ops(data)
        if op.subgraph == 0
    ]
    assert [(op.index, op.name, op.shape, op.macs) for op in profile.ops] == expected
    assert profile.tick_hz == 10**9
    assert profile.overhead > 0
    assert min(op.ticks for op in profile.ops) >= 0
    assert profile.total == sum(op.ticks for op in profile.ops) > 0


def test_a_module_of_abi_1_0_is_not_profiled_and_not_run():
    with guest(ADD_ONE + finish(), abi_minor=0) as session:
        with pytest.raises(tflm_wasm.NotProfilableError, match=r"ABI 1\.0") as caught:
            session.profile(X)
        assert caught.value.abi == (1, 0)
        assert not session.outputs[0].view.any()


def test_arrays_that_do_not_fit_are_refused_before_anything_runs():
    with tflm_wasm.build(MODELS["sine_int8"]).open() as session:
        with pytest.raises(tflm_wasm.InputError, match="int8"):
            session.profile(np.zeros((1, 1), np.float32))
        with pytest.raises(tflm_wasm.InputError, match="2 were given"):
            session.profile(np.zeros((1, 1), np.int8), np.zeros((1, 1), np.int8))


# An operator that fails once: status -15 while `op_first` is 1, and ok otherwise.
FAILS_AT_1 = (
    f"(if (result i32) (i32.eq (i32.load (i32.const {_abi.FIELDS['op_first'].offset}))"
    f" (i32.const 1)) (then (if (result i32) (i32.eqz (i32.load (i32.const"
    f" {_abi.FIELDS['op_end'].offset}))) (then {finish(-12, 0)}) (else {finish(-15, 0)})))"
    f" (else {ADD_ONE} {finish()}))"
)


def guest(invoke: str, *, op_count: int = 3, abi_minor: int = 1) -> Session:
    init = INIT + store("op_count", op_count) + finish()
    block = statics(abi_minor=abi_minor)
    return Module(wat_guests.guest(init=init, invoke=invoke, block=block)).open()


def test_an_operator_that_fails_is_the_error_of_its_status_and_the_next_run_is_whole():
    with guest(FAILS_AT_1) as session:
        with pytest.raises(tflm_wasm.GuestStatusError) as caught:
            session.profile(X)
        assert caught.value.status is _abi.Status.RUNTIME
        np.testing.assert_array_equal(session.run(X)[0], X + np.int8(1))


@pytest.mark.parametrize(
    ("error", "invoke"),
    [
        (tflm_wasm.GuestTrap, "(unreachable)"),
        (tflm_wasm.ContractError, store("magic", 0) + finish()),
    ],
)
def test_a_guest_that_misbehaves_in_a_step_ends_the_session(error, invoke):
    session = guest(invoke)
    with pytest.raises(error):
        session.profile(X)
    with pytest.raises(tflm_wasm.SessionDeadError):
        session.profile(X)
    session.reopen()
    assert session.inputs


def test_more_operators_than_may_be_are_not_run():
    with (
        guest(ADD_ONE + finish(), op_count=1 << 31) as session,
        pytest.raises(tflm_wasm.ContractError) as caught,
    ):
        session.profile(X)
    assert caught.value.rule == "invoke.steps"


def test_a_module_without_operators_is_run_and_has_an_empty_profile():
    with guest(ADD_ONE + finish(), op_count=0) as session:
        assert session.profile(X) == Profile((), 10**9, 0)
        np.testing.assert_array_equal(session.outputs[0].view, X + np.int8(1))


def test_the_engine_refuses_operators_that_are_not_the_next_ones():
    with tflm_wasm.build(MODELS["sine_int8"]).open() as session:
        zero = np.zeros((1, 1), np.int8)
        (want,) = session.run(zero)
        for first, end in [(2, 1), (0, 4), (1, 1), (4, 4), (1, 2), (2**32 - 1, 2**32 - 1)]:
            with pytest.raises(tflm_wasm.GuestStatusError, match="the next one is") as caught:
                session._step(first, end, is_last=False)
            assert caught.value.status is _abi.Status.STATE
        assert session.run(zero)[0] == want
        session._step(3, 3, is_last=True)  # a whole run ended there
        session.reset()
        with pytest.raises(tflm_wasm.GuestStatusError):
            session._step(3, 3, is_last=True)


def of_ticks(*ticks: int) -> Profile:
    return Profile(tuple(OpTime(i, f"OP{i}", t) for i, t in enumerate(ticks)), 1000, ticks[0])


def test_the_median_of_profiles_is_taken_operator_by_operator():
    found = Profile.median([of_ticks(5, 1, 9), of_ticks(2, 3, 8), of_ticks(4, 2, 7)])
    assert found == of_ticks(4, 2, 8)
    assert found.slowest() == (found.ops[2], found.ops[0], found.ops[1])
    assert found.slowest(1) == (found.ops[2],)
    assert found.total == 14


@pytest.mark.parametrize(("tick_hz", "unit"), [(1000, 1000.0), (0, 1.0)])  # µs a tick
def test_a_trace_has_the_operators_one_behind_the_other(tick_hz, unit):
    found = replace(of_ticks(5, 1), ops=(OpTime(0, "CONV_2D", 5), OpTime(1, "", 1)))
    first, second = replace(found, tick_hz=tick_hz).to_chrome_trace()["traceEvents"]
    assert (first["name"], first["ts"], first["dur"]) == ("CONV_2D", 0, 5 * unit)
    assert (second["name"], second["ts"], second["dur"]) == ("op 1", 5 * unit, unit)
    assert first["ph"] == second["ph"] == "X"


def test_a_profile_is_json_ready():
    assert of_ticks(5).to_dict() == {
        "tick_hz": 1000,
        "overhead": 5,
        "total": 5,
        "ops": [{"index": 0, "name": "OP0", "ticks": 5, "shape": None, "macs": None}],
    }


def test_a_model_adds_shapes_macs_and_the_names_of_custom_operators():
    tensors = [Tensor([1, 4], "int16"), Tensor([1, 4], "int16")]
    ops = [Op("CUSTOM", [0], [1], None, 1, "SignalWhatever")]
    model = Model([Graph(tensors, ops, [0], [1])]).to_bytes()
    profile = Profile((OpTime(0, "CUSTOM", 5),), 1000, 1)
    assert profile.with_model(model).ops == (OpTime(0, "SignalWhatever", 5, (1, 4), 0),)
    profile = Profile((OpTime(0, "", 1), OpTime(1, "", 2), OpTime(2, "", 3)), 1000, 1)
    told = profile.with_model(MODELS["sine_int8"])
    assert [(op.name, op.shape, op.macs, op.ticks) for op in told.ops] == [
        ("FULLY_CONNECTED", (1, 16), 16, 1),
        ("FULLY_CONNECTED", (1, 16), 256, 2),
        ("FULLY_CONNECTED", (1, 1), 16, 3),
    ]
    assert Profile.median([told, told]) == told


@pytest.mark.parametrize("names", [("FULLY_CONNECTED",) * 2, ("FULLY_CONNECTED", "ADD", "")])
def test_a_model_with_other_operators_than_ran_is_refused(names):
    ops = tuple(OpTime(index, name, 1) for index, name in enumerate(names))
    with pytest.raises(tflm_wasm.ModelError, match="other operators"):
        Profile(ops, 1000, 0).with_model(MODELS["sine_int8"])


def test_a_file_that_is_no_model_tells_nothing():
    with pytest.raises(tflm_wasm.MalformedModelError):
        of_ticks(1).with_model(b"\0\0\0\0TFL3")
    assert collect([(5, 0)], 1, 1000, b"\0\0\0\0TFL3").ops == (OpTime(0, "ADD", 4),)
    assert collect([(5, 0)], 1, 1000, MODELS["sine_int8"]).ops == (OpTime(0, "ADD", 4),)


@needs_tools
@needs_qemu
@pytest.mark.parametrize("sandbox", ["mpu", "checked"])
def test_sandboxed_firmware_gives_the_hosts_bytes_and_times_that_add_up(sandbox, tmp_path):
    module = tflm_wasm.build(MODELS["bearing_int8"])
    built = firmware(module, "mps2-an386", aot.Options(sandbox=sandbox))
    image = tmp_path / "firmware.elf"
    image.write_bytes(built.elf)
    with (
        module.open() as session,
        Emulator(built.board, image, icount=5) as emulator,  # so that ticks count instructions
        Device(emulator.connect(), board="mps2-an386", timeout_s=20) as device,
    ):
        for frame in random_frames(session, 4):
            names = [op.name for op in session.profile(*frame).ops]
            profile = device.profile(*frame)
            assert same_outputs(device, session)
            assert [op.name for op in profile.ops] == names
        device.run(*frame)
        assert profile.tick_hz == device.identify().tick_hz
    assert profile.total + profile.overhead == pytest.approx(device.last_ticks, rel=0.02)
    assert profile.slowest(1)[0].name == "CONV_2D"
