#include "tw_conv.h"
#include "tw_elementwise.h"
#include "tw_math.h"
#include "tw_move.h"

/* POW: float32, int32. A negative exponent of an int32 is an error, and so is a power beyond int32,
 * which LiteRT leaves undefined. */

typedef struct {
  tw_binary binary;
  int32_t exponent; /* of all floats, when it is a whole number that LiteRT multiplies out; or 0 */
  bool *failed;     /* set by row_i32 */
} power;

/* x^n for n > 0 by the products that LiteRT makes, none of which overflows to infinity. */
static float multiplied(float x, int32_t n) {
  const tw_range_f32 finite = {-3.40282347e+38f, 3.40282347e+38f};
  float y = x;
  for (int32_t bit = 30 - __builtin_clz((uint32_t)n); bit >= 0; bit--) {
    y = tw_clamp_f32(y * y, finite);
    if (n >> bit & 1) y = tw_clamp_f32(x * y, finite);
  }
  return y;
}

static int32_t whole_power(int32_t x, int32_t n, const power *p) {
  int64_t y = 1;
  if (x >= -1 && x <= 1 && n > 0) n = 2 - n % 2; /* all others are soon beyond int32 */
  if (n < 0) *p->failed = true;
  for (int32_t i = 0; i < n; i++) {
    y *= x;
    if (y != (int32_t)y) {
      *p->failed = true;
      return 0;
    }
  }
  return (int32_t)y;
}

TW_SMALL TW_ROW(row_f32, power, float, float,
                p->exponent > 0 ? multiplied(x, p->exponent) : tw_powf(x, y))
TW_SMALL TW_ROW(row_i32, power, int32_t, int32_t, whole_power(x, y, p))

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_binary_prepare(e, node, TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT32), false,
                           sizeof(power)));
  power *p = node->data;
  p->failed = tw_alloc(e, sizeof *p->failed);
  p->binary.row = tw_output(e, node, 0)->type == TW_FLOAT32 ? row_f32 : row_i32;
  return p->failed == NULL ? TW_E_ARENA : TW_OK;
}

/* LiteRT multiplies when one exponent, near a whole number above 0, serves an input of another
 * shape. */
static int32_t common_exponent(const tw_tensor *base, const tw_tensor *exponents) {
  if (tw_elements(exponents) != 1 || tw_same_shape(base, exponents)) return 0;
  float y = *(const float *)exponents->data;
  int32_t n = tw_f32_to_i32(tw_roundf(y));
  return n > 0 && __builtin_fabsf(y - (float)n) < 1e-5f ? n : 0;
}

static int eval(tw_engine *e, tw_node *node) {
  power *p = node->data;
  const tw_tensor *base = tw_input(e, node, 0), *exponents = tw_input(e, node, 1);
  *p->failed = false;
  if (base->type == TW_FLOAT32) p->exponent = common_exponent(base, exponents);
  int status = tw_binary_eval(e, node);
  TW_VERIFY(e, !*p->failed, TW_E_RUNTIME, "an exponent is negative, or a power beyond int32");
  return status;
}

const tw_op tw_op_pow = {.code = 78, .prepare = prepare, .eval = eval, .beyond = true};
