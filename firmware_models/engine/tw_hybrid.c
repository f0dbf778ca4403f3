#include "tw_hybrid.h"

#include "tw_math.h"

typedef struct {
  float scale;
  int32_t zero_point;
} batch;

tw_status tw_hybrid_prepare(tw_engine *e, const tw_node *node, int32_t channels, int32_t axis,
                            int32_t batches, int32_t activation, tw_hybrid **hybrid) {
  tw_quant weights = tw_quant_of(e, node->inputs[1]);
  bool per_channel = weights.count > 1;
  TW_VERIFY(e, weights.count == 1 || (weights.count == (uint32_t)channels && weights.axis == axis),
            TW_E_PARAM, "%u weight scales for %d channels", (unsigned)weights.count,
            (int)channels);
  for (uint32_t i = 0; i < weights.count; i++) {
    float scale = tw_quant_scale(weights, i);
    TW_VERIFY(e, scale > 0.0f && scale < __builtin_inff(), TW_E_PARAM, "weight scale %u",
              (unsigned)i);
  }
  tw_hybrid *h = *hybrid = tw_alloc(e, sizeof *h);
  if (h == NULL) return TW_E_ARENA;
  *h = (tw_hybrid){.scales = weights.scales, .batches = batches, .per_channel = per_channel};
  tw_activation_range_f32(activation, &h->range.low, &h->range.high);
  uint32_t inputs = tw_elements(tw_input(e, node, 0));
  h->batch_inputs = (int32_t)(inputs / (uint32_t)batches);
  h->batch_outputs = (int32_t)(tw_elements(tw_output(e, node, 0)) / (uint32_t)batches);
  return tw_request_scratch(e, (uint32_t)batches * (uint32_t)sizeof(batch) + inputs, &h->scratch);
}

bool tw_hybrid_is_uniform(const tw_hybrid *h, int32_t channels) {
  for (int32_t c = 1; c < channels && h->per_channel; c++) {
    if (tw_load_f32(h->scales + 4 * c) != tw_load_f32(h->scales)) return false;
  }
  return true;
}

/* ---- quantizing ---- */

static void find_range(const float *x, int32_t count, float *low, float *high) {
  *low = *high = 0.0f;
  for (int32_t i = 0; i < count; i++) {
    if (x[i] < *low) *low = x[i];
    if (x[i] > *high) *high = x[i];
  }
}

/* The zero point that leaves the smaller error at the ends of the range. */
static int32_t zero_point(float low, float high, double scale) {
  double from_low = -128.0 - (double)low / scale, from_high = 127.0 - (double)high / scale;
  double low_error = 128.0 + __builtin_fabs((double)low / scale);
  double high_error = 127.0 + __builtin_fabs((double)high / scale);
  double zero = low_error < high_error ? from_low : from_high;
  if (!(zero > -128.0)) return -128; /* also NaN, which an infinite range makes */
  return zero < 127.0 ? (int32_t)tw_round(zero) : 127;
}

/* LiteRT rounds eight at a time by adding a half, which takes the float below 0.5 up to 1, and what
 * is left over right. */
static void quantize(const float *x, int32_t count, float inverse, int32_t zero, int32_t low,
                     int8_t *out) {
  for (int32_t i = 0; i < count; i++) {
    float scaled = x[i] * inverse;
    float rounded = i < (count & ~7) ? scaled + (scaled < 0.0f ? -0.5f : 0.5f)
                                     : tw_roundf(scaled);
    int32_t q = tw_clamp(tw_f32_to_i32(rounded), -512, 512) + zero;
    out[i] = (int8_t)tw_clamp(q, low, INT8_MAX);
  }
}

void tw_hybrid_begin(const tw_engine *e, const tw_node *node, tw_hybrid *h) {
  const float *x = tw_input(e, node, 0)->data;
  batch *b = h->scratch;
  int8_t *out = (int8_t *)(b + h->batches);
  h->all_zero = true;
  for (int32_t i = 0; i < h->batches; i++, b++, x += h->batch_inputs, out += h->batch_inputs) {
    float low, high, inverse;
    find_range(x, h->batch_inputs, &low, &high);
    *b = (batch){1.0f, 0};
    if (low == 0.0f && high == 0.0f) {
      memset(out, 0, (uint32_t)h->batch_inputs);
      continue;
    }
    h->all_zero = false;
    if (h->symmetric) {
      float largest = -low > high ? -low : high;
      b->scale = largest / 127.0f;
      inverse = 127.0f / largest;
    } else {
      double scale = (double)(high - low) / 255.0;
      b->scale = (float)scale;
      b->zero_point = zero_point(low, high, scale);
      inverse = b->scale == 0.0f ? 0.0f : (float)(1.0 / (double)b->scale);
    }
    quantize(x, h->batch_inputs, inverse, b->zero_point, h->symmetric ? -127 : -128, out);
  }
}

/* ---- products ---- */

/* The sum of products under the window for channel `c`; 32 bits wrap. */
static int32_t sum_products(const tw_pixel *p, const tw_hybrid_layout *l, const int8_t *input,
                            int32_t zero, int32_t c) {
  const int8_t *weights = (const int8_t *)p->filter->data + c * l->channel_step;
  int32_t group = c / l->group_channels * l->depth, sum = 0;
  for (int32_t y = 0; y < p->rows; y++) {
    for (int32_t x = 0; x < p->columns; x++) {
      const int8_t *a = input + p->first + group + y * p->row_step + x * p->column_step;
      const int8_t *b = weights + (p->first_tap + y * p->tap_row_step + x) * l->tap_step;
      for (int32_t i = 0; i < l->depth; i++) sum += b[i] * (a[i] - zero);
    }
  }
  return sum;
}

void tw_hybrid_pixel(const tw_pixel *p, const tw_hybrid *h) {
  const batch *all = h->scratch, *b = all + p->out / h->batch_outputs;
  const int8_t *input = (const int8_t *)(all + h->batches);
  const float *bias = p->bias == NULL ? NULL : p->bias->data;
  const int32_t channels = p->output->dims[p->output->rank - 1];
  float *out = (float *)p->output->data + p->out;
  for (int32_t c = 0; c < channels; c++) {
    float sum = (float)sum_products(p, &h->layout, input, b->zero_point, c);
    float scale = tw_load_f32(h->scales + (h->per_channel ? 4 * c : 0));
    float y = h->weights_first ? sum * scale * b->scale : sum * (scale * b->scale);
    float added = bias == NULL ? 0.0f : bias[c];
    out[c] = tw_clamp_f32(h->keeps_bias && h->all_zero ? added : y + added, h->range);
  }
}
