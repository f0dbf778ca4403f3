#include "tw_compare.h"

#include "tw_move.h"

/* ---- the larger or the smaller ---- */

typedef struct {
  tw_binary binary;
  bool largest;
} extreme;

#define EXTREME(name, type) \
  TW_SMALL TW_ROW(name, extreme, type, type, (p->largest ? x > y : x < y) ? x : y)

EXTREME(extreme_f32, float)
EXTREME(extreme_i8, int8_t)
EXTREME(extreme_i16, int16_t)
EXTREME(extreme_i32, int32_t)
EXTREME(extreme_i64, int64_t)

tw_status tw_extreme_prepare(tw_engine *e, tw_node *node, bool largest) {
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_MAXIMUM_MINIMUM, &options));
  TW_TRY(tw_binary_prepare(e, node, TW_TYPES_F_I8_I16_I32 | TW_TYPE(TW_INT64), false,
                           sizeof(extreme)));
  extreme *x = node->data;
  x->largest = largest;
  switch (tw_output(e, node, 0)->type) {
    case TW_INT8: x->binary.row = extreme_i8; break;
    case TW_INT16: x->binary.row = extreme_i16; break;
    case TW_INT32: x->binary.row = extreme_i32; break;
    case TW_INT64: x->binary.row = extreme_i64; break;
    case TW_FLOAT32: x->binary.row = extreme_f32; break;
  }
  return TW_OK;
}

/* ---- comparisons ---- */

typedef struct {
  tw_binary binary;
  tw_scale scales[2]; /* of int8 and int16 */
  int16_t zero_points[2];
  uint8_t outcomes;
} comparison;

/* int8 and int16 are brought to the real value times 256. */
static int32_t real(int32_t x, const comparison *p, uint32_t i) {
  return tw_scaled((x - p->zero_points[i]) * 256, p->scales[i]);
}

#define OUTCOME(x, y) \
  ((x) < (y) ? TW_LESS : (x) == (y) ? TW_EQUAL : (x) > (y) ? TW_GREATER : TW_UNORDERED)
#define COMPARE(name, type) \
  TW_SMALL TW_ROW(name, comparison, type, bool, (p->outcomes & OUTCOME(x, y)) != 0)

COMPARE(compare_f32, float)
COMPARE(compare_bool, uint8_t)
COMPARE(compare_i32, int32_t)
COMPARE(compare_i64, int64_t)

static uint8_t scaled_outcome(int32_t x, int32_t y, const comparison *p) {
  return OUTCOME(real(x, p, 0), real(y, p, 1));
}

#define COMPARE_SCALED(name, type) \
  TW_SMALL TW_ROW(name, comparison, type, bool, (p->outcomes & scaled_outcome(x, y, p)) != 0)

COMPARE_SCALED(compare_i8, int8_t)
COMPARE_SCALED(compare_i16, int16_t)

tw_status tw_compare_prepare(tw_engine *e, tw_node *node, uint8_t outcomes, uint32_t types) {
  types |= TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8) | TW_TYPE(TW_INT32) | TW_TYPE(TW_INT64);
  TW_TRY(tw_binary_prepare(e, node, types, true, sizeof(comparison)));
  comparison *c = node->data;
  c->outcomes = outcomes;
  switch (tw_input(e, node, 0)->type) {
    case TW_BOOL: c->binary.row = compare_bool; return TW_OK;
    case TW_INT32: c->binary.row = compare_i32; return TW_OK;
    case TW_INT64: c->binary.row = compare_i64; return TW_OK;
    case TW_FLOAT32: c->binary.row = compare_f32; return TW_OK;
    case TW_INT16: c->binary.row = compare_i16; break;
    case TW_INT8: c->binary.row = compare_i8; break;
  }
  for (uint32_t i = 0; i < 2; i++) {
    tw_affine q;
    TW_TRY(tw_input_affine(e, node, i, &q));
    TW_VERIFY(e, q.scale < 1.0f, TW_E_PARAM, "scale of input %u is 1 or more", (unsigned)i);
    TW_TRY(tw_scale_of(e, (double)q.scale, &c->scales[i]));
    TW_VERIFY(e, c->scales[i].shift <= 0, TW_E_PARAM, "scale of input %u", (unsigned)i);
    c->zero_points[i] = (int16_t)q.zero_point;
  }
  return TW_OK;
}
