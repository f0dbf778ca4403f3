#include "tw_pad.h"

#include "tw_move.h"

enum { MAX_PADDED_RANK = 5 }; /* TFLM's limit */

typedef struct {
  void *view;    /* the input's place in the output */
  uint8_t fill;  /* value of each padding byte when there is no input 2 */
} pad_data;

/* Input 2, the value to pad with, when it is there: quantized as the output is. Without it int8
 * pads with the output's zero point, all other types with 0. */
static tw_status check_value(tw_engine *e, const tw_node *node, uint8_t *fill) {
  const tw_tensor *output = tw_output(e, node, 0), *value = tw_input(e, node, 2);
  *fill = 0;
  if (value != NULL) {
    TW_VERIFY(e, value->type == output->type, TW_E_TYPE, "padding %s with %s",
              tw_type_name(output->type), tw_type_name(value->type));
    TW_VERIFY(e, tw_elements(value) == 1, TW_E_SHAPE, "%u values to pad with",
              (unsigned)tw_elements(value));
  }
  if (output->type != TW_INT8) return TW_OK;
  tw_quant q = tw_quant_of(e, node->outputs[0]);
  int32_t zero_point = tw_quant_zero_point(q, 0);
  if (value != NULL) {
    tw_quant of_value = tw_quant_of(e, node->inputs[2]);
    bool same = tw_quant_zero_point(of_value, 0) == zero_point &&
                tw_quant_scale(of_value, 0) == tw_quant_scale(q, 0);
    TW_VERIFY(e, same, TW_E_PARAM, "input 2 is quantized differently");
    return TW_OK;
  }
  TW_VERIFY(e, zero_point >= INT8_MIN && zero_point <= INT8_MAX, TW_E_PARAM, "zero point %d",
            (int)zero_point);
  *fill = (uint8_t)zero_point;
  return TW_OK;
}

tw_status tw_pad_prepare(tw_engine *e, tw_node *node) {
  TW_TRY(tw_expect(e, node, 2, 3, 1));
  const tw_tensor *input = tw_input(e, node, 0), *output = tw_output(e, node, 0);
  TW_TRY(tw_expect_moved(e, input, output, TW_TYPES_F_I8_I16_I32));
  uint32_t rank = input->rank;
  TW_VERIFY(e, rank <= MAX_PADDED_RANK && output->rank == rank, TW_E_SHAPE, "%u dimensions to %u",
            input->rank, output->rank);
  const int32_t *paddings; /* before and after, dimension by dimension */
  TW_TRY(tw_const_i32(e, node, 1, 2 * rank, &paddings));
  TW_VERIFY(e, tw_elements(tw_input(e, node, 1)) == 2 * rank, TW_E_SHAPE, "%u paddings",
            (unsigned)tw_elements(tw_input(e, node, 1)));
  tw_axis axes[MAX_PADDED_RANK];
  int32_t offset = 0;
  for (uint32_t i = 0; i < rank; i++) {
    int32_t before = paddings[2 * i], after = paddings[2 * i + 1], step = tw_step(output, i);
    TW_VERIFY(e, before >= 0 && after >= 0, TW_E_PARAM, "a negative padding");
    TW_VERIFY(e, (int64_t)input->dims[i] + before + after == output->dims[i], TW_E_SHAPE,
              "%d + %d + %d is not %d", (int)before, (int)input->dims[i], (int)after,
              (int)output->dims[i]);
    offset += before * step;
    axes[i] = (tw_axis){input->dims[i], step};
  }
  pad_data *data = tw_alloc(e, sizeof *data);
  if (data == NULL) return TW_E_ARENA;
  node->data = data;
  TW_TRY(check_value(e, node, &data->fill));
  return tw_view_make(e, output, input, offset, axes, rank, &data->view);
}

int tw_pad_eval(tw_engine *e, tw_node *node) {
  const pad_data *data = node->data;
  const tw_tensor *output = tw_output(e, node, 0), *value = tw_input(e, node, 2);
  if (value != NULL) {
    tw_fill(output, value->data);
  } else {
    memset(output->data, data->fill, output->bytes);
  }
  tw_view_write(data->view, tw_input(e, node, 0)->data, output->data);
  return TW_OK;
}
