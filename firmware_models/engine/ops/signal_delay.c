#include "tw_custom.h"

/* SignalDelay: each row comes out as many samples later; zeros come first. */

typedef struct {
  int16_t *lines; /* one for each row, all at the same place in it */
  uint32_t rows, row, length, at;
} delay;

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_INT16, TW_ANY_RANK}, {TW_INT16, TW_ANY_RANK}};
  int32_t length;
  TW_TRY(tw_expect_slots(e, node, slots, 1, 1));
  TW_TRY(tw_int_options(e, node, &length, 1));
  TW_VERIFY(e, length >= 0, TW_E_PARAM, "delay_length %d", (int)length);
  delay *d = node->data = tw_alloc(e, sizeof *d);
  if (d == NULL) return TW_E_ARENA;
  d->length = (uint32_t)length;
  TW_TRY(tw_rows_of(e, tw_input(e, node, 0), &d->rows, &d->row));
  TW_TRY(tw_expect_elements(e, "output", tw_output(e, node, 0), d->rows * d->row));
  void *lines;
  TW_TRY(tw_alloc_large(e, (uint64_t)d->rows * d->length * sizeof *d->lines, &lines));
  d->lines = lines;
  return TW_OK;
}

static void reset(tw_engine *e, tw_node *node) {
  (void)e;
  delay *d = node->data;
  d->at = 0;
  memset(d->lines, 0, d->rows * d->length * sizeof *d->lines);
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  delay *d = node->data;
  const int16_t *in = tw_input(e, node, 0)->data;
  int16_t *out = tw_output(e, node, 0)->data, *line = d->lines;
  uint32_t at = d->at;
  if (d->length == 0) memmove(out, in, d->rows * d->row * sizeof *in);
  for (uint32_t row = 0; row < d->rows && d->length > 0; row++, line += d->length) {
    at = d->at;
    for (uint32_t i = 0; i < d->row; i++) {
      int16_t newest = *in++;
      *out++ = line[at];
      line[at] = newest;
      if (++at == d->length) at = 0;
    }
  }
  d->at = at;
  return TW_OK;
}

const tw_op tw_op_signal_delay = {.code = TW_OP_CUSTOM,
                                  .custom = "SignalDelay",
                                  .prepare = prepare,
                                  .eval = eval,
                                  .reset = reset};
