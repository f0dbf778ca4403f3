#include "tw_affine.h"
#include "tw_gather.h"
#include "tw_move.h"

/* EMBEDDING_LOOKUP: the items of input 1 that the indices of input 0 name. int8 items may become
 * float32. */

enum { INDICES, ITEMS };

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *indices = tw_input(e, node, INDICES), *items = tw_input(e, node, ITEMS);
  const tw_tensor *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_type(e, "input 0", indices, TW_TYPE(TW_INT32)));
  TW_TRY(tw_expect_type(e, "input 1", items, TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  TW_TRY(tw_expect_type(e, "output 0", output, TW_TYPE(TW_FLOAT32) | TW_TYPE(items->type)));
  TW_VERIFY(e, indices->rank == 1 && items->rank >= 2, TW_E_SHAPE, "ranks %u and %u",
            indices->rank, items->rank);
  tw_shape_check shape = {output, 0, true};
  tw_shape_append(&shape, indices, 0, 1);
  tw_shape_append(&shape, items, 1, items->rank);
  TW_TRY(tw_shape_done(e, node, &shape));
  if (output->type == items->type) return TW_OK;
  tw_affine *q = node->data = tw_alloc(e, sizeof *q);
  if (q == NULL) return TW_E_ARENA;
  TW_TRY(tw_input_affine(e, node, ITEMS, q));
  TW_VERIFY(e, q->zero_point == 0, TW_E_PARAM, "input 1 has zero point %d", (int)q->zero_point);
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *indices = tw_input(e, node, INDICES), *items = tw_input(e, node, ITEMS);
  const tw_tensor *output = tw_output(e, node, 0);
  const uint32_t count = (uint32_t)indices->dims[0], bytes = output->bytes / count;
  const uint32_t size = tw_dims_product(items, 1, items->rank);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t index = ((const uint32_t *)indices->data)[i];
    TW_VERIFY(e, index < (uint32_t)items->dims[0], TW_E_RUNTIME, "index %d of %d", (int)index,
              (int)items->dims[0]);
    uint8_t *to = (uint8_t *)output->data + i * bytes;
    if (output->type == items->type) {
      memcpy(to, (const uint8_t *)items->data + index * bytes, bytes);
      continue;
    }
    const int8_t *item = (const int8_t *)items->data + index * size;
    const float scale = ((const tw_affine *)node->data)->scale;
    for (uint32_t k = 0; k < size; k++) ((float *)(void *)to)[k] = (float)item[k] * scale;
  }
  return TW_OK;
}

const tw_op tw_op_embedding_lookup = {.code = 7, .prepare = prepare, .eval = eval};
