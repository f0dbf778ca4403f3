/* From flatbuffer to tables: tensors, nodes and subgraphs, every index checked. */
#include "tw_internal.h"
#include "tw_op_names.h"

static const tw_op *const registry[] = {
#define TW_OP(name) &tw_op_##name,
#include "ops.def"
#undef TW_OP
};

enum { OP_RESHAPE = 22, OP_VAR_HANDLE = 142 };

static tw_status malformed(tw_engine *e) {
  return tw_fail_model(e, TW_E_MODEL, "malformed flatbuffer: an offset or size is out of bounds");
}

static tw_status dynamic(tw_engine *e, uint32_t tensor) {
  return tw_fail_model(e, TW_E_SHAPE, "tensor %u has a dynamic shape", tensor);
}

uint32_t tw_type_bytes(uint8_t type) {
  switch (type) {
    case TW_INT8: case TW_UINT8: case TW_BOOL: case TW_INT4: return 1;
    case TW_INT16: case TW_UINT16: case TW_FLOAT16: return 2;
    case TW_INT32: case TW_UINT32: case TW_FLOAT32: return 4;
    case TW_INT64: case TW_UINT64: case TW_FLOAT64: case TW_COMPLEX64: return 8;
    case TW_COMPLEX128: return 16;
    default: return 0;
  }
}

/* A vector of int32 that code can point at: 4-byte aligned in memory. */
static tw_status ints(tw_engine *e, tw_fb_vector v, uint32_t limit, const int32_t **values) {
  if (e->fb.bad) return malformed(e);
  uint32_t count = tw_fb_count(&e->fb, v);
  if (count > limit) return tw_fail_model(e, TW_E_LIMIT, "a vector of %u entries", count);
  const uint8_t *p = tw_fb_elements(&e->fb, v);
  if (count > 0 && (uintptr_t)p % 4 != 0) {
    return tw_fail_model(e, TW_E_MODEL, "malformed flatbuffer: a vector is not aligned");
  }
  *values = count > 0 ? (const int32_t *)(const void *)p : NULL;
  return TW_OK;
}

/* The bytes of a constant tensor, copied where the model holds them unaligned; else NULL. */
static tw_status constant(tw_engine *e, tw_fb_vector buffers, uint32_t index, tw_tensor *t) {
  uint32_t buffer_count = tw_fb_count(&e->fb, buffers);
  if (index >= buffer_count) {
    return tw_fail_model(e, TW_E_MODEL, "buffer %u of %u", index, buffer_count);
  }
  tw_fb_table buffer = tw_fb_at(&e->fb, buffers, index);
  tw_fb_vector data = tw_fb_vec(&e->fb, buffer, BUFFER_DATA, 1);
  uint64_t offset = tw_fb_u64(&e->fb, buffer, BUFFER_OFFSET, 0);
  uint64_t size = tw_fb_count(&e->fb, data);
  const uint8_t *bytes = tw_fb_elements(&e->fb, data);
  if (e->fb.bad) return malformed(e);
  if (offset > 1) { /* data behind the flatbuffer; 0 and 1 are placeholders */
    size = tw_fb_u64(&e->fb, buffer, BUFFER_SIZE, 0);
    if (offset > e->fb.bytes || size > e->fb.bytes - offset) return malformed(e);
    bytes = e->fb.data + offset;
  }
  if (size == 0) return TW_OK;
  if (size < t->bytes) {
    return tw_fail_model(e, TW_E_MODEL, "buffer %u has %u bytes, its tensor needs %u", index,
                         (unsigned)size, t->bytes);
  }
  uint32_t alignment = tw_type_bytes(t->type) > 8 ? 8 : tw_type_bytes(t->type);
  t->flags |= TW_TENSOR_CONST;
  if (alignment == 0 || (uintptr_t)bytes % alignment == 0) {
    t->data = (void *)(uintptr_t)bytes;
    return TW_OK;
  }
  t->data = tw_alloc(e, tw_align_up(t->bytes, 8));
  if (t->data == NULL) return TW_E_ARENA;
  memcpy(t->data, bytes, t->bytes);
  return TW_OK;
}

