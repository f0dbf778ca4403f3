"""The drop-in for tflite_runtime's Interpreter: the same calls, answers and kinds of error."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import tflm_wasm
from tests.support.files import WAKEWORDS, ZOO, wakeword_model
from tests.support.models import Graph, Model, Op, Tensor, single_op
from tests.support.wat_guests import guest
from tflm_wasm import Interpreter

SINE = ZOO / "sine_int8" / "sine_int8.tflite"
ZOO_MODELS = sorted(ZOO.glob("*/*.tflite"))
MODELS = [*(path.stem for path in ZOO_MODELS), *WAKEWORDS]


def model_path(name: str) -> Path:
    found = [path for path in ZOO_MODELS if path.stem == name]
    return found[0] if found else wakeword_model(name)


@pytest.fixture
def sine() -> Interpreter:
    interpreter = Interpreter(model_path=SINE)
    interpreter.allocate_tensors()
    return interpreter


@pytest.fixture
def reference():
    """Return tflite_runtime's own Interpreter class."""
    module = pytest.importorskip(
        "tflite_runtime.interpreter",
        reason='tflite-runtime is missing: pip install "tflm-wasm[oracles]" on Python 3.10 or 3.11',
    )
    return module.Interpreter


def test_the_usual_script_runs(sine):
    (x,), (y,) = sine.get_input_details(), sine.get_output_details()
    scale, zero_point = x["quantization"]
    errors = []
    for angle in np.linspace(0, 6.28, 50):
        sine.set_tensor(x["index"], np.int8([[round(angle / scale) + zero_point]]))
        sine.invoke()
        raw = int(sine.get_tensor(y["index"])[0, 0])
        value = (raw - y["quantization"][1]) * y["quantization"][0]
        errors.append(abs(value - np.sin(angle)))
    assert max(errors) < 0.25


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ["tflite", "wasm"])
@pytest.mark.oracle
def test_all_details_are_those_of_tflite_runtime(reference, name, kind):
    content = model_path(name).read_bytes()
    theirs = reference(model_content=content)
    if kind == "wasm":
        content = tflm_wasm.build(content).wasm
    ours = Interpreter(model_content=content)
    for getter in ("get_input_details", "get_output_details", "get_tensor_details"):
        mine, other = getattr(ours, getter)(), getattr(theirs, getter)()
        # tflite_runtime adds temporary tensors of its kernels behind the model's.
        for one, two in zip(mine, other[: len(mine)], strict=True):
            assert_same_details(one, two)
    assert ours.get_signature_list() == theirs.get_signature_list()


def assert_same_details(one, two):
    assert list(one) == list(two)
    for key, value in one.items():
        if key == "quantization_parameters":
            assert list(value) == list(two[key])
            for name in value:
                assert_same_value(value[name], two[key][name])
        else:
            assert_same_value(value, two[key])


def assert_same_value(one, two):
    assert type(one) is type(two)
    np.testing.assert_array_equal(one, two)
    assert getattr(one, "dtype", None) == getattr(two, "dtype", None)


def test_the_constructor_takes_the_arguments_of_tflite_runtime_in_order(reference):
    theirs = list(inspect.signature(reference.__init__).parameters)
    ours = list(inspect.signature(Interpreter.__init__).parameters)
    assert ours[: len(theirs)] == theirs
    assert ours[len(theirs) :] == ["profile", "limits"]


def test_every_public_method_of_tflite_runtime_is_there(reference):
    def public(cls):
        return {name for name in vars(cls) if not name.startswith("_")}

    assert public(reference) <= public(Interpreter)


WRONG_USES = {
    "invoke before allocate": lambda i: i.invoke(),
    "get before allocate": lambda i: i.get_tensor(0),
    "set before allocate": lambda i: i.set_tensor(0, np.zeros((1, 1), np.int8)),
    "view before allocate": lambda i: i.tensor(0)(),
    "dtype": lambda i: (i.allocate_tensors(), i.set_tensor(0, np.zeros((1, 1), np.float32))),
    "python list": lambda i: (i.allocate_tensors(), i.set_tensor(0, [[1]])),
    "rank": lambda i: (i.allocate_tensors(), i.set_tensor(0, np.zeros(1, np.int8))),
    "dimension": lambda i: (i.allocate_tensors(), i.set_tensor(0, np.zeros((1, 2), np.int8))),
    "set index": lambda i: (i.allocate_tensors(), i.set_tensor(99, np.zeros((1, 1), np.int8))),
    "get index": lambda i: (i.allocate_tensors(), i.get_tensor(-1)),
    "view index": lambda i: (i.allocate_tensors(), i.tensor(99)()),
    "signature key": lambda i: i.get_signature_runner("nothing"),
    "signature arguments": lambda i: i.get_signature_runner()(),
    "signature name": lambda i: i.get_signature_runner()(x=np.zeros((1, 1), np.int8)),
}


