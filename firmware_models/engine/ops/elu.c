#include "tw_elementwise.h"
#include "tw_lut.h"
#include "tw_math.h"
#include "tw_move.h"

/* ELU: e^x - 1 for negative x; int8 by a table. */

static float of_table(float x) { return x < 0.0f ? tw_expf(x) - 1.0f : x; }

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect_unary(e, node));
  const tw_tensor *input = tw_input(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, tw_output(e, node, 0),
                         TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  if (input->type == TW_FLOAT32) return TW_OK;
  tw_affine in, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  int8_t *table = node->data = tw_alloc(e, 256);
  if (table == NULL) return TW_E_ARENA;
  tw_table_fill(in, out, of_table, table);
  return TW_OK;
}

static float real(float x) { return x < 0.0f ? tw_expm1f(x) : x; }

static int32_t quantized(const void *params, int32_t x) {
  return ((const int8_t *)params)[x + 128];
}

static int eval(tw_engine *e, tw_node *node) {
  if (tw_input(e, node, 0)->type == TW_FLOAT32) return tw_map_f32(e, node, real);
  return tw_map_int(e, node, quantized);
}

const tw_op tw_op_elu = {.code = 111, .prepare = prepare, .eval = eval};
