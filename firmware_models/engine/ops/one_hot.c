#include "tw_move.h"

/* ONE_HOT: for each index a row as long as the depth, which has the on value where the index says
 * and the off value elsewhere. Rows lie along the axis. */

enum { INDICES, DEPTH, ON, OFF };

/* The output's shape is static; the depth, which may be computed, must agree with it. */
static tw_status check_depth(tw_engine *e, const tw_node *node, int32_t axis, tw_status status) {
  int32_t depth = *(const int32_t *)tw_input(e, node, DEPTH)->data;
  int32_t length = tw_output(e, node, 0)->dims[axis];
  TW_VERIFY(e, depth == length, status, "the depth is %d, the output's %d", (int)depth,
            (int)length);
  return TW_OK;
}

static tw_status check_types(tw_engine *e, const tw_node *node) {
  static const uint32_t values = TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8) | TW_TYPE(TW_UINT8) |
                                 TW_TYPE(TW_INT32) | TW_TYPE(TW_INT64) | TW_TYPE(TW_BOOL);
  const tw_tensor *on = tw_input(e, node, ON);
  TW_TRY(tw_expect_type(e, "input 0", tw_input(e, node, INDICES),
                        TW_TYPE(TW_INT32) | TW_TYPE(TW_INT64)));
  TW_TRY(tw_expect_type(e, "input 1", tw_input(e, node, DEPTH), TW_TYPE(TW_INT32)));
  TW_TRY(tw_expect_moved(e, on, tw_output(e, node, 0), values));
  TW_TRY(tw_expect_type(e, "input 3", tw_input(e, node, OFF), TW_TYPE(on->type)));
  for (uint32_t i = DEPTH; i <= OFF; i++) {
    TW_VERIFY(e, tw_elements(tw_input(e, node, i)) == 1, TW_E_SHAPE, "input %u has %u values",
              (unsigned)i, (unsigned)tw_elements(tw_input(e, node, i)));
  }
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 4, 4, 1));
  TW_TRY(check_types(e, node));
  const tw_tensor *indices = tw_input(e, node, INDICES), *output = tw_output(e, node, 0);
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_ONE_HOT, &options));
  int32_t *axis = node->data = tw_alloc(e, sizeof *axis);
  if (axis == NULL) return TW_E_ARENA;
  *axis = tw_fb_i32(&e->fb, options, 0, 0);
  if (*axis == -1) *axis = indices->rank;
  TW_VERIFY(e, *axis >= 0 && *axis <= indices->rank, TW_E_PARAM, "axis %d of %u dimensions",
            (int)*axis, indices->rank + 1u);
  bool fits = output->rank == indices->rank + 1;
  for (int32_t i = 0; fits && i < indices->rank; i++) {
    fits = indices->dims[i] == output->dims[i < *axis ? i : i + 1];
  }
  TW_VERIFY(e, fits, TW_E_SHAPE, "the output's shape is not that of the indices with a depth");
  bool known = tw_is_const(tw_input(e, node, DEPTH));
  return known ? check_depth(e, node, *axis, TW_E_PARAM) : TW_OK;
}

/* As in LiteRT an int64 index is cut to int32; one outside of the depth has no on value. */
static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *indices = tw_input(e, node, INDICES), *output = tw_output(e, node, 0);
  const int32_t axis = *(const int32_t *)node->data, depth = output->dims[axis];
  const uint32_t bytes = tw_type_bytes(output->type), count = tw_elements(indices);
  const uint32_t inner = (uint32_t)tw_step(output, (uint32_t)axis) / bytes;
  TW_TRY(check_depth(e, node, axis, TW_E_RUNTIME));
  tw_fill(output, tw_input(e, node, OFF)->data);
  for (uint32_t i = 0; i < count; i++) {
    int32_t index = (int32_t)tw_index_at(indices, i);
    if (index < 0 || index >= depth) continue;
    uint32_t at = (i / inner * (uint32_t)depth + (uint32_t)index) * inner + i % inner;
    memcpy((uint8_t *)output->data + at * bytes, tw_input(e, node, ON)->data, bytes);
  }
  return TW_OK;
}

const tw_op tw_op_one_hot = {.code = 85, .prepare = prepare, .eval = eval, .beyond = true};
