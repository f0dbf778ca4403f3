/* What convolutions, pooling and fully connected layers share: windows that slide over the two
 * middle dimensions of an image, [batch, height, width, channels], and the parameters by which
 * accumulators become outputs. */
#ifndef TW_CONV_H
#define TW_CONV_H

#include "tw_affine.h"

/* ---- windows ---- */

enum { TW_WINDOW_MAX = UINT16_MAX }; /* largest stride, dilation and dilated window */

typedef struct {
  uint16_t height, width; /* taps */
  uint16_t stride_h, stride_w;
  uint16_t dilation_h, dilation_w;
  uint16_t pad_h, pad_w; /* rows above and columns left of the image */
} tw_window;

/* A window as an operator's options state it. */
typedef struct {
  int32_t padding; /* tw_padding */
  int32_t height, width, stride_h, stride_w, dilation_h, dilation_w;
  bool to_any_size; /* the output may be of another size than a convolution gives */
} tw_window_options;

/* Check that a window sliding over `input` makes an output of the height, width and batches of
 * `output`, and compute the padding. Ranks must be 4. */
tw_status tw_window_prepare(tw_engine *e, const tw_window_options *options, const tw_tensor *input,
                            const tw_tensor *output, tw_window *window);

/* Let the output of a window that slides in order lie over the input, if nothing reads that later.
 * Kernels may write to pixels of a row before they have read for others of it. */
void tw_window_may_overwrite(tw_engine *e, const tw_node *node, const tw_window *window);

/* One output pixel: the window's taps that lie inside the image. Elements of the input are counted
 * from its start. Without dilation there is at least one such tap. */
typedef struct {
  const tw_tensor *input, *filter, *bias; /* bias NULL when absent; a pool has neither */
  tw_tensor *output;
  const void *data;       /* the operator's */
  int32_t rows, columns;  /* taps inside */
  int32_t first;          /* input element under the first of them, in channel 0 */
  int32_t row_step, column_step; /* input elements from one tap to the next */
  int32_t first_tap;      /* its number in the window, counted row by row */
  int32_t tap_row_step;   /* taps from one row to the next */
  int32_t out;            /* output element of the pixel, in channel 0 */
} tw_pixel;

/* Call `each` for every pixel of the output. */
void tw_window_slide(const tw_engine *e, const tw_node *node, const tw_window *window,
                     void (*each)(const tw_pixel *p));

/* ---- int4 filters: two elements a byte, the first one low ---- */

/* Write `count` elements from number `first` on as int8. */
void tw_unpack_i4(const void *packed, uint32_t first, uint32_t count, int8_t *out);

/* Ask for a scratch buffer for the unpacked filter when that is int4; *where as in
 * tw_request_scratch. */
tw_status tw_request_unpacked(tw_engine *e, const tw_tensor *filter, void **where);

/* The filter's elements as int8: its own, or unpacked to that buffer, which there is for int4. */
const int8_t *tw_unpacked(const tw_tensor *filter, void *const *buffer);

/* The same as tw_window_slide, with the filter unpacked to that buffer. */
void tw_window_slide_i4(const tw_engine *e, const tw_node *node, const tw_window *window,
                        void *unpacked, void (*each)(const tw_pixel *p));

/* ---- accumulators to outputs ---- */

/* Quantized: out = clamp(zero point + accumulator * multiplier of the channel). */
typedef struct {
  int32_t *multipliers; /* for each channel, or one for all */
  int8_t *shifts;
  int16_t input_zero_point, output_zero_point;
  int16_t low, high;    /* of the fused activation */
  int8_t filter_zero_point;
  bool per_channel;
  bool wide;            /* rescale an int64 accumulator */
} tw_requant;

/* Clamping range of a float output. */
typedef struct {
  float low, high;
} tw_range_f32;

static inline int32_t tw_requant_i32(const tw_requant *q, int32_t sum, int32_t channel) {
  if (!q->per_channel) channel = 0;
  return tw_rescale(sum, q->multipliers[channel], q->shifts[channel]);
}

/* For a model whose biases are int32 the accumulator wraps to 32 bits. */
static inline int32_t tw_requant_i64(const tw_requant *q, int64_t sum, int32_t channel) {
  if (!q->wide) return tw_requant_i32(q, (int32_t)sum, channel);
  if (!q->per_channel) channel = 0;
  return tw_rescale_i64(sum, q->multipliers[channel], q->shifts[channel]);
}

/* NaN and -0 pass as they do in the oracle. */
static inline float tw_clamp_f32(float x, tw_range_f32 range) {
  x = x < range.low ? range.low : x;
  return range.high < x ? range.high : x;
}

/* The bias of an output channel added to an accumulator that may be wide. */
static inline int64_t tw_add_bias(int64_t sum, const tw_tensor *bias, int32_t channel) {
  if (bias == NULL) return sum;
  if (bias->type == TW_INT64) return sum + ((const int64_t *)bias->data)[channel];
  return sum + ((const int32_t *)bias->data)[channel];
}

/* Field `id` of the options as a fused activation that TFLM applies. */
tw_status tw_fused_activation(tw_engine *e, tw_fb_table options, uint32_t id, int32_t *activation);

/* Check types of input 0, filter 1 and output 0, and type and size of the optional bias 2. */
tw_status tw_conv_types(tw_engine *e, const tw_node *node, int32_t channels);

/* Types as options state them, which is no matter of what tensors there are. */
enum { TW_BIAS_FLOAT32 = 0, TW_BIAS_INT32 = 2 };

/* The parameters for int8 and int16. `bias_type` is the options' quantized_bias_type. `dense`: with
 * one scale for all channels the bias's scale must agree and weights may have a zero point, as
 * FULLY_CONNECTED has it. */
tw_status tw_requant_prepare(tw_engine *e, const tw_node *node, int32_t channels,
                             int32_t activation, int32_t bias_type, bool dense, tw_requant *q);

#endif
