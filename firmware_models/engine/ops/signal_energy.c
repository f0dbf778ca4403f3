#include "tw_custom.h"

/* SignalEnergy: squared magnitudes of the complex numbers [start, end). TFLM leaves the rest of the
 * output as its memory happened to be; here that is 0. */

typedef struct {
  int32_t end, start;
} energy;

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_INT16, 1}, {TW_UINT32, 1}};
  int32_t options[2];
  TW_TRY(tw_expect_slots(e, node, slots, 1, 1));
  TW_TRY(tw_int_options(e, node, options, 2));
  energy range = {options[0], options[1]};
  int32_t limit = tw_min(tw_input(e, node, 0)->dims[0] / 2, tw_output(e, node, 0)->dims[0]);
  TW_VERIFY(e, range.start >= range.end || (range.start >= 0 && range.end <= limit), TW_E_PARAM,
            "energy of %d to %d, of %d", (int)range.start, (int)range.end, (int)limit);
  energy *kept = node->data = tw_alloc(e, sizeof *kept);
  if (kept == NULL) return TW_E_ARENA;
  *kept = range;
  return TW_OK;
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  const energy *range = node->data;
  const int16_t *in = tw_input(e, node, 0)->data;
  const tw_tensor *output = tw_output(e, node, 0);
  uint32_t *out = output->data;
  memset(out, 0, output->bytes);
  for (int32_t i = range->start; i < range->end; i++) {
    int32_t real = in[2 * i], imaginary = in[2 * i + 1];
    out[i] = (uint32_t)(real * real) + (uint32_t)(imaginary * imaginary);
  }
  return TW_OK;
}

const tw_op tw_op_signal_energy = {
    .code = TW_OP_CUSTOM, .custom = "SignalEnergy", .prepare = prepare, .eval = eval};
