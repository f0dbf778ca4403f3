#include "tw_affine.h"
#include "tw_move.h"

/* BATCH_MATMUL: matrix products of input 0, [..., rows, depth], and input 1, [..., depth, columns];
 * dimensions before these two broadcast. Transposed inputs are read where they lie. */

enum { OPTION_ADJ_X = 0, OPTION_ADJ_Y = 1 };
enum { MAX_RANK = 5 };

typedef struct {
  int32_t rows, columns, depth;
  /* elements from one row of input 0 or column of input 1 to the next, and along their depths */
  int32_t row_step, column_step, x_depth_step, y_depth_step;
  tw_scale scale;
  int16_t x_zero_point, y_zero_point, out_zero_point;
} matmul;

/* ---- prepare ---- */

static tw_status prepare_shape(tw_engine *e, const tw_node *node, bool adj_x, bool adj_y,
                               matmul *m) {
  const tw_tensor *x = tw_input(e, node, 0), *y = tw_input(e, node, 1);
  const tw_tensor *out = tw_output(e, node, 0);
  TW_VERIFY(e, x->rank >= 2 && x->rank <= MAX_RANK && y->rank >= 2 && y->rank <= MAX_RANK,
            TW_E_SHAPE, "inputs of rank %u and %u", x->rank, y->rank);
  TW_VERIFY(e, out->rank >= x->rank && out->rank >= y->rank, TW_E_SHAPE, "an output of rank %u",
            out->rank);
  int32_t x_inner = tw_dim(x, -1), y_inner = tw_dim(y, -1);
  m->rows = adj_x ? x_inner : tw_dim(x, -2);
  m->depth = adj_x ? tw_dim(x, -2) : x_inner;
  m->columns = adj_y ? tw_dim(y, -2) : y_inner;
  m->row_step = adj_x ? 1 : x_inner;
  m->x_depth_step = adj_x ? x_inner : 1;
  m->column_step = adj_y ? y_inner : 1;
  m->y_depth_step = adj_y ? 1 : y_inner;
  int32_t y_depth = adj_y ? y_inner : tw_dim(y, -2);
  TW_VERIFY(e, m->depth == y_depth && m->depth > 0, TW_E_SHAPE, "depths %d and %d", (int)m->depth,
            (int)y_depth);
  TW_VERIFY(e, tw_dim(out, -2) == m->rows && tw_dim(out, -1) == m->columns, TW_E_SHAPE,
            "products are %d x %d", (int)m->rows, (int)m->columns);
  int32_t rank = tw_max(out->rank, tw_max(x->rank, y->rank));
  for (int32_t d = -3; d >= -rank; d--) {
    int32_t x_size = tw_dim(x, d), y_size = tw_dim(y, d), size = x_size == 1 ? y_size : x_size;
    TW_VERIFY(e, (y_size == size || y_size == 1) && tw_dim(out, d) == size, TW_E_SHAPE,
              "%d and %d to %d in dimension %d", (int)x_size, (int)y_size, (int)tw_dim(out, d),
              (int)d);
  }
  return TW_OK;
}

static tw_status prepare_quantized(tw_engine *e, const tw_node *node, matmul *m) {
  bool wide = tw_output(e, node, 0)->type == TW_INT16;
  tw_affine x, y, out;
  TW_TRY(tw_input_affine(e, node, 0, &x));
  TW_TRY(tw_input_affine(e, node, 1, &y));
  TW_TRY(tw_output_affine(e, node, 0, &out));
  TW_VERIFY(e, !wide || (x.zero_point == 0 && y.zero_point == 0 && out.zero_point == 0),
            TW_E_PARAM, "INT16 has a zero point");
  m->x_zero_point = (int16_t)x.zero_point;
  m->y_zero_point = (int16_t)y.zero_point;
  m->out_zero_point = (int16_t)out.zero_point;
  /* As the oracle does it; TFLM's sources of August 2026 round the product to float. */
  TW_TRY(tw_scale_of(e, (double)x.scale * (double)y.scale / (double)out.scale, &m->scale));
  TW_VERIFY(e, !wide || m->scale.shift <= 14, TW_E_PARAM, "ratio of scales out of range");
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  TW_TRY(tw_expect(e, node, 2, 2, 1));
  TW_TRY(tw_options(e, node, TW_OPTIONS_BATCH_MAT_MUL, &options));
  const tw_tensor *x = tw_input(e, node, 0);
  TW_TRY(tw_expect_moved(e, x, tw_output(e, node, 0), TW_TYPES_F_I8_I16));
  TW_TRY(tw_expect_type(e, "input 1", tw_input(e, node, 1), TW_TYPE(x->type)));
  matmul *m = node->data = tw_alloc(e, sizeof *m);
  if (m == NULL) return TW_E_ARENA;
  *m = (matmul){0};
  bool adj_x = tw_fb_u8(&e->fb, options, OPTION_ADJ_X, 0) != 0;
  bool adj_y = tw_fb_u8(&e->fb, options, OPTION_ADJ_Y, 0) != 0;
  TW_TRY(prepare_shape(e, node, adj_x, adj_y, m));
  return x->type == TW_FLOAT32 ? TW_OK : prepare_quantized(e, node, m);
}

