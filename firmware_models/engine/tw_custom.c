#include "tw_custom.h"

tw_status tw_flex_options(tw_engine *e, const tw_node *node, tw_flex *options) {
  tw_fb_vector bytes;
  TW_TRY(tw_custom_options(e, node, &bytes));
  uint32_t count = tw_fb_count(&e->fb, bytes);
  TW_VERIFY(e, count > 0, TW_E_PARAM, "no options");
  TW_VERIFY(e, tw_flex_root(tw_fb_elements(&e->fb, bytes), count, options), TW_E_MODEL,
            "malformed options: no FlexBuffer of a map or vector");
  return TW_OK;
}

tw_status tw_int_options(tw_engine *e, const tw_node *node, int32_t *values, uint32_t count) {
  tw_flex options;
  TW_TRY(tw_flex_options(e, node, &options));
  TW_VERIFY(e, options.count >= count, TW_E_PARAM, "%u options instead of %u",
            (unsigned)options.count, (unsigned)count);
  for (uint32_t i = 0; i < count; i++) {
    TW_VERIFY(e, tw_flex_bits(&options, i, &values[i]), TW_E_PARAM, "option %u is no integer",
              (unsigned)i);
  }
  return TW_OK;
}

tw_status tw_type_option(tw_engine *e, const tw_node *node, int32_t *type) {
  tw_flex options;
  uint32_t i;
  *type = TW_FLOAT32;
  TW_TRY(tw_flex_options(e, node, &options));
  if (!tw_flex_find(&options, "T", &i)) return TW_OK;
  TW_VERIFY(e, tw_flex_i32(&options, i, type), TW_E_PARAM, "option T is no number");
  return TW_OK;
}

tw_status tw_expect_slots(tw_engine *e, const tw_node *node, const tw_slot *slots, uint32_t inputs,
                          uint32_t outputs) {
  TW_TRY(tw_expect(e, node, inputs, inputs, outputs));
  for (uint32_t i = 0; i < inputs + outputs; i++) {
    bool is_input = i < inputs;
    uint32_t number = is_input ? i : i - inputs;
    const char *what = is_input ? "input" : "output";
    const tw_tensor *t = is_input ? tw_input(e, node, number) : tw_output(e, node, number);
    TW_VERIFY(e, t->type == slots[i].type, TW_E_TYPE, "%s %u has type %s instead of %s", what,
              (unsigned)number, tw_type_name(t->type), tw_type_name((uint8_t)slots[i].type));
    TW_VERIFY(e, slots[i].rank == TW_ANY_RANK || t->rank == slots[i].rank, TW_E_SHAPE,
              "%s %u has rank %d instead of %d", what, (unsigned)number, t->rank, slots[i].rank);
  }
  return TW_OK;
}

tw_status tw_rows_of(tw_engine *e, const tw_tensor *t, uint32_t *rows, uint32_t *row) {
  TW_VERIFY(e, t->rank > 0 && t->bytes > 0, TW_E_SHAPE, "a tensor without rows");
  *row = (uint32_t)tw_dim(t, -1);
  *rows = tw_elements(t) / *row;
  return TW_OK;
}

tw_status tw_expect_elements(tw_engine *e, const char *what, const tw_tensor *t,
                             uint64_t elements) {
  TW_VERIFY(e, tw_elements(t) == elements, TW_E_SHAPE, "%s has %u elements instead of %u", what,
            (unsigned)tw_elements(t), (unsigned)elements);
  return TW_OK;
}

tw_status tw_alloc_large(tw_engine *e, uint64_t bytes, void **where) {
  TW_VERIFY(e, bytes <= 1u << 30, TW_E_LIMIT, "a state of more than 1 GiB");
  *where = tw_alloc(e, (uint32_t)bytes);
  return *where != NULL ? TW_OK : TW_E_ARENA;
}
