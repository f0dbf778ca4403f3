#include "tw_pad.h"

const tw_op tw_op_padv2 = {.code = 60, .prepare = tw_pad_prepare, .eval = tw_pad_eval};
