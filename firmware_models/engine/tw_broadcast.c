#include "tw_broadcast.h"

enum { MAX_RANK = 6 }; /* beyond it TFLM overwrites its stack */

typedef struct {
  uint32_t counts[MAX_RANK];
  uint8_t levels;
  uint8_t last; /* by bit: the inputs that repeat along the last level */
  uint8_t repeats[TW_BROADCAST_INPUTS];
} merged;

static bool bit(uint8_t bits, uint32_t i) { return (bits >> i & 1) != 0; }

/* Append a dimension outside of those there are; it merges with the last one when each input either
 * repeats or not along both. `repeats`: the inputs that do, by bit. */
static void append(merged *m, uint32_t count, uint8_t repeats) {
  if (count == 1) return;
  if (m->levels > 0 && m->last == repeats) {
    m->counts[m->levels - 1] *= count;
    return;
  }
  for (uint32_t i = 0; i < TW_BROADCAST_INPUTS; i++) {
    m->repeats[i] |= (uint8_t)(bit(repeats, i) << m->levels);
  }
  m->last = repeats;
  m->counts[m->levels++] = count;
}

tw_status tw_broadcast_prepare(tw_engine *e, const tw_node *node, tw_broadcast **plan) {
  const tw_tensor *out = tw_output(e, node, 0);
  merged m = {0};
  int32_t rank = out->rank;
  for (uint32_t i = 0; i < node->input_count; i++) rank = tw_max(rank, tw_input(e, node, i)->rank);
  TW_VERIFY(e, rank <= MAX_RANK, TW_E_SHAPE, "%d dimensions", (int)rank);
  for (int32_t d = -1; d >= -rank; d--) {
    int32_t size = 1;
    uint8_t repeats = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
      int32_t own = tw_dim(tw_input(e, node, i), d);
      if (own != 1) size = own;
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
      int32_t own = tw_dim(tw_input(e, node, i), d);
      TW_VERIFY(e, own == size || own == 1, TW_E_SHAPE, "%d and %d in dimension %d of the inputs",
                (int)own, (int)size, (int)d);
      if (own != size) repeats |= (uint8_t)(1u << i);
    }
    TW_VERIFY(e, tw_dim(out, d) == size, TW_E_SHAPE, "%d to %d in dimension %d", (int)size,
              (int)tw_dim(out, d), (int)d);
    append(&m, (uint32_t)size, repeats);
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
                    uint32_t stride[MAX_RANK]) {
  for (uint32_t i = 0; i < plan->levels; i++) {
    stride[i] = bit(repeats, i) ? 0 : bytes;
    if (!bit(repeats, i)) bytes *= plan->counts[i];
  }
}

void tw_broadcast_run(const tw_engine *e, const tw_node *node, const tw_broadcast *plan,
                      tw_row_fn each, const void *params) {
  const tw_tensor *out = tw_output(e, node, 0);
  const uint32_t inputs = node->input_count;
  uint32_t index[MAX_RANK] = {0}, stride[TW_BROADCAST_INPUTS][MAX_RANK];
  tw_row row = {.out = out->data, .count = plan->counts[0]};
  for (uint32_t i = 0; i < inputs; i++) {
    const tw_tensor *in = tw_input(e, node, i);
    strides(plan, plan->repeats[i], tw_type_bytes(in->type), stride[i]);
    row.in[i] = in->data;
    row.step[i] = stride[i][0] != 0;
  }
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
      for (uint32_t i = 0; i < inputs; i++) {
        row.in[i] = (const uint8_t *)row.in[i] + (int32_t)(steps * stride[i][level]);
      }
      if (index[level] != 0) break;
    }
    if (level == plan->levels) return;
  }
}
