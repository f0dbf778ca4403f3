/* Generated from abi/abi.toml by abi/generate.py. Do not edit. */
#ifndef TFLM_WASM_ABI_H
#define TFLM_WASM_ABI_H

#include <stddef.h>
#include <stdint.h>

#define TW_ABI_MAJOR 1
#define TW_ABI_MINOR 2
#define TW_ABI_MAGIC 0x574C4654u /* the bytes TFLW */
#define TW_BLOCK_BYTES 4096u
#define TW_ALIGNMENT_BYTES 16u
#define TW_MAX_IO_TENSORS 32u
#define TW_MAX_RANK 8u
#define TW_STRICT_MODEL_BYTES 131072u
#define TW_STRICT_INPUT_BYTES 65536u
#define TW_EXTENDED_MODEL_BYTES 4194304u
#define TW_EXTENDED_INPUT_BYTES 1048576u

/* Status codes: 0 is success, every failure is negative. */
typedef enum {
  TW_OK = 0, /* The call did what it says. */
  TW_E_MODEL = -1, /* The model is not a well-formed TensorFlow Lite flatbuffer: truncated, corrupt or inconsistent. */
  TW_E_VERSION = -2, /* The model's schema version or file identifier is not supported. */
  TW_E_OP = -3, /* The model uses an operator that this engine does not have. */
  TW_E_TYPE = -4, /* An operator does not support the type of one of its tensors. */
  TW_E_SHAPE = -5, /* The shapes of an operator's tensors do not fit together. */
  TW_E_PARAM = -6, /* An operator's options or quantization parameters are missing, out of range or not supported. */
  TW_E_ARENA = -7, /* scratch_size is too small; arena_needed holds the bytes needed. */
  TW_E_MODEL_SIZE = -8, /* model_size is 0 or over the profile's limit. */
  TW_E_INPUT_SIZE = -9, /* input_size differs from what the model takes, or is over the profile's limit. */
  TW_E_OUTPUT_CAP = -10, /* The output buffer is too small; output_size holds the bytes needed. */
  TW_E_POINTER = -11, /* An address or a size points outside linear memory, into the control block, or is not aligned. */
  TW_E_STATE = -12, /* Called out of order: no model has been initialised, or op_first and op_end are not the next operators. */
  TW_E_STACK = -13, /* The C stack overflowed into the control block; the instance must be discarded. */
  TW_E_LIMIT = -14, /* The model has more inputs, dimensions, subgraphs or nesting than the engine handles. */
  TW_E_RUNTIME = -15, /* An operator failed while running: a value in a tensor is out of range. */
} tw_status;

#define TW_FEATURE_SIMD (1u << 0)
#define TW_FEATURE_EMBEDDED_MODEL (1u << 1)
#define TW_FEATURE_STATEFUL (1u << 2)
#define TW_FEATURE_EXTENDED (1u << 3)
#define TW_FEATURE_INITIALISED (1u << 4)

typedef struct {
  uint32_t address; /* Where the tensor's bytes are. */
  uint32_t bytes; /* Size of the tensor in bytes. */
  uint8_t type; /* Element type: the value of TensorType in the TensorFlow Lite schema. */
  uint8_t rank; /* Number of dimensions, 0 to 8. */
  uint16_t reserved; /* Zero. */
  int32_t tensor_index; /* Index of the tensor in the model's main subgraph. */
  float scale; /* Quantization scale; 0 when the tensor is not quantized. */
  int32_t zero_point; /* Quantization zero point. */
  int32_t dims[8]; /* The shape; entries from rank on are 0. */
  uint64_t reserved2; /* Zero. */
} tw_descriptor;

