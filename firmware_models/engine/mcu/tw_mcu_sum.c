#include "tw_mcu.h"

/* ADD and SUB of int8. */

typedef struct {
  int32_t multiplier, right;
} scale;

TW_INLINE int32_t rescale(int32_t x, scale s) {
  x = tw_smmulr((int32_t)((uint32_t)x << 1), s.multiplier);
  if (s.right == 0) return x;
  x += x >> 31;
  return ((x >> (s.right - 1)) + 1) >> 1;
}

/* Inputs are at most 255 << 20 or 1 << 28 from 0, and so are their sums once they were scaled. */
void tw_fast_sum_i8(const void *params, const tw_row *row) {
  const tw_sum *p = params;
  const int8_t *a = row->in[0], *b = row->in[1];
  int8_t *out = row->out;
  const scale of_a = {p->multipliers[0], p->right_shifts[0]},
              of_b = {p->multipliers[1], p->right_shifts[1]},
              of_out = {p->out_multiplier, p->out_right_shift};
  for (uint32_t i = 0; i < row->count; i++, a += row->step[0], b += row->step[1]) {
    const int32_t x = rescale((*a - p->zero_points[0]) << p->left_shift, of_a);
    const int32_t y = rescale((*b - p->zero_points[1]) << p->left_shift, of_b);
    const int32_t total = rescale(p->subtract ? x - y : x + y, of_out) + p->out_zero_point;
    *out++ = (int8_t)tw_clamp(total, p->low, p->high);
  }
}
