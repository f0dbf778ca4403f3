#include "tw_pad.h"

const tw_op tw_op_padv2 = {60, tw_pad_prepare, tw_pad_eval};
