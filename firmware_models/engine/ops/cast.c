#include "tw_elementwise.h"
#include "tw_move.h"

/* CAST: by way of double, which holds every value. An integer that doesn't fit wraps; a float
 * saturates, and NaN becomes 0. As a bool all but 0 is true. */

typedef double (*load_fn)(const void *from, uint32_t i);
typedef void (*store_fn)(void *to, uint32_t i, double x);

static double load_i8(const void *from, uint32_t i) { return ((const int8_t *)from)[i]; }
static double load_u8(const void *from, uint32_t i) { return ((const uint8_t *)from)[i]; }
static double load_i16(const void *from, uint32_t i) { return ((const int16_t *)from)[i]; }
static double load_i32(const void *from, uint32_t i) { return ((const int32_t *)from)[i]; }
static double load_u32(const void *from, uint32_t i) { return ((const uint32_t *)from)[i]; }
static double load_f32(const void *from, uint32_t i) { return (double)((const float *)from)[i]; }

static void store_i8(void *to, uint32_t i, double x) { ((int8_t *)to)[i] = (int8_t)(int64_t)x; }
static void store_i16(void *to, uint32_t i, double x) { ((int16_t *)to)[i] = (int16_t)(int64_t)x; }
static void store_i32(void *to, uint32_t i, double x) { ((int32_t *)to)[i] = (int32_t)(int64_t)x; }
static void store_bool(void *to, uint32_t i, double x) { ((uint8_t *)to)[i] = x != 0.0; }
static void store_f32(void *to, uint32_t i, double x) { ((float *)to)[i] = (float)x; }

/* A float in the range of an integer type. */
static double saturated(double x, uint8_t type) {
  double low = -2147483648.0, high = 2147483647.0;
  switch (type) {
    case TW_INT8: low = INT8_MIN; high = INT8_MAX; break;
    case TW_INT16: low = INT16_MIN; high = INT16_MAX; break;
    case TW_UINT32: low = 0.0; high = 4294967295.0; break;
    default: break;
  }
  return x != x ? 0.0 : x < low ? low : x > high ? high : x;
}

static load_fn loader(uint8_t type) {
  switch (type) {
    case TW_INT8: return load_i8;
    case TW_BOOL: return load_u8;
    case TW_INT16: return load_i16;
    case TW_INT32: return load_i32;
    case TW_UINT32: return load_u32;
    default: return load_f32;
  }
}

static store_fn storer(uint8_t type) {
  switch (type) {
    case TW_INT8: return store_i8;
    case TW_BOOL: return store_bool;
    case TW_INT16: return store_i16;
    case TW_FLOAT32: return store_f32;
    default: return store_i32; /* and uint32, which has the same bits */
  }
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  const uint32_t types = TW_TYPES_F_I8_I16_I32 | TW_TYPE(TW_UINT32) | TW_TYPE(TW_BOOL);
  TW_TRY(tw_expect_unary(e, node));
  TW_TRY(tw_expect_type(e, "input 0", tw_input(e, node, 0), types));
  return tw_expect_type(e, "output 0", tw_output(e, node, 0), types);
}

static int eval(tw_engine *e, tw_node *node) {
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  const load_fn load = loader(input->type);
  const store_fn store = storer(output->type);
  const uint32_t count = tw_elements(output);
  const bool saturate = input->type == TW_FLOAT32 && output->type != TW_FLOAT32 &&
                        output->type != TW_BOOL;
  for (uint32_t i = 0; i < count; i++) {
    double x = load(input->data, i);
    store(output->data, i, saturate ? saturated(x, output->type) : x);
  }
  return TW_OK;
}

const tw_op tw_op_cast = {.code = 53, .prepare = prepare, .eval = eval};
