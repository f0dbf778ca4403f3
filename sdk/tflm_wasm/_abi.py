# Generated from abi/abi.toml by abi/generate.py. Do not edit.
# ruff: noqa: E501
# fmt: off
"""The ABI as data: offsets, limits, status codes, exports and rules."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final, NamedTuple


class Field(NamedTuple):
    """One field of the control block or of a descriptor."""

    offset: int
    code: str
    written_by: str
    doc: str


class Signature(NamedTuple):
    """Parameter and result types of an export."""

    params: tuple[str, ...]
    results: tuple[str, ...]
    doc: str


class Status(IntEnum):
    """Status codes: 0 is success, every failure is negative."""

    OK = 0
    MODEL = -1
    VERSION = -2
    OP = -3
    TYPE = -4
    SHAPE = -5
    PARAM = -6
    ARENA = -7
    MODEL_SIZE = -8
    INPUT_SIZE = -9
    OUTPUT_CAP = -10
    POINTER = -11
    STATE = -12
    STACK = -13
    LIMIT = -14
    RUNTIME = -15


class Feature(IntFlag):
    """Feature bits of the control block."""

    SIMD = 1
    EMBEDDED_MODEL = 2
    STATEFUL = 4
    EXTENDED = 8
    INITIALISED = 16


ABI_MAJOR: Final = 1
ABI_MINOR: Final = 2
MAGIC: Final = b"TFLW"
BLOCK_BYTES: Final = 4096
ALIGNMENT_BYTES: Final = 16
MAX_IO_TENSORS: Final = 32
MAX_RANK: Final = 8

# profile -> limits in bytes
PROFILES: Final = {
    "strict": {"model_bytes": 131072, "input_bytes": 65536},
    "extended": {"model_bytes": 4194304, "input_bytes": 1048576},
}

FIELDS: Final = {
    "input_ptr": Field(0, "<i", "module", "Address of the input bytes; the host may move it after init."),
    "input_size": Field(4, "<i", "host", "Bytes of input, all inputs together. Init leaves the expected value here."),
    "output_ptr": Field(8, "<i", "module", "Address of the output buffer; the host may move it after init."),
    "output_cap": Field(12, "<i", "module", "Capacity of the output buffer; the host may change it after init."),
    "output_size": Field(16, "<i", "module", "Bytes written by the last invoke, all outputs together; bytes needed when the capacity is too small."),
    "status": Field(20, "<i", "module", "Status of the last call."),
    "magic": Field(24, "<I", "static", "The bytes TFLW."),
    "abi_major": Field(28, "<H", "static", "A host refuses a major version it does not know."),
    "abi_minor": Field(30, "<H", "static", "Minor versions only add fields in reserved space."),
    "features": Field(32, "<I", "static", "Feature bits; `stateful` is set by init."),
    "model_ptr": Field(36, "<I", "static", "Address of the model: of an embedded model before init, of the loaded one after it."),
    "model_size": Field(40, "<I", "static", "Bytes of the model at model_ptr; 0 when none is embedded or loaded."),
    "scratch_size": Field(44, "<I", "static", "The scratch_size to pass to init for the embedded model; after init, the one that was passed."),
    "heap_base": Field(48, "<I", "static", "First address after the module's own data; the model and the arena go at or above it."),
    "arena_ptr": Field(52, "<I", "module", "Address of the tensor arena; 0 before init."),
    "arena_used": Field(56, "<I", "module", "Bytes of the arena in use after init."),
    "arena_needed": Field(60, "<I", "module", "Smallest scratch_size that init accepts for this model; a lower bound when init ran out of room for its own tables."),
    "max_model_size": Field(64, "<I", "static", "Largest model_size that init accepts: the profile's limit."),
    "max_input_size": Field(68, "<I", "static", "Largest input_size, all inputs together: the profile's limit."),
    "input_count": Field(72, "<H", "module", "Number of model inputs."),
    "output_count": Field(74, "<H", "module", "Number of model outputs."),
    "op_count": Field(76, "<I", "module", "Operators in the main subgraph."),
    "error_op": Field(80, "<i", "module", "Index of the operator the last error is about, or -1."),
    "error_subgraph": Field(84, "<i", "module", "Index of the subgraph of that operator, or -1."),
    "page_log2": Field(88, "<I", "static", "log2 of the linear memory's page size in bytes: 16, or 0 where memory is re-declared with 1-byte pages."),
    "stack_size": Field(92, "<I", "static", "Bytes of the C stack, which lies in [4096, 4096 + stack_size) and grows down."),
    "window_ptr": Field(96, "<I", "static", "Start of a read-only range outside linear memory where the model may lie: flash, on a microcontroller. 0 on a computer."),
    "window_size": Field(100, "<I", "static", "Bytes of that range; 0 = there is none."),
    "op_first": Field(104, "<I", "host", "First operator that invoke runs. Since 1.1."),
    "op_end": Field(108, "<I", "host", "Operator that invoke stops before; while both are 0 it runs them all. Since 1.1."),
    "op_code": Field(112, "<i", "module", "BuiltinOperator, in the TensorFlow Lite schema, of the last operator that a step ran; -1 when it has none, or none was run. Since 1.1."),
    "frames_done": Field(116, "<I", "module", "Frames that the last invoke_many finished. Since 1.2."),
}

# name -> (offset, bytes)
REGIONS: Final = {
    "descriptors": (128, 2048),
    "error_text": (2176, 256),
    "reserved": (2432, 1648),
    "canary": (4080, 16),
}

DESCRIPTOR_BYTES: Final = 64
DESCRIPTOR_FIELDS: Final = {
    "address": Field(0, "<I", "module", "Where the tensor's bytes are."),
    "bytes": Field(4, "<I", "module", "Size of the tensor in bytes."),
    "type": Field(8, "<B", "module", "Element type: the value of TensorType in the TensorFlow Lite schema."),
    "rank": Field(9, "<B", "module", "Number of dimensions, 0 to 8."),
    "reserved": Field(10, "<H", "module", "Zero."),
    "tensor_index": Field(12, "<i", "module", "Index of the tensor in the model's main subgraph."),
    "scale": Field(16, "<f", "module", "Quantization scale; 0 when the tensor is not quantized."),
    "zero_point": Field(20, "<i", "module", "Quantization zero point."),
    "dims": Field(24, "<8i", "module", "The shape; entries from rank on are 0."),
    "reserved2": Field(56, "<Q", "module", "Zero."),
}

STATUS_DOC: Final = {
    Status.OK: "The call did what it says.",
    Status.MODEL: "The model is not a well-formed TensorFlow Lite flatbuffer: truncated, corrupt or inconsistent.",
    Status.VERSION: "The model's schema version or file identifier is not supported.",
    Status.OP: "The model uses an operator that this engine does not have.",
    Status.TYPE: "An operator does not support the type of one of its tensors.",
    Status.SHAPE: "The shapes of an operator's tensors do not fit together.",
    Status.PARAM: "An operator's options or quantization parameters are missing, out of range or not supported.",
    Status.ARENA: "scratch_size is too small; arena_needed holds the bytes needed.",
    Status.MODEL_SIZE: "model_size is 0 or over the profile's limit.",
    Status.INPUT_SIZE: "input_size differs from what the model takes, or is over the profile's limit.",
    Status.OUTPUT_CAP: "The output buffer is too small; output_size holds the bytes needed.",
    Status.POINTER: "An address or a size points outside linear memory, into the control block, or is not aligned.",
    Status.STATE: "Called out of order: no model has been initialised, or op_first and op_end are not the next operators.",
    Status.STACK: "The C stack overflowed into the control block; the instance must be discarded.",
    Status.LIMIT: "The model has more inputs, dimensions, subgraphs or nesting than the engine handles.",
    Status.RUNTIME: "An operator failed while running: a value in a tensor is out of range.",
}

EXPORTS: Final = {
    "tflm_wasm_init": Signature(("i32", "i32", "i32"), ("i32",), "init(model_data, model_size, scratch_size): load, check and plan the model where it lies."),
    "wasm_invoke": Signature((), ("i32",), "Run the model once."),
    "tflm_wasm_reset": Signature((), ("i32",), "Return variable tensors, resource variables and operators to their initial state."),
    "_start": Signature((), (), "Initialise an embedded model if none is loaded, then run once; the status is left in the block."),
    "tflm_wasm_invoke_many": Signature(("i32", "i32", "i32"), ("i32",), "invoke_many(inputs, outputs, count): run the model on frame after frame. Optional, since 1.2."),
}
OPTIONAL_EXPORTS: Final = frozenset(("tflm_wasm_invoke_many",))

# rule id -> what `tflm-wasm check` holds a module against, in order
RULES: Final = {
    "module.size": "The module and its code section are within the host's limits: 16 MiB and 1 MiB unless the host says otherwise.",
    "module.wasm": "The bytes are a valid WebAssembly 2.0 module that uses no proposal beyond it; its data segments are at constant addresses.",
    "module.no_start": "The module has no start section: no code runs before the host has read the block.",
    "import.none": "The module imports nothing.",
    "memory.one": "The module defines exactly one memory.",
    "memory.type": "The memory has 32-bit addresses, is not shared, and has 64 KiB pages.",
    "memory.export": "The memory is exported as `memory`.",
    "memory.initial": "The memory's initial size is at least one page and within the host's limit.",
    "export.present": "Every export of the table is there, but for optional ones, and each of them is a function.",
    "export.signature": "Every exported function has exactly the parameters and results of the table.",
    "module.compile": "A host compiles the module within its time and memory limits.",
    "module.instantiate": "The module instantiates: its data and element segments fit, its tables are within the host's limit.",
    "block.magic": "`magic` holds the bytes TFLW.",
    "block.version": "`abi_major` is a version that the host knows.",
    "block.features": "`features` has no unknown bits, and `simd` is set when the module uses SIMD128.",
    "block.profile": "A module with the `extended` bit is only accepted by a host that opted in.",
    "block.limits": "`max_model_size` and `max_input_size` are at least 1 and at most the profile's limits.",
    "block.page": "`page_log2` is the log2 of the memory's page size.",
    "block.layout": "Block, stack and heap follow each other inside memory: 4096 + stack_size <= heap_base <= memory size; stack_size is a multiple of 16.",
    "block.model": "An embedded model is 16-byte aligned, inside memory, above the stack, and of 1 to max_model_size bytes; without the bit, model_size is 0.",
    "block.unloaded": "Before the first call, `status`, the arena's fields, the counts and the descriptors are 0, unless `initialised` is set.",
    "block.initialised": "With the `initialised` bit, a model is embedded, memory holds its arena, and the block is as init leaves it.",
    "block.canary": "The canary is intact before the first call and after every call.",
    "block.reserved": "Reserved bytes of the block are 0, unless `abi_minor` is one that the host does not know.",
    "call.trap": "No call traps.",
    "call.time": "Every call returns within the time limit.",
    "memory.fixed": "No call changes the size of the memory.",
    "status.code": "Every status is 0 or one of the negative codes of the table.",
    "status.field": "`status` holds the value that the call returned.",
    "status.text": "`error_text` is a NUL-terminated UTF-8 sentence after a failure, and empty after a success.",
    "status.op": "`error_op` and `error_subgraph` are indices or -1; both are -1 after a success.",
    "block.fixed": "A call changes only the fields that are its to write.",
    "model.readonly": "No call changes a byte of the model.",
    "write.outside": "No call writes to memory that is neither the module's own, nor its arena, nor the output buffer.",
    "order.state": "With no model loaded (before init, unless `initialised` is set, or after an init that failed), invoke, invoke_many, reset and a `_start` that has no embedded model answer `state`.",
    "init.model_size": "init answers `model_size` when model_size is 0 or over max_model_size, taken as an unsigned number.",
    "init.pointer": "init answers `pointer` when the model is not inside memory, lies in the block or is not 16-byte aligned, or when the arena does not fit in memory.",
    "init.accepts": "init accepts the module's embedded model with the scratch_size that the block names.",
    "init.fields": "After init, model_ptr, model_size and scratch_size are what was passed, and arena_used <= arena_needed <= scratch_size.",
    "init.arena_place": "arena_ptr is the first 16-byte aligned address at or above heap_base where the arena does not overlap the model.",
    "init.arena_needed": "init accepts a scratch_size of arena_needed, and answers `arena` to one byte less, with an arena_needed above what was passed.",
    "init.again": "init may be called again: the outputs are then those of a new instance.",
    "initialised.same": "With the `initialised` bit, the outputs without a call of init are those after one.",
    "descriptor.count": "There is at least one output, and inputs and outputs together fill at most 32 descriptors.",
    "descriptor.memory": "Every tensor lies inside memory, above the block and the stack.",
    "descriptor.shape": "Every descriptor's type is one of the table, its rank at most 8, its bytes the product of its dims and its type's size, its scale finite and not negative.",
    "io.fields": "After init, input_ptr and output_ptr are the first descriptors' addresses, input_size and output_cap the sums of their bytes, input_size at most max_input_size.",
    "invoke.accepts": "invoke answers `ok` to inputs of zero bytes.",
    "invoke.input_size": "invoke answers `input_size` when input_size is not the sum of the inputs' bytes.",
    "invoke.pointer": "invoke answers `pointer` when the input or the output buffer is not inside memory or lies in the block.",
    "invoke.output_cap": "invoke answers `output_cap` when output_cap is less than the outputs need (a negative one always is), with the bytes needed in output_size.",
    "invoke.step_order": "invoke answers `state` when op_first and op_end are no range of operators, or one that does not begin at 0 or where the last invoke ended. From 1.1 on.",
    "invoke.steps": "The operators run one at a time, each once, give the output of one invoke; op_count is at most 65,535. From 1.1 on.",
    "many.pointer": "invoke_many answers `pointer` when a buffer, with all its frames, is not inside memory or lies in the block. From 1.2 on, where it is exported.",
    "many.same": "invoke_many gives the outputs of as many invokes, in order, and stops at the first frame that fails. From 1.2 on, where it is exported.",
    "many.frames": "After invoke_many, `frames_done` is the number of frames before the one that failed, or of all. From 1.2 on, where it is exported.",
    "output.range": "[output_ptr, output_ptr + n) lies inside memory and above the block, without wrapping; n is output_size, or the first output's bytes while several outputs are at their descriptors' addresses; output_size is not negative.",
    "output.cap": "output_size is at most output_cap.",
    "output.size": "After a successful invoke, output_size is the sum of the outputs' bytes.",
    "input.packed": "When the host moved input_ptr, the inputs are read from there, packed in order.",
    "output.packed": "When the host moved output_ptr, the outputs are written there, packed in order.",
    "result.repeatable": "Outputs depend on the model, the inputs and the state only: not on what memory held before init.",
    "result.stateful": "Without the `stateful` bit, the same input gives the same output every time.",
    "reset.restores": "After each reset, the same inputs give the same outputs.",
    "start.same": "_start gives the status and the output of wasm_invoke, and initialises an embedded model when none is loaded.",
}
CANARY: Final = b"\xa5\xc5" * 8
