/* PAD and PADV2, which are one op under two codes. */
#ifndef TW_PAD_H
#define TW_PAD_H

#include "tw_kernel.h"

tw_status tw_pad_prepare(tw_engine *e, tw_node *node);
int tw_pad_eval(tw_engine *e, tw_node *node);

#endif
