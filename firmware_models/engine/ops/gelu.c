#include "tw_elementwise.h"
#include "tw_lut.h"
#include "tw_math.h"
#include "tw_move.h"

/* GELU: x times the normal distribution up to x, or its approximation by a tanh; int8 by a table.
 * LiteRT's approximation for float and the one of its tables multiply in different orders. */

typedef struct {
  bool approximate;
  int8_t table[256]; /* only for int8 */
} gelu;

static float exact(float x) { return 0.5f * x * tw_erfcf(x * -0.70710678118654752440f); }

static float by_tanh(float x, float cubic) {
  return 0.5f * x * (1.0f + tw_tanhf(0.79788456080286535588f * (x + cubic)));
}

static float approximate(float x) { return by_tanh(x, 0.044715f * (x * x * x)); }

static float approximate_in_table(float x) { return by_tanh(x, 0.044715f * x * x * x); }

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect_unary(e, node));
  const tw_tensor *input = tw_input(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, tw_output(e, node, 0),
                         TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_GELU, &options));
  bool tabled = input->type == TW_INT8;
  gelu *g = node->data = tw_alloc(e, tabled ? sizeof *g : offsetof(gelu, table));
  if (g == NULL) return TW_E_ARENA;
  g->approximate = tw_fb_u8(&e->fb, options, 0, 0) != 0;
  if (!tabled) return TW_OK;
  tw_affine in, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  tw_table_fill(in, out, g->approximate ? approximate_in_table : exact, g->table);
  return TW_OK;
}

static int32_t quantized(const void *params, int32_t x) {
  return ((const gelu *)params)->table[x + 128];
}

static int eval(tw_engine *e, tw_node *node) {
  const gelu *g = node->data;
  if (tw_input(e, node, 0)->type == TW_INT8) return tw_map_int(e, node, quantized);
  return tw_map_f32(e, node, g->approximate ? approximate : exact);
}

const tw_op tw_op_gelu = {.code = 150, .prepare = prepare, .eval = eval, .beyond = true};
