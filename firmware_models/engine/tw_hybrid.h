/* Hybrid layers, which TFLM lacks: float32 activations, int8 weights, as LiteRT computes them. Each
 * batch of the input is quantized when it is known, products are summed up in int32, and the sums
 * are scaled to float32. */
#ifndef TW_HYBRID_H
#define TW_HYBRID_H

#include "tw_conv.h"

/* How weights [channels] x [taps] x [depth] lie, in elements. */
typedef struct {
  int32_t depth;          /* input channels that an output channel sees */
  int32_t group_channels; /* output channels that see the same ones */
  int32_t channel_step, tap_step;
} tw_hybrid_layout;

typedef struct {
  tw_hybrid_layout layout;
  tw_range_f32 range;
  void *scratch;         /* scale and zero point of each batch, then the quantized input */
  const uint8_t *scales; /* of the weights, in the model: unaligned floats */
  int32_t batches, batch_inputs, batch_outputs; /* elements of one batch */
  bool symmetric;        /* quantize inputs without a zero point */
  bool per_channel;
  bool weights_first;    /* scale by the weights' scale, then by the input's */
  bool keeps_bias;       /* when all inputs are 0, so that a bias of -0 stays one */
  bool all_zero;         /* whether they are */
} tw_hybrid;

/* Whether activations and weights are of the types for this. */
static inline bool tw_is_hybrid(const tw_engine *e, const tw_node *node) {
  return tw_input(e, node, 0)->type == TW_FLOAT32 && tw_input(e, node, 1)->type == TW_INT8;
}

/* Read the weights' scales, which are along dimension `axis` when there are several, and request
 * memory. The caller then sets what is particular to its layer. */
tw_status tw_hybrid_prepare(tw_engine *e, const tw_node *node, int32_t channels, int32_t axis,
                            int32_t batches, int32_t activation, tw_hybrid **hybrid);

/* Whether all scales are the same. */
bool tw_hybrid_is_uniform(const tw_hybrid *h, int32_t channels);

/* Quantize the input. */
void tw_hybrid_begin(const tw_engine *e, const tw_node *node, tw_hybrid *h);

/* All channels of an output pixel. */
void tw_hybrid_pixel(const tw_pixel *p, const tw_hybrid *h);

#endif
