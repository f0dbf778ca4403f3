#include "tw_pad.h"

const tw_op tw_op_pad = {.code = 34, .prepare = tw_pad_prepare, .eval = tw_pad_eval};
