/* Error texts: a sentence about the node at work, formatted without a C library. */
#include <stdarg.h>

#include "tw_internal.h"
#include "tw_op_names.h"

#if TW_HAS_TEXTS

typedef struct {
  char *text;
  uint32_t room; /* bytes left, the final NUL included */
} sink;

static void put_char(sink *s, char c) {
  if (s->room <= 1) return;
  *s->text++ = c;
  *s->text = 0;
  s->room--;
}

static void put_string(sink *s, const char *text) {
  while (*text != 0) put_char(s, *text++);
}

static void put_number(sink *s, int64_t value) {
  char digits[20];
  uint32_t count = 0;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  if (value < 0) put_char(s, '-');
  do {
    digits[count++] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  while (count > 0) put_char(s, digits[--count]);
}

static void put_format(sink *s, const char *format, va_list arguments) {
  for (; *format != 0; format++) {
    if (*format != '%') {
      put_char(s, *format);
      continue;
    }
    switch (*++format) {
      case 's': put_string(s, va_arg(arguments, const char *)); break;
      case 'd': put_number(s, va_arg(arguments, int)); break;
      case 'u': put_number(s, va_arg(arguments, unsigned)); break;
      case 'c': put_char(s, (char)va_arg(arguments, int)); break;
      default: put_char(s, *format); break;
    }
  }
}

static sink start(tw_engine *e) {
  e->error_subgraph = e->node >= 0 ? e->subgraph : -1;
  e->error_node = e->node;
  e->error_text[0] = 0;
  return (sink){e->error_text, TW_ERROR_BYTES};
}

tw_status tw_fail(tw_engine *e, tw_status status, const char *format, ...) {
  sink s = start(e);
  if (e->node >= 0) {
    if (e->subgraph > 0) {
      put_string(&s, "subgraph ");
      put_number(&s, e->subgraph);
      put_char(&s, ' ');
    }
    put_string(&s, "op ");
    put_number(&s, e->node);
    put_char(&s, ' ');
    const tw_op *op = e->subgraphs[e->subgraph].nodes[e->node].op;
    put_string(&s, op->code == TW_OP_CUSTOM ? op->custom : tw_op_name(op->code));
    put_string(&s, ": ");
  }
  va_list arguments;
  va_start(arguments, format);
  put_format(&s, format, arguments);
  va_end(arguments);
  return status;
}

tw_status tw_fail_model(tw_engine *e, tw_status status, const char *format, ...) {
  sink s = start(e);
  va_list arguments;
  va_start(arguments, format);
  put_format(&s, format, arguments);
  va_end(arguments);
  return status;
}

#endif

const char *tw_type_name(uint8_t type) {
  static const char names[][12] = {"FLOAT32", "FLOAT16", "INT32", "UINT8", "INT64", "STRING",
                                   "BOOL", "INT16", "COMPLEX64", "INT8", "FLOAT64", "COMPLEX128",
                                   "UINT64", "RESOURCE", "VARIANT", "UINT32", "UINT16", "INT4"};
  return type < TW_COUNT(names) ? names[type] : "?";
}

tw_status tw_fail_type(tw_engine *e, const char *what, const tw_tensor *t) {
  return tw_fail(e, TW_E_TYPE, "%s of type %s is not supported", what, tw_type_name(t->type));
}
