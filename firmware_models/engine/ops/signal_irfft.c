#include "tw_fft.h"

/* SignalIrfft: the signal of each row's spectrum. What a row has beyond the transform is ignored. */

static tw_status prepare(tw_engine *e, tw_node *node) { return tw_fft_prepare(e, node, true); }

static int eval(tw_engine *e, tw_node *node) {
  const tw_fft *fft = node->data;
  const uint32_t bytes = tw_type_bytes(fft->type);
  const uint8_t *in = tw_input(e, node, 0)->data;
  uint8_t *out = tw_output(e, node, 0)->data;
  for (uint32_t row = 0; row < fft->rows; row++) {
    tw_fft_inverse(fft, in, out);
    in += 2 * fft->row_bins * bytes;
    out += fft->row_reals * bytes;
  }
  return TW_OK;
}

const tw_op tw_op_signal_irfft = {
    .code = TW_OP_CUSTOM, .custom = "SignalIrfft", .prepare = prepare, .eval = eval};
