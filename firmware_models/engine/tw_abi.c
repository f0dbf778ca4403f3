/* The ABI: the control block at address 0 and the exports, on top of the engine. */
#include "tw_internal.h"
#ifdef TW_WASM128
#include "wasm128/tw_packed.h"
#endif

enum { CANARY = 0xC5A5 };

extern uint8_t __heap_base;

static tw_engine engine;
static bool loaded;
/* Where init put the input and output; a host that moved a pointer has its data copied. */
static uint32_t own_input, own_output, input_bytes, output_bytes;

/* Address 0 is a valid address here; the compiler is told so (-fno-delete-null-pointer-checks). */
static tw_control_block *block(void) {
  uintptr_t address = 0;
  __asm__("" : "+r"(address));
  return (tw_control_block *)address;
}

static uint64_t memory_bytes(void) {
  return (uint64_t)__builtin_wasm_memory_size(0) << block()->page_log2;
}

static bool in_heap(uint32_t address, uint64_t bytes) {
  return address >= block()->heap_base && address + bytes <= memory_bytes();
}

/* A model lies in the heap, or in a window that the firmware opened to its flash. */
static bool is_readable(uint32_t address, uint32_t bytes) {
  uint32_t start = block()->window_ptr, size = block()->window_size;
  bool in_window = address >= start && bytes <= size && address - start <= size - bytes;
  return in_window || in_heap(address, bytes);
}

static bool canary_is_intact(void) {
  for (uint32_t i = 0; i < TW_COUNT(block()->canary); i++) {
    if (block()->canary[i] != CANARY) return false;
  }
  return true;
}

/* Leave `status` and its text in the block; a blown stack overrules any other status. */
static int32_t finish(tw_status status) {
  tw_control_block *b = block();
  if (!canary_is_intact()) {
    status = TW_E_STACK;
    loaded = false;
    (void)tw_fail_model(&engine, status, "the stack of %u bytes overflowed",
                        (unsigned)b->stack_size);
  }
  if (status == TW_OK) {
    engine.error_text[0] = 0;
    engine.error_node = engine.error_subgraph = -1;
  } else {
    engine.next_node = 0;
    if (!TW_HAS_TEXTS) {
      engine.error_node = engine.node;
      engine.error_subgraph = engine.node >= 0 ? engine.subgraph : -1;
    }
  }
  _Static_assert(TW_ERROR_BYTES <= sizeof b->error_text, "the text fits");
  if (status != TW_OK || b->error_text[0] != 0) {
    memcpy(b->error_text, engine.error_text, TW_HAS_TEXTS ? TW_ERROR_BYTES : 1);
  }
  b->error_op = engine.error_node;
  b->error_subgraph = engine.error_subgraph;
  b->status = status;
  return status;
}

TW_NOINLINE static int32_t fail(tw_status status, const char *text) {
  engine.node = -1;
  return finish(tw_fail_model(&engine, status, "%s", text));
}

static uint32_t align_up(uint32_t address) {
  return (address + TW_ALIGN - 1) & ~(uint32_t)(TW_ALIGN - 1);
}

/* The arena: the first aligned address in the heap whose scratch_size bytes spare the model. */
static uint32_t arena_address(uint32_t model, uint32_t model_bytes, uint32_t scratch_bytes) {
  uint32_t arena = align_up(block()->heap_base);
  bool apart = (uint64_t)arena + scratch_bytes <= model || arena >= (uint64_t)model + model_bytes;
  return apart ? arena : align_up(model + model_bytes);
}

static void describe(tw_descriptor *d, const tw_tensor *t, int32_t index) {
  memset(d, 0, sizeof *d);
  tw_quant q = tw_quant_of(&engine, index);
  d->address = (uint32_t)(uintptr_t)t->data;
  d->bytes = t->bytes;
  d->type = t->type;
  d->rank = t->rank;
  d->tensor_index = index;
  d->scale = tw_quant_scale(q, 0);
  d->zero_point = tw_quant_zero_point(q, 0);
  for (uint32_t i = 0; i < t->rank; i++) d->dims[i] = t->dims[i];
}

