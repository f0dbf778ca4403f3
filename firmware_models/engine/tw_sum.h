/* ADD and SUB, which differ in a sign. Scales are computed in double precision for both, as the
 * oracle does (TFLM's sources of August 2026 have single precision in SUB). */
#ifndef TW_SUM_H
#define TW_SUM_H

#include "tw_conv.h"
#include "tw_elementwise.h"

/* Bits to spare of the common scale of int8 inputs. */
enum { TW_SUM_LEFT_I8 = 20 };

typedef struct {
  tw_binary binary;
  bool subtract;
  union {
    tw_range_f32 range;
    struct {
      int32_t multipliers[2], out_multiplier;
      int16_t zero_points[2], out_zero_point;
      int8_t right_shifts[2], out_right_shift;
      int8_t left_shift;
      int32_t low, high; /* of int32 too */
    };
  };
} tw_sum;

tw_status tw_sum_prepare(tw_engine *e, tw_node *node, bool subtract);

#endif
