#include "tw_engine.h"

#include "tw_internal.h"

/* ---- what kernels ask (tw_kernel.h) ---- */

static tw_tensor *tensor_at(const tw_engine *e, const int32_t *indices, uint32_t count,
                            uint32_t i) {
  if (i >= count || indices[i] < 0) return NULL;
  return &e->subgraphs[e->subgraph].tensors[indices[i]];
}

const tw_tensor *tw_input(const tw_engine *e, const tw_node *node, uint32_t i) {
  return tensor_at(e, node->inputs, node->input_count, i);
}

tw_tensor *tw_output(const tw_engine *e, const tw_node *node, uint32_t i) {
  return tensor_at(e, node->outputs, node->output_count, i);
}

tw_status tw_expect(tw_engine *e, const tw_node *node, uint32_t inputs_min, uint32_t inputs_max,
                    uint32_t outputs) {
  TW_VERIFY(e, node->input_count >= inputs_min && node->input_count <= inputs_max, TW_E_MODEL,
            "%u inputs", node->input_count);
  TW_VERIFY(e, node->output_count == outputs, TW_E_MODEL, "%u outputs", node->output_count);
  for (uint32_t i = 0; i < inputs_min; i++) {
    TW_VERIFY(e, node->inputs[i] >= 0, TW_E_MODEL, "input %u is missing", (unsigned)i);
  }
  return TW_OK;
}

uint32_t tw_elements(const tw_tensor *t) {
  uint32_t elements = 1;
  for (uint32_t i = 0; i < t->rank; i++) elements *= (uint32_t)t->dims[i];
  return elements;
}

int32_t tw_dim(const tw_tensor *t, int32_t i) {
  if (i < 0) i += t->rank;
  return i >= 0 && i < t->rank ? t->dims[i] : 1;
}

bool tw_same_shape(const tw_tensor *a, const tw_tensor *b) {
  if (a->rank != b->rank) return false;
  for (uint32_t i = 0; i < a->rank; i++) {
    if (a->dims[i] != b->dims[i]) return false;
  }
  return true;
}

/* The flatbuffer table of a tensor of the subgraph at work. */
static tw_fb_table tensor_table(tw_engine *e, int32_t index) {
  tw_fb *fb = &e->fb;
  tw_fb_vector subgraphs = tw_fb_vec(fb, tw_fb_root(fb), MODEL_SUBGRAPHS, 4);
  tw_fb_table g = tw_fb_at(fb, subgraphs, (uint32_t)e->subgraph);
  return tw_fb_at(fb, tw_fb_vec(fb, g, SUBGRAPH_TENSORS, 4), (uint32_t)index);
}

tw_quant tw_quant_of(tw_engine *e, int32_t tensor_index) {
  tw_fb *fb = &e->fb;
  tw_quant q = {NULL, NULL, 0, 0, 0};
  if (tensor_index < 0) return q;
  tw_fb_table table = tw_fb_sub(fb, tensor_table(e, tensor_index), TENSOR_QUANTIZATION);
  tw_fb_vector scales = tw_fb_vec(fb, table, QUANT_SCALE, 4);
  tw_fb_vector zero_points = tw_fb_vec(fb, table, QUANT_ZERO_POINT, 8);
  uint32_t count = tw_fb_count(fb, scales), zero_point_count = tw_fb_count(fb, zero_points);
  if (count == 0 || zero_point_count == 0) return q;
  q.scales = tw_fb_elements(fb, scales);
  q.zero_points = tw_fb_elements(fb, zero_points);
  q.count = count;
  q.zero_point_count = zero_point_count;
  q.axis = tw_fb_i32(fb, table, QUANT_AXIS, 0);
  return q;
}