/* The control block: linear memory [0, 4096). */
typedef struct {
  int32_t input_ptr; /* Address of the input bytes; the host may move it after init. */
  int32_t input_size; /* Bytes of input, all inputs together. Init leaves the expected value here. */
  int32_t output_ptr; /* Address of the output buffer; the host may move it after init. */
  int32_t output_cap; /* Capacity of the output buffer; the host may change it after init. */
  int32_t output_size; /* Bytes written by the last invoke, all outputs together; bytes needed when the capacity is too small. */
  int32_t status; /* Status of the last call. */
  uint32_t magic; /* The bytes TFLW. */
  uint16_t abi_major; /* A host refuses a major version it does not know. */
  uint16_t abi_minor; /* Minor versions only add fields in reserved space. */
  uint32_t features; /* Feature bits; `stateful` is set by init. */
  uint32_t model_ptr; /* Address of the model: of an embedded model before init, of the loaded one after it. */
  uint32_t model_size; /* Bytes of the model at model_ptr; 0 when none is embedded or loaded. */
  uint32_t scratch_size; /* The scratch_size to pass to init for the embedded model; after init, the one that was passed. */
  uint32_t heap_base; /* First address after the module's own data; the model and the arena go at or above it. */
  uint32_t arena_ptr; /* Address of the tensor arena; 0 before init. */
  uint32_t arena_used; /* Bytes of the arena in use after init. */
  uint32_t arena_needed; /* Smallest scratch_size that init accepts for this model; a lower bound when init ran out of room for its own tables. */
  uint32_t max_model_size; /* Largest model_size that init accepts: the profile's limit. */
  uint32_t max_input_size; /* Largest input_size, all inputs together: the profile's limit. */
  uint16_t input_count; /* Number of model inputs. */
  uint16_t output_count; /* Number of model outputs. */
  uint32_t op_count; /* Operators in the main subgraph. */
  int32_t error_op; /* Index of the operator the last error is about, or -1. */
  int32_t error_subgraph; /* Index of the subgraph of that operator, or -1. */
  uint32_t page_log2; /* log2 of the linear memory's page size in bytes: 16, or 0 where memory is re-declared with 1-byte pages. */
  uint32_t stack_size; /* Bytes of the C stack, which lies in [4096, 4096 + stack_size) and grows down. */
  uint32_t window_ptr; /* Start of a read-only range outside linear memory where the model may lie: flash, on a microcontroller. 0 on a computer. */
  uint32_t window_size; /* Bytes of that range; 0 = there is none. */
  uint32_t op_first; /* First operator that invoke runs. Since 1.1. */
  uint32_t op_end; /* Operator that invoke stops before; while both are 0 it runs them all. Since 1.1. */
  int32_t op_code; /* BuiltinOperator, in the TensorFlow Lite schema, of the last operator that a step ran; -1 when it has none, or none was run. Since 1.1. */
  uint32_t frames_done; /* Frames that the last invoke_many finished. Since 1.2. */
  uint8_t reserved_head[8];
  tw_descriptor descriptors[TW_MAX_IO_TENSORS];
  char error_text[256];
  uint8_t reserved[1648];
  uint16_t canary[8];
} tw_control_block;

_Static_assert(sizeof(tw_descriptor) == 64, "descriptor layout");
_Static_assert(sizeof(tw_control_block) == TW_BLOCK_BYTES, "control block layout");
_Static_assert(offsetof(tw_control_block, input_ptr) == 0, "input_ptr");
_Static_assert(offsetof(tw_control_block, input_size) == 4, "input_size");
_Static_assert(offsetof(tw_control_block, output_ptr) == 8, "output_ptr");
_Static_assert(offsetof(tw_control_block, output_cap) == 12, "output_cap");
_Static_assert(offsetof(tw_control_block, output_size) == 16, "output_size");
_Static_assert(offsetof(tw_control_block, status) == 20, "status");
_Static_assert(offsetof(tw_control_block, magic) == 24, "magic");
_Static_assert(offsetof(tw_control_block, abi_major) == 28, "abi_major");
_Static_assert(offsetof(tw_control_block, abi_minor) == 30, "abi_minor");
_Static_assert(offsetof(tw_control_block, features) == 32, "features");
_Static_assert(offsetof(tw_control_block, model_ptr) == 36, "model_ptr");
_Static_assert(offsetof(tw_control_block, model_size) == 40, "model_size");
_Static_assert(offsetof(tw_control_block, scratch_size) == 44, "scratch_size");
_Static_assert(offsetof(tw_control_block, heap_base) == 48, "heap_base");
_Static_assert(offsetof(tw_control_block, arena_ptr) == 52, "arena_ptr");
_Static_assert(offsetof(tw_control_block, arena_used) == 56, "arena_used");
_Static_assert(offsetof(tw_control_block, arena_needed) == 60, "arena_needed");
_Static_assert(offsetof(tw_control_block, max_model_size) == 64, "max_model_size");
_Static_assert(offsetof(tw_control_block, max_input_size) == 68, "max_input_size");
_Static_assert(offsetof(tw_control_block, input_count) == 72, "input_count");
_Static_assert(offsetof(tw_control_block, output_count) == 74, "output_count");
_Static_assert(offsetof(tw_control_block, op_count) == 76, "op_count");
_Static_assert(offsetof(tw_control_block, error_op) == 80, "error_op");
_Static_assert(offsetof(tw_control_block, error_subgraph) == 84, "error_subgraph");
_Static_assert(offsetof(tw_control_block, page_log2) == 88, "page_log2");
_Static_assert(offsetof(tw_control_block, stack_size) == 92, "stack_size");
_Static_assert(offsetof(tw_control_block, window_ptr) == 96, "window_ptr");
_Static_assert(offsetof(tw_control_block, window_size) == 100, "window_size");
_Static_assert(offsetof(tw_control_block, op_first) == 104, "op_first");
_Static_assert(offsetof(tw_control_block, op_end) == 108, "op_end");
_Static_assert(offsetof(tw_control_block, op_code) == 112, "op_code");
_Static_assert(offsetof(tw_control_block, frames_done) == 116, "frames_done");
_Static_assert(offsetof(tw_control_block, descriptors) == 128, "descriptors");
_Static_assert(offsetof(tw_control_block, error_text) == 2176, "error_text");
_Static_assert(offsetof(tw_control_block, reserved) == 2432, "reserved");
_Static_assert(offsetof(tw_control_block, canary) == 4080, "canary");

#endif
