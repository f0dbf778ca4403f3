#include "tw_batch_space.h"

static tw_status check_padding(tw_engine *e, const tw_blocks *blocks, uint8_t fill,
                               tw_status status) {
  TW_VERIFY(e, !blocks->padded || fill == 0 || e->beyond, status,
            "TFLM's padding is undefined unless the zero point is 0; the extended profile has it");
  return TW_OK;
}

/* TFLM pads with a byte that it never sets. That is 0 where its arena was, and LiteRT pads with the
 * zero point: padding is taken where both are the same, and as LiteRT has it beyond TFLM. */
static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 3, 3, 1));
  tw_blocks blocks;
  TW_TRY(tw_batch_space_prepare(e, node, tw_input(e, node, 0), tw_output(e, node, 0), &blocks));
  uint8_t *fill = node->data = tw_alloc(e, sizeof *fill);
  if (fill == NULL) return TW_E_ARENA;
  bool quantized = tw_output(e, node, 0)->type == TW_INT8;
  *fill = quantized ? (uint8_t)tw_quant_zero_point(tw_quant_of(e, node->outputs[0]), 0) : 0;
  return check_padding(e, &blocks, *fill, TW_E_PARAM);
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const uint8_t *fill = node->data;
  tw_blocks blocks;
  TW_TRY(tw_batch_space_find(e, node, input, output, TW_E_RUNTIME, &blocks));
  TW_TRY(check_padding(e, &blocks, *fill, TW_E_RUNTIME));
  if (blocks.padded) memset(output->data, *fill, output->bytes);
  tw_batch_space_copy(&blocks, input, output, true);
  return TW_OK;
}

const tw_op tw_op_space_to_batch_nd = {.code = 38, .prepare = prepare, .eval = eval};
