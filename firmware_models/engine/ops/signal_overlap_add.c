#include "tw_custom.h"

/* SignalOverlapAdd: add up frames that overlap; of each, the first frame_step sums come out. */

typedef struct {
  void *sums; /* of each row, `size` */
  uint32_t rows, frames, size, step, element_bytes;
} overlap_add;

static tw_status prepare(tw_engine *e, tw_node *node) {
  int32_t type, options[2];
  TW_TRY(tw_type_option(e, node, &type));
  TW_TRY(tw_int_options(e, node, options, 2));
  TW_VERIFY(e, type == TW_INT16 || type == TW_FLOAT32, TW_E_TYPE, "option T is %d", (int)type);
  const tw_slot slots[] = {{(uint16_t)type, TW_ANY_RANK}, {(uint16_t)type, TW_ANY_RANK}};
  TW_TRY(tw_expect_slots(e, node, slots, 1, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_VERIFY(e, input->rank >= 2 && input->rank == output->rank + 1, TW_E_SHAPE, "ranks %d and %d",
            input->rank, output->rank);
  overlap_add *o = node->data = tw_alloc(e, sizeof *o);
  if (o == NULL) return TW_E_ARENA;
  TW_TRY(tw_rows_of(e, input, &o->rows, &o->size));
  o->frames = (uint32_t)tw_dim(input, -2);
  o->rows /= o->frames;
  o->step = (uint32_t)options[1];
  o->element_bytes = tw_type_bytes((uint8_t)type);
  TW_VERIFY(e, options[1] > 0 && o->step <= o->size, TW_E_PARAM, "frame_step %d, frames of %u",
            (int)options[1], (unsigned)o->size);
  TW_TRY(tw_expect_elements(e, "output", output, (uint64_t)o->rows * o->frames * o->step));
  return tw_alloc_large(e, (uint64_t)o->rows * o->size * o->element_bytes, &o->sums);
}

static void reset(tw_engine *e, tw_node *node) {
  (void)e;
  overlap_add *o = node->data;
  memset(o->sums, 0, o->rows * o->size * o->element_bytes);
}

static void add(const tw_tensor *input, uint32_t at, void *sums, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (input->type == TW_FLOAT32) {
      ((float *)sums)[i] += ((const float *)input->data)[at + i];
    } else {
      int32_t sum = ((int16_t *)sums)[i] + ((const int16_t *)input->data)[at + i];
      ((int16_t *)sums)[i] = (int16_t)tw_clamp(sum, INT16_MIN, INT16_MAX);
    }
  }
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  const overlap_add *o = node->data;
  const tw_tensor *input = tw_input(e, node, 0);
  uint8_t *out = tw_output(e, node, 0)->data, *sums = o->sums;
  const uint32_t step_bytes = o->step * o->element_bytes, all = o->size * o->element_bytes;
  uint32_t at = 0;
  for (uint32_t row = 0; row < o->rows; row++, sums += all) {
    for (uint32_t i = 0; i < o->frames; i++, at += o->size, out += step_bytes) {
      add(input, at, sums, o->size);
      memcpy(out, sums, step_bytes);
      memmove(sums, sums + step_bytes, all - step_bytes);
      memset(sums + (all - step_bytes), 0, step_bytes);
    }
  }
  return TW_OK;
}

const tw_op tw_op_signal_overlap_add = {.code = TW_OP_CUSTOM,
                                        .custom = "SignalOverlapAdd",
                                        .prepare = prepare,
                                        .eval = eval,
                                        .reset = reset};
