#include "tw_custom.h"

/* SignalFilterBankSpectralSubtraction: take off each channel a slow estimate of its noise, but leave
 * a part of the signal. */

enum { ALTERNATE_REST, ALTERNATE, CLAMPING, REMAINING, CHANNELS, REST, SMOOTHING, SMOOTHING_BITS,
       BITS, OPTIONS };

typedef struct {
  int32_t options[OPTIONS];
  uint32_t *noise;
} subtraction;

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_UINT32, 1}, {TW_UINT32, 1}, {TW_UINT32, 1}};
  TW_TRY(tw_expect_slots(e, node, slots, 1, 2));
  subtraction *s = node->data = tw_alloc(e, sizeof *s);
  if (s == NULL) return TW_E_ARENA;
  TW_TRY(tw_int_options(e, node, s->options, OPTIONS));
  const int32_t channels = s->options[CHANNELS];
  TW_VERIFY(e, s->options[SMOOTHING_BITS] >= 0 && s->options[SMOOTHING_BITS] < 32, TW_E_PARAM,
            "smoothing_bits %d", (int)s->options[SMOOTHING_BITS]);
  TW_VERIFY(e, s->options[BITS] >= 0 && s->options[BITS] < 64, TW_E_PARAM,
            "spectral_subtraction_bits %d", (int)s->options[BITS]);
  TW_VERIFY(e,
            channels == tw_output(e, node, 0)->dims[0] &&
                channels >= tw_output(e, node, 1)->dims[0] &&
                channels <= tw_input(e, node, 0)->dims[0],
            TW_E_SHAPE, "inputs or outputs differ from num_channels %d", (int)channels);
  s->noise = tw_alloc(e, (uint32_t)channels * (uint32_t)sizeof *s->noise);
  return s->noise != NULL ? TW_OK : TW_E_ARENA;
}

static void reset(tw_engine *e, tw_node *node) {
  (void)e;
  subtraction *s = node->data;
  memset(s->noise, 0, (uint32_t)s->options[CHANNELS] * sizeof *s->noise);
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  const subtraction *s = node->data;
  const int32_t *options = s->options;
  const uint32_t *in = tw_input(e, node, 0)->data;
  uint32_t *out = tw_output(e, node, 0)->data;
  for (int32_t i = 0; i < options[CHANNELS]; i++) {
    const bool odd = (i & 1) != 0;
    const uint32_t smoothing = (uint32_t)options[odd ? ALTERNATE : SMOOTHING];
    const uint32_t rest = (uint32_t)options[odd ? ALTERNATE_REST : REST];
    const uint32_t signal = in[i], raised = signal << options[SMOOTHING_BITS];
    uint32_t noise = (uint32_t)(((uint64_t)raised * smoothing + (uint64_t)s->noise[i] * rest) >>
                                options[BITS]);
    s->noise[i] = noise;
    if (noise > raised) noise = raised;
    if (options[CLAMPING]) s->noise[i] = noise;
    uint32_t least = (uint32_t)((uint64_t)signal * (uint32_t)options[REMAINING] >> options[BITS]);
    uint32_t cleaned = (raised - noise) >> options[SMOOTHING_BITS];
    out[i] = cleaned > least ? cleaned : least;
  }
  memcpy(tw_output(e, node, 1)->data, s->noise, tw_output(e, node, 1)->bytes);
  return TW_OK;
}

const tw_op tw_op_signal_filter_bank_spectral_subtraction = {
    .code = TW_OP_CUSTOM,
    .custom = "SignalFilterBankSpectralSubtraction",
    .prepare = prepare,
    .eval = eval,
    .reset = reset};
