#include "tw_reduce.h"

enum { OPTION_KEEP_DIMS = 0 };

bool tw_reduce_computed(const tw_engine *e, const tw_node *node) {
  const tw_tensor *axis = tw_input(e, node, 1);
  return axis->bytes > 0 && !tw_is_const(axis);
}

/* The axes as bits. TFLM does not look at those of a scalar. */
TW_SMALL static tw_status read_axes(tw_engine *e, const tw_node *node, uint32_t given,
                                    uint8_t *axes) {
  const int32_t rank = tw_input(e, node, 0)->rank, *values = tw_input(e, node, 1)->data;
  *axes = 0;
  for (uint32_t i = 0; i < given && rank > 0; i++) {
    int32_t value = values[i] < 0 ? values[i] + rank : values[i];
    TW_VERIFY(e, value >= 0 && value < rank,
              tw_reduce_computed(e, node) ? TW_E_RUNTIME : TW_E_PARAM, "axis %d of rank %d",
              (int)values[i], (int)rank);
    *axes = (uint8_t)(*axes | 1u << value);
  }
  return TW_OK;
}

TW_SMALL tw_status tw_reduce_axes(tw_engine *e, const tw_node *node, bool keep, uint32_t given,
                                  tw_reduction *r) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const tw_status mismatch = tw_reduce_computed(e, node) ? TW_E_RUNTIME : TW_E_SHAPE;
  TW_TRY(read_axes(e, node, given, &r->axes));
  uint32_t rank = 0;
  r->count = 1;
  for (uint32_t i = 0; i < input->rank; i++) {
    bool reduced = (r->axes >> i & 1) != 0;
    int32_t size = input->dims[i];
    if (reduced) r->count *= (uint32_t)size;
    if (reduced && !keep) continue;
    TW_VERIFY(e, rank < output->rank && output->dims[rank] == (reduced ? 1 : size), mismatch,
              "output dimension %u", (unsigned)rank);
    rank++;
  }
  TW_VERIFY(e, rank == output->rank, mismatch, "output of rank %u, not %u", output->rank,
            (unsigned)rank);
  return TW_OK;
}

TW_SMALL tw_status tw_reduce_prepare(tw_engine *e, const tw_node *node, bool *keep) {
  tw_reduction r;
  tw_fb_table options;
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  TW_TRY(tw_options(e, node, TW_OPTIONS_REDUCER, &options));
  *keep = tw_fb_u8(&e->fb, options, OPTION_KEEP_DIMS, 0) != 0;
  const tw_tensor *axis = tw_input(e, node, 1);
  if (axis->type != TW_INT32) return tw_fail_type(e, "input 1", axis);
  TW_VERIFY(e, tw_input(e, node, 0)->bytes > 0, TW_E_SHAPE, "input 0 is empty");
  if (tw_reduce_computed(e, node)) return TW_OK;
  return tw_reduce_axes(e, node, *keep, tw_elements(axis), &r);
}

TW_SMALL void tw_walk_start(tw_walk *w, const tw_tensor *t, uint32_t dimensions) {
  int32_t stride = 1;
  int32_t rank = 0; /* innermost first at first */
  bool adjacent = false;
  for (int32_t i = t->rank - 1; i >= 0; i--) {
    bool wanted = (dimensions >> i & 1) != 0;
    if (wanted && adjacent) {
      w->sizes[rank - 1] *= t->dims[i];
    } else if (wanted) {
      w->sizes[rank] = t->dims[i];
      w->steps[rank] = stride;
      rank++;
    }
    adjacent = wanted;
    stride *= t->dims[i];
  }
  w->size = rank > 0 ? w->sizes[0] : 1;
  w->step = rank > 0 ? w->steps[0] : 0;
  w->rank = tw_max(rank - 1, 0);
  for (int32_t i = 0; i < w->rank; i++) { /* drop the innermost */
    w->sizes[i] = w->sizes[i + 1];
    w->steps[i] = w->steps[i + 1];
    w->at[i] = 0;
  }
}

bool tw_walk_next(tw_walk *w, int32_t *offset) {
  for (int32_t i = 0; i < w->rank; i++) {
    *offset += w->steps[i];
    if (++w->at[i] < w->sizes[i]) return true;
    *offset -= w->steps[i] * w->sizes[i];
    w->at[i] = 0;
  }
  return false;
}

TW_SMALL int tw_reduce_run(const tw_engine *e, const tw_node *node, uint8_t axes, tw_reduce_fn one,
                           const void *params) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const uint32_t bytes = tw_type_bytes(output->type);
  uint8_t *out = output->data;
  tw_walk kept, reduced;
  int32_t at = 0;
  tw_walk_start(&kept, input, ~(uint32_t)axes);
  tw_walk_start(&reduced, input, axes);
  do {
    for (int32_t i = 0; i < kept.size; i++, out += bytes) {
      one(params, input, at + i * kept.step, &reduced, out);
    }
  } while (tw_walk_next(&kept, &at));
  return TW_OK;
}
