#include "tw_extreme.h"

#include <float.h>

#include "tw_affine.h"
#include "tw_move.h"
#include "tw_reduce.h"

typedef struct {
  uint8_t axes;
  bool largest;
} extreme;

static const uint32_t TYPES = TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8);

static extreme *start(tw_engine *e, tw_node *node, bool largest) {
  extreme *x = node->data = tw_alloc(e, sizeof *x);
  if (x != NULL) x->largest = largest;
  return x;
}

tw_status tw_reduce_extreme_prepare(tw_engine *e, tw_node *node, bool largest) {
  uint32_t count;
  extreme *x = start(e, node, largest);
  if (x == NULL) return TW_E_ARENA;
  TW_TRY(tw_reduce_prepare(e, node, &x->axes, &count));
  TW_TRY(tw_expect_moved(e, tw_input(e, node, 0), tw_output(e, node, 0), TYPES));
  if (tw_input(e, node, 0)->type == TW_FLOAT32) return TW_OK;
  tw_affine in, out;
  TW_TRY(tw_input_affine(e, node, 0, &in));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  TW_VERIFY(e, in.scale == out.scale && in.zero_point == out.zero_point, TW_E_PARAM,
            "scales or zero points differ");
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

static int run(const tw_engine *e, const tw_node *node, tw_reduce_fn f32, tw_reduce_fn i8) {
  bool real = tw_input(e, node, 0)->type == TW_FLOAT32;
  return tw_reduce_run(e, node, ((const extreme *)node->data)->axes, real ? f32 : i8);
}

int tw_reduce_extreme_eval(tw_engine *e, tw_node *node) { return run(e, node, one_f32, one_i8); }

/* ---- places ---- */

tw_status tw_arg_extreme_prepare(tw_engine *e, tw_node *node, bool largest) {
  tw_fb_table options;
  const int32_t *given;
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  TW_TRY(tw_options(e, node, largest ? TW_OPTIONS_ARG_MAX : TW_OPTIONS_ARG_MIN, &options));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_type(e, "input 0", input, TYPES));
  TW_TRY(tw_expect_type(e, "output 0", output, TW_TYPE(TW_INT32)));
  TW_TRY(tw_const_i32(e, node, 1, 1, &given));
  int32_t axis = *given;
  TW_TRY(tw_expect_axis(e, &axis, input->rank));
  TW_VERIFY(e, output->rank == input->rank - 1 && input->bytes > 0, TW_E_SHAPE,
            "%u to %u dimensions", input->rank, output->rank);
  for (int32_t i = 0; i < output->rank; i++) {
    TW_VERIFY(e, output->dims[i] == input->dims[i < axis ? i : i + 1], TW_E_SHAPE,
              "output dimension %d", (int)i);
  }
  extreme *x = start(e, node, largest);
  if (x == NULL) return TW_E_ARENA;
  x->axes = (uint8_t)(1u << axis);
  return TW_OK;
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

int tw_arg_extreme_eval(tw_engine *e, tw_node *node) { return run(e, node, place_f32, place_i8); }
