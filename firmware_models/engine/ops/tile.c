#include "tw_move.h"

/* TILE: the input as often along each dimension as input 1 says. Shapes are static, so the output's
 * own says how often; the values, which may be computed, must agree. */

static tw_status check_multipliers(tw_engine *e, const tw_node *node, tw_status status) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  for (uint32_t i = 0; i < input->rank; i++) {
    int64_t times = tw_index_at(tw_input(e, node, 1), i);
    TW_VERIFY(e, times == output->dims[i] / input->dims[i], status,
              "%d times %d is not %d, the output's dimension %u", (int)times,
              (int)input->dims[i], (int)output->dims[i], (unsigned)i);
  }
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  uint32_t bytes = tw_type_bytes(input->type);
  bool sized = bytes > 0 && bytes <= 8 && input->type != TW_INT4;
  TW_TRY(tw_expect_moved(e, input, output, sized ? TW_TYPE(input->type) : 0));
  TW_TRY(tw_expect_indices(e, node, 1, input->rank));
  TW_VERIFY(e, input->rank == output->rank && input->bytes > 0, TW_E_SHAPE, "%u dimensions to %u",
            input->rank, output->rank);
  tw_axis axes[TW_MAX_RANK];
  for (uint32_t i = 0; i < input->rank; i++) {
    TW_VERIFY(e, output->dims[i] % input->dims[i] == 0, TW_E_SHAPE,
              "%d, the output's dimension %u, is not a multiple of %d", (int)output->dims[i],
              (unsigned)i, (int)input->dims[i]);
    axes[i] = (tw_axis){input->dims[i], tw_step(output, i)};
  }
  if (tw_is_const(tw_input(e, node, 1))) TW_TRY(check_multipliers(e, node, TW_E_PARAM));
  return tw_view_make(e, output, input, 0, axes, input->rank, &node->data);
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(check_multipliers(e, node, TW_E_RUNTIME));
  tw_view_write(node->data, input->data, output->data); /* the first tile */
  uint32_t bytes = tw_type_bytes(output->type); /* of what is repeated along a dimension */
  for (uint32_t i = input->rank; i-- > 0;) {
    int32_t times = output->dims[i] / input->dims[i];
    uint32_t tile = bytes * (uint32_t)input->dims[i];
    bytes *= (uint32_t)output->dims[i];
    for (uint32_t at = 0; at < output->bytes; at += bytes) { /* outside of the tile in vain */
      uint8_t *first = (uint8_t *)output->data + at;
      tw_copy_blocks(tile, first, 0, first + tile, (int32_t)tile, times - 1);
    }
  }
  return TW_OK;
}

const tw_op tw_op_tile = {.code = 69, .prepare = prepare, .eval = eval, .beyond = true};