static tw_status load_tensor(tw_engine *e, tw_fb_table table, tw_fb_vector buffers, uint32_t index,
                             tw_tensor *t) {
  tw_fb *fb = &e->fb;
  tw_fb_vector shape = tw_fb_vec(fb, table, TENSOR_SHAPE, 4);
  TW_TRY(ints(e, shape, TW_MAX_RANK, &t->dims));
  t->data = NULL;
  t->rank = (uint8_t)tw_fb_count(fb, shape);
  t->type = tw_fb_u8(fb, table, TENSOR_TYPE, 0); /* FLOAT32 */
  bool variable = tw_fb_u8(fb, table, TENSOR_IS_VARIABLE, 0) != 0;
  if (variable && !TW_HAS_VARIABLES) {
    return tw_fail_model(e, TW_E_PARAM, "tensor %u is variable; this build has no such", index);
  }
  t->flags = variable ? TW_TENSOR_VARIABLE : 0;
  uint64_t elements = 1;
  for (uint32_t i = 0; i < t->rank; i++) {
    if (TW_HAS_RESHAPE && t->dims[i] == -1 && (t->flags & TW_TENSOR_UNSIZED) == 0) {
      t->flags |= TW_TENSOR_UNSIZED;
      continue;
    }
    if (t->dims[i] < 0) return dynamic(e, index);
    elements *= (uint64_t)t->dims[i];
    if (elements > INT32_MAX) {
      return tw_fail_model(e, TW_E_LIMIT, "tensor %u has more than 2^31 elements", index);
    }
  }
  uint32_t element_bytes = tw_type_bytes(t->type);
  if (element_bytes == 0 && t->type != TW_RESOURCE) {
    return tw_fail_model(e, TW_E_TYPE, "tensor %u has type %s", index, tw_type_name(t->type));
  }
  uint64_t bytes = t->type == TW_INT4 ? (elements + 1) / 2 : elements * element_bytes;
  if (bytes > INT32_MAX) {
    return tw_fail_model(e, TW_E_LIMIT, "tensor %u has more than 2^31 bytes", index);
  }
  t->bytes = (uint32_t)bytes;
  if (tw_fb_has(fb, table, TENSOR_SPARSITY)) {
    return tw_fail_model(e, TW_E_PARAM, "tensor %u is sparse, which is not supported", index);
  }
  int32_t buffer = tw_fb_i32(fb, table, TENSOR_BUFFER, 0);
  if (fb->bad) return malformed(e);
  if (t->bytes == 0) t->data = e->arena; /* nothing to point at, but never NULL */
  if (t->bytes > 0 && buffer != 0) TW_TRY(constant(e, buffers, (uint32_t)buffer, t));
  if ((t->flags & TW_TENSOR_UNSIZED) && t->flags != TW_TENSOR_UNSIZED) return dynamic(e, index);
  if ((t->flags & TW_TENSOR_VARIABLE) && (t->flags & TW_TENSOR_CONST)) {
    return tw_fail_model(e, TW_E_MODEL, "variable tensor %u has constant data", index);
  }
  return TW_OK;
}

static bool is_called(const tw_op *op, int32_t code, const uint8_t *name, uint32_t name_bytes) {
  if (op->code != code) return false;
  if (!TW_HAS_CUSTOM || code != TW_OP_CUSTOM) return true;
  for (uint32_t i = 0; i < name_bytes; i++) {
    if (op->custom[i] == 0 || op->custom[i] != (char)name[i]) return false;
  }
  return op->custom[name_bytes] == 0;
}