/* ---- eval ---- */

static inline int8_t result_i8(const matmul *m, int32_t sum) {
  int32_t scaled = tw_rescale(sum, m->scale.multiplier, m->scale.shift) + m->out_zero_point;
  return (int8_t)tw_clamp(scaled, INT8_MIN, INT8_MAX);
}

static inline int16_t result_i16(const matmul *m, int64_t sum) {
  int32_t scaled = tw_rescale_i64(sum, m->scale.multiplier, m->scale.shift);
  return (int16_t)tw_clamp(scaled, INT16_MIN, INT16_MAX);
}

/* The product of two matrices: `result` of the sum of `term`, which is of *a and *b. */
#define PRODUCT(name, type, sum_type, term, result)                                        \
  static void name(const matmul *m, const void *lhs, const void *rhs, void *to) {          \
    const int32_t columns = m->columns, depth = m->depth;                                  \
    const int32_t a_step = m->x_depth_step, b_step = m->y_depth_step;                      \
    const type *x = lhs, *y = rhs;                                                         \
    type *out = to;                                                                        \
    for (int32_t row = 0; row < m->rows; row++, x += m->row_step) {                        \
      for (int32_t column = 0; column < columns; column++) {                               \
        const type *a = x, *b = y + column * m->column_step;                               \
        sum_type sum = 0;                                                                  \
        for (int32_t k = 0; k < depth; k++, a += a_step, b += b_step) sum += (term);       \
        *out++ = (result);                                                                 \
      }                                                                                    \
    }                                                                                      \
  }

PRODUCT(product_f32, float, float, *a * *b, sum)
PRODUCT(product_i8, int8_t, int32_t, (*a - m->x_zero_point) * (*b - m->y_zero_point),
        result_i8(m, sum))
PRODUCT(product_i16, int16_t, int64_t, *a * *b, result_i16(m, sum))

/* Which matrix of an input makes the output's matrix `batch`. */
static uint32_t matrix_of(const tw_tensor *t, const tw_tensor *output, uint32_t batch) {
  uint32_t matrix = 0, stride = 1;
  for (int32_t d = -3; d >= -t->rank; d--) {
    uint32_t size = (uint32_t)tw_dim(output, d);
    if (t->dims[t->rank + d] > 1) matrix += batch % size * stride;
    stride *= (uint32_t)t->dims[t->rank + d];
    batch /= size;
  }
  return matrix;
}

static int eval(tw_engine *e, tw_node *node) {
  const matmul *m = node->data;
  const tw_tensor *x = tw_input(e, node, 0), *y = tw_input(e, node, 1);
  const tw_tensor *output = tw_output(e, node, 0);
  const uint32_t width = tw_type_bytes(x->type);
  const uint32_t x_bytes = (uint32_t)(m->rows * m->depth) * width;
  const uint32_t y_bytes = (uint32_t)(m->columns * m->depth) * width;
  const uint32_t out_bytes = (uint32_t)(m->rows * m->columns) * width;
  for (uint32_t batch = 0; batch < output->bytes / out_bytes; batch++) {
    const uint8_t *lhs = (const uint8_t *)x->data + matrix_of(x, output, batch) * x_bytes;
    const uint8_t *rhs = (const uint8_t *)y->data + matrix_of(y, output, batch) * y_bytes;
    uint8_t *out = (uint8_t *)output->data + batch * out_bytes;
    switch (x->type) {
      case TW_INT8: product_i8(m, lhs, rhs, out); break;
      case TW_INT16: product_i16(m, lhs, rhs, out); break;
      case TW_FLOAT32: product_f32(m, lhs, rhs, out); break;
    }
  }
  return TW_OK;
}

const tw_op tw_op_batch_matmul = {.code = 126, .prepare = prepare, .eval = eval};