@pytest.mark.parametrize("use", WRONG_USES.values(), ids=WRONG_USES)
@pytest.mark.oracle
def test_wrong_use_is_the_same_kind_of_error_with_the_same_message(reference, use):
    with pytest.raises((ValueError, RuntimeError)) as theirs:
        use(reference(model_path=str(SINE)))
    with pytest.raises(theirs.type) as ours:
        use(Interpreter(model_path=SINE))
    assert isinstance(ours.value, tflm_wasm.InterpreterError)
    said = str(theirs.value)
    # The upper bound in this one message counts tensors that only their kernels have.
    assert str(ours.value).split(" exceeds")[0] == said.split(" exceeds")[0]


WRONG_ARGUMENTS = [
    {},
    {"model_path": str(SINE), "model_content": b"x"},
    {"model_path": "/does/not/exist.tflite"},
    {"model_content": b"no model at all"},
    {"model_path": str(SINE), "num_threads": 0},
    {"model_path": str(SINE), "num_threads": "two"},
]


@pytest.mark.parametrize("arguments", WRONG_ARGUMENTS, ids=str)
def test_wrong_constructor_arguments_are_typed_errors(arguments):
    with pytest.raises((ValueError, OSError)) as caught:
        Interpreter(**arguments)
    assert isinstance(caught.value, tflm_wasm.TflmWasmError)


@pytest.mark.parametrize(
    "arguments",
    [{"experimental_delegates": [object()]}, {"experimental_preserve_all_tensors": True}],
)
def test_an_option_that_would_not_be_honoured_is_refused(arguments):
    with pytest.raises(tflm_wasm.OptionError):
        Interpreter(model_path=SINE, **arguments)


def test_harmless_options_are_accepted():
    Interpreter(
        str(SINE),
        None,
        [],
        4,
        experimental_op_resolver_type=object(),
        experimental_disable_delegate_clustering=True,
    )


def two_inputs() -> bytes:
    """Return a model with two int8 inputs, each reshaped to an output of its own."""
    shape = Tensor([2], "int32", data=[3, 1])
    row, column = Tensor([1, 3], "int8"), Tensor([3, 1], "int8")
    tensors = [row, shape, column, row, column]
    ops = [Op("RESHAPE", [0, 1], [2]), Op("RESHAPE", [3, 1], [4])]
    return Model([Graph(tensors, ops, [0, 3], [2, 4])]).to_bytes()


def test_inputs_stay_set_from_one_invoke_to_the_next():
    interpreter = Interpreter(model_content=two_inputs())
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.int8([[1, 2, 3]]))
    for i in range(5):
        interpreter.set_tensor(3, np.int8([[i, i, i]]))
        interpreter.invoke()
        np.testing.assert_array_equal(interpreter.get_tensor(0), [[1, 2, 3]])
        np.testing.assert_array_equal(interpreter.get_tensor(2), [[1], [2], [3]])
        np.testing.assert_array_equal(interpreter.get_tensor(4), [[i], [i], [i]])


def test_a_view_of_an_input_goes_in_at_each_invoke_and_may_be_held():
    interpreter = Interpreter(model_content=two_inputs())
    interpreter.allocate_tensors()
    x, y = interpreter.tensor(0)(), interpreter.tensor(2)()
    for i in range(3):
        x.fill(i)
        interpreter.invoke()
        np.testing.assert_array_equal(y, np.full((3, 1), i))


def test_get_tensor_is_a_copy(sine):
    index = sine.get_output_details()[0]["index"]
    sine.invoke()
    first = sine.get_tensor(index)
    first += 1
    assert sine.get_tensor(index)[0, 0] == first[0, 0] - 1


def test_constants_are_read_from_the_model():
    weights = np.arange(-4, 4, dtype=np.int8).reshape(2, 4)
    model = single_op(
        "FULLY_CONNECTED",
        [
            Tensor([1, 4], "int8", scale=0.5),
            Tensor([2, 4], "int8", data=weights, scale=0.5),
            Tensor([2], "int32", data=[5, 6], scale=0.25),
        ],
        [Tensor([1, 2], "int8", scale=1.0)],
        ("FullyConnectedOptions", {}),
    )
    interpreter = Interpreter(model_content=model)
    np.testing.assert_array_equal(interpreter.get_tensor(1), weights)
    np.testing.assert_array_equal(interpreter.get_tensor(2), np.int32([5, 6]))
    with pytest.raises(ValueError, match="read-only"):
        interpreter.tensor(1)()[0, 0] = 9
    interpreter.allocate_tensors()
    with pytest.raises(tflm_wasm.TensorAccessError, match="tensor 1 is not an input"):
        interpreter.set_tensor(1, weights)


