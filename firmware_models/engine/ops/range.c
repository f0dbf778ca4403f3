#include "tw_math.h"
#include "tw_move.h"

/* RANGE: from a start, by a delta, up to but not including a limit; all scalars of one type. Shapes
 * are static: there must be as many values as the output has. */

enum { START, LIMIT, DELTA };

static float real(const tw_engine *e, const tw_node *node, uint32_t i) {
  return *(const float *)tw_input(e, node, i)->data;
}

static int64_t whole(const tw_engine *e, const tw_node *node, uint32_t i) {
  return tw_index_at(tw_input(e, node, i), 0);
}

/* How many values there are; -1 when the delta is 0 or leads away from the limit. */
static int64_t count_of_reals(const tw_engine *e, const tw_node *node) {
  float distance = real(e, node, LIMIT) - real(e, node, START), delta = real(e, node, DELTA);
  if (!((distance <= 0.0f && delta < 0.0f) || (distance >= 0.0f && delta > 0.0f))) return -1;
  return tw_f32_to_i32(__builtin_ceilf(__builtin_fabsf(distance / delta)));
}

static int64_t count_of_integers(const tw_engine *e, const tw_node *node) {
  int64_t start = whole(e, node, START), limit = whole(e, node, LIMIT);
  int64_t delta = whole(e, node, DELTA);
  bool down = delta < 0;
  if (delta == 0 || (down ? start < limit : start > limit)) return -1;
  uint64_t distance = down ? (uint64_t)start - (uint64_t)limit : (uint64_t)limit - (uint64_t)start;
  uint64_t step = down ? 0 - (uint64_t)delta : (uint64_t)delta;
  uint64_t count = distance / step + (distance % step != 0 ? 1 : 0);
  return count > INT32_MAX ? -1 : (int64_t)count;
}

static tw_status check_count(tw_engine *e, const tw_node *node, tw_status status) {
  const tw_tensor *output = tw_output(e, node, 0);
  int64_t count =
      output->type == TW_FLOAT32 ? count_of_reals(e, node) : count_of_integers(e, node);
  TW_VERIFY(e, count >= 0, status, "the delta does not lead to the limit");
  TW_VERIFY(e, count == output->dims[0], status,
            "%d values; shapes are static, and the output has %d", (int)count,
            (int)output->dims[0]);
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 3, 3, 1));
  const tw_tensor *output = tw_output(e, node, 0);
  bool known = true;
  TW_TRY(tw_expect_type(e, "output", output,
                        TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT32) | TW_TYPE(TW_INT64)));
  for (uint32_t i = START; i <= DELTA; i++) {
    const tw_tensor *t = tw_input(e, node, i);
    TW_TRY(tw_expect_moved(e, t, output, TW_TYPE(output->type)));
    TW_VERIFY(e, t->rank == 0, TW_E_SHAPE, "input %u is no scalar", (unsigned)i);
    known = known && tw_is_const(t);
  }
  TW_VERIFY(e, output->rank == 1, TW_E_SHAPE, "the output is no vector");
  return known ? check_count(e, node, TW_E_SHAPE) : TW_OK;
}

/* As in LiteRT floats add up, so that the last ones may be a little off. */
static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *output = tw_output(e, node, 0);
  TW_TRY(check_count(e, node, TW_E_RUNTIME));
  if (output->type == TW_FLOAT32) {
    float value = real(e, node, START), delta = real(e, node, DELTA);
    for (int32_t i = 0; i < output->dims[0]; i++, value += delta) {
      ((float *)output->data)[i] = value;
    }
    return TW_OK;
  }
  int64_t value = whole(e, node, START), delta = whole(e, node, DELTA);
  uint32_t bytes = tw_type_bytes(output->type);
  for (int32_t i = 0; i < output->dims[0]; i++, value += delta) {
    memcpy((uint8_t *)output->data + (uint32_t)i * bytes, &value, bytes);
  }
  return TW_OK;
}

const tw_op tw_op_range = {.code = 96, .prepare = prepare, .eval = eval, .beyond = true};