/* An operator that is not there, by its name. */
static tw_status unknown(tw_engine *e, int32_t code, const uint8_t *characters, uint32_t length) {
  if (!TW_HAS_TEXTS) return TW_E_OP;
  char custom[40] = "";
  if (code == TW_OP_CUSTOM) {
    uint32_t shown = length < sizeof custom - 1 ? length : (uint32_t)sizeof custom - 1;
    memcpy(custom, characters, shown);
    custom[shown] = 0;
    for (char *c = custom; *c != 0; c++) {
      if (*c < ' ' || *c > '~') *c = '?';
    }
  }
  bool npu = length == 7 && memcmp(custom, "ethos-u", 7) == 0;
  return tw_fail_model(e, TW_E_OP, "op %d: %s%s%s is not supported%s", (int)e->node,
                       tw_op_name((uint32_t)code), code == TW_OP_CUSTOM ? " " : "", custom,
                       npu ? ": it needs the Ethos-U NPU; use the model as it was before Vela" : "");
}

static tw_status find_op(tw_engine *e, tw_fb_vector opcodes, tw_fb_table table, const tw_op **op) {
  uint32_t index = (uint32_t)tw_fb_i32(&e->fb, table, OPERATOR_OPCODE_INDEX, 0);
  tw_fb_table opcode = tw_fb_at(&e->fb, opcodes, index);
  int32_t old = (int8_t)tw_fb_u8(&e->fb, opcode, OPCODE_DEPRECATED_BUILTIN, 0);
  int32_t code = tw_max(old, tw_fb_i32(&e->fb, opcode, OPCODE_BUILTIN, 0));
  tw_fb_vector name = tw_fb_vec(&e->fb, opcode, OPCODE_CUSTOM, 1);
  if (e->fb.bad) return malformed(e);
  const uint8_t *characters = tw_fb_elements(&e->fb, name);
  uint32_t length = tw_fb_count(&e->fb, name);
  for (uint32_t i = 0; i < TW_COUNT(registry); i++) {
    if (is_called(registry[i], code, characters, length)) {
      *op = registry[i];
      if (!registry[i]->beyond || e->beyond) return TW_OK;
      return tw_fail_model(e, TW_E_OP, "op %d: TFLM lacks %s; the extended profile has it",
                           (int)e->node, tw_op_name((uint32_t)code));
    }
  }
  return unknown(e, code, characters, length);
}

/* Tensor indices of a node or subgraph: below `count`, or -1 where `optional`. */
static tw_status check_indices(tw_engine *e, const int32_t *indices, uint32_t count,
                               const tw_subgraph *g, bool optional) {
  for (uint32_t i = 0; i < count; i++) {
    if (indices[i] == -1 && optional) continue;
    if (indices[i] < 0 || indices[i] >= g->tensor_count) {
      return tw_fail_model(e, TW_E_MODEL, "tensor index %d of %u", (int)indices[i],
                           g->tensor_count);
    }
  }
  return TW_OK;
}

/* As in TFLM, a RESHAPE sizes the dimension of its output that is -1; and without a shape input its
 * output of shape [0] is a scalar, which is how old converters wrote one. */
static tw_status size_reshaped(tw_engine *e, const tw_subgraph *g, const tw_node *node) {
  if (node->input_count == 0 || node->output_count == 0 || node->inputs[0] < 0) return TW_OK;
  const tw_tensor *input = &g->tensors[node->inputs[0]];
  tw_tensor *output = &g->tensors[node->outputs[0]];
  if (node->input_count == 1 && output->rank == 1 && output->dims[0] == 0) {
    output->rank = 0;
    output->bytes = tw_type_bytes(output->type);
    output->data = NULL;
  }
  bool known = (input->flags & TW_TENSOR_UNSIZED) == 0 && input->type == output->type;
  if ((output->flags & TW_TENSOR_UNSIZED) == 0 || !known) return TW_OK;
  uint32_t others = 1, elements = tw_elements(input);
  int32_t *dims = tw_alloc(e, output->rank * (uint32_t)sizeof *dims);
  if (dims == NULL) return TW_E_ARENA;
  for (uint32_t i = 0; i < output->rank; i++) {
    if (output->dims[i] != -1) others *= (uint32_t)output->dims[i];
  }
  TW_VERIFY(e, others > 0 && elements % others == 0, TW_E_SHAPE, "%u elements in rows of %u",
            (unsigned)elements, (unsigned)others);
  for (uint32_t i = 0; i < output->rank; i++) {
    dims[i] = output->dims[i] == -1 ? (int32_t)(elements / others) : output->dims[i];
  }
  output->dims = dims;
  output->bytes = input->bytes;
  output->flags = 0;
  return TW_OK;
}

