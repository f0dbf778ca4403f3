#include "tw_move.h"

/* MIRROR_PAD: the input in the middle, and in front of it and after it along each dimension its
 * mirror image, which does not repeat the edge when the mode is REFLECT. */

typedef struct {
  void *view; /* the input's place in the output, at the output's start */
  int32_t edge; /* elements at the edge that are not mirrored: 1 when the mode is REFLECT, else 0 */
} mirror_pad;

enum { MODE_REFLECT = 0 };

/* The padding in front of dimension `i`. All of the front is mirrored; after the end, as in TFLM,
 * what is left when the input has no more to mirror repeats its first element. */
static tw_status find_before(tw_engine *e, const tw_node *node, int32_t edge, uint32_t i,
                             tw_status status, int32_t *front) {
  int32_t size = tw_input(e, node, 0)->dims[i], padded = tw_output(e, node, 0)->dims[i];
  int64_t before = tw_index_at(tw_input(e, node, 1), 2 * i);
  int64_t after = tw_index_at(tw_input(e, node, 1), 2 * i + 1);
  TW_VERIFY(e, before >= 0 && before <= size - edge, status, "%d in front of %d elements",
            (int)before, (int)size);
  TW_VERIFY(e, after == padded - size - before && after >= 0, status, "%d + %d + %d is not %d",
            (int)before, (int)size, (int)after, (int)padded);
  *front = (int32_t)before;
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const tw_tensor *paddings = tw_input(e, node, 1);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8)));
  TW_TRY(tw_expect_type(e, "input 1", paddings, TW_TYPE(TW_INT32) | TW_TYPE(TW_INT64)));
  TW_VERIFY(e, input->rank == output->rank && input->bytes > 0, TW_E_SHAPE, "%u dimensions to %u",
            input->rank, output->rank);
  TW_VERIFY(e, paddings->rank == 2 && paddings->dims[0] == input->rank && paddings->dims[1] == 2,
            TW_E_SHAPE, "%u paddings", (unsigned)tw_elements(paddings));
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_MIRROR_PAD, &options));
  bool reflects = options.pos != 0 && tw_fb_u8(&e->fb, options, 0, MODE_REFLECT) == MODE_REFLECT;
  mirror_pad *data = node->data = tw_alloc(e, sizeof *data);
  if (data == NULL) return TW_E_ARENA;
  data->edge = reflects ? 1 : 0;
  tw_axis axes[TW_MAX_RANK];
  for (uint32_t i = 0; i < input->rank; i++) {
    int32_t front;
    if (tw_is_const(paddings)) TW_TRY(find_before(e, node, data->edge, i, TW_E_PARAM, &front));
    TW_VERIFY(e, input->dims[i] <= output->dims[i], TW_E_SHAPE, "%d to %d", (int)input->dims[i],
              (int)output->dims[i]);
    axes[i] = (tw_axis){input->dims[i], tw_step(output, i)};
  }
  return tw_view_make(e, output, input, 0, axes, input->rank, &data->view);
}

/* Mirror what one dimension has in its middle: `count` times `size` elements of `step` bytes. */
static void mirror(uint8_t *to, int32_t count, int32_t padded, int32_t step, int32_t before,
                   int32_t size, int32_t edge) {
  int32_t after = padded - before - size, mirrored = tw_min(after, size - edge);
  uint32_t bytes = (uint32_t)step;
  for (; count > 0; count--, to += padded * step) {
    uint8_t *first = to + before * step, *end = first + size * step;
    tw_copy_blocks(bytes, first + (before - 1 + edge) * step, -step, to, step, before);
    tw_copy_blocks(bytes, end - (1 + edge) * step, -step, end, step, mirrored);
    tw_copy_blocks(bytes, first, 0, end + mirrored * step, step, after - mirrored);
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const mirror_pad *data = node->data;
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  int32_t before[TW_MAX_RANK], offset = 0, count = 1;
  for (uint32_t i = 0; i < input->rank; i++) {
    TW_TRY(find_before(e, node, data->edge, i, TW_E_RUNTIME, &before[i]));
    offset += before[i] * tw_step(output, i);
    count *= output->dims[i];
  }
  tw_view_write(data->view, input->data, (uint8_t *)output->data + offset);
  for (uint32_t i = input->rank; i-- > 0;) { /* from the inside: pads are mirrored in turn */
    count /= output->dims[i];
    mirror(output->data, count, output->dims[i], tw_step(output, i), before[i], input->dims[i],
           data->edge);
  }
  return TW_OK;
}

const tw_op tw_op_mirror_pad = {.code = 100, .prepare = prepare, .eval = eval};
