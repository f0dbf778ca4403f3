#include "tw_kernel.h"

/* Whether two names of the model, at these positions, are the same; 0 is no name. */
static bool same_name(const tw_fb *fb, uint32_t a, uint32_t b) {
  if (a == 0 || b == 0) return a == b;
  tw_fb_vector x = {a}, y = {b};
  uint32_t bytes = tw_fb_count(fb, x);
  if (tw_fb_count(fb, y) != bytes) return false;
  return memcmp(tw_fb_elements(fb, x), tw_fb_elements(fb, y), bytes) == 0;
}

/* A handle without a container means any container, as in TFLM. */
static tw_variable *find(tw_engine *e, uint32_t name, uint32_t container) {
  for (uint32_t i = 0; i < e->variable_count; i++) {
    tw_variable *v = &e->variables[i];
    if (container != 0 && !same_name(&e->fb, container, v->container)) continue;
    if (same_name(&e->fb, name, v->name)) return v;
  }
  return NULL;
}

/* Finds or adds the variable; the handle's `data` is the variable from then on. */
static tw_status prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 0, 0, 1));
  tw_tensor *handle = tw_output(e, node, 0);
  TW_VERIFY(e, handle->type == TW_RESOURCE, TW_E_TYPE, "the handle has type %s",
            tw_type_name(handle->type));
  tw_fb_table options;
  TW_TRY(tw_options(e, node, TW_OPTIONS_VAR_HANDLE, &options));
  uint32_t container = tw_fb_vec(&e->fb, options, 0, 1).pos;
  uint32_t name = tw_fb_vec(&e->fb, options, 1, 1).pos;
  TW_VERIFY(e, name != 0, TW_E_PARAM, "no shared name");
  tw_variable *v = find(e, name, container);
  if (v == NULL) {
    v = &e->variables[e->variable_count++];
    *v = (tw_variable){.name = name, .container = container};
  }
  handle->data = v;
  e->stateful = true;
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  (void)e;
  (void)node;
  return TW_OK;
}

const tw_op tw_op_var_handle = {.code = 142, .prepare = prepare, .eval = eval};
