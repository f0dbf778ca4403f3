#include "tw_custom.h"

/* SignalFilterBankSquareRoot: square roots of 64 bits, shifted down. */

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_UINT64, 1}, {TW_INT32, 0}, {TW_UINT32, 1}};
  TW_TRY(tw_expect_slots(e, node, slots, 2, 1));
  return tw_expect_elements(e, "output", tw_output(e, node, 0),
                            tw_elements(tw_input(e, node, 0)));
}

/* Rounded to nearest, but not beyond 16 bits for an x of 32, nor beyond 32. */
static uint32_t square_root(uint64_t x) {
  const uint32_t limit = x >> 32 != 0 ? UINT32_MAX : UINT16_MAX;
  uint64_t root = 0, rest = x;
  for (uint64_t bit = (uint64_t)1 << 62; bit != 0; bit >>= 2) {
    bool set = rest >= root + bit;
    if (set) rest -= root + bit;
    root = (root >> 1) + (set ? bit : 0);
  }
  return (uint32_t)root + (rest > root && root != limit ? 1 : 0);
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  const uint64_t *in = tw_input(e, node, 0)->data;
  const int32_t bits = *(const int32_t *)tw_input(e, node, 1)->data;
  const tw_tensor *output = tw_output(e, node, 0);
  uint32_t *out = output->data;
  TW_VERIFY(e, bits >= 0 && bits < 32, TW_E_RUNTIME, "scale bits are %d", (int)bits);
  for (int32_t i = 0; i < output->dims[0]; i++) out[i] = square_root(in[i]) >> bits;
  return TW_OK;
}

const tw_op tw_op_signal_filter_bank_square_root = {
    .code = TW_OP_CUSTOM, .custom = "SignalFilterBankSquareRoot", .prepare = prepare, .eval = eval};
