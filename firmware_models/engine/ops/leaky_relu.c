#include "tw_elementwise.h"

/* LEAKY_RELU: negative values times alpha, which may itself be negative or over 1. */

typedef struct {
  tw_scale identity, alpha;
  int16_t in_zero_point, out_zero_point;
  bool negative; /* alpha */
} leaky_relu;

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  TW_TRY(tw_expect_unary_f_i8_i16(e, node));
  TW_TRY(tw_options(e, node, TW_OPTIONS_LEAKY_RELU, &options));
  float alpha = tw_fb_f32(&e->fb, options, 0, 0.0f);
  if (tw_input(e, node, 0)->type == TW_FLOAT32) {
    float *a = node->data = tw_alloc(e, sizeof *a);
    if (a == NULL) return TW_E_ARENA;
    *a = alpha;
    return TW_OK;
  }
  tw_affine in, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  leaky_relu *l = node->data = tw_alloc(e, sizeof *l);
  if (l == NULL) return TW_E_ARENA;
  l->in_zero_point = (int16_t)in.zero_point;
  l->out_zero_point = (int16_t)out.zero_point;
  l->negative = alpha < 0.0f;
  /* In double precision, as the oracle; TFLM's sources of August 2026 have single. */
  double scale = (double)in.scale, out_scale = (double)out.scale;
  TW_TRY(tw_scale_of(e, scale * __builtin_fabs((double)alpha) / out_scale, &l->alpha));
  return tw_scale_of(e, scale / out_scale, &l->identity);
}

static int32_t quantized(const void *params, int32_t x) {
  const leaky_relu *l = params;
  x -= l->in_zero_point;
  int32_t y = tw_scaled(x, x >= 0 ? l->identity : l->alpha);
  return l->out_zero_point + (x < 0 && l->negative ? -y : y);
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  if (input->type != TW_FLOAT32) return tw_map_int(e, node, quantized);
  const float alpha = *(const float *)node->data, *in = input->data;
  float *out = output->data;
  const uint32_t count = tw_elements(output);
  for (uint32_t i = 0; i < count; i++) out[i] = in[i] > 0.0f ? in[i] : in[i] * alpha;
  return TW_OK;
}

const tw_op tw_op_leaky_relu = {.code = 98, .prepare = prepare, .eval = eval};