tw_status tw_options(tw_engine *e, const tw_node *node, uint8_t expected, tw_fb_table *options) {
  tw_fb *fb = &e->fb;
  tw_fb_table table = (tw_fb_table){node->table};
  uint8_t type = tw_fb_u8(fb, table, OPERATOR_OPTIONS_TYPE, TW_OPTIONS_NONE);
  TW_VERIFY(e, type == expected || type == TW_OPTIONS_NONE, TW_E_MODEL, "options of type %u",
            type);
  *options = tw_fb_sub(fb, table, OPERATOR_OPTIONS);
  if (type == TW_OPTIONS_NONE) *options = (tw_fb_table){0};
  TW_VERIFY(e, !fb->bad, TW_E_MODEL, "malformed options");
  return TW_OK;
}

tw_status tw_custom_options(tw_engine *e, const tw_node *node, tw_fb_vector *options) {
  *options = tw_fb_vec(&e->fb, (tw_fb_table){node->table}, OPERATOR_CUSTOM_OPTIONS, 1);
  TW_VERIFY(e, !e->fb.bad, TW_E_MODEL, "malformed options");
  return TW_OK;
}

/* ---- init ---- */

static tw_status prepare_node(tw_engine *e, tw_node *node) {
  for (int attempt = 0;; attempt++) {
    uint32_t persistent = e->persistent, head = e->head, scratch_count = e->scratch_count;
    bool counted = e->counting;
    if (counted) e->tail = e->tables;
    e->overwrite = 0;
    tw_status status = node->op->prepare(e, node);
    if (e->fb.bad) return tw_fail(e, TW_E_MODEL, "malformed flatbuffer");
    if (status != TW_E_ARENA || counted || attempt > 0) {
      if (TW_HAS_OVERWRITE && e->overwrite != 0) node->overwrite = e->overwrite;
      return status;
    }
    e->persistent = persistent; /* again, now only counting */
    e->head = head;
    e->scratch_count = scratch_count;
  }
}

static tw_status prepare_all(tw_engine *e) {
  for (uint32_t g = 0; g < e->subgraph_count; g++) {
    for (uint32_t i = 0; i < e->subgraphs[g].node_count; i++) {
      e->subgraph = (int32_t)g;
      e->node = (int32_t)i;
      tw_node *node = &e->subgraphs[g].nodes[i];
      TW_TRY(prepare_node(e, node));
      if (node->op->reset != NULL) e->stateful = true;
    }
  }
  e->subgraph = 0;
  e->node = -1;
  return TW_OK;
}

static tw_status load_and_plan(tw_engine *e) {
  TW_TRY(tw_load(e));
  e->tables = e->tail;
  e->scratches = (tw_scratch *)(void *)e->arena;
  TW_TRY(prepare_all(e));
  if (e->counting) e->tail = e->tables;
  return tw_plan(e);
}

static tw_status fail_arena(tw_engine *e) {
  bool planned = e->arena_needed != 0; /* else counting stopped early */
  if (!planned) {
    e->arena_needed = tw_align_up(e->persistent + e->head, TW_ALIGN);
    if (e->arena_needed <= e->arena_bytes) e->arena_needed = e->arena_bytes + TW_ALIGN;
  }
  e->node = -1;
  return tw_fail_model(e, TW_E_ARENA, "the arena of %u bytes is too small: it needs %s%u bytes",
                       e->arena_bytes, planned ? "" : "at least ", e->arena_needed);
}

tw_status tw_engine_init(tw_engine *e, const uint8_t *model, uint32_t model_bytes, uint8_t *arena,
                         uint32_t arena_bytes, bool beyond) {
  memset(e, 0, sizeof *e);
  e->beyond = beyond;
  e->fb = (tw_fb){model, model_bytes, false};
  e->arena = arena;
  e->arena_bytes = arena_bytes & ~(uint32_t)(TW_ALIGN - 1);
  e->node = e->error_node = e->error_subgraph = -1;
  tw_status status = load_and_plan(e);
  if (status == TW_E_ARENA) return fail_arena(e);
  if (status != TW_OK) return status;
  return tw_engine_reset(e);
}

/* ---- running ---- */