/* Describe the loaded model in the block; nothing of it shows when a limit is passed. */
static int32_t publish(uint32_t arena) {
  tw_control_block *b = block();
  const tw_subgraph *g = &engine.subgraphs[0];
  if (g->input_count + g->output_count > (int)TW_MAX_IO_TENSORS) {
    return fail(TW_E_LIMIT, "the model has more than 32 inputs and outputs");
  }
  uint64_t inputs = 0, outputs = 0;
  tw_descriptor *d = b->descriptors;
  memset(d, 0, sizeof b->descriptors);
  for (uint32_t i = 0; i < g->input_count; i++) {
    const tw_tensor *t = tw_engine_input(&engine, i);
    describe(d++, t, g->inputs[i]);
    memset(t->data, 0, t->bytes);
    inputs += t->bytes;
  }
  for (uint32_t i = 0; i < g->output_count; i++) {
    const tw_tensor *t = tw_engine_output(&engine, i);
    describe(d++, t, g->outputs[i]);
    outputs += t->bytes;
  }
  if (engine.fb.bad) return fail(TW_E_MODEL, "malformed quantization of an input or output");
  if (inputs > b->max_input_size) {
    return fail(TW_E_INPUT_SIZE, "the inputs are larger than the profile allows");
  }
  if (outputs > INT32_MAX) return fail(TW_E_LIMIT, "the outputs are larger than 2 GiB");
  input_bytes = (uint32_t)inputs;
  output_bytes = (uint32_t)outputs;
  own_input = g->input_count > 0 ? b->descriptors[0].address : arena;
  own_output = g->output_count > 0 ? b->descriptors[g->input_count].address : arena;
  b->arena_ptr = arena;
  b->arena_used = engine.arena_used;
  b->input_ptr = (int32_t)own_input;
  b->input_size = (int32_t)input_bytes;
  b->output_ptr = (int32_t)own_output;
  b->output_cap = (int32_t)output_bytes;
  b->output_size = 0;
  b->input_count = g->input_count;
  b->output_count = g->output_count;
  b->op_count = g->node_count;
  if (engine.stateful) b->features |= TW_FEATURE_STATEFUL;
  loaded = true;
  return finish(TW_OK);
}

__attribute__((export_name("tflm_wasm_init"))) int32_t tflm_wasm_init(int32_t model_data,
                                                                      int32_t model_size,
                                                                      int32_t scratch_size) {
  tw_control_block *b = block();
  uint32_t model = (uint32_t)model_data;
  loaded = false;
  b->arena_ptr = b->arena_used = b->arena_needed = 0;
  b->op_count = b->input_count = b->output_count = 0;
  b->features &= ~TW_FEATURE_STATEFUL;
  if (!canary_is_intact()) return finish(TW_E_STACK);
  if (model_size <= 0 || (uint32_t)model_size > b->max_model_size) {
    return fail(TW_E_MODEL_SIZE, "model_size is 0 or over the profile's limit");
  }
  if (!is_readable(model, (uint32_t)model_size) || model % TW_ALIGN != 0) {
    return fail(TW_E_POINTER, "the model is out of reach or not 16-byte aligned");
  }
  if (scratch_size < 0) return fail(TW_E_POINTER, "scratch_size is negative");
  uint32_t arena = arena_address(model, (uint32_t)model_size, (uint32_t)scratch_size);
  if (!in_heap(arena, (uint32_t)scratch_size)) {
    return fail(TW_E_POINTER, "linear memory has no room for scratch_size");
  }
  tw_status status = tw_engine_init(&engine, (const uint8_t *)(uintptr_t)model,
                                    (uint32_t)model_size, (uint8_t *)(uintptr_t)arena,
                                    (uint32_t)scratch_size,
                                    (b->features & TW_FEATURE_EXTENDED) != 0);
  b->arena_needed = engine.arena_needed;
  if (status != TW_OK) return finish(status);
  b->model_ptr = model;
  b->model_size = (uint32_t)model_size;
  b->scratch_size = (uint32_t)scratch_size;
  return publish(arena);
}

/* Read packed inputs from where the host has them. */
TW_NOINLINE static void gather_inputs(uint32_t from) {
  for (uint32_t i = 0; i < engine.subgraphs[0].input_count; i++) {
    const tw_tensor *t = tw_engine_input(&engine, i);
    memmove(t->data, (const void *)(uintptr_t)from, t->bytes);
    from += t->bytes;
  }
}

TW_NOINLINE static void scatter_outputs(uint32_t to) {
  for (uint32_t i = 0; i < engine.subgraphs[0].output_count; i++) {
    const tw_tensor *t = tw_engine_output(&engine, i);
    memmove((void *)(uintptr_t)to, t->data, t->bytes);
    to += t->bytes;
  }
}

/* A host's own buffer: in the heap, and clear of the model and the arena. */
TW_NOINLINE static bool is_free(uint32_t address, uint64_t bytes) {
  const tw_control_block *b = block();
  uint64_t end = address + bytes;
  bool clear_of_model = end <= b->model_ptr || address >= (uint64_t)b->model_ptr + b->model_size;
  bool clear_of_arena = end <= b->arena_ptr || address >= (uint64_t)b->arena_ptr + b->scratch_size;
  return in_heap(address, bytes) && clear_of_model && clear_of_arena;
}

