#include "tw_extreme.h"

#include <float.h>

#include "tw_move.h"
#include "tw_reduce.h"

typedef struct {
  bool largest, keep;
} extreme;

static const uint32_t TYPES = TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8);

static extreme *start(tw_engine *e, tw_node *node, bool largest) {
  extreme *x = node->data = tw_alloc(e, sizeof *x);
  if (x != NULL) x->largest = largest;
  return x;
}

tw_status tw_reduce_extreme_prepare(tw_engine *e, tw_node *node, bool largest) {
  extreme *x = start(e, node, largest);
  if (x == NULL) return TW_E_ARENA;
  TW_TRY(tw_reduce_prepare(e, node, &x->keep));
  TW_TRY(tw_expect_moved(e, tw_input(e, node, 0), tw_output(e, node, 0), TYPES));
  if (tw_input(e, node, 0)->type == TW_FLOAT32) return TW_OK;
  tw_quant in = tw_quant_of(e, node->inputs[0]), out = tw_quant_of(e, node->outputs[0]);
  TW_VERIFY(e, tw_quant_scale(in, 0) == tw_quant_scale(out, 0) &&
                   tw_quant_zero_point(in, 0) == tw_quant_zero_point(out, 0),
            TW_E_PARAM, "scales or zero points differ");
  return TW_OK;
}

/* NaN is passed over, and infinities of the wrong sign count as the largest finite number. */
TW_SMALL static void one_f32(const void *params, const tw_tensor *input, int32_t at, tw_walk *w,
                             void *output) {
  const bool largest = ((const extreme *)params)->largest;
  float best = largest ? -FLT_MAX : FLT_MAX;
  do {
    const float *x = (const float *)input->data + at;
    for (int32_t i = 0; i < w->size; i++, x += w->step) {
      if (largest ? *x > best : *x < best) best = *x;
    }
  } while (tw_walk_next(w, &at));
  *(float *)output = best;
}

TW_SMALL static void one_i8(const void *params, const tw_tensor *input, int32_t at, tw_walk *w,
                            void *output) {
  const bool largest = ((const extreme *)params)->largest;
  int8_t best = largest ? INT8_MIN : INT8_MAX;
  do {
    const int8_t *x = (const int8_t *)input->data + at;
    for (int32_t i = 0; i < w->size; i++, x += w->step) {
      if (largest ? *x > best : *x < best) best = *x;
    }
  } while (tw_walk_next(w, &at));
  *(int8_t *)output = best;
}

/* Over the first `given` axes. */
static int run(tw_engine *e, const tw_node *node, uint32_t given, tw_reduce_fn f32,
               tw_reduce_fn i8) {
  const extreme *x = node->data;
  bool real = tw_input(e, node, 0)->type == TW_FLOAT32;
  tw_reduction r;
  TW_TRY(tw_reduce_axes(e, node, x->keep, given, &r));
  return tw_reduce_run(e, node, r.axes, real ? f32 : i8, x);
}

int tw_reduce_extreme_eval(tw_engine *e, tw_node *node) {
  return run(e, node, tw_elements(tw_input(e, node, 1)), one_f32, one_i8);
}

/* ---- places ---- */

tw_status tw_arg_extreme_prepare(tw_engine *e, tw_node *node, bool largest) {
  tw_fb_table options;
  tw_reduction r;
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  TW_TRY(tw_options(e, node, largest ? TW_OPTIONS_ARG_MAX : TW_OPTIONS_ARG_MIN, &options));
  const tw_tensor *input = tw_input(e, node, 0), *axis = tw_input(e, node, 1);
  TW_TRY(tw_expect_type(e, "input 0", input, TYPES));
  TW_TRY(tw_expect_type(e, "input 1", axis, TW_TYPE(TW_INT32)));
  TW_TRY(tw_expect_type(e, "output 0", tw_output(e, node, 0), TW_TYPE(TW_INT32)));
  TW_VERIFY(e, input->rank > 0 && input->bytes > 0 && axis->bytes > 0, TW_E_SHAPE,
            "a scalar, or empty");
  extreme *x = start(e, node, largest);
  if (x == NULL) return TW_E_ARENA;
  x->keep = false;
  return tw_reduce_computed(e, node) ? TW_OK : tw_reduce_axes(e, node, false, 1, &r);
}

/* The first of equals; one axis is one row of the walk. */
TW_SMALL static void place_f32(const void *params, const tw_tensor *input, int32_t at, tw_walk *w,
                               void *output) {
  const bool largest = ((const extreme *)params)->largest;
  const float *x = (const float *)input->data + at;
  int32_t best = 0;
  for (int32_t i = 1; i < w->size; i++) {
    float old = x[best * w->step], new = x[i * w->step];
    if (largest ? new > old : new < old) best = i;
  }
  *(int32_t *)output = best;
}

TW_SMALL static void place_i8(const void *params, const tw_tensor *input, int32_t at, tw_walk *w,
                              void *output) {
  const bool largest = ((const extreme *)params)->largest;
  const int8_t *x = (const int8_t *)input->data + at;
  int32_t best = 0;
  for (int32_t i = 1; i < w->size; i++) {
    int8_t old = x[best * w->step], new = x[i * w->step];
    if (largest ? new > old : new < old) best = i;
  }
  *(int32_t *)output = best;
}

int tw_arg_extreme_eval(tw_engine *e, tw_node *node) {
  return run(e, node, 1, place_f32, place_i8);
}
