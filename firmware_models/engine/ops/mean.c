#include "tw_affine.h"
#include "tw_reduce.h"

/* MEAN: sums along the axes, times 1 / count; quantized types fold that into their multiplier. */

typedef struct {
  uint32_t count; /* elements that make one output */
  int32_t multiplier;
  int16_t input_zero_point, output_zero_point;
  int8_t shift;
  uint8_t axes;
} mean;

static tw_status prepare_quantized(tw_engine *e, tw_node *node, mean *m) {
  tw_affine in, out;
  int32_t shift;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  m->input_zero_point = (int16_t)in.zero_point;
  m->output_zero_point = (int16_t)out.zero_point;
  double real = (double)in.scale / (double)out.scale;
  TW_VERIFY(e, tw_quantize_multiplier(real, &m->multiplier, &shift), TW_E_PARAM,
            "scales out of range");
  /* Divide by count: as many bits as count has are gained first, as far as the shift allows. */
  int32_t bits = tw_min(31 - __builtin_clz(m->count), 31 + shift);
  m->multiplier = (int32_t)(((int64_t)m->multiplier << bits) / m->count);
  m->shift = (int8_t)(shift - bits);
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  mean *m = node->data = tw_alloc(e, sizeof *m);
  if (m == NULL) return TW_E_ARENA;
  TW_TRY(tw_reduce_prepare(e, node, &m->axes, &m->count));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  if (input->type != TW_FLOAT32 && input->type != TW_INT8 && input->type != TW_INT16) {
    return tw_fail_type(e, "input 0", input);
  }
  if (output->type != input->type) return tw_fail_type(e, "output 0", output);
  return input->type == TW_FLOAT32 ? TW_OK : prepare_quantized(e, node, m);
}

static int32_t finish(const mean *m, int32_t sum) {
  int32_t centred = (int32_t)(sum - (int64_t)m->input_zero_point * m->count);
  return tw_rescale(centred, m->multiplier, m->shift) + m->output_zero_point;
}

static void one_i8(const mean *m, const tw_tensor *input, int32_t at, tw_walk *w, void *output) {
  int32_t sum = 0;
  do {
    const int8_t *x = (const int8_t *)input->data + at;
    for (int32_t i = 0; i < w->size; i++) sum += x[i * w->step];
  } while (tw_walk_next(w, &at));
  *(int8_t *)output = (int8_t)tw_clamp(finish(m, sum), INT8_MIN, INT8_MAX);
}

static void one_i16(const mean *m, const tw_tensor *input, int32_t at, tw_walk *w, void *output) {
  int32_t sum = 0;
  do {
    const int16_t *x = (const int16_t *)input->data + at;
    for (int32_t i = 0; i < w->size; i++) sum += x[i * w->step];
  } while (tw_walk_next(w, &at));
  *(int16_t *)output = (int16_t)tw_clamp(finish(m, sum), INT16_MIN, INT16_MAX);
}

static void one_f32(const mean *m, const tw_tensor *input, int32_t at, tw_walk *w, void *output) {
  float sum = 0.0f;
  do {
    const float *x = (const float *)input->data + at;
    for (int32_t i = 0; i < w->size; i++) sum += x[i * w->step];
  } while (tw_walk_next(w, &at));
  *(float *)output = sum / (float)m->count;
}

static int eval(tw_engine *e, tw_node *node) {
  const mean *m = node->data;
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  void (*one)(const mean *, const tw_tensor *, int32_t, tw_walk *, void *) =
      input->type == TW_INT8 ? one_i8 : input->type == TW_INT16 ? one_i16 : one_f32;
  const uint32_t bytes = tw_type_bytes(output->type);
  uint8_t *out = output->data;
  tw_walk kept, reduced;
  int32_t at = 0;
  tw_walk_start(&kept, input, ~(uint32_t)m->axes);
  tw_walk_start(&reduced, input, m->axes);
  do {
    for (int32_t i = 0; i < kept.size; i++, out += bytes) {
      one(m, input, at + i * kept.step, &reduced, out);
    }
  } while (tw_walk_next(&kept, &at));
  return TW_OK;
}

const tw_op tw_op_mean = {40, prepare, eval};
