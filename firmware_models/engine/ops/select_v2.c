#include "tw_broadcast.h"
#include "tw_move.h"

/* SELECT_V2: where the condition holds the element of input 1, else that of input 2. */

enum { CONDITION, TRUE_CASE, FALSE_CASE, INPUTS };

typedef struct {
  tw_broadcast *plan;
  tw_row_fn row;
} select_v2;

#define ROW(name, type)                                                               \
  TW_SMALL static void name(const void *params, const tw_row *row) {                  \
    const uint8_t *condition = row->in[CONDITION];                                    \
    const type *x = row->in[TRUE_CASE], *y = row->in[FALSE_CASE];                     \
    type *out = row->out;                                                             \
    (void)params;                                                                     \
    for (uint32_t i = 0; i < row->count; i++) {                                       \
      out[i] = *condition != 0 ? *x : *y;                                             \
      condition += row->step[CONDITION];                                              \
      x += row->step[TRUE_CASE];                                                      \
      y += row->step[FALSE_CASE];                                                     \
    }                                                                                 \
  }

ROW(row_8, uint8_t)
ROW(row_16, uint16_t)
ROW(row_32, uint32_t)

/* Among tensors of one element any ranks go together. Else the output has the largest of them. */
static tw_status check_rank(tw_engine *e, const tw_node *node) {
  const tw_tensor *output = tw_output(e, node, 0);
  int32_t rank = 0;
  for (uint32_t i = 0; i < INPUTS; i++) rank = tw_max(rank, tw_input(e, node, i)->rank);
  TW_VERIFY(e, output->rank == rank || tw_elements(output) == 1, TW_E_SHAPE,
            "output of rank %u, not %d", output->rank, (int)rank);
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  TW_TRY(tw_expect(e, node, INPUTS, INPUTS, 1));
  TW_TRY(tw_options(e, node, TW_OPTIONS_SELECT_V2, &options));
  const tw_tensor *x = tw_input(e, node, TRUE_CASE);
  TW_TRY(tw_expect_type(e, "input 0", tw_input(e, node, CONDITION), TW_TYPE(TW_BOOL)));
  TW_TRY(tw_expect_type(e, "input 1", x, TW_TYPES_F_I8_I16));
  TW_TRY(tw_expect_type(e, "input 2", tw_input(e, node, FALSE_CASE), TW_TYPE(x->type)));
  TW_TRY(tw_expect_type(e, "output 0", tw_output(e, node, 0), TW_TYPE(x->type)));
  TW_TRY(check_rank(e, node));
  select_v2 *s = node->data = tw_alloc(e, sizeof *s);
  if (s == NULL) return TW_E_ARENA;
  s->row = x->type == TW_INT8 ? row_8 : x->type == TW_INT16 ? row_16 : row_32;
  return tw_broadcast_prepare(e, node, &s->plan);
}

static int eval(tw_engine *e, tw_node *node) {
  const select_v2 *s = node->data;
  tw_broadcast_run(e, node, s->plan, s->row, NULL);
  return TW_OK;
}

const tw_op tw_op_select_v2 = {.code = 123, .prepare = prepare, .eval = eval};
