#include "tw_move.h"

/* The dimensions to leave out, as bits: those that the options name, else all of length 1. */
static tw_status squeezed(tw_engine *e, const tw_node *node, const tw_tensor *input,
                          uint32_t *bits) {
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_SQUEEZE, &options));
  tw_fb_vector named = tw_fb_vec(&e->fb, options, 0, 4);
  uint32_t count = tw_fb_count(&e->fb, named);
  *bits = 0;
  for (uint32_t i = 0; count == 0 && i < input->rank; i++) {
    if (input->dims[i] == 1) *bits |= 1u << i;
  }
  TW_VERIFY(e, count <= TW_MAX_RANK, TW_E_PARAM, "%u dimensions", (unsigned)count);
  for (uint32_t i = 0; i < count; i++) {
    int32_t axis = tw_load_i32(tw_fb_elements(&e->fb, named) + 4 * i);
    TW_TRY(tw_expect_axis(e, &axis, input->rank));
    TW_VERIFY(e, input->dims[axis] == 1, TW_E_PARAM, "dimension %d is %d", (int)axis,
              (int)input->dims[axis]);
    *bits |= 1u << axis;
  }
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 1, 1, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_VERIFY(e, input->type == output->type, TW_E_TYPE, "%s to %s", tw_type_name(input->type),
            tw_type_name(output->type));
  uint32_t bits, kept = 0;
  TW_TRY(squeezed(e, node, input, &bits));
  for (uint32_t i = 0; i < input->rank; i++) {
    if (bits >> i & 1) continue;
    TW_VERIFY(e, kept < output->rank && output->dims[kept] == input->dims[i], TW_E_SHAPE,
              "dimension %u is lost", (unsigned)i);
    kept++;
  }
  TW_VERIFY(e, kept == output->rank, TW_E_SHAPE, "%u dimensions left, not %u", (unsigned)kept,
            output->rank);
  return TW_OK;
}

const tw_op tw_op_squeeze = {.code = 43, .prepare = prepare, .eval = tw_copy_eval};
