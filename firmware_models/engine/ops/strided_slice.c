#include "tw_move.h"

enum { MAX_SLICED_RANK = 4 }; /* TFLM's limit */

/* What the options and the constants say about one dimension. */
typedef struct {
  int32_t begin, end, stride;
  bool whole_begin, whole_end, shrink; /* bits of the masks */
} range;

/* An index as Python has it: a negative one counts from the end; then clamped to what a walk in the
 * stride's direction can start or stop at. */
static int32_t clamp_index(int32_t index, int32_t size, int32_t stride) {
  int64_t i = index < 0 ? (int64_t)index + size : index;
  int32_t low = stride > 0 ? 0 : -1, high = stride > 0 ? size : size - 1;
  return i < low ? low : i > high ? high : (int32_t)i;
}

/* Where the walk along a dimension starts, and how many elements it has. */
static tw_status walk(tw_engine *e, const range *r, int32_t size, int32_t *start, int32_t *count) {
  int32_t stride = r->stride;
  TW_VERIFY(e, stride != 0, TW_E_PARAM, "a stride is 0");
  *start = r->whole_begin ? (stride > 0 ? 0 : size - 1) : clamp_index(r->begin, size, stride);
  int32_t stop = r->whole_end ? (stride > 0 ? size : -1) : clamp_index(r->end, size, stride);
  if (r->shrink) {
    TW_VERIFY(e, stride > 0 && *start < size, TW_E_PARAM, "no element %d of %d", (int)r->begin,
              (int)size);
    stop = *start + 1;
  }
  int64_t distance = (int64_t)stop - *start, step = stride;
  if (step < 0) {
    distance = -distance;
    step = -step;
  }
  *count = distance <= 0 ? 0 : (int32_t)((distance + step - 1) / step);
  return TW_OK;
}

/* As in TFLM, an ellipsis or new axes and the option `offset` are not known: the constants have an
 * entry for each dimension of the input. */
static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 4, 4, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPES_F_I8_I16_I32 | TW_TYPE(TW_BOOL)));
  TW_VERIFY(e, input->rank <= MAX_SLICED_RANK, TW_E_SHAPE, "%u dimensions", input->rank);
  const int32_t *begins, *ends, *strides;
  TW_TRY(tw_const_i32(e, node, 1, input->rank, &begins));
  TW_TRY(tw_const_i32(e, node, 2, input->rank, &ends));
  TW_TRY(tw_const_i32(e, node, 3, input->rank, &strides));
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_STRIDED_SLICE, &options));
  int32_t begin_mask = tw_fb_i32(&e->fb, options, 0, 0);
  int32_t end_mask = tw_fb_i32(&e->fb, options, 1, 0);
  int32_t shrink_mask = tw_fb_i32(&e->fb, options, 4, 0);
  tw_axis axes[MAX_SLICED_RANK];
  int32_t offset = 0;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < input->rank; i++) {
    int32_t bit = 1 << i, start, count, step = tw_step(input, i);
    range r = {begins[i], ends[i], strides[i], (begin_mask & bit) != 0, (end_mask & bit) != 0,
               (shrink_mask & bit) != 0};
    TW_TRY(walk(e, &r, input->dims[i], &start, &count));
    if (!r.shrink) {
      TW_VERIFY(e, kept < output->rank && output->dims[kept] == count, TW_E_SHAPE,
                "dimension %u gives %d elements", (unsigned)i, (int)count);
      kept++;
    }
    offset += start * step;
    axes[i] = (tw_axis){count, count > 1 ? strides[i] * step : 0};
  }
  TW_VERIFY(e, kept == output->rank, TW_E_SHAPE, "%u dimensions left, not %u", (unsigned)kept,
            output->rank);
  return tw_view_make(e, input, output, offset, axes, input->rank, &node->data);
}

const tw_op tw_op_strided_slice = {.code = 45, .prepare = prepare, .eval = tw_view_eval};
