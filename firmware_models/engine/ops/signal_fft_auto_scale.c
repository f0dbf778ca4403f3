#include "tw_custom.h"

/* SignalFftAutoScale: shift up by as many bits as the largest magnitude has room for. */

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_INT16, 1}, {TW_INT16, 1}, {TW_INT32, 0}};
  TW_TRY(tw_expect_slots(e, node, slots, 1, 2));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_VERIFY(e, input->dims[0] >= output->dims[0], TW_E_SHAPE,
            "output has %d elements, input only %d", (int)output->dims[0], (int)input->dims[0]);
  return TW_OK;
}

/* As TFLM, which has no magnitude for -32768: the largest is sought anew behind one. */
static int32_t largest_magnitude(const int16_t *x, int32_t count) {
  int16_t largest = 0;
  for (int32_t i = 0; i < count; i++) {
    if (x[i] > largest) {
      largest = x[i];
    } else if (-x[i] > largest) {
      largest = (int16_t)-x[i];
    }
  }
  return largest;
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  const int16_t *in = tw_input(e, node, 0)->data;
  const tw_tensor *output = tw_output(e, node, 0);
  int16_t *out = output->data;
  const int32_t count = output->dims[0], largest = largest_magnitude(in, count);
  /* Zeros and -32768 are left alone. */
  int32_t bits = largest > 0 ? __builtin_clz((uint32_t)largest) - 17 : 0;
  for (int32_t i = 0; i < count; i++) out[i] = (int16_t)(in[i] * (1 << bits));
  *(int32_t *)tw_output(e, node, 1)->data = bits;
  return TW_OK;
}

const tw_op tw_op_signal_fft_auto_scale = {
    .code = TW_OP_CUSTOM, .custom = "SignalFftAutoScale", .prepare = prepare, .eval = eval};
