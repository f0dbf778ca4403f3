#include "tw_move.h"

tw_status tw_expect_type(tw_engine *e, const char *what, const tw_tensor *t, uint32_t types) {
  bool fits = t->type < 32 && (types >> t->type & 1) != 0;
  return fits ? TW_OK : tw_fail_type(e, what, t);
}

tw_status tw_expect_moved(tw_engine *e, const tw_tensor *input, const tw_tensor *output,
                          uint32_t types) {
  TW_TRY(tw_expect_type(e, "input", input, types));
  TW_VERIFY(e, input->type == output->type, TW_E_TYPE, "%s to %s", tw_type_name(input->type),
            tw_type_name(output->type));
  return TW_OK;
}

tw_status tw_const_i32(tw_engine *e, const tw_node *node, uint32_t i, uint32_t count,
                       const int32_t **values) {
  const tw_tensor *t = tw_input(e, node, i);
  TW_VERIFY(e, t->type == TW_INT32, TW_E_TYPE, "input %u has type %s, not INT32", (unsigned)i,
            tw_type_name(t->type));
  TW_VERIFY(e, tw_is_const(t), TW_E_PARAM, "input %u is not constant", (unsigned)i);
  TW_VERIFY(e, tw_elements(t) >= count, TW_E_SHAPE, "input %u has %u values, not %u", (unsigned)i,
            (unsigned)tw_elements(t), (unsigned)count);
  *values = t->data;
  return TW_OK;
}

int64_t tw_index_at(const tw_tensor *t, uint32_t i) {
  switch (t->type) {
    case TW_INT8: return ((const int8_t *)t->data)[i];
    case TW_INT16: return ((const int16_t *)t->data)[i];
    case TW_INT32: return ((const int32_t *)t->data)[i];
    case TW_INT64: return ((const int64_t *)t->data)[i];
  }
  return 0;
}

tw_status tw_expect_indices(tw_engine *e, const tw_node *node, uint32_t i, uint32_t count) {
  const tw_tensor *t = tw_input(e, node, i);
  TW_VERIFY(e, t->type == TW_INT32 || t->type == TW_INT64, TW_E_TYPE,
            "input %u has type %s, not INT32 or INT64", (unsigned)i, tw_type_name(t->type));
  TW_VERIFY(e, t->rank == 1 && (uint32_t)t->dims[0] == count, TW_E_SHAPE,
            "input %u has %u values, not %u", (unsigned)i, (unsigned)tw_elements(t),
            (unsigned)count);
  return TW_OK;
}

tw_status tw_expect_axis(tw_engine *e, int32_t *axis, uint32_t rank) {
  int32_t given = *axis;
  if (given < 0) *axis += (int32_t)rank;
  TW_VERIFY(e, *axis >= 0 && *axis < (int32_t)rank, TW_E_PARAM, "axis %d of %u dimensions",
            (int)given, (unsigned)rank);
  return TW_OK;
}

void tw_fill(const tw_tensor *output, const void *value) {
  uint8_t *to = output->data;
  uint32_t done = tw_type_bytes(output->type);
  memmove(to, value, done);
  while (done < output->bytes) { /* each copy is as long as what is there already */
    uint32_t left = output->bytes - done, bytes = done < left ? done : left;
    memcpy(to + done, to, bytes);
    done += bytes;
  }
}

/* An inner loop for each size of an element. */
#define BLOCKS(name, type)                                                                    \
  static void name(const uint8_t *from, int32_t from_step, uint8_t *to, int32_t to_step,      \
                   int32_t count) {                                                           \
    for (int32_t i = 0; i < count; i++) {                                                     \
      memcpy(to, from, sizeof(type));                                                         \
      from += from_step;                                                                      \
      to += to_step;                                                                          \
    }                                                                                         \
  }
BLOCKS(blocks_8, uint8_t)
BLOCKS(blocks_16, uint16_t)
BLOCKS(blocks_32, uint32_t)
BLOCKS(blocks_64, uint64_t)

