#include "tw_elementwise.h"
#include "tw_move.h"

/* PRELU: negative values times alpha, a tensor that broadcasts; for int16 alpha is int8. */

enum { MAX_RANK_F32 = 4 }; /* TFLM aborts over more of float32, not of integers */

typedef struct {
  tw_binary binary;
  tw_scale identity, alpha;
  int16_t in_zero_point, alpha_zero_point, out_zero_point;
} prelu;

static int32_t quantized(int32_t x, int32_t alpha, const prelu *p) {
  x -= p->in_zero_point;
  int32_t y = x >= 0 ? tw_scaled(x, p->identity)
                     : tw_scaled(x * (alpha - p->alpha_zero_point), p->alpha);
  return y + p->out_zero_point;
}

static int8_t quantized_i8(int32_t x, int32_t alpha, const prelu *p) {
  return (int8_t)tw_clamp(quantized(x, alpha, p), INT8_MIN, INT8_MAX);
}

TW_SMALL TW_ROW(row_f32, prelu, float, float, x >= 0.0f ? x : x * y)
TW_SMALL TW_ROW(row_i8, prelu, int8_t, int8_t, quantized_i8(x, y, p))

TW_SMALL static void row_i16(const void *params, const tw_row *row) {
  const int16_t *x = row->in[0];
  const int8_t *alpha = row->in[1];
  int16_t *out = row->out;
  for (uint32_t i = 0; i < row->count; i++, x += row->step[0], alpha += row->step[1]) {
    out[i] = (int16_t)tw_clamp(quantized(*x, *alpha, params), INT16_MIN, INT16_MAX);
  }
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *input = tw_input(e, node, 0), *alpha = tw_input(e, node, 1);
  uint8_t type = input->type;
  TW_TRY(tw_expect_moved(e, input, tw_output(e, node, 0), TW_TYPES_F_I8_I16));
  TW_TRY(tw_expect_type(e, "input 1", alpha, TW_TYPE(type == TW_INT16 ? TW_INT8 : type)));
  int32_t rank = tw_max(tw_max(input->rank, alpha->rank), tw_output(e, node, 0)->rank);
  TW_VERIFY(e, type != TW_FLOAT32 || rank <= MAX_RANK_F32, TW_E_SHAPE, "%d dimensions of FLOAT32",
            (int)rank);
  prelu *p = node->data = tw_alloc(e, sizeof *p);
  if (p == NULL) return TW_E_ARENA;
  TW_TRY(tw_broadcast_prepare(e, node, &p->binary.plan));
  p->binary.row = type == TW_FLOAT32 ? row_f32 : type == TW_INT8 ? row_i8 : row_i16;
  if (type == TW_FLOAT32) return TW_OK;
  tw_affine in, a, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_input_affine(e, node, 1, &a));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  p->in_zero_point = (int16_t)in.zero_point;
  p->alpha_zero_point = (int16_t)a.zero_point;
  p->out_zero_point = (int16_t)out.zero_point;
  double ratio = (double)in.scale * (double)a.scale / (double)out.scale;
  TW_TRY(tw_scale_of(e, ratio, &p->alpha));
  return tw_scale_of(e, (double)in.scale / (double)out.scale, &p->identity);
}

const tw_op tw_op_prelu = {.code = 54, .prepare = prepare, .eval = tw_binary_eval};
