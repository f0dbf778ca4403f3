/* What ops share that move elements unchanged: type checks, strips and views. */
#ifndef TW_MOVE_H
#define TW_MOVE_H

#include "tw_kernel.h"

/* A set of types as a bit mask; a type that the build lacks is in none. */
#define TW_TYPE(type) (1u << ((type) & 31) & TW_TYPES)
enum {
  TW_TYPES_F_I8_I16 = TW_TYPE(TW_FLOAT32) | TW_TYPE(TW_INT8) | TW_TYPE(TW_INT16),
  TW_TYPES_F_I8_I16_I32 = TW_TYPES_F_I8_I16 | TW_TYPE(TW_INT32),
};

/* Check that a tensor's type is in the set. */
tw_status tw_expect_type(tw_engine *e, const char *what, const tw_tensor *t, uint32_t types);

/* Check that input and output have the same type and that it is in the set. */
tw_status tw_expect_moved(tw_engine *e, const tw_tensor *input, const tw_tensor *output,
                          uint32_t types);

/* The values of input `i`, which must be a constant of type int32 with `count` values or more. */
tw_status tw_const_i32(tw_engine *e, const tw_node *node, uint32_t i, uint32_t count,
                       const int32_t **values);

/* Value `i` of a tensor of indices: int32 or int64, also int8 or int16. */
int64_t tw_index_at(const tw_tensor *t, uint32_t i);

/* Check that input `i`, constant or not, is a vector of `count` int32 or int64. */
tw_status tw_expect_indices(tw_engine *e, const tw_node *node, uint32_t i, uint32_t count);

/* Make a negative axis count from the end; check that it is below `rank`. */
tw_status tw_expect_axis(tw_engine *e, int32_t *axis, uint32_t rank);

/* Write one element's value all over the output. */
void tw_fill(const tw_tensor *output, const void *value);

/* Copy `count` blocks of `bytes` bytes, either side at its own distance, which may be 0 or negative. */
void tw_copy_blocks(uint32_t bytes, const void *from, int32_t from_step, void *to, int32_t to_step,
                    int32_t count);

/* Eval that copies the bytes of input 0 to output 0, which prepare has found to be as many. */
int tw_copy_eval(tw_engine *e, tw_node *node);

/* ---- strips: tensors side by side along an axis of a whole one ---- */

/* The whole is output 0 and the parts are all inputs (joining), or the whole is input `whole` and
 * the parts are all outputs. */
typedef struct {
  uint32_t whole;
  bool joining;
  bool stacked; /* the parts lack the axis, along which each is 1 long */
} tw_strips;

/* Check types and shapes. node->data then is for tw_strips_eval. */
tw_status tw_strips_prepare(tw_engine *e, tw_node *node, tw_strips strips, int32_t axis,
                            uint32_t types);
int tw_strips_eval(tw_engine *e, tw_node *node);

/* ---- views: elements of one tensor at regular distances, in another tensor one by one ---- */

typedef struct {
  int32_t count, step; /* step in bytes; 0 and negative ones are fine */
} tw_axis;

typedef struct {
  int32_t offset; /* bytes to the first element */
  uint16_t element_bytes, rank;
  tw_axis axes[]; /* outermost first */
} tw_view;

/* Distance in bytes between neighbours along dimension `i`. */
int32_t tw_step(const tw_tensor *t, uint32_t i);

/* Make a view of `rank` axes (at most TW_MAX_RANK), after checking that all of it lies in `strided`
 * and that it has as many elements as `packed`. *view is &node->data or in what it points to. */
tw_status tw_view_make(tw_engine *e, const tw_tensor *strided, const tw_tensor *packed,
                       int32_t offset, const tw_axis *axes, uint32_t rank, void **view);

/* Copy the viewed elements of `strided` to `packed`, or back. */
void tw_view_read(const tw_view *view, const void *strided, void *packed);
void tw_view_write(const tw_view *view, const void *packed, void *strided);

/* Eval that copies to output 0 what node->data views in input 0. */
int tw_view_eval(tw_engine *e, tw_node *node);

#endif