void tw_copy_blocks(uint32_t bytes, const void *from, int32_t from_step, void *to, int32_t to_step,
                    int32_t count) {
  const uint8_t *source = from;
  uint8_t *target = to;
  if (from_step == to_step && from_step == (int32_t)bytes) { /* packed on both sides */
    memmove(target, source, (uint32_t)count * bytes);
    return;
  }
  switch (bytes) {
    case 1: blocks_8(source, from_step, target, to_step, count); return;
    case 2: blocks_16(source, from_step, target, to_step, count); return;
    case 4: blocks_32(source, from_step, target, to_step, count); return;
    case 8: blocks_64(source, from_step, target, to_step, count); return;
    default: break;
  }
  for (int32_t i = 0; i < count; i++) {
    memmove(target, source, bytes);
    source += from_step;
    target += to_step;
  }
}

int tw_copy_eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  if (output->data != input->data) memmove(output->data, input->data, output->bytes);
  return TW_OK;
}

/* ---- strips ---- */

typedef struct {
  tw_strips strips;
  uint32_t outer; /* strips in each part */
} strip_data;

static const tw_tensor *whole_of(const tw_engine *e, const tw_node *node, tw_strips strips) {
  return strips.joining ? tw_output(e, node, 0) : tw_input(e, node, strips.whole);
}

static uint32_t part_count(const tw_node *node, tw_strips strips) {
  return strips.joining ? node->input_count : node->output_count;
}

static const tw_tensor *part_of(const tw_engine *e, const tw_node *node, tw_strips strips,
                                uint32_t i) {
  return strips.joining ? tw_input(e, node, i) : tw_output(e, node, i);
}

/* A part has the whole's dimensions but for the axis; *length grows by its length along that. */
static tw_status check_part(tw_engine *e, const tw_tensor *whole, const tw_tensor *part, uint32_t i,
                            int32_t axis, bool stacked, int64_t *length) {
  bool fits = part->rank + (stacked ? 1 : 0) == whole->rank;
  for (int32_t d = 0; fits && d < whole->rank; d++) {
    if (d != axis) fits = whole->dims[d] == part->dims[stacked && d > axis ? d - 1 : d];
  }
  TW_VERIFY(e, fits, TW_E_SHAPE, "part %u does not fit", (unsigned)i);
  *length += stacked ? 1 : part->dims[axis];
  return TW_OK;
}

tw_status tw_strips_prepare(tw_engine *e, tw_node *node, tw_strips strips, int32_t axis,
                            uint32_t types) {
  const tw_tensor *whole = whole_of(e, node, strips);
  TW_TRY(tw_expect_type(e, strips.joining ? "output" : "input", whole, types));
  TW_TRY(tw_expect_axis(e, &axis, whole->rank));
  TW_VERIFY(e, part_count(node, strips) > 0, TW_E_MODEL, "no parts");
  int64_t length = 0;
  for (uint32_t i = 0; i < part_count(node, strips); i++) {
    const tw_tensor *part = part_of(e, node, strips, i);
    TW_VERIFY(e, part != NULL, TW_E_MODEL, "part %u is missing", (unsigned)i);
    TW_VERIFY(e, part->type == whole->type, TW_E_TYPE, "part %u has type %s, not %s", (unsigned)i,
              tw_type_name(part->type), tw_type_name(whole->type));
    TW_TRY(check_part(e, whole, part, i, axis, strips.stacked, &length));
  }
  TW_VERIFY(e, length == whole->dims[axis], TW_E_SHAPE, "the parts make %d of %d", (int)length,
            (int)whole->dims[axis]);
  strip_data *data = tw_alloc(e, sizeof *data);
  if (data == NULL) return TW_E_ARENA;
  *data = (strip_data){strips, 1};
  for (int32_t d = 0; d < axis; d++) data->outer *= (uint32_t)whole->dims[d];
  node->data = data;
  return TW_OK;
}

int tw_strips_eval(tw_engine *e, tw_node *node) {
  const strip_data *data = node->data;
  tw_strips strips = data->strips;
  const tw_tensor *whole = whole_of(e, node, strips);
  uint32_t stride = whole->bytes / data->outer, offset = 0;
  for (uint32_t i = 0; i < part_count(node, strips); i++) {
    const tw_tensor *part = part_of(e, node, strips, i);
    uint32_t bytes = part->bytes / data->outer;
    uint8_t *in_whole = (uint8_t *)whole->data + offset, *in_part = part->data;
    for (uint32_t k = 0; k < data->outer; k++) {
      memmove(strips.joining ? in_whole : in_part, strips.joining ? in_part : in_whole, bytes);
      in_whole += stride;
      in_part += bytes;
    }
    offset += bytes;
  }
  return TW_OK;
}

/* ---- views ---- */

