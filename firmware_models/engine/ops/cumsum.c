#include "tw_gather.h"
#include "tw_move.h"
#include "tw_tally.h"

/* CUMSUM: running sums along an axis, which may be computed. Exclusive ones leave out the element
 * itself, reverse ones run from the end. */

enum { OPTION_EXCLUSIVE = 0, OPTION_REVERSE = 1 };

typedef struct {
  tw_tally tally; /* int8 */
  bool exclusive, reverse;
} cumsum;

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  TW_TRY(tw_options(e, node, TW_OPTIONS_CUMSUM, &options));
  const tw_tensor *input = tw_input(e, node, 0), *axis = tw_input(e, node, 1);
  const tw_tensor *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  TW_TRY(tw_expect_type(e, "input 1", axis, TW_TYPE(TW_INT32)));
  TW_VERIFY(e, tw_elements(axis) == 1, TW_E_SHAPE, "%u axes", (unsigned)tw_elements(axis));
  TW_VERIFY(e, input->rank >= 1 && tw_same_shape(input, output), TW_E_SHAPE,
            "rank 0, or an output of another shape");
  if (tw_is_const(axis)) {
    int32_t constant = *(const int32_t *)axis->data;
    TW_TRY(tw_expect_axis(e, &constant, input->rank));
  }
  cumsum *c = node->data = tw_alloc(e, sizeof *c);
  if (c == NULL) return TW_E_ARENA;
  c->exclusive = tw_fb_u8(&e->fb, options, OPTION_EXCLUSIVE, 0) != 0;
  c->reverse = tw_fb_u8(&e->fb, options, OPTION_REVERSE, 0) != 0;
  return input->type == TW_FLOAT32 ? TW_OK : tw_tally_prepare(e, node, &c->tally);
}

/* Sums over `count` elements that are `step` apart. */
TW_SMALL static void run_f32(const cumsum *c, const float *x, float *y, int32_t step,
                             int32_t count) {
  float sum = 0.0f;
  for (int32_t i = 0; i < count; i++, x += step, y += step) {
    float before = sum;
    sum += *x;
    *y = c->exclusive ? before : sum;
  }
}

TW_SMALL static void run_i8(const cumsum *c, const int8_t *x, int8_t *y, int32_t step,
                            int32_t count) {
  int32_t sum = tw_tally_term(&c->tally, 0);
  for (int32_t i = 0; i < count; i++, x += step, y += step) {
    int32_t before = sum;
    sum += tw_tally_term(&c->tally, *x);
    *y = tw_tally_result(&c->tally, c->exclusive ? before : sum);
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const cumsum *c = node->data;
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  int32_t axis = *(const int32_t *)tw_input(e, node, 1)->data;
  if (axis < 0) axis += input->rank;
  TW_VERIFY(e, axis >= 0 && axis < input->rank, TW_E_RUNTIME, "axis %d of %u dimensions",
            (int)axis, input->rank);
  const int32_t depth = input->dims[axis], count = (int32_t)tw_elements(input);
  const int32_t inner = (int32_t)tw_dims_product(input, axis + 1, input->rank);
  const int32_t step = c->reverse ? -inner : inner, start = c->reverse ? (depth - 1) * inner : 0;
  for (int32_t outer = 0; outer < count; outer += depth * inner) {
    for (int32_t at = outer + start; at < outer + start + inner; at++) {
      if (input->type == TW_FLOAT32) {
        run_f32(c, (const float *)input->data + at, (float *)output->data + at, step, depth);
      } else {
        run_i8(c, (const int8_t *)input->data + at, (int8_t *)output->data + at, step, depth);
      }
    }
  }
  return TW_OK;
}

const tw_op tw_op_cumsum = {.code = 128, .prepare = prepare, .eval = eval};