static tw_status load_node(tw_engine *e, tw_subgraph *g, tw_fb_vector opcodes, tw_fb_table table,
                           tw_node *node) {
  node->table = table.pos;
  node->data = NULL;
  TW_TRY(find_op(e, opcodes, table, &node->op));
  tw_fb_vector inputs = tw_fb_vec(&e->fb, table, OPERATOR_INPUTS, 4);
  tw_fb_vector outputs = tw_fb_vec(&e->fb, table, OPERATOR_OUTPUTS, 4);
  TW_TRY(ints(e, inputs, TW_MAX_TENSORS, &node->inputs));
  TW_TRY(ints(e, outputs, TW_MAX_TENSORS, &node->outputs));
  node->input_count = (uint16_t)tw_fb_count(&e->fb, inputs);
  node->output_count = (uint16_t)tw_fb_count(&e->fb, outputs);
  TW_TRY(check_indices(e, node->inputs, node->input_count, g, true));
  TW_TRY(check_indices(e, node->outputs, node->output_count, g, false));
  if (TW_HAS_RESHAPE && node->op->code == OP_RESHAPE) TW_TRY(size_reshaped(e, g, node));
  for (uint32_t i = 0; i < node->output_count; i++) {
    const tw_tensor *t = &g->tensors[node->outputs[i]];
    TW_VERIFY(e, !tw_is_const(t), TW_E_MODEL, "output %u is a constant", (unsigned)i);
    for (uint32_t k = 0; k < t->rank; k++) {
      TW_VERIFY(e, t->dims[k] > 0, TW_E_SHAPE, "output %u has a dynamic or empty shape",
                (unsigned)i);
    }
  }
  return TW_OK;
}

static tw_status load_subgraph(tw_engine *e, tw_fb_table model, tw_fb_table table, tw_subgraph *g,
                               uint32_t *tensors_left, uint32_t *nodes_left) {
  tw_fb *fb = &e->fb;
  tw_fb_vector opcodes = tw_fb_vec(fb, model, MODEL_OPERATOR_CODES, 4);
  tw_fb_vector buffers = tw_fb_vec(fb, model, MODEL_BUFFERS, 4);
  tw_fb_vector tensors = tw_fb_vec(fb, table, SUBGRAPH_TENSORS, 4);
  tw_fb_vector nodes = tw_fb_vec(fb, table, SUBGRAPH_OPERATORS, 4);
  tw_fb_vector inputs = tw_fb_vec(fb, table, SUBGRAPH_INPUTS, 4);
  tw_fb_vector outputs = tw_fb_vec(fb, table, SUBGRAPH_OUTPUTS, 4);
  if (fb->bad) return malformed(e);
  uint32_t tensor_count = tw_fb_count(fb, tensors), node_count = tw_fb_count(fb, nodes);
  if (tensor_count > *tensors_left || node_count > *nodes_left) {
    return tw_fail_model(e, TW_E_LIMIT, "more than %d tensors or %d operators", TW_MAX_TENSORS,
                         TW_MAX_NODES);
  }
  *tensors_left -= tensor_count;
  *nodes_left -= node_count;
  g->tensors = tw_alloc(e, tensor_count * (uint32_t)sizeof *g->tensors);
  g->nodes = tw_alloc(e, node_count * (uint32_t)sizeof *g->nodes);
  if (g->tensors == NULL || g->nodes == NULL) return TW_E_ARENA;
  for (uint32_t i = 0; i < tensor_count; i++) {
    TW_TRY(load_tensor(e, tw_fb_at(fb, tensors, i), buffers, i, &g->tensors[i]));
    g->tensor_count++;
  }
  TW_TRY(ints(e, inputs, TW_MAX_TENSORS, &g->inputs));
  TW_TRY(ints(e, outputs, TW_MAX_TENSORS, &g->outputs));
  g->input_count = (uint16_t)tw_fb_count(fb, inputs);
  g->output_count = (uint16_t)tw_fb_count(fb, outputs);
  TW_TRY(check_indices(e, g->inputs, g->input_count, g, false));
  TW_TRY(check_indices(e, g->outputs, g->output_count, g, false));
  for (uint32_t i = 0; i < node_count; i++) {
    e->node = (int32_t)i;
    TW_TRY(load_node(e, g, opcodes, tw_fb_at(fb, nodes, i), &g->nodes[i]));
    g->node_count++;
  }
  e->node = -1;
  for (uint32_t i = 0; i < tensor_count; i++) {
    if (g->tensors[i].flags & TW_TENSOR_UNSIZED) return dynamic(e, i);
  }
  return fb->bad ? malformed(e) : TW_OK;
}

