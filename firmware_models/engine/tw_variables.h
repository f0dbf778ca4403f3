/* Resource variables as READ_VARIABLE and ASSIGN_VARIABLE see them. */
#ifndef TW_VARIABLES_H
#define TW_VARIABLES_H

#include "tw_kernel.h"

/* Check that input 0 is one handle. */
tw_status tw_expect_handle(tw_engine *e, const tw_node *node);

/* The variable that input 0 holds; NULL while no VAR_HANDLE has made it one. */
tw_variable *tw_variable_of(const tw_engine *e, const tw_node *node);

/* The same in eval: the variable has storage, and that is of `value`'s size. */
tw_status tw_variable_for(tw_engine *e, const tw_node *node, const tw_tensor *value,
                          tw_variable **variable);

#endif
