#include "tw_custom.h"
#include "tw_math.h"

/* SignalFilterBankLog: natural logarithms in fixed point, from a base-2 logarithm that is linear
 * between powers of two but for a correction by table. */

enum { SEGMENTS = 128, SEGMENT_BITS = 7, FRACTION = 16, LN_2 = 45426 /* * 2^-16 */ };

typedef struct {
  int32_t correction_bits, scale;
  uint16_t correction[SEGMENTS + 1]; /* of log2 in the interval from 1 to 2, * 2^16 */
} log_table;

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_UINT32, 1}, {TW_INT16, 1}};
  int32_t options[2];
  TW_TRY(tw_expect_slots(e, node, slots, 1, 1));
  TW_TRY(tw_int_options(e, node, options, 2));
  TW_TRY(tw_expect_elements(e, "output", tw_output(e, node, 0),
                            tw_elements(tw_input(e, node, 0))));
  TW_VERIFY(e, options[0] >= 0 && options[0] < 32, TW_E_PARAM, "input_correction_bits %d",
            (int)options[0]);
  log_table *l = node->data = tw_alloc(e, sizeof *l);
  if (l == NULL) return TW_E_ARENA;
  l->correction_bits = options[0];
  l->scale = options[1];
  for (int32_t i = 0; i <= SEGMENTS; i++) {
    double x = (double)i / 128.0, log2 = tw_log(1.0 + x) * 1.4426950408889634074;
    l->correction[i] = (uint16_t)tw_round((log2 - x) * 65536.0);
  }
  return TW_OK;
}

/* For x > 0. */
static uint32_t scaled_log(const log_table *l, uint32_t x) {
  const uint32_t half = 1u << (FRACTION - 1), whole = 31 - (uint32_t)__builtin_clz(x);
  uint32_t fraction = x - (1u << whole);
  fraction = whole < FRACTION ? fraction << (FRACTION - whole) : fraction >> (whole - FRACTION);
  const uint32_t segment = fraction >> (FRACTION - SEGMENT_BITS);
  const int32_t low = l->correction[segment], high = l->correction[segment + 1];
  const int32_t beyond = (int32_t)(fraction - (segment << (FRACTION - SEGMENT_BITS)));
  const uint32_t correction = (uint32_t)(low + ((high - low) * beyond >> FRACTION));
  const uint32_t log2 = (whole << FRACTION) + fraction + correction;
  const uint32_t log = (uint32_t)(((uint64_t)LN_2 * log2 + half) >> FRACTION);
  return ((uint32_t)l->scale * log + half) >> FRACTION;
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  const log_table *l = node->data;
  const uint32_t *in = tw_input(e, node, 0)->data;
  const tw_tensor *output = tw_output(e, node, 0);
  int16_t *out = output->data;
  for (int32_t i = 0; i < output->dims[0]; i++) {
    uint32_t x = in[i] << l->correction_bits, y = x > 1 ? scaled_log(l, x) : 0;
    out[i] = (int16_t)(y < INT16_MAX ? y : INT16_MAX);
  }
  return TW_OK;
}

const tw_op tw_op_signal_filter_bank_log = {
    .code = TW_OP_CUSTOM, .custom = "SignalFilterBankLog", .prepare = prepare, .eval = eval};
