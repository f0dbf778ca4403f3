#include "tw_total.h"

#include "tw_affine.h"
#include "tw_move.h"
#include "tw_reduce.h"

typedef struct {
  tw_reduction reduction;
  int32_t multiplier;
  int16_t input_zero_point, output_zero_point;
  int8_t shift;
  bool mean, keep;
} total;

static tw_status prepare_quantized(tw_engine *e, tw_node *node, total *m) {
  tw_affine in, out;
  int32_t shift;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  m->input_zero_point = (int16_t)in.zero_point;
  m->output_zero_point = (int16_t)out.zero_point;
  double real = (double)in.scale / (double)out.scale;
  TW_VERIFY(e, tw_quantize_multiplier(real, &m->multiplier, &shift), TW_E_PARAM,
            "scales out of range");
  m->shift = (int8_t)shift;
  return TW_OK;
}

tw_status tw_total_prepare(tw_engine *e, tw_node *node, bool mean) {
  total *m = node->data = tw_alloc(e, sizeof *m);
  if (m == NULL) return TW_E_ARENA;
  m->mean = mean;
  TW_TRY(tw_reduce_prepare(e, node, &m->keep));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPES_F_I8_I16));
  return input->type == TW_FLOAT32 ? TW_OK : prepare_quantized(e, node, m);
}

/* Divide the multiplier by the count: as many bits as that has are gained first, as far as the
 * shift allows. */
static void divide(total *m) {
  uint32_t count = m->reduction.count;
  int32_t bits = tw_min(31 - __builtin_clz(count), 31 + m->shift);
  m->multiplier = (int32_t)(((int64_t)m->multiplier << bits) / count);
  m->shift = (int8_t)(m->shift - bits);
}

static int32_t finish(const total *m, int32_t sum) {
  int32_t centred = (int32_t)(sum - (int64_t)m->input_zero_point * m->reduction.count);
  return tw_rescale(centred, m->multiplier, m->shift) + m->output_zero_point;
}

TW_SMALL static void one_i8(const void *params, const tw_tensor *input, int32_t at, tw_walk *w,
                            void *output) {
  int32_t sum = 0;
  do {
    const int8_t *x = (const int8_t *)input->data + at;
    for (int32_t i = 0; i < w->size; i++) sum += x[i * w->step];
  } while (tw_walk_next(w, &at));
  *(int8_t *)output = (int8_t)tw_clamp(finish(params, sum), INT8_MIN, INT8_MAX);
}

TW_SMALL static void one_i16(const void *params, const tw_tensor *input, int32_t at, tw_walk *w,
                            void *output) {
  int32_t sum = 0;
  do {
    const int16_t *x = (const int16_t *)input->data + at;
    for (int32_t i = 0; i < w->size; i++) sum += x[i * w->step];
  } while (tw_walk_next(w, &at));
  *(int16_t *)output = (int16_t)tw_clamp(finish(params, sum), INT16_MIN, INT16_MAX);
}

TW_SMALL static void one_f32(const void *params, const tw_tensor *input, int32_t at, tw_walk *w,
                            void *output) {
  const total *m = params;
  float sum = 0.0f;
  do {
    const float *x = (const float *)input->data + at;
    for (int32_t i = 0; i < w->size; i++) sum += x[i * w->step];
  } while (tw_walk_next(w, &at));
  *(float *)output = m->mean ? sum / (float)m->reduction.count : sum;
}

int tw_total_eval(tw_engine *e, tw_node *node) {
  uint8_t type = tw_input(e, node, 0)->type;
  tw_reduce_fn one = type == TW_INT8 ? one_i8 : type == TW_INT16 ? one_i16 : one_f32;
  total m = *(const total *)node->data;
  TW_TRY(tw_reduce_axes(e, node, m.keep, tw_elements(tw_input(e, node, 1)), &m.reduction));
  if (m.mean && type != TW_FLOAT32) divide(&m);
  return tw_reduce_run(e, node, m.reduction.axes, one, &m);
}
