#ifndef TW_OP_NAMES_H
#define TW_OP_NAMES_H

#include <stdint.h>

/* Name of a BuiltinOperator code, or "?" when the schema has none. */
const char *tw_op_name(uint32_t code);

#endif
