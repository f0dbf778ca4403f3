#include "guest_engine.h"

#include <stdlib.h>
#include <string.h>

#include "tw_kernel.h"

enum { TICKS_PER_CALL = 10, TICKS_PER_OP = 1000, CANARY = 0xC5A5 };

static tw_control_block *block(guest_engine *g) { return (void *)g->memory; }

/* A planned fault takes the place of a call, once. */
static bool fault_is_due(guest_engine *g, tw_guest_result *result) {
  *result = g->planned;
  g->planned.faulted = false;
  return result->faulted;
}

static tw_guest_result finish(guest_engine *g, tw_status status) {
  tw_control_block *b = block(g);
  if (status == TW_OK) {
    g->engine.error_text[0] = 0;
    g->engine.error_node = g->engine.error_subgraph = -1;
  }
  memcpy(b->error_text, g->engine.error_text, sizeof g->engine.error_text);
  b->error_op = g->engine.error_node;
  b->error_subgraph = g->engine.error_subgraph;
  b->status = status;
  return (tw_guest_result){
      .status = status, .ticks = TICKS_PER_CALL, .arena_bytes = g->arena_bytes};
}

static uint32_t describe(guest_engine *g, tw_descriptor *d, const tw_tensor *t, int32_t index) {
  tw_quant q = tw_quant_of(&g->engine, index);
  *d = (tw_descriptor){.address = (uint32_t)((const uint8_t *)t->data - g->memory),
                       .bytes = t->bytes,
                       .type = t->type,
                       .rank = t->rank,
                       .tensor_index = index,
                       .scale = tw_quant_scale(q, 0),
                       .zero_point = tw_quant_zero_point(q, 0)};
  for (uint32_t i = 0; i < t->rank; i++) d->dims[i] = t->dims[i];
  return t->bytes;
}

static void publish(guest_engine *g) {
  tw_control_block *b = block(g);
  const tw_subgraph *s = &g->engine.subgraphs[0];
  b->input_count = s->input_count;
  b->output_count = s->output_count;
  b->op_count = s->node_count;
  b->input_size = b->output_cap = 0;
  tw_descriptor *d = b->descriptors;
  for (uint32_t i = 0; i < s->input_count; i++) {
    const tw_tensor *t = tw_engine_input(&g->engine, i);
    b->input_size += (int32_t)describe(g, d++, t, s->inputs[i]);
  }
  for (uint32_t i = 0; i < s->output_count; i++) {
    const tw_tensor *t = tw_engine_output(&g->engine, i);
    b->output_cap += (int32_t)describe(g, d++, t, s->outputs[i]);
  }
  b->input_ptr = (int32_t)b->descriptors[0].address;
  b->output_ptr = (int32_t)b->descriptors[s->input_count].address;
  if (g->engine.stateful) b->features |= TW_FEATURE_STATEFUL;
}

static void clear_block(guest_engine *g) {
  tw_control_block *b = block(g);
  *b = (tw_control_block){.magic = TW_ABI_MAGIC,
                          .abi_major = TW_ABI_MAJOR,
                          .abi_minor = TW_ABI_MINOR,
                          .heap_base = TW_BLOCK_BYTES,
                          .arena_ptr = TW_BLOCK_BYTES,
                          .scratch_size = g->arena_bytes,
                          .max_model_size = TW_STRICT_MODEL_BYTES,
                          .max_input_size = TW_STRICT_INPUT_BYTES};
  for (uint32_t i = 0; i < TW_COUNT(b->canary); i++) b->canary[i] = CANARY;
}

static tw_guest_result init(void *context, const uint8_t *model, uint32_t bytes) {
  guest_engine *g = context;
  tw_guest_result result;
  clear_block(g);
  if (fault_is_due(g, &result)) return result;
  if (bytes > TW_STRICT_MODEL_BYTES) {
    memset(&g->engine, 0, sizeof g->engine);
    return finish(g, TW_E_MODEL_SIZE);
  }
  uint8_t *arena = g->memory + TW_BLOCK_BYTES;
  tw_status status = tw_engine_init(&g->engine, model, bytes, arena, g->arena_bytes, false);
  block(g)->arena_used = g->engine.arena_used;
  block(g)->arena_needed = g->engine.arena_needed;
  block(g)->model_size = bytes;
  if (status == TW_OK) publish(g);
  return finish(g, status);
}

static tw_guest_result invoke(void *context) {
  guest_engine *g = context;
  tw_guest_result result;
  if (fault_is_due(g, &result)) return result;
  tw_control_block *b = block(g);
  const tw_subgraph *s = &g->engine.subgraphs[0];
  bool whole = b->op_first == 0 && b->op_end == 0;
  uint32_t first = b->op_first, end = whole ? s->node_count : b->op_end;
  tw_status status = tw_engine_invoke_ops(&g->engine, first, end);
  bool ran = status == TW_OK && end > first;
  if (!whole) b->op_code = ran ? s->nodes[end - 1].op->code : -1;
  result = finish(g, status);
  result.ticks = TICKS_PER_CALL + (ran ? (uint64_t)(end - first) * TICKS_PER_OP : 0);
  return result;
}

static tw_guest_result reset(void *context) {
  guest_engine *g = context;
  tw_guest_result result;
  if (fault_is_due(g, &result)) return result;
  return finish(g, tw_engine_reset(&g->engine));
}

static uint8_t *memory(void *context, uint32_t address, uint32_t bytes) {
  guest_engine *g = context;
  uint32_t end = TW_BLOCK_BYTES + g->arena_bytes;
  return address <= end && bytes <= end - address ? g->memory + address : NULL;
}

void guest_engine_start(guest_engine *g, uint32_t arena_bytes) {
  free(g->memory);
  *g = (guest_engine){.arena_bytes = arena_bytes};
  g->memory = calloc(1, TW_BLOCK_BYTES + arena_bytes);
  if (g->memory == NULL) exit(2);
  clear_block(g);
  g->sandbox = (tw_sandbox){
      .init = init, .invoke = invoke, .reset = reset, .memory = memory, .context = g};
}
