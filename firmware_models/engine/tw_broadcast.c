#include "tw_broadcast.h"

typedef struct {
  uint32_t counts[TW_MAX_RANK];
  uint8_t levels;
  uint8_t repeats[2];
} merged;

static bool bit(uint8_t bits, uint32_t i) { return (bits >> i & 1) != 0; }

/* Append a dimension outside of those there are; it merges with the last one when each input either
 * repeats or not along both. */
static void append(merged *m, uint32_t count, bool repeats_a, bool repeats_b) {
  if (count == 1) return;
  uint32_t last = m->levels - 1u;
  if (m->levels > 0 && bit(m->repeats[0], last) == repeats_a &&
      bit(m->repeats[1], last) == repeats_b) {
    m->counts[last] *= count;
    return;
  }
  m->repeats[0] |= (uint8_t)(repeats_a << m->levels);
  m->repeats[1] |= (uint8_t)(repeats_b << m->levels);
  m->counts[m->levels++] = count;
}

tw_status tw_broadcast_prepare(tw_engine *e, const tw_node *node, tw_broadcast **plan) {
  const tw_tensor *a = tw_input(e, node, 0), *b = tw_input(e, node, 1);
  const tw_tensor *out = tw_output(e, node, 0);
  merged m = {0};
  int32_t rank = tw_max(out->rank, tw_max(a->rank, b->rank));
  for (int32_t i = -1; i >= -rank; i--) {
    int32_t da = tw_dim(a, i), db = tw_dim(b, i), size = da == 1 ? db : da;
    TW_VERIFY(e, (db == size || db == 1) && tw_dim(out, i) == size, TW_E_SHAPE,
              "%d and %d to %d in dimension %d", (int)da, (int)db, (int)tw_dim(out, i), (int)i);
    append(&m, (uint32_t)size, da != size, db != size);
  }
  if (m.levels == 0) m.counts[m.levels++] = 1;
  tw_broadcast *p = *plan = tw_alloc(e, (uint32_t)(sizeof *p + m.levels * sizeof p->counts[0]));
  if (p == NULL) return TW_E_ARENA;
  p->levels = m.levels;
  memcpy(p->repeats, m.repeats, sizeof p->repeats);
  memcpy(p->counts, m.counts, m.levels * sizeof p->counts[0]);
  return TW_OK;
}

/* Bytes from one element along a level to the next, 0 where the input repeats. */
static void strides(const tw_broadcast *plan, uint8_t repeats, uint32_t bytes,
                    uint32_t stride[TW_MAX_RANK]) {
  for (uint32_t i = 0; i < plan->levels; i++) {
    stride[i] = bit(repeats, i) ? 0 : bytes;
    if (!bit(repeats, i)) bytes *= plan->counts[i];
  }
}

void tw_broadcast_run(const tw_engine *e, const tw_node *node, const tw_broadcast *plan,
                      tw_row_fn each, const void *params) {
  const tw_tensor *a = tw_input(e, node, 0), *b = tw_input(e, node, 1);
  const tw_tensor *out = tw_output(e, node, 0);
  uint32_t index[TW_MAX_RANK] = {0}, a_stride[TW_MAX_RANK], b_stride[TW_MAX_RANK];
  strides(plan, plan->repeats[0], tw_type_bytes(a->type), a_stride);
  strides(plan, plan->repeats[1], tw_type_bytes(b->type), b_stride);
  tw_row row = {a->data, b->data, out->data, plan->counts[0], a_stride[0] != 0, b_stride[0] != 0};
  const uint32_t row_bytes = row.count * tw_type_bytes(out->type);
  for (;;) {
    each(params, &row);
    row.out = (uint8_t *)row.out + row_bytes;
    uint32_t level = 1;
    for (; level < plan->levels; level++) {
      uint32_t steps = 1;
      if (++index[level] == plan->counts[level]) { /* back to the start, and on along the next */
        index[level] = 0;
        steps = 1 - plan->counts[level];
      }
      row.a = (const uint8_t *)row.a + (int32_t)(steps * a_stride[level]);
      row.b = (const uint8_t *)row.b + (int32_t)(steps * b_stride[level]);
      if (index[level] != 0) break;
    }
    if (level == plan->levels) return;
  }
}