int32_t tw_step(const tw_tensor *t, uint32_t i) {
  uint32_t step = tw_type_bytes(t->type);
  for (uint32_t d = i + 1; d < t->rank; d++) step *= (uint32_t)t->dims[d];
  return (int32_t)step;
}

/* Join axes that one step can cover, leave out those of length 1; returns how many remain. */
static uint32_t merge(const tw_axis *axes, uint32_t rank, tw_axis *merged) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < rank; i++) {
    if (axes[i].count == 1) continue;
    int64_t covered = (int64_t)axes[i].count * axes[i].step;
    if (count > 0 && covered == merged[count - 1].step) {
      merged[count - 1].count *= axes[i].count;
      merged[count - 1].step = axes[i].step;
    } else {
      merged[count++] = axes[i];
    }
  }
  return count;
}

tw_status tw_view_make(tw_engine *e, const tw_tensor *strided, const tw_tensor *packed,
                       int32_t offset, const tw_axis *axes, uint32_t rank, void **view) {
  uint32_t element_bytes = tw_type_bytes(strided->type);
  int64_t elements = 1, first = offset, last = offset;
  for (uint32_t i = 0; i < rank; i++) {
    elements *= axes[i].count;
    TW_VERIFY(e, axes[i].count >= 0 && elements <= INT32_MAX, TW_E_SHAPE, "%d along dimension %u",
              (int)axes[i].count, (unsigned)i);
    int64_t reach = ((int64_t)axes[i].count - 1) * axes[i].step;
    if (reach < 0) first += reach;
    if (reach > 0) last += reach;
  }
  TW_VERIFY(e, elements == (int64_t)tw_elements(packed), TW_E_SHAPE, "%d elements make %u",
            (int)elements, (unsigned)tw_elements(packed));
  bool inside = first >= 0 && last + element_bytes <= strided->bytes;
  TW_VERIFY(e, elements == 0 || inside, TW_E_SHAPE, "elements outside of the tensor");
  tw_axis merged[TW_MAX_RANK];
  uint32_t count = merge(axes, rank, merged);
  if (count == 0 || elements == 0) {
    merged[0] = (tw_axis){(int32_t)elements, (int32_t)element_bytes};
    count = 1;
  }
  tw_view *made = tw_alloc(e, (uint32_t)(sizeof *made + count * sizeof *merged));
  if (made == NULL) return TW_E_ARENA;
  made->offset = offset;
  made->element_bytes = (uint16_t)element_bytes;
  made->rank = (uint16_t)count;
  memcpy(made->axes, merged, count * sizeof *merged);
  *view = made;
  return TW_OK;
}

/* Advance `at`, the position in all axes but the last; returns the bytes to move on by and clears
 * *more after the last position. */
static int32_t advance(const tw_view *view, int32_t *at, bool *more) {
  int32_t distance = 0;
  for (int32_t d = (int32_t)view->rank - 2; d >= 0; d--) {
    tw_axis axis = view->axes[d];
    if (++at[d] < axis.count) return distance + axis.step;
    at[d] = 0;
    distance -= (axis.count - 1) * axis.step;
  }
  *more = false;
  return distance;
}

TW_NOINLINE void tw_view_read(const tw_view *view, const void *strided, void *packed) {
  int32_t at[TW_MAX_RANK] = {0}, size = view->element_bytes;
  tw_axis inner = view->axes[view->rank - 1];
  const uint8_t *from = (const uint8_t *)strided + view->offset;
  uint8_t *to = packed;
  for (bool more = true; more; from += advance(view, at, &more)) {
    tw_copy_blocks((uint32_t)size, from, inner.step, to, size, inner.count);
    to += inner.count * size;
  }
}

TW_NOINLINE void tw_view_write(const tw_view *view, const void *packed, void *strided) {
  int32_t at[TW_MAX_RANK] = {0}, size = view->element_bytes;
  tw_axis inner = view->axes[view->rank - 1];
  const uint8_t *from = packed;
  uint8_t *to = (uint8_t *)strided + view->offset;
  for (bool more = true; more; to += advance(view, at, &more)) {
    tw_copy_blocks((uint32_t)size, from, size, to, inner.step, inner.count);
    from += inner.count * size;
  }
}

int tw_view_eval(tw_engine *e, tw_node *node) {
  tw_view_read(node->data, tw_input(e, node, 0)->data, tw_output(e, node, 0)->data);
  return TW_OK;
}