def test_an_intermediate_tensor_is_refused_with_a_hint(sine):
    # The outputs of the first two of the model's three layers.
    (output,) = sine.get_output_details()
    for index in (output["index"] - 2, output["index"] - 1):
        with pytest.raises(tflm_wasm.TensorAccessError) as caught:
            sine.get_tensor(index)
        assert caught.value.index == index
        assert "intermediate" in caught.value.hint
    sine.get_tensor(output["index"])


def test_tensors_of_other_subgraphs_are_refused(sine):
    with pytest.raises(tflm_wasm.TensorAccessError, match="subgraph 1"):
        sine.get_tensor(0, subgraph_index=1)


def test_a_signature_runner_takes_and_returns_arrays_by_name(sine):
    runner = sine.get_signature_runner("serving_default")
    (name,) = runner.get_input_details()
    (result,) = runner.get_output_details()
    outputs = runner(**{name: np.int8([[10]])})
    assert list(outputs) == [result]
    sine.set_tensor(sine.get_input_details()[0]["index"], np.int8([[10]]))
    sine.invoke()
    index = runner.get_output_details()[result]["index"]
    np.testing.assert_array_equal(outputs[result], sine.get_tensor(index))


def test_a_model_without_signatures_says_so():
    interpreter = Interpreter(model_content=two_inputs())
    assert interpreter.get_signature_list() == {}
    with pytest.raises(tflm_wasm.SignatureError, match="has 0 Signatures"):
        interpreter.get_signature_runner()


def test_resizing_to_the_same_shape_is_fine_and_to_another_is_refused(sine):
    sine.resize_tensor_input(0, [1, 1])
    sine.resize_tensor_input(0, np.array([1, 1]), strict=True)
    with pytest.raises(tflm_wasm.ResizeError, match=r"\(1, 1\) and can't become \(2, 1\)"):
        sine.resize_tensor_input(0, [2, 1])
    with pytest.raises(tflm_wasm.TensorIndexError):
        sine.resize_tensor_input(99, [1, 1])


def test_reset_brings_back_the_first_state():
    interpreter = Interpreter(wakeword_model("okay_nabu"))
    interpreter.allocate_tensors()
    (x,), (y,) = interpreter.get_input_details(), interpreter.get_output_details()
    random = np.random.default_rng(11)
    frames = random.integers(-128, 128, (20, *x["shape"])).astype(np.int8)

    def run():
        for frame in frames:
            interpreter.set_tensor(x["index"], frame)
            interpreter.invoke()
            yield int(interpreter.get_tensor(y["index"])[0, 0])

    first = list(run())
    interpreter.reset_all_variables()
    assert list(run()) == first


def test_a_foreign_module_without_a_readable_model_is_described_by_its_block():
    interpreter = Interpreter(model_content=guest())
    interpreter.allocate_tensors()
    (x,), (y,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (x["name"], x["dtype"], x["quantization"]) == ("tensor_0", np.int8, (0.5, -3))
    assert (y["name"], y["index"], list(y["shape"])) == ("tensor_1", 1, [1, 4])
    assert [d["name"] for d in interpreter.get_tensor_details()] == ["tensor_0", "tensor_1"]
    interpreter.set_tensor(0, np.int8([[1, 2, 3, 4]]))
    interpreter.invoke()
    np.testing.assert_array_equal(interpreter.get_tensor(1), [[2, 3, 4, 5]])
    assert interpreter.get_signature_list() == {}


def test_an_interpreter_opens_a_saved_module(tmp_path):
    path = tmp_path / "sine"
    tflm_wasm.build(SINE).save(path)
    interpreter = Interpreter(model_path=path)
    interpreter.allocate_tensors()
    interpreter.invoke()


def test_the_profile_and_the_limits_reach_the_module():
    padded = two_inputs() + bytes(131_072)
    with pytest.raises(tflm_wasm.ModelTooLargeError):
        Interpreter(model_content=padded)
    Interpreter(model_content=padded, profile="extended")
    with pytest.raises(tflm_wasm.ModuleTooLargeError):
        Interpreter(model_content=two_inputs(), limits=tflm_wasm.Limits(memory_bytes=1))
