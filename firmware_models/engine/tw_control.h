/* What operators share that run subgraphs: which ones, and the tensors that go there and back. */
#ifndef TW_CONTROL_H
#define TW_CONTROL_H

#include "tw_kernel.h"

/* The subgraphs that the options of a CALL_ONCE, IF or WHILE name, at most 2: that they exist is
 * checked, and that none is the main one. Any other operator has none. */
tw_status tw_callees(tw_engine *e, const tw_node *node, int32_t callees[2], uint32_t *count);

/* Tensors of one subgraph, by their indices there. */
typedef struct {
  tw_tensor *tensors;
  const int32_t *indices;
  uint32_t count;
} tw_list;

/* The inputs from number `first` on, and the outputs, of the node at work. */
tw_list tw_inputs_from(const tw_engine *e, const tw_node *node, uint32_t first);
tw_list tw_outputs_of(const tw_engine *e, const tw_node *node);

/* What subgraph `index` takes, and what it gives. */
tw_list tw_taken_by(const tw_engine *e, int32_t index);
tw_list tw_given_by(const tw_engine *e, int32_t index);

/* Check that `from` can be copied to `to`: as many tensors, pair by pair of the same size. As in
 * TFLM the types may differ. `what` names both in the error. */
tw_status tw_expect_copyable(tw_engine *e, const char *what, const tw_list *to,
                             const tw_list *from);

/* Copy them in order; a handle then holds the variable that the other one does. */
void tw_copy_list(const tw_list *to, const tw_list *from);

#endif
