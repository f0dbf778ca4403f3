#include "tw_mcu.h"

/* ADD and SUB of int8. */

typedef struct {
  int32_t doubled; /* twice the multiplier, less 2^32 */
  int32_t right;   /* how far to shift, less one; below 0: not at all */
} scale;

/* Of a multiplier that is 0 becomes the smallest one, which makes 0 of any sum, too. */
static scale scale_of(int32_t multiplier, int32_t right) {
  if (multiplier == 0) return (scale){INT32_MIN, 30};
  return (scale){(int32_t)((uint32_t)multiplier << 1), right - 1};
}

TW_INLINE int32_t rescale(int32_t x, scale s) {
  x = tw_smmlar(x, s.doubled, x);
  if (s.right < 0) return x;
  x += x >> 31;
  return ((x >> (s.right & 31)) + 1) >> 1;
}

void tw_fast_sum_i8(const void *params, const tw_row *row) {
  const tw_sum *p = params;
  const scale of_a = scale_of(p->multipliers[0], p->right_shifts[0]),
              of_b = scale_of(p->multipliers[1], p->right_shifts[1]),
              of_out = scale_of(p->out_multiplier, p->out_right_shift);
  const int32_t zero_a = p->zero_points[0], zero_b = p->zero_points[1],
                zero_out = p->out_zero_point, low = p->low, high = p->high,
                sign = p->subtract ? -1 : 0;
  const uint32_t step_a = row->step[0], step_b = row->step[1];
  tw_place a = tw_place_of(row->in[0]), b = tw_place_of(row->in[1]), out = tw_place_of(row->out);
  for (const tw_place end = out + row->count; out != end; a += step_a, b += step_b, out++) {
    const int32_t x = rescale((tw_get_i8(a) - zero_a) * (1 << TW_SUM_LEFT_I8), of_a);
    const int32_t y = rescale((tw_get_i8(b) - zero_b) * (1 << TW_SUM_LEFT_I8), of_b);
    const int32_t total = rescale(x + ((y ^ sign) - sign), of_out) + zero_out;
    tw_set_i8(out, tw_clamp(total, low, high));
  }
}
