#include "tw_move.h"

enum { MAX_SLICED_RANK = 5 }; /* TFLM's limit */

/* Bytes to the slice's first element. The begin and the size, which need not be constant, must fit
 * the output's shape, which is; else `status`. A size of -1 means up to the end. */
static tw_status find_offset(tw_engine *e, const tw_node *node, tw_status status,
                             uint32_t *offset) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  *offset = 0;
  for (uint32_t i = 0; i < input->rank; i++) {
    int32_t spare = input->dims[i] - output->dims[i];
    int64_t begin = tw_index_at(tw_input(e, node, 1), i);
    int64_t size = tw_index_at(tw_input(e, node, 2), i);
    bool fits = size == output->dims[i] || (size == -1 && begin == spare);
    TW_VERIFY(e, fits && begin >= 0 && begin <= spare, status,
              "begin %d or size %d does not fit dimension %u", (int)begin, (int)size, (unsigned)i);
    *offset += (uint32_t)begin * (uint32_t)tw_step(input, i);
  }
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 3, 3, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const tw_tensor *begin = tw_input(e, node, 1), *size = tw_input(e, node, 2);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPES_F_I8_I16_I32 | TW_TYPE(TW_BOOL)));
  TW_TRY(tw_expect_indices(e, node, 1, input->rank));
  TW_TRY(tw_expect_indices(e, node, 2, input->rank));
  TW_VERIFY(e, begin->type == size->type, TW_E_TYPE, "begin %s, size %s",
            tw_type_name(begin->type), tw_type_name(size->type));
  TW_VERIFY(e, input->rank <= MAX_SLICED_RANK && input->rank == output->rank, TW_E_SHAPE,
            "%u dimensions to %u", input->rank, output->rank);
  tw_axis axes[MAX_SLICED_RANK];
  for (uint32_t i = 0; i < input->rank; i++) {
    TW_VERIFY(e, output->dims[i] <= input->dims[i], TW_E_SHAPE, "%d of %d along dimension %u",
              (int)output->dims[i], (int)input->dims[i], (unsigned)i);
    axes[i] = (tw_axis){output->dims[i], tw_step(input, i)};
  }
  uint32_t offset;
  if (tw_is_const(begin) && tw_is_const(size)) TW_TRY(find_offset(e, node, TW_E_PARAM, &offset));
  return tw_view_make(e, input, output, 0, axes, input->rank, &node->data);
}

static int eval(tw_engine *e, tw_node *node) {
  uint32_t offset;
  TW_TRY(find_offset(e, node, TW_E_RUNTIME, &offset));
  const uint8_t *from = tw_input(e, node, 0)->data;
  tw_view_read(node->data, from + offset, tw_output(e, node, 0)->data);
  return TW_OK;
}

const tw_op tw_op_slice = {.code = 65, .prepare = prepare, .eval = eval};
