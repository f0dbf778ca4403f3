#include "tw_move.h"

/* TOPK_V2: the k largest values of each row, largest first, and where they are. Of equal ones the
 * first comes first; NaN comes last. */

enum { INPUT, COUNT };
enum { VALUES, INDICES };

/* A number that orders as the element does. */
static int64_t rank_of(const tw_tensor *t, uint32_t i) {
  switch (t->type) {
    case TW_UINT8: return ((const uint8_t *)t->data)[i];
    case TW_FLOAT32: break;
    default: return tw_index_at(t, i);
  }
  int32_t bits = ((const int32_t *)t->data)[i];
  int32_t size = bits & INT32_MAX;
  if (size > 0x7F800000) return INT64_MIN; /* NaN */
  return bits < 0 ? -size : size;
}

/* The output's shape is static; k, which may be computed, must agree with it. */
static tw_status check_count(tw_engine *e, const tw_node *node, tw_status status) {
  int32_t k = (int32_t)tw_index_at(tw_input(e, node, COUNT), 0);
  int32_t length = tw_dim(tw_output(e, node, VALUES), -1);
  TW_VERIFY(e, k == length, status, "k is %d; shapes are static, and the output has %d", (int)k,
            (int)length);
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const uint32_t types = TW_TYPES_F_I8_I16_I32 | TW_TYPE(TW_UINT8) | TW_TYPE(TW_INT64);
  static const uint32_t counts = TW_TYPE(TW_INT32) | TW_TYPE(TW_INT16);
  TW_TRY(tw_expect(e, node, 2, 2, 2));
  const tw_tensor *input = tw_input(e, node, INPUT), *k = tw_input(e, node, COUNT);
  const tw_tensor *values = tw_output(e, node, VALUES), *indices = tw_output(e, node, INDICES);
  TW_TRY(tw_expect_moved(e, input, values, types));
  TW_TRY(tw_expect_type(e, "input 1", k, counts));
  TW_TRY(tw_expect_type(e, "output 1", indices, counts));
  TW_VERIFY(e, tw_elements(k) == 1, TW_E_SHAPE, "%u values of k", (unsigned)tw_elements(k));
  bool fits = input->rank > 0 && values->rank == input->rank && tw_same_shape(values, indices);
  for (uint32_t i = 0; fits && i + 1 < input->rank; i++) fits = values->dims[i] == input->dims[i];
  TW_VERIFY(e, fits && tw_dim(values, -1) <= tw_dim(input, -1), TW_E_SHAPE,
            "the outputs' shapes are not the input's with k in the last dimension");
  TW_VERIFY(e, indices->type == TW_INT32 || tw_dim(input, -1) <= INT16_MAX, TW_E_SHAPE,
            "rows of %d are too long for indices of INT16", (int)tw_dim(input, -1));
  return tw_is_const(k) ? check_count(e, node, TW_E_PARAM) : TW_OK;
}

/* The element of a row that comes next after `last`; `last` is -1 for the first one. */
static uint32_t find_next(const tw_tensor *t, uint32_t row, uint32_t length, int64_t last) {
  int64_t limit = last < 0 ? INT64_MAX : rank_of(t, row + (uint32_t)last), best_rank = 0;
  uint32_t best = 0;
  bool found = false;
  for (uint32_t i = 0; i < length; i++) {
    int64_t rank = rank_of(t, row + i);
    bool after = rank < limit || (rank == limit && (int64_t)i > last);
    if (!after || (found && rank <= best_rank)) continue;
    found = true;
    best = i;
    best_rank = rank;
  }
  return best;
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, INPUT), *values = tw_output(e, node, VALUES);
  const tw_tensor *indices = tw_output(e, node, INDICES);
  TW_TRY(check_count(e, node, TW_E_RUNTIME));
  const uint32_t bytes = tw_type_bytes(input->type), index_bytes = tw_type_bytes(indices->type);
  const uint32_t length = (uint32_t)tw_dim(input, -1), k = (uint32_t)tw_dim(values, -1);
  uint8_t *value = values->data, *index = indices->data;
  for (uint32_t row = 0; row < tw_elements(input); row += length) {
    int64_t last = -1;
    for (uint32_t i = 0; i < k; i++, value += bytes, index += index_bytes) {
      uint32_t next = find_next(input, row, length, last);
      memcpy(value, (const uint8_t *)input->data + (row + next) * bytes, bytes);
      memcpy(index, &next, index_bytes);
      last = next;
    }
  }
  return TW_OK;
}

const tw_op tw_op_topk_v2 = {.code = 48, .prepare = prepare, .eval = eval, .beyond = true};