/* The main subgraph's inputs and outputs are bytes that a host can write and read. */
static tw_status check_interface(tw_engine *e) {
  const tw_subgraph *g = &e->subgraphs[0];
  for (uint32_t i = 0; i < g->input_count; i++) {
    const tw_tensor *t = &g->tensors[g->inputs[i]];
    if (tw_is_const(t) || t->type == TW_RESOURCE) {
      return tw_fail_model(e, TW_E_MODEL, "model input %u is a constant or a resource",
                           (unsigned)i);
    }
  }
  if (g->output_count == 0) return tw_fail_model(e, TW_E_MODEL, "the model has no output");
  for (uint32_t i = 0; i < g->output_count; i++) {
    if (g->tensors[g->outputs[i]].type == TW_RESOURCE) {
      return tw_fail_model(e, TW_E_MODEL, "model output %u is a resource", (unsigned)i);
    }
  }
  return TW_OK;
}

tw_status tw_load(tw_engine *e) {
  tw_fb *fb = &e->fb;
  if (fb->bytes < 16) return tw_fail_model(e, TW_E_MODEL, "%u bytes are no model", fb->bytes);
  if (tw_load_u32(fb->data + 4) != TW_SCHEMA_IDENTIFIER) {
    return tw_fail_model(e, TW_E_VERSION, "no TensorFlow Lite model: the identifier is not TFL3");
  }
  tw_fb_table model = tw_fb_root(fb);
  int32_t version = tw_fb_i32(fb, model, MODEL_VERSION, 0);
  tw_fb_vector subgraphs = tw_fb_vec(fb, model, MODEL_SUBGRAPHS, 4);
  if (fb->bad) return malformed(e);
  if (version != TW_SCHEMA_VERSION) {
    return tw_fail_model(e, TW_E_VERSION, "schema version %d, not 3", (int)version);
  }
  uint32_t count = tw_fb_count(fb, subgraphs);
  if (count == 0) return tw_fail_model(e, TW_E_MODEL, "the model has no subgraph");
  if (count > TW_MAX_NODES) return tw_fail_model(e, TW_E_LIMIT, "too many subgraphs");
  e->subgraphs = tw_alloc(e, count * (uint32_t)sizeof *e->subgraphs);
  if (e->subgraphs == NULL) return TW_E_ARENA;
  memset(e->subgraphs, 0, count * sizeof *e->subgraphs);
  e->subgraph_count = (uint16_t)count;
  uint32_t tensors_left = TW_MAX_TENSORS, nodes_left = TW_MAX_NODES, variables = 0;
  for (uint32_t i = 0; i < count; i++) {
    e->subgraph = (int32_t)i;
    tw_fb_table table = tw_fb_at(fb, subgraphs, i);
    tw_subgraph *g = &e->subgraphs[i];
    TW_TRY(load_subgraph(e, model, table, g, &tensors_left, &nodes_left));
    for (uint32_t n = 0; n < g->node_count; n++) variables += g->nodes[n].op->code == OP_VAR_HANDLE;
  }
  e->subgraph = 0;
  e->variables = tw_alloc(e, variables * (uint32_t)sizeof *e->variables);
  return e->variables != NULL ? check_interface(e) : TW_E_ARENA;
}
