#include "tw_custom.h"

/* CIRCULAR_BUFFER: the newest frame goes in behind the others, the oldest out. What follows in the
 * graph runs only every so many frames: else the invoke ends here. */

enum { SLOTS = 1 }; /* the dimension along which frames lie */

typedef struct {
  int32_t period, left; /* frames; left until the graph goes on */
  uint32_t bytes, frame_bytes;
} circular_buffer;

/* Option cycles_max; 0 when it is absent. */
static tw_status period_option(tw_engine *e, const tw_node *node, int32_t *period) {
  tw_fb_vector bytes;
  TW_TRY(tw_custom_options(e, node, &bytes));
  *period = 0;
  return tw_fb_count(&e->fb, bytes) > 0 ? tw_int_options(e, node, period, 1) : TW_OK;
}

/* The period of buffer `node`, whose model does not give it. TFLM knows two models of that kind: it
 * counts such buffers up to the last one, which it tells by its shape, and whose period is 1. */
static tw_status usual_period(tw_engine *e, const tw_node *node, int32_t *period) {
  int32_t count = 0;
  for (int32_t g = 0; g <= e->subgraph; g++) {
    const tw_subgraph *graph = &e->subgraphs[g];
    for (uint32_t i = 0; i < graph->node_count; i++) {
      const tw_node *other = &graph->nodes[i];
      if (other->op != node->op) continue;
      TW_TRY(period_option(e, other, period));
      if (*period > 0) continue;
      const int32_t *dims = graph->tensors[other->outputs[0]].dims;
      bool last = dims[SLOTS] == 5 || dims[SLOTS] == 13 || dims[SLOTS] == 25 ||
                  (++count == 5 && dims[2] == 2 && dims[3] == 96);
      if (last) count = 0;
      *period = last ? 1 : 2;
      if (other == node) return TW_OK;
    }
  }
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_INT8, TW_ANY_RANK}, {TW_INT8, TW_ANY_RANK}};
  TW_TRY(tw_expect_slots(e, node, slots, 1, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_VERIFY(e, input->rank >= 4 && output->rank >= 4, TW_E_SHAPE, "ranks %d and %d", input->rank,
            output->rank);
  TW_VERIFY(e,
            input->dims[0] == output->dims[0] && input->dims[SLOTS] == 1 &&
                input->dims[2] == output->dims[2] && input->dims[3] == output->dims[3],
            TW_E_SHAPE, "the input is no slot of the output");
  TW_VERIFY(e, output->flags & TW_TENSOR_VARIABLE, TW_E_MODEL, "the output is no variable tensor");
  circular_buffer *c = node->data = tw_alloc(e, sizeof *c);
  if (c == NULL) return TW_E_ARENA;
  c->frame_bytes = (uint32_t)output->dims[2] * (uint32_t)output->dims[3];
  c->bytes = (uint32_t)output->dims[SLOTS] * c->frame_bytes;
  TW_TRY(period_option(e, node, &c->period));
  if (c->period <= 0) TW_TRY(usual_period(e, node, &c->period));
  if (c->period > 1) tw_may_stop(e);
  return TW_OK;
}

static void reset(tw_engine *e, tw_node *node) {
  (void)e;
  circular_buffer *c = node->data;
  c->left = c->period;
}

static int eval(tw_engine *e, tw_node *node) {
  circular_buffer *c = node->data;
  uint8_t *out = tw_output(e, node, 0)->data;
  const uint32_t kept = c->bytes - c->frame_bytes;
  memmove(out, out + c->frame_bytes, kept);
  memmove(out + kept, tw_input(e, node, 0)->data, c->frame_bytes);
  if (--c->left > 0) return TW_STOP;
  c->left = c->period;
  return TW_OK;
}

const tw_op tw_op_circular_buffer = {.code = TW_OP_CUSTOM,
                                     .custom = "CIRCULAR_BUFFER",
                                     .prepare = prepare,
                                     .eval = eval,
                                     .reset = reset};
