#include "tw_tally.h"

tw_status tw_tally_prepare(tw_engine *e, const tw_node *node, tw_tally *t) {
  tw_affine in, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  t->in_zero_point = (int16_t)in.zero_point;
  t->out_zero_point = (int16_t)out.zero_point;
  double ratio = 2.0 * (double)in.scale / ((double)(1 << 20) * (double)out.scale);
  TW_VERIFY(e, ratio < 1.0, TW_E_PARAM, "ratio of scales out of range");
  return tw_scale_of(e, ratio, &t->scale);
}
