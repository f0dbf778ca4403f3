#include "tw_move.h"

/* REVERSE_V2: as in TFLM along dimensions that follow each other, in any order; so what is between
 * the first and the last of them is reversed as if it were one. */

enum { MAX_REVERSED_RANK = 6 }; /* TFLM's limit */

static tw_status find_range(tw_engine *e, const tw_node *node, tw_status status, uint32_t *first,
                            uint32_t *end) {
  const tw_tensor *axes = tw_input(e, node, 1);
  uint32_t rank = tw_input(e, node, 0)->rank, seen = 0, count = (uint32_t)axes->dims[0];
  *first = rank;
  *end = 0;
  for (uint32_t i = 0; i < count; i++) {
    int32_t given = ((const int32_t *)axes->data)[i];
    int64_t axis = given < 0 ? (int64_t)given + rank : given;
    TW_VERIFY(e, axis >= 0 && axis < rank, status, "axis %d of %u dimensions", (int)given,
              (unsigned)rank);
    seen |= 1u << axis;
    if (axis < *first) *first = (uint32_t)axis;
    if (axis >= *end) *end = (uint32_t)axis + 1;
  }
  TW_VERIFY(e, count == *end - *first && seen == (1u << *end) - (1u << *first), status,
            "the axes do not follow each other");
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const uint32_t types = TW_TYPES_F_I8_I16_I32 | TW_TYPE(TW_UINT8) | TW_TYPE(TW_INT64) |
                                TW_TYPE(TW_BOOL);
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const tw_tensor *axes = tw_input(e, node, 1);
  TW_TRY(tw_expect_moved(e, input, output, types));
  TW_TRY(tw_expect_type(e, "input 1", axes, TW_TYPE(TW_INT32)));
  TW_VERIFY(e, input->rank <= MAX_REVERSED_RANK && tw_same_shape(input, output), TW_E_SHAPE,
            "input and output differ in shape, or have %u dimensions", input->rank);
  TW_VERIFY(e, axes->rank == 1 && axes->dims[0] > 0 && axes->dims[0] <= input->rank, TW_E_SHAPE,
            "%u axes", (unsigned)tw_elements(axes));
  uint32_t first, end;
  return tw_is_const(axes) ? find_range(e, node, TW_E_PARAM, &first, &end) : TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  uint32_t first, end;
  TW_TRY(find_range(e, node, TW_E_RUNTIME, &first, &end));
  int32_t step = tw_step(input, end - 1), size = 1;
  for (uint32_t i = first; i < end; i++) size *= input->dims[i];
  for (uint32_t at = 0; at < input->bytes; at += (uint32_t)(size * step)) {
    uint8_t *last = (uint8_t *)output->data + at + (size - 1) * step;
    tw_copy_blocks((uint32_t)step, (const uint8_t *)input->data + at, step, last, -step, size);
  }
  return TW_OK;
}

const tw_op tw_op_reverse_v2 = {.code = 105, .prepare = prepare, .eval = eval};
