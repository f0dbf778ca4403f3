#include "tw_custom.h"

/* SignalPCAN: per-channel amplitude normalization. The gain is a function of the noise estimate, by
 * a table of quadratic pieces, one for each power of two; the result is squashed near 0. */

enum { SNR_BITS = 12, OUTPUT_BITS = 6 };

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_UINT32, 1}, {TW_UINT32, 1}, {TW_INT16, 1}, {TW_UINT32, 1}};
  int32_t *shift = node->data = tw_alloc(e, sizeof *shift);
  if (shift == NULL) return TW_E_ARENA;
  TW_TRY(tw_expect_slots(e, node, slots, 3, 1));
  TW_TRY(tw_int_options(e, node, shift, 1));
  TW_VERIFY(e, *shift >= 0 && *shift < 64, TW_E_PARAM, "snr_shift %d", (int)*shift);
  uint32_t channels = tw_elements(tw_input(e, node, 0));
  TW_VERIFY(e, tw_elements(tw_input(e, node, 1)) >= channels, TW_E_SHAPE,
            "a noise estimate of fewer than %u channels", (unsigned)channels);
  return tw_expect_elements(e, "output", tw_output(e, node, 0), channels);
}

/* Where the table's entries for x start, and how many there are. */
static uint32_t piece_of(uint32_t x, uint32_t *entries) {
  *entries = x <= 2 ? 1 : 3;
  return x <= 2 ? x : 4 * (32 - (uint32_t)__builtin_clz(x)) - 6;
}

static int16_t gain_of(uint32_t x, const int16_t *piece) {
  if (x <= 2) return piece[0];
  const int32_t bits = 32 - __builtin_clz(x);
  const int32_t fraction = (int32_t)((bits < 11 ? x << (11 - bits) : x >> (bits - 11)) & 0x3FF);
  int32_t slope = (piece[2] * fraction >> 5) + piece[1] * 32;
  return (int16_t)(((slope * fraction + (1 << 14)) >> 15) + piece[0]);
}

/* x^2 / 4 below 2, else x - 1. */
static uint32_t shrink(uint32_t x) {
  if (x < 2u << SNR_BITS) return x * x >> (2 + 2 * SNR_BITS - OUTPUT_BITS);
  return (x >> (SNR_BITS - OUTPUT_BITS)) - (1u << OUTPUT_BITS);
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  const int32_t shift = *(const int32_t *)node->data;
  const tw_tensor *lut = tw_input(e, node, 2);
  const uint32_t *in = tw_input(e, node, 0)->data, *noise = tw_input(e, node, 1)->data;
  uint32_t *out = tw_output(e, node, 0)->data;
  const uint32_t channels = tw_elements(tw_output(e, node, 0));
  for (uint32_t i = 0; i < channels; i++) {
    const uint32_t x = noise[i];
    uint32_t entries, piece = piece_of(x, &entries);
    TW_VERIFY(e, piece + entries <= tw_elements(lut), TW_E_RUNTIME,
              "the gain table of %u has no entry for noise %u", (unsigned)tw_elements(lut), x);
    /* A negative gain counts as the uint32 of its bits. */
    const uint32_t gain = (uint32_t)gain_of(x, (const int16_t *)lut->data + piece);
    out[i] = shrink((uint32_t)((uint64_t)in[i] * gain >> shift));
  }
  return TW_OK;
}

const tw_op tw_op_signal_pcan = {
    .code = TW_OP_CUSTOM, .custom = "SignalPCAN", .prepare = prepare, .eval = eval};
