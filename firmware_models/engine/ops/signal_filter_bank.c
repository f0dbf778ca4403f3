#include "tw_custom.h"

/* SignalFilterBank: each channel weighs a range of its own of the spectrum. The same samples times
 * unweights go into the next channel; the first channel of the tables only serves that. */

enum { INPUT, WEIGHTS, UNWEIGHTS, STARTS, WEIGHT_STARTS, WIDTHS };

/* Samples that a channel weighs. */
typedef struct {
  int32_t start, weight_start, width;
} range;

static const int16_t *table(const tw_engine *e, const tw_node *node, uint32_t i) {
  return tw_input(e, node, i)->data;
}

/* False when the range leaves the spectrum or the weights. */
static bool load_range(const tw_engine *e, const tw_node *node, int32_t channel, range *r) {
  *r = (range){table(e, node, STARTS)[channel], table(e, node, WEIGHT_STARTS)[channel],
               table(e, node, WIDTHS)[channel]};
  int32_t weights = tw_min(tw_input(e, node, WEIGHTS)->dims[0],
                           tw_input(e, node, UNWEIGHTS)->dims[0]);
  return r->width <= 0 ||
         (r->start >= 0 && r->width <= tw_input(e, node, INPUT)->dims[0] - r->start &&
          r->weight_start >= 0 && r->width <= weights - r->weight_start);
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_UINT32, 1}, {TW_INT16, 1}, {TW_INT16, 1}, {TW_INT16, 1},
                                  {TW_INT16, 1},  {TW_INT16, 1}, {TW_UINT64, 1}};
  int32_t channels;
  TW_TRY(tw_expect_slots(e, node, slots, 6, 1));
  TW_TRY(tw_int_options(e, node, &channels, 1));
  TW_VERIFY(e, channels >= tw_output(e, node, 0)->dims[0], TW_E_PARAM,
            "num_channels %d, the output has %d", (int)channels,
            (int)tw_output(e, node, 0)->dims[0]);
  bool constant = true;
  for (uint32_t i = STARTS; i <= WIDTHS; i++) {
    const tw_tensor *t = tw_input(e, node, i);
    TW_VERIFY(e, t->dims[0] > channels, TW_E_SHAPE, "input %u has %d elements for %d channels",
              (unsigned)i, (int)t->dims[0], (int)channels);
    constant = constant && tw_is_const(t);
  }
  range r;
  for (int32_t i = 0; constant && i <= channels; i++) {
    TW_VERIFY(e, load_range(e, node, i, &r), TW_E_PARAM, "channel %d leaves its tables", (int)i);
  }
  return TW_OK;
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  const uint32_t *in = tw_input(e, node, INPUT)->data;
  const int16_t *weights = table(e, node, WEIGHTS), *unweights = table(e, node, UNWEIGHTS);
  const tw_tensor *output = tw_output(e, node, 0);
  uint64_t *out = output->data, weighted = 0, unweighted = 0;
  for (int32_t i = 0; i <= output->dims[0]; i++) {
    range r;
    TW_VERIFY(e, load_range(e, node, i, &r), TW_E_RUNTIME, "channel %d leaves its tables", (int)i);
    for (int32_t k = 0; k < r.width; k++) {
      uint64_t sample = in[r.start + k];
      weighted += (uint64_t)weights[r.weight_start + k] * sample;
      unweighted += (uint64_t)unweights[r.weight_start + k] * sample;
    }
    if (i > 0) out[i - 1] = weighted;
    weighted = unweighted;
    unweighted = 0;
  }
  return TW_OK;
}

const tw_op tw_op_signal_filter_bank = {
    .code = TW_OP_CUSTOM, .custom = "SignalFilterBank", .prepare = prepare, .eval = eval};
