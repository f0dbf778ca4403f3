/* What a kernel sees of the engine.
 *
 * A kernel is one file, ops/<name>.c, that defines `const tw_op tw_op_<name>`; the build makes the
 * registry, ops.def, from the names. The name is the op's in lower case; a custom op's own name in
 * snake case. What several kernels share is in tw_*.h beside this file.
 * `prepare` checks types, shapes and options and computes all that `eval` needs (tw_alloc,
 * tw_request_scratch); `eval` only loops. Nothing in the model is trusted: after prepare returns
 * TW_OK, no input data whatever may make eval read or write outside its tensors, loop without
 * bound, or compute something C leaves undefined (signed overflow wraps: -fwrapv). */
#ifndef TW_KERNEL_H
#define TW_KERNEL_H

#include "tw_base.h"
#include "tw_engine.h"
#include "tw_options.h"
#include "tw_schema.h"
#include "tw_selection.h"

/* All kernels of the registry, so that each definition has its declaration. */
#define TW_OP(name) extern const tw_op tw_op_##name;
#include "ops.def"
#undef TW_OP

enum { TW_OP_CUSTOM = 32 };

/* Returned by eval. TW_CALL: have subgraph e->callee run; eval is then called again, e->phase one
 * higher. TW_STOP: end the whole invoke here, after tw_may_stop in prepare. */
enum { TW_CALL = 1, TW_STOP = 2 };

struct tw_op {
  uint8_t code;       /* BuiltinOperator; TW_OP_CUSTOM for an op that has a name instead */
  const char *custom; /* that name; NULL for a builtin */
  tw_status (*prepare)(tw_engine *e, tw_node *node);
  int (*eval)(tw_engine *e, tw_node *node); /* a tw_status, TW_CALL or TW_STOP */
  /* Put the node's own state, in tw_alloc'ed memory, into its first state; NULL = it has none.
   * Called after the arena was planned and at each reset. An op with one makes a model stateful. */
  void (*reset)(tw_engine *e, tw_node *node);
  bool beyond;        /* TFLM lacks it: only where e->beyond allows */
};

/* Record an error about the node at work and return `status`. Formats: %s %d %u %c %%. */
tw_status tw_fail(tw_engine *e, tw_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#if !TW_HAS_TEXTS /* the status says it all, and e->node */
#define tw_fail(e, status, ...) (0 ? tw_fail(e, status, __VA_ARGS__) : (status))
#endif

/* Verify something the model says; on failure return from the kernel with the error. */
#define TW_VERIFY(e, condition, status, ...)                     \
  do {                                                           \
    if (!(condition)) return tw_fail((e), (status), __VA_ARGS__); \
  } while (0)

#define TW_TRY(call)                   \
  do {                                 \
    tw_status try_status = (call);     \
    if (try_status != TW_OK) return try_status; \
  } while (0)

/* ---- tensors ---- */

/* Input or output `i` of the node, or NULL when it is absent (index -1 or past the end). */
TW_PURE const tw_tensor *tw_input(const tw_engine *e, const tw_node *node, uint32_t i);
TW_PURE tw_tensor *tw_output(const tw_engine *e, const tw_node *node, uint32_t i);

/* Check the number of inputs (absent optional ones at the end not counted) and of outputs, and that
 * every input below `inputs_min` and every output is there. */
tw_status tw_expect(tw_engine *e, const tw_node *node, uint32_t inputs_min, uint32_t inputs_max,
                    uint32_t outputs);

/* Size of one element in bytes; 0 for a type without a fixed size (INT4 counts as 1). */
uint32_t tw_type_bytes(uint8_t type);
const char *tw_type_name(uint8_t type);

/* "input 1 has type INT64, which ADD does not support" */
tw_status tw_fail_type(tw_engine *e, const char *what, const tw_tensor *t);

/* Number of elements. */
uint32_t tw_elements(const tw_tensor *t);

/* Dimension `i`; negative counts from the end (-1 = last). Dimensions before the first are 1. */
int32_t tw_dim(const tw_tensor *t, int32_t i);

bool tw_same_shape(const tw_tensor *a, const tw_tensor *b);

static inline bool tw_is_const(const tw_tensor *t) { return (t->flags & TW_TENSOR_CONST) != 0; }

/* ---- quantization, read from the model: only in prepare ---- */

typedef struct {
  const uint8_t *scales, *zero_points; /* unaligned float and int64 */
  uint32_t count;      /* number of scales; 0 = the tensor is not quantized, as TFLM sees it */
  uint32_t zero_point_count;
  int32_t axis;        /* quantized_dimension */
} tw_quant;

/* Parameters of a tensor by its index (node->inputs[i], node->outputs[i]). As in TFLM, a tensor is
 * quantized when it has at least one scale and one zero point. */
tw_quant tw_quant_of(tw_engine *e, int32_t tensor_index);

/* Inline, because a struct goes to a function through memory. 0 when not quantized. */
static inline float tw_quant_scale(tw_quant q, uint32_t i) {
  return i < q.count ? tw_load_f32(q.scales + 4 * (size_t)i) : 0.0f;
}
static inline int32_t tw_quant_zero_point(tw_quant q, uint32_t i) {
  if (q.count == 0) return 0;
  if (q.zero_point_count != q.count) i = 0;
  return i < q.zero_point_count ? (int32_t)tw_load_i64(q.zero_points + 8 * (size_t)i) : 0;
}

/* ---- options: only in prepare ---- */

/* The builtin options table if it is there (an absent table reads as all defaults); `expected` is
 * the BuiltinOptions union value (TW_OPTIONS_*). */
tw_status tw_options(tw_engine *e, const tw_node *node, uint8_t expected, tw_fb_table *options);

/* The bytes of a custom op's options; none when it has no options. */
tw_status tw_custom_options(tw_engine *e, const tw_node *node, tw_fb_vector *options);

/* ---- memory: only in prepare ---- */

/* 4-byte aligned (8 when bytes is a multiple of 8) memory that lives as long as the engine, or NULL:
 * then return TW_E_ARENA. While the engine only counts (arena too small) the memory is real but
 * shared by all nodes, so never dereference what another node allocated. */
void *tw_alloc(tw_engine *e, uint32_t bytes);

/* Ask for a 16-byte aligned buffer that is valid while this node's eval runs. *where must be in
 * tw_alloc'ed memory; it is filled in when the arena is planned. */
tw_status tw_request_scratch(tw_engine *e, uint32_t bytes, void **where);

/* Say that eval may answer TW_STOP. Outputs that nothing wrote in an invoke then keep their bytes
 * from an earlier one, so the model's outputs have memory of their own. */
static inline void tw_may_stop(tw_engine *e) { e->may_stop = true; }

#endif
