#include "tw_fft.h"

/* SignalRfft: each row's spectrum, real and imaginary parts side by side. */

static tw_status prepare(tw_engine *e, tw_node *node) { return tw_fft_prepare(e, node, false); }

static int eval(tw_engine *e, tw_node *node) {
  const tw_fft *fft = node->data;
  const uint32_t bytes = tw_type_bytes(fft->type);
  const uint8_t *in = tw_input(e, node, 0)->data;
  uint8_t *out = tw_output(e, node, 0)->data;
  for (uint32_t row = 0; row < fft->rows; row++) {
    tw_fft_forward(fft, in, out);
    in += fft->row_reals * bytes;
    out += 2 * fft->row_bins * bytes;
  }
  return TW_OK;
}

const tw_op tw_op_signal_rfft = {
    .code = TW_OP_CUSTOM, .custom = "SignalRfft", .prepare = prepare, .eval = eval};
