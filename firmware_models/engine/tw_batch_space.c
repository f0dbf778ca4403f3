#include "tw_batch_space.h"

enum { BLOCK = 1, MARGINS = 2 }; /* inputs */

tw_status tw_batch_space_find(tw_engine *e, const tw_node *node, const tw_tensor *space,
                              const tw_tensor *batches, tw_status status, tw_blocks *blocks) {
  const int32_t *block = tw_input(e, node, BLOCK)->data;
  const int32_t *margins = tw_input(e, node, MARGINS)->data; /* before and after */
  *blocks = (tw_blocks){{1, 1}, {0, 0}, false};
  int64_t count = space->dims[0];
  for (uint32_t i = 0; i + 2 < space->rank; i++) {
    int32_t size = block[i], before = margins[2 * i], after = margins[2 * i + 1];
    TW_VERIFY(e, size > 0 && before >= 0 && after >= 0, status, "a block of %d, margins %d and %d",
              (int)size, (int)before, (int)after);
    TW_VERIFY(e, (int64_t)space->dims[i + 1] + before + after ==
                     (int64_t)batches->dims[i + 1] * size,
              status, "%d + %d + %d is not %d times %d", (int)before, (int)space->dims[i + 1],
              (int)after, (int)size, (int)batches->dims[i + 1]);
    blocks->block[i] = size;
    blocks->before[i] = before;
    if (before > 0 || after > 0) blocks->padded = true;
    count *= size;
    TW_VERIFY(e, count <= batches->dims[0], status, "%d batches are too few",
              (int)batches->dims[0]);
  }
  TW_VERIFY(e, count == batches->dims[0], status, "%d batches, not %d", (int)batches->dims[0],
            (int)count);
  return TW_OK;
}

/* Input `i` holds `count` int32. */
static tw_status check_values(tw_engine *e, const tw_node *node, uint32_t i, uint32_t count) {
  const tw_tensor *t = tw_input(e, node, i);
  TW_TRY(tw_expect_type(e, i == BLOCK ? "input 1" : "input 2", t, TW_TYPE(TW_INT32)));
  TW_VERIFY(e, tw_elements(t) == count, TW_E_SHAPE, "input %u has %u values, not %u", (unsigned)i,
            (unsigned)tw_elements(t), (unsigned)count);
  return TW_OK;
}

tw_status tw_batch_space_prepare(tw_engine *e, const tw_node *node, const tw_tensor *space,
                                 const tw_tensor *batches, tw_blocks *blocks) {
  uint32_t rank = space->rank;
  TW_TRY(tw_expect_moved(e, space, batches, TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  TW_VERIFY(e, (rank == 3 || rank == 4) && batches->rank == rank, TW_E_SHAPE,
            "%u and %u dimensions", (unsigned)rank, batches->rank);
  TW_VERIFY(e, space->dims[rank - 1] == batches->dims[rank - 1], TW_E_SHAPE, "depths differ");
  TW_VERIFY(e, space->bytes > 0 && batches->bytes > 0, TW_E_SHAPE, "empty");
  TW_TRY(check_values(e, node, BLOCK, rank - 2));
  TW_TRY(check_values(e, node, MARGINS, 2 * (rank - 2)));
  bool known = tw_is_const(tw_input(e, node, BLOCK)) && tw_is_const(tw_input(e, node, MARGINS));
  *blocks = (tw_blocks){{0}, {0}, false};
  return known ? tw_batch_space_find(e, node, space, batches, TW_E_PARAM, blocks) : TW_OK;
}

static int32_t blocks_of(uint32_t pixels, int32_t block) { /* rounded up */
  return (int32_t)((pixels + (uint32_t)block - 1) / (uint32_t)block);
}

/* The pixels [*first, *first + *count) of a batch that lie in space, when the batch has every
 * `block`th pixel beginning with `start`, which may lie in front of the space. */
static void clip(int32_t start, int32_t block, int32_t batch_size, int32_t space_size,
                 int32_t *first, int32_t *count) {
  *first = start < 0 ? tw_min(blocks_of(0 - (uint32_t)start, block), batch_size) : 0;
  int32_t left = space_size - (start + *first * block);
  *count = left > 0 ? tw_min(blocks_of((uint32_t)left, block), batch_size - *first) : 0;
}

void tw_batch_space_copy(const tw_blocks *blocks, const tw_tensor *space, const tw_tensor *batches,
                         bool to_batches) {
  const int32_t *block = blocks->block;
  int32_t height = space->dims[1], width = space->rank == 4 ? space->dims[2] : 1;
  int32_t rows = batches->dims[1], columns = space->rank == 4 ? batches->dims[2] : 1;
  int32_t pixel = tw_step(space, space->rank - 2u); /* bytes */
  for (int32_t n = 0; n < batches->dims[0]; n++) {
    int32_t place = n / space->dims[0], first_row, row_count, first, count;
    int32_t y = place / block[1] - blocks->before[0], x = place % block[1] - blocks->before[1];
    clip(y, block[0], rows, height, &first_row, &row_count);
    clip(x, block[1], columns, width, &first, &count);
    for (int32_t row = first_row; row < first_row + row_count; row++) {
      int32_t in_space = (n % space->dims[0] * height + y + row * block[0]) * width;
      uint8_t *a = (uint8_t *)space->data + (in_space + x + first * block[1]) * pixel;
      int32_t in_batch = (n * rows + row) * columns + first;
      uint8_t *b = (uint8_t *)batches->data + in_batch * pixel;
      if (to_batches) {
        tw_copy_blocks((uint32_t)pixel, a, block[1] * pixel, b, pixel, count);
      } else {
        tw_copy_blocks((uint32_t)pixel, b, pixel, a, block[1] * pixel, count);
      }
    }
  }
}
