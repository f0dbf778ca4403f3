#include "tw_pad.h"

const tw_op tw_op_pad = {34, tw_pad_prepare, tw_pad_eval};