/* What every run checks: a model, and the sizes that the host thinks it has. */
TW_NOINLINE static tw_status check_run(void) {
  tw_control_block *b = block();
  engine.node = -1;
  b->output_size = 0;
  if (!loaded) return tw_fail_model(&engine, TW_E_STATE, "no model is initialised");
  if ((uint32_t)b->input_size != input_bytes) {
    return tw_fail_model(&engine, TW_E_INPUT_SIZE, "input_size is %d, the model takes %u",
                         (int)b->input_size, (unsigned)input_bytes);
  }
  if (b->output_cap < 0 || (uint32_t)b->output_cap < output_bytes) {
    b->output_size = (int32_t)output_bytes;
    return tw_fail_model(&engine, TW_E_OUTPUT_CAP, "output_cap is smaller than the outputs");
  }
  return TW_OK;
}

__attribute__((export_name("wasm_invoke"))) int32_t wasm_invoke(void) {
  tw_control_block *b = block();
  uint32_t first = b->op_first, end = b->op_end;
  bool whole = first == 0 && end == 0;
  if (!whole) b->op_code = -1;
  tw_status checked = check_run();
  if (checked != TW_OK) return finish(checked);
  uint32_t input = (uint32_t)b->input_ptr, output = (uint32_t)b->output_ptr;
  if (input != own_input && !is_free(input, input_bytes)) {
    return fail(TW_E_POINTER, "input_ptr does not lead to free memory in the heap");
  }
  if (output != own_output && !is_free(output, output_bytes)) {
    return fail(TW_E_POINTER, "output_ptr does not lead to free memory in the heap");
  }
  const tw_subgraph *g = &engine.subgraphs[0];
  if (whole) end = g->node_count;
  if (input != own_input && first == 0) gather_inputs(input);
  tw_status status = tw_engine_invoke_ops(&engine, first, end);
  if (status != TW_OK) return finish(status);
  if (!whole && engine.last_op != NULL) b->op_code = engine.last_op->code;
  if (end < g->node_count) return finish(TW_OK);
  if (output != own_output) scatter_outputs(output);
  b->output_size = (int32_t)output_bytes;
  return finish(TW_OK);
}

#if TW_HAS_MANY
__attribute__((export_name("tflm_wasm_invoke_many"))) int32_t
tflm_wasm_invoke_many(int32_t inputs, int32_t outputs, int32_t count) {
  tw_control_block *b = block();
  uint32_t from = (uint32_t)inputs, to = (uint32_t)outputs, frames = (uint32_t)count;
  b->frames_done = 0;
  tw_status status = check_run();
  if (status != TW_OK) return finish(status);
  if (b->op_first != 0 || b->op_end != 0) {
    return fail(TW_E_STATE, "op_first and op_end are for one frame, not for many");
  }
  uint64_t bytes_in = (uint64_t)frames * input_bytes, bytes_out = (uint64_t)frames * output_bytes;
  bool apart = from + bytes_in <= to || to + bytes_out <= from;
  if (!apart || !is_free(from, bytes_in) || !is_free(to, bytes_out)) {
    return fail(TW_E_POINTER, "the frames do not lie in free memory of the heap, apart");
  }
  for (; b->frames_done < frames; b->frames_done++) {
    gather_inputs(from);
    status = tw_engine_invoke_ops(&engine, 0, engine.subgraphs[0].node_count);
    if (status != TW_OK) return finish(status);
    scatter_outputs(to);
    from += input_bytes;
    to += output_bytes;
  }
  b->output_size = (int32_t)output_bytes;
  return finish(TW_OK);
}
#endif

__attribute__((export_name("tflm_wasm_reset"))) int32_t tflm_wasm_reset(void) {
  if (!loaded) return fail(TW_E_STATE, "no model is initialised");
  return finish(tw_engine_reset(&engine));
}

#ifdef TW_WASM128
/* The scratch_size with which the loaded model runs fastest: no part of the ABI, for who builds modules. */
__attribute__((export_name("tw_scratch_wanted"))) int32_t tw_scratch_wanted(void) {
  return (int32_t)tw_packed_arena(&engine);
}
#endif

__attribute__((export_name("_start"))) void tflm_wasm_start(void) {
  tw_control_block *b = block();
  if (!loaded && (b->features & TW_FEATURE_EMBEDDED_MODEL)) {
    int32_t status = tflm_wasm_init((int32_t)b->model_ptr, (int32_t)b->model_size,
                                    (int32_t)b->scratch_size);
    if (status != TW_OK) return;
  }
  wasm_invoke();
}
