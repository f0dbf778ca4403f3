#include "tw_mcu.h"

/* ADD and SUB of int8. */

typedef struct {
  int32_t doubled, right; /* twice the multiplier, less 2^32 */
} scale;

static scale scale_of(int32_t multiplier, int32_t right) {
  return (scale){(int32_t)((uint32_t)multiplier << 1), right};
}

TW_INLINE int32_t rescale(int32_t x, scale s) {
  x = tw_smmlar(x, s.doubled, x);
  if (s.right == 0) return x;
  x += x >> 31;
  return ((x >> (s.right - 1)) + 1) >> 1;
}

void tw_fast_sum_i8(const void *params, const tw_row *row) {
  const tw_sum *p = params;
  const int8_t *a = row->in[0], *b = row->in[1];
  int8_t *out = row->out;
  const scale of_a = scale_of(p->multipliers[0], p->right_shifts[0]),
              of_b = scale_of(p->multipliers[1], p->right_shifts[1]),
              of_out = scale_of(p->out_multiplier, p->out_right_shift);
  for (uint32_t i = 0; i < row->count; i++, a += row->step[0], b += row->step[1]) {
    const int32_t x = rescale((*a - p->zero_points[0]) << p->left_shift, of_a);
    const int32_t y = rescale((*b - p->zero_points[1]) << p->left_shift, of_b);
    const int32_t total = rescale(p->subtract ? x - y : x + y, of_out) + p->out_zero_point;
    *out++ = (int8_t)tw_clamp(total, p->low, p->high);
  }
}
