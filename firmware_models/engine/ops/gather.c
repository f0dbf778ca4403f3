#include "tw_gather.h"
#include "tw_move.h"

/* GATHER: slices along an axis, each where an index says; batches have indices of their own. */

typedef struct {
  uint32_t batches, outer, size; /* size: of the axis */
  uint32_t indices;              /* of a batch */
  uint32_t slice_bytes;
} gather;

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  TW_TRY(tw_gather_types(e, node));
  TW_TRY(tw_options(e, node, TW_OPTIONS_GATHER, &options));
  const tw_tensor *input = tw_input(e, node, 0), *indices = tw_input(e, node, 1);
  int32_t axis = tw_fb_i32(&e->fb, options, 0, 0), batch_dims = tw_fb_i32(&e->fb, options, 1, 0);
  TW_TRY(tw_expect_axis(e, &axis, input->rank));
  if (batch_dims < 0) batch_dims += indices->rank;
  TW_VERIFY(e, batch_dims >= 0 && batch_dims <= axis && batch_dims <= indices->rank, TW_E_PARAM,
            "%d batch dimensions", (int)batch_dims);
  for (int32_t i = 0; i < batch_dims; i++) {
    TW_VERIFY(e, input->dims[i] == indices->dims[i], TW_E_SHAPE, "batches differ");
  }
  tw_shape_check shape = {tw_output(e, node, 0), 0, true};
  tw_shape_append(&shape, input, 0, axis);
  tw_shape_append(&shape, indices, batch_dims, indices->rank);
  tw_shape_append(&shape, input, axis + 1, input->rank);
  TW_TRY(tw_shape_done(e, node, &shape));
  gather *g = node->data = tw_alloc(e, sizeof *g);
  if (g == NULL) return TW_E_ARENA;
  *g = (gather){
      .batches = tw_dims_product(input, 0, batch_dims),
      .outer = tw_dims_product(input, batch_dims, axis),
      .size = (uint32_t)input->dims[axis],
      .indices = tw_dims_product(indices, batch_dims, indices->rank),
      .slice_bytes = tw_dims_product(input, axis + 1, input->rank) * tw_type_bytes(input->type),
  };
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const gather g = *(const gather *)node->data;
  const uint8_t *from = tw_input(e, node, 0)->data;
  const int32_t *indices = tw_input(e, node, 1)->data;
  uint8_t *out = tw_output(e, node, 0)->data;
  for (uint32_t batch = 0; batch < g.batches; batch++, indices += g.indices) {
    for (uint32_t outer = 0; outer < g.outer; outer++, from += g.size * g.slice_bytes) {
      for (uint32_t i = 0; i < g.indices; i++, out += g.slice_bytes) {
        uint32_t index = (uint32_t)indices[i];
        TW_VERIFY(e, index < g.size, TW_E_RUNTIME, "index %d of %u", (int)index, (unsigned)g.size);
        memcpy(out, from + index * g.slice_bytes, g.slice_bytes);
      }
    }
  }
  return TW_OK;
}

const tw_op tw_op_gather = {.code = 36, .prepare = prepare, .eval = eval};
