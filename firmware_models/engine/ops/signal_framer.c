#include "tw_custom.h"

/* SignalFramer: overlapping frames of each row, one every frame_step samples. Output 1 says whether
 * all frames of this invoke were full; TFLM does not write the others, here they are 0. */

typedef struct {
  int16_t *pending; /* of each row `capacity` samples, `count` of them not yet done with */
  uint32_t capacity, count;
  uint32_t rows, frames; /* frames: in a row of an invoke */
  uint32_t size, step;
  bool prefill; /* start with zeros, so that the first step makes a frame */
} framer;

static tw_status check_shapes(tw_engine *e, const tw_node *node, framer *f) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  uint32_t row;
  TW_TRY(tw_rows_of(e, input, &f->rows, &row));
  TW_VERIFY(e, output->rank == input->rank + 1, TW_E_SHAPE, "ranks %d and %d", input->rank,
            output->rank);
  TW_VERIFY(e, row % f->step == 0, TW_E_SHAPE, "rows of %u samples in steps of %u", (unsigned)row,
            (unsigned)f->step);
  f->frames = row / f->step;
  return tw_expect_elements(e, "output 0", output, (uint64_t)f->rows * f->frames * f->size);
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {
      {TW_INT16, TW_ANY_RANK}, {TW_INT16, TW_ANY_RANK}, {TW_BOOL, 0}};
  int32_t options[3];
  TW_TRY(tw_expect_slots(e, node, slots, 1, 2));
  TW_TRY(tw_int_options(e, node, options, 3));
  TW_VERIFY(e, options[0] > 0 && options[1] > 0 && (options[2] == 0 || options[0] >= options[1]),
            TW_E_PARAM, "frame_size %d, frame_step %d", (int)options[0], (int)options[1]);
  framer *f = node->data = tw_alloc(e, sizeof *f);
  if (f == NULL) return TW_E_ARENA;
  f->size = (uint32_t)options[0];
  f->step = (uint32_t)options[1];
  f->prefill = options[2] != 0;
  f->capacity = (f->size + f->step - 1) / f->step * f->step;
  TW_TRY(check_shapes(e, node, f));
  void *pending;
  TW_TRY(tw_alloc_large(e, (uint64_t)f->rows * f->capacity * sizeof *f->pending, &pending));
  f->pending = pending;
  return TW_OK;
}

static void reset(tw_engine *e, tw_node *node) {
  (void)e;
  framer *f = node->data;
  f->count = f->prefill ? f->size - f->step : 0;
  memset(f->pending, 0, f->rows * f->capacity * sizeof *f->pending);
}

/* Take a step's samples; whether that makes a frame. */
static bool take(const framer *f, const int16_t *in, int16_t *pending, uint32_t *count,
                 int16_t *out) {
  memcpy(pending + *count, in, f->step * sizeof *in);
  *count += f->step;
  if (*count < f->size) {
    memset(out, 0, f->size * sizeof *out);
    return false;
  }
  memcpy(out, pending, f->size * sizeof *out);
  *count -= f->step;
  memmove(pending, pending + f->step, *count * sizeof *out);
  return true;
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  framer *f = node->data;
  const int16_t *in = tw_input(e, node, 0)->data;
  int16_t *out = tw_output(e, node, 0)->data;
  uint32_t count = f->count;
  bool full = true;
  for (uint32_t row = 0; row < f->rows; row++) {
    count = f->count;
    for (uint32_t i = 0; i < f->frames; i++, in += f->step, out += f->size) {
      if (!take(f, in, f->pending + row * f->capacity, &count, out)) full = false;
    }
  }
  f->count = count;
  *(uint8_t *)tw_output(e, node, 1)->data = full;
  return TW_OK;
}

const tw_op tw_op_signal_framer = {.code = TW_OP_CUSTOM,
                                   .custom = "SignalFramer",
                                   .prepare = prepare,
                                   .eval = eval,
                                   .reset = reset};
