#include "tw_control.h"

enum { OP_IF = 118, OP_WHILE = 119, OP_CALL_ONCE = 129 };

TW_SMALL tw_status tw_callees(tw_engine *e, const tw_node *node, int32_t callees[2], uint32_t *count) {
  uint8_t expected;
  *count = 2;
  switch (node->op->code) {
    case OP_IF: expected = TW_OPTIONS_IF; break;
    case OP_WHILE: expected = TW_OPTIONS_WHILE; break;
    case OP_CALL_ONCE: expected = TW_OPTIONS_CALL_ONCE; *count = 1; break;
    default: *count = 0; return TW_OK;
  }
  tw_fb_table options;
  TW_TRY(tw_options(e, node, expected, &options));
  for (uint32_t i = 0; i < *count; i++) {
    callees[i] = tw_fb_i32(&e->fb, options, i, 0);
    TW_VERIFY(e, callees[i] > 0 && callees[i] < e->subgraph_count, TW_E_MODEL, "subgraph %d of %u",
              (int)callees[i], e->subgraph_count);
  }
  return TW_OK;
}

TW_SMALL tw_list tw_inputs_from(const tw_engine *e, const tw_node *node, uint32_t first) {
  return (tw_list){e->subgraphs[e->subgraph].tensors, node->inputs + first,
                   node->input_count - first};
}

TW_SMALL tw_list tw_outputs_of(const tw_engine *e, const tw_node *node) {
  return (tw_list){e->subgraphs[e->subgraph].tensors, node->outputs, node->output_count};
}

TW_SMALL tw_list tw_taken_by(const tw_engine *e, int32_t index) {
  const tw_subgraph *g = &e->subgraphs[index];
  return (tw_list){g->tensors, g->inputs, g->input_count};
}

TW_SMALL tw_list tw_given_by(const tw_engine *e, int32_t index) {
  const tw_subgraph *g = &e->subgraphs[index];
  return (tw_list){g->tensors, g->outputs, g->output_count};
}

TW_SMALL tw_status tw_expect_copyable(tw_engine *e, const char *what, const tw_list *to,
                                      const tw_list *from) {
  TW_VERIFY(e, to->count == from->count, TW_E_MODEL, "%s: %u tensors, not %u", what,
            (unsigned)from->count, (unsigned)to->count);
  for (uint32_t i = 0; i < to->count; i++) {
    TW_VERIFY(e, from->indices[i] >= 0, TW_E_MODEL, "%s: tensor %u is missing", what, (unsigned)i);
    const tw_tensor *a = &from->tensors[from->indices[i]], *b = &to->tensors[to->indices[i]];
    TW_VERIFY(e, !tw_is_const(b), TW_E_MODEL, "%s: tensor %u goes to a constant", what,
              (unsigned)i);
    TW_VERIFY(e, (a->type == TW_RESOURCE) == (b->type == TW_RESOURCE), TW_E_TYPE,
              "%s: tensor %u from %s to %s", what, (unsigned)i, tw_type_name(a->type),
              tw_type_name(b->type));
    TW_VERIFY(e, a->bytes == b->bytes, TW_E_SHAPE, "%s: tensor %u from %u to %u bytes", what,
              (unsigned)i, (unsigned)a->bytes, (unsigned)b->bytes);
  }
  return TW_OK;
}

TW_SMALL void tw_copy_list(const tw_list *to, const tw_list *from) {
  for (uint32_t i = 0; i < to->count; i++) {
    const tw_tensor *a = &from->tensors[from->indices[i]];
    tw_tensor *b = &to->tensors[to->indices[i]];
    if (b->type == TW_RESOURCE) {
      b->data = a->data;
    } else {
      memmove(b->data, a->data, b->bytes);
    }
  }
}
