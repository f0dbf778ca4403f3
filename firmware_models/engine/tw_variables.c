#include "tw_variables.h"

tw_status tw_expect_handle(tw_engine *e, const tw_node *node) {
  const tw_tensor *handle = tw_input(e, node, 0);
  TW_VERIFY(e, handle->type == TW_RESOURCE, TW_E_TYPE, "the handle has type %s",
            tw_type_name(handle->type));
  TW_VERIFY(e, tw_elements(handle) == 1, TW_E_SHAPE, "%u handles",
            (unsigned)tw_elements(handle));
  return TW_OK;
}

/* A handle that no VAR_HANDLE wrote leads elsewhere. */
tw_variable *tw_variable_of(const tw_engine *e, const tw_node *node) {
  const void *data = tw_input(e, node, 0)->data;
  for (uint32_t i = 0; i < e->variable_count; i++) {
    if (data == &e->variables[i]) return &e->variables[i];
  }
  return NULL;
}

tw_status tw_variable_for(tw_engine *e, const tw_node *node, const tw_tensor *value,
                          tw_variable **variable) {
  tw_variable *v = tw_variable_of(e, node);
  TW_VERIFY(e, v != NULL, TW_E_RUNTIME, "the handle holds no variable");
  TW_VERIFY(e, v->data != NULL && v->bytes == value->bytes, TW_E_RUNTIME,
            "the variable has %u bytes, not %u", (unsigned)v->bytes, (unsigned)value->bytes);
  *variable = v;
  return TW_OK;
}
