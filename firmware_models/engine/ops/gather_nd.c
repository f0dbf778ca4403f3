#include "tw_gather.h"

/* GATHER_ND: slices at several indices each, which the last dimension of input 1 lists. */

enum { MAX_INDICES = 5 };

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_gather_types(e, node));
  const tw_tensor *input = tw_input(e, node, 0), *indices = tw_input(e, node, 1);
  TW_VERIFY(e, input->rank >= 1 && indices->rank >= 1, TW_E_SHAPE, "a scalar");
  int32_t depth = tw_dim(indices, -1);
  TW_VERIFY(e, depth <= input->rank && depth <= MAX_INDICES, TW_E_SHAPE, "%d indices", (int)depth);
  tw_shape_check shape = {tw_output(e, node, 0), 0, true};
  tw_shape_append(&shape, indices, 0, indices->rank - 1);
  tw_shape_append(&shape, input, depth, input->rank);
  return tw_shape_done(e, node, &shape);
}

/* As in TFLM only the slice as a whole must be inside of the input. */
static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const int32_t *index = tw_input(e, node, 1)->data, depth = tw_dim(tw_input(e, node, 1), -1);
  const uint32_t bytes = tw_dims_product(input, depth, input->rank) * tw_type_bytes(input->type);
  const uint32_t last = input->bytes / bytes;
  for (uint32_t at = 0; at < output->bytes; at += bytes) {
    uint32_t slice = 0;
    for (int32_t i = 0; i < depth; i++, index++) {
      slice = slice * (uint32_t)input->dims[i] + (uint32_t)*index;
    }
    TW_VERIFY(e, slice < last, TW_E_RUNTIME, "an index is out of range");
    memcpy((uint8_t *)output->data + at, (const uint8_t *)input->data + slice * bytes, bytes);
  }
  return TW_OK;
}

const tw_op tw_op_gather_nd = {.code = 107, .prepare = prepare, .eval = eval};