static tw_status check_range(tw_engine *e, uint32_t first, uint32_t end) {
  uint32_t next = e->next_node, count = e->subgraphs[0].node_count;
  e->next_node = 0;
  e->node = -1;
  if (first == 0) e->rounds = 0;
  if (first <= end && end <= count && (first == 0 || first == next)) return TW_OK;
  return tw_fail_model(e, TW_E_STATE, "operators %u to %u of %u, the next one is %u",
                       (unsigned)first, (unsigned)end, (unsigned)count, (unsigned)next);
}

static tw_status done(tw_engine *e, uint32_t end) {
  e->subgraph = 0;
  e->node = -1;
  e->next_node = end;
  return TW_OK;
}

tw_status tw_engine_invoke_ops(tw_engine *e, uint32_t first, uint32_t end) {
  e->last_op = NULL;
  TW_TRY(check_range(e, first, end));
  e->stopped = TW_HAS_STOPS && e->stopped && first > 0;
  if (e->stopped) return done(e, end);
  struct { uint16_t subgraph, node; uint32_t phase; } frames[TW_MAX_DEPTH + 1] = {{0, 0, 0}};
  frames[0].node = (uint16_t)first;
  uint32_t depth = 0;
  for (;;) {
    const tw_subgraph *g = &e->subgraphs[frames[depth].subgraph];
    if (frames[depth].node == (depth == 0 ? end : g->node_count)) {
      if (depth == 0) break;
      depth--;
      frames[depth].phase++;
      continue;
    }
    tw_node *node = &g->nodes[frames[depth].node];
    e->subgraph = frames[depth].subgraph;
    e->node = frames[depth].node;
    e->phase = frames[depth].phase;
    if (depth == 0) e->last_op = node->op;
    int status = node->op->eval(e, node);
    if (status < 0) return (tw_status)status;
    if (TW_HAS_STOPS && status == TW_STOP) {
      e->stopped = true;
      break;
    }
    if (TW_HAS_CALLS && status == TW_CALL) { /* mark_lifetimes has bounded the depth */
      depth++;
      frames[depth].subgraph = (uint16_t)e->callee;
      frames[depth].node = 0;
      frames[depth].phase = 0;
      continue;
    }
    frames[depth].node++;
    frames[depth].phase = 0;
  }
  return done(e, end);
}

/* Outputs that outlive invokes start as zeros; a variable among them is reset after that. */
static void clear_outputs(tw_engine *e) {
  const tw_subgraph *g = &e->subgraphs[0];
  for (uint32_t i = 0; i < g->output_count; i++) {
    const tw_tensor *t = &g->tensors[g->outputs[i]];
    if (!tw_is_const(t)) memset(t->data, 0, t->bytes);
  }
}

static void reset_nodes(tw_engine *e, tw_subgraph *g) {
  for (uint32_t i = 0; i < g->node_count; i++) {
    if (g->nodes[i].op->reset != NULL) g->nodes[i].op->reset(e, &g->nodes[i]);
  }
}

tw_status tw_engine_reset(tw_engine *e) {
  e->next_node = 0;
  if (TW_HAS_STOPS && e->may_stop) clear_outputs(e);
  for (uint32_t g = 0; g < e->subgraph_count; g++) {
    e->subgraph = (int32_t)g;
    reset_nodes(e, &e->subgraphs[g]);
    for (uint32_t i = 0; i < e->subgraphs[g].tensor_count; i++) {
      tw_tensor *t = &e->subgraphs[g].tensors[i];
      if ((t->flags & TW_TENSOR_VARIABLE) == 0 || t->bytes == 0) continue;
      int32_t fill = t->type == TW_INT8 ? tw_quant_zero_point(tw_quant_of(e, (int32_t)i), 0) : 0;
      memset(t->data, fill, t->bytes);
    }
  }
  e->subgraph = 0;
  for (uint32_t i = 0; i < e->variable_count; i++) {
    tw_variable *v = &e->variables[i];
    if (v->data != NULL) memset(v->data, v->fill, v->bytes);
  }
  return TW_OK;
}
