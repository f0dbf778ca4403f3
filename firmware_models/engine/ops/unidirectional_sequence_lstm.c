#include <float.h>

#include "tw_affine.h"
#include "tw_conv.h"
#include "tw_dot.h"
#include "tw_math.h"
#include "tw_sigmoid.h"

/* UNIDIRECTIONAL_SEQUENCE_LSTM: the plain one, without peepholes, projection or layer norm. A gate
 * is a function of x * weights + h * recurrent weights + bias. With the gates i, f, g, o of a unit:
 * c = f c + i g, h = o tanh c. Units depend on each other only by the last step's h, so that the
 * new h can be made in the output. */

enum { I, F, G, O, GATES };
/* The first of four inputs, one a gate; then the states. */
enum { INPUT = 0, WEIGHTS = 1, RECURRENT = 5, BIAS = 12, HIDDEN = 18, CELL = 19, INPUTS = 24 };
enum { OPTION_ACTIVATION = 0, OPTION_CELL_CLIP = 1, OPTION_TIME_MAJOR = 3 };

typedef struct {
  tw_scale x, h;
  int8_t x_zero_point, h_zero_point; /* of the weights */
} gate;

typedef struct {
  float cell_clip;
  bool time_major;
  int16_t x_zero_point, h_zero_point;
  int16_t quantized_clip;
  tw_scale f_times_c, i_times_g, o_times_c;
  tw_sigmoid gate_domain, cell_domain;
  gate gates[GATES];
} lstm;

/* ---- prepare ---- */

TW_SMALL static tw_status expect(tw_engine *e, const tw_node *node, uint32_t i, tw_type type) {
  const tw_tensor *t = tw_input(e, node, i);
  TW_VERIFY(e, t != NULL, TW_E_MODEL, "input %u is missing", (unsigned)i);
  TW_VERIFY(e, t->type == type, TW_E_TYPE, "input %u has type %s", (unsigned)i,
            tw_type_name(t->type));
  return TW_OK;
}

TW_SMALL static tw_status prepare_types(tw_engine *e, const tw_node *node) {
  const tw_tensor *input = tw_input(e, node, INPUT), *output = tw_output(e, node, 0);
  bool real = input->type == TW_FLOAT32;
  if (!real && input->type != TW_INT8 && input->type != TW_INT16) {
    return tw_fail_type(e, "input 0", input);
  }
  tw_type bias = real ? TW_FLOAT32 : input->type == TW_INT8 ? TW_INT32 : TW_INT64;
  for (uint32_t i = WEIGHTS; i < INPUTS; i++) {
    if (i < RECURRENT + GATES) {
      TW_TRY(expect(e, node, i, real ? TW_FLOAT32 : TW_INT8));
    } else if (i >= BIAS && i < BIAS + GATES) {
      TW_TRY(expect(e, node, i, bias));
    } else if (i != HIDDEN && i != CELL) {
      TW_VERIFY(e, node->inputs[i] < 0, TW_E_PARAM, "input %u: peepholes, projections and layer "
                "norms are not supported", (unsigned)i);
    }
  }
  TW_TRY(expect(e, node, HIDDEN, (tw_type)input->type));
  TW_TRY(expect(e, node, CELL, real ? TW_FLOAT32 : TW_INT16));
  return output->type == input->type ? TW_OK : tw_fail_type(e, "output 0", output);
}

static bool is_matrix(const tw_tensor *t, int32_t rows, int32_t columns) {
  return t->rank == 2 && t->dims[0] == rows && t->dims[1] == columns;
}

TW_SMALL static tw_status prepare_shapes(tw_engine *e, const tw_node *node, bool time_major) {
  const tw_tensor *input = tw_input(e, node, INPUT), *output = tw_output(e, node, 0);
  TW_VERIFY(e, input->rank == 3 && output->rank == 3 && input->dims[0] == output->dims[0] &&
                   input->dims[1] == output->dims[1], TW_E_SHAPE, "input and output differ");
  int32_t depth = input->dims[2], units = output->dims[2];
  for (uint32_t k = 0; k < GATES; k++) {
    const tw_tensor *bias = tw_input(e, node, BIAS + k);
    TW_VERIFY(e, is_matrix(tw_input(e, node, WEIGHTS + k), units, depth) &&
                     is_matrix(tw_input(e, node, RECURRENT + k), units, units) &&
                     bias->rank == 1 && bias->dims[0] == units,
              TW_E_SHAPE, "weights of gate %u do not fit %d units", (unsigned)k, (int)units);
  }
  for (uint32_t i = HIDDEN; i <= CELL; i++) {
    const tw_tensor *state = tw_input(e, node, i);
    uint64_t size = (uint64_t)(uint32_t)units * (uint32_t)input->dims[time_major ? 1 : 0];
    TW_VERIFY(e, (state->flags & TW_TENSOR_VARIABLE) != 0, TW_E_PARAM, "input %u is no variable",
              (unsigned)i);
    bool fits = i == CELL || (state->rank > 1 && state->dims[1] == units);
    TW_VERIFY(e, tw_elements(state) == size && fits, TW_E_SHAPE, "state %u does not fit",
              (unsigned)i);
  }
  return TW_OK;
}

/* The scale that brings products with weights `i` to 2^-12. */
TW_SMALL static tw_status prepare_weights(tw_engine *e, const tw_node *node, uint32_t i,
                                          float scale, tw_scale *to_gate, int8_t *zero_point) {
  tw_affine weights;
  TW_VERIFY(e, tw_quant_of(e, node->inputs[i]).count == 1, TW_E_PARAM, "scales of input %u",
            (unsigned)i);
  TW_TRY(tw_input_affine(e, node, i, &weights));
  *zero_point = (int8_t)weights.zero_point;
  TW_TRY(tw_scale_of(e, (double)scale * (double)weights.scale * 4096.0, to_gate));
  TW_VERIFY(e, to_gate->shift <= 14, TW_E_PARAM, "scales of input %u", (unsigned)i);
  return TW_OK;
}

TW_SMALL static tw_status prepare_quantized(tw_engine *e, const tw_node *node, lstm *l) {
  tw_affine input, hidden, cell;
  int32_t log2;
  TW_TRY(tw_input_affine(e, node, INPUT, &input));
  TW_TRY(tw_input_affine(e, node, HIDDEN, &hidden));
  TW_TRY(tw_input_affine(e, node, CELL, &cell));
  l->x_zero_point = (int16_t)input.zero_point;
  l->h_zero_point = (int16_t)hidden.zero_point;
  for (uint32_t k = 0; k < GATES; k++) {
    gate *g = &l->gates[k];
    TW_TRY(prepare_weights(e, node, WEIGHTS + k, input.scale, &g->x, &g->x_zero_point));
    TW_TRY(prepare_weights(e, node, RECURRENT + k, hidden.scale, &g->h, &g->h_zero_point));
  }
  const double one = 1.0 / 32768.0; /* the scale of the gates' results */
  TW_TRY(tw_scale_of(e, one, &l->f_times_c));
  TW_TRY(tw_scale_of(e, one * one / (double)cell.scale, &l->i_times_g));
  TW_TRY(tw_scale_of(e, one * one / (double)hidden.scale, &l->o_times_c));
  double clip = (double)l->cell_clip / (double)cell.scale;
  l->quantized_clip = (int16_t)(clip > 32767.0 ? INT16_MAX : clip > 0.0 ? (int32_t)clip : 0);

  tw_nearly_power_of_two(cell.scale, &log2);
  TW_VERIFY(e, log2 >= -42 && log2 <= 2, TW_E_PARAM, "cell scale out of range");
  uint16_t *table = tw_alloc(e, TW_SIGMOID_ENTRIES * sizeof *table);
  if (table == NULL) return TW_E_ARENA;
  tw_sigmoid_table(table);
  l->gate_domain = (tw_sigmoid){.multiplier = 3, .table = table};
  l->cell_domain = l->gate_domain;
  if (log2 >= -12) {
    l->cell_domain.multiplier = 3 << (log2 + 12);
  } else {
    l->cell_domain.shift = (int8_t)(-12 - log2);
  }
  return TW_OK;
}

TW_SMALL static tw_status prepare(tw_engine *e, tw_node *node) {
  tw_fb_table options;
  TW_TRY(tw_expect(e, node, 1, INPUTS, 1));
  TW_VERIFY(e, node->input_count == INPUTS, TW_E_MODEL, "%u inputs", node->input_count);
  TW_TRY(tw_options(e, node, TW_OPTIONS_UNIDIRECTIONAL_SEQUENCE_LSTM, &options));
  TW_VERIFY(e, tw_fb_u8(&e->fb, options, OPTION_ACTIVATION, TW_ACT_NONE) == TW_ACT_TANH,
            TW_E_PARAM, "activation other than TANH");
  bool time_major = tw_fb_u8(&e->fb, options, OPTION_TIME_MAJOR, 0) != 0;
  TW_TRY(prepare_types(e, node));
  TW_TRY(prepare_shapes(e, node, time_major));
  bool real = tw_input(e, node, INPUT)->type == TW_FLOAT32;
  lstm *l = node->data = tw_alloc(e, real ? offsetof(lstm, x_zero_point) : sizeof *l);
  if (l == NULL) return TW_E_ARENA;
  l->time_major = time_major;
  l->cell_clip = tw_fb_f32(&e->fb, options, OPTION_CELL_CLIP, 0.0f);
  return real ? TW_OK : prepare_quantized(e, node, l);
}

/* ---- eval: one unit, one step ---- */

/* The rows of weights that make a unit's gate. */
typedef struct {
  const void *x, *h; /* the layer's input and its hidden state before the step */
  const void *weights, *recurrent, *bias;
  int32_t depth, units;
} operands;

static int32_t saturate_i16(int32_t x) { return tw_clamp(x, INT16_MIN, INT16_MAX); }

TW_NOINLINE static int32_t gate_i8(const lstm *l, const gate *g, const operands *o) {
  int32_t x = tw_dot_i8(o->x, l->x_zero_point, o->weights, g->x_zero_point, o->depth);
  int32_t h = tw_dot_i8(o->h, l->h_zero_point, o->recurrent, g->h_zero_point, o->units);
  x = saturate_i16(tw_scaled(x + *(const int32_t *)o->bias, g->x));
  return saturate_i16(x + saturate_i16(tw_scaled(h, g->h)));
}

TW_NOINLINE static int32_t gate_i16(const lstm *l, const gate *g, const operands *o) {
  int64_t x = tw_dot_i16_i8(o->x, l->x_zero_point, o->weights, g->x_zero_point, o->depth);
  int64_t h = tw_dot_i16_i8(o->h, l->h_zero_point, o->recurrent, g->h_zero_point, o->units);
  x += *(const int64_t *)o->bias;
  int32_t sum = saturate_i16(tw_rescale_i64(x, g->x.multiplier, g->x.shift));
  return saturate_i16(sum + saturate_i16(tw_rescale_i64(h, g->h.multiplier, g->h.shift)));
}

static const tw_range_f32 FINITE = {-FLT_MAX, FLT_MAX};

static float gate_f32(const operands *o) {
  float x = tw_dot_f32(0.0f, o->x, o->weights, o->depth) + *(const float *)o->bias;
  float h = tw_dot_f32(0.0f, o->h, o->recurrent, o->units);
  return tw_clamp_f32(x, FINITE) + tw_clamp_f32(h, FINITE);
}

TW_NOINLINE static operands of_gate(const tw_engine *e, const tw_node *node, operands o, uint32_t k,
                        int32_t unit) {
  const tw_tensor *weights = tw_input(e, node, WEIGHTS + k),
                  *recurrent = tw_input(e, node, RECURRENT + k),
                  *bias = tw_input(e, node, BIAS + k);
  uint32_t bytes = tw_type_bytes(weights->type), at = (uint32_t)unit;
  o.weights = (const uint8_t *)weights->data + at * (uint32_t)o.depth * bytes;
  o.recurrent = (const uint8_t *)recurrent->data + at * (uint32_t)o.units * bytes;
  o.bias = (const uint8_t *)bias->data + at * tw_type_bytes(bias->type);
  return o;
}

TW_SMALL static int32_t unit_quantized(const tw_engine *e, const tw_node *node, operands o,
                                       int32_t unit, bool wide, int16_t *cell) {
  const lstm *l = node->data;
  int32_t gates[GATES];
  for (uint32_t k = 0; k < GATES; k++) {
    operands rows = of_gate(e, node, o, k, unit);
    int32_t sum = wide ? gate_i16(l, &l->gates[k], &rows) : gate_i8(l, &l->gates[k], &rows);
    int32_t x = tw_sigmoid_scale(&l->gate_domain, (int16_t)sum);
    const uint16_t *table = l->gate_domain.table;
    gates[k] = k == G ? tw_tanh_i16(table, x) : tw_logistic_i16(table, x);
  }
  int32_t kept = saturate_i16(tw_scaled(gates[F] * *cell, l->f_times_c));
  int32_t added = saturate_i16(tw_scaled(gates[I] * gates[G], l->i_times_g));
  int32_t c = saturate_i16(kept + added);
  if (l->cell_clip > 0.0f) c = tw_clamp(c, -l->quantized_clip, l->quantized_clip);
  *cell = (int16_t)c;
  int32_t tanh = tw_tanh_i16(l->cell_domain.table, tw_sigmoid_scale(&l->cell_domain, *cell));
  return tw_scaled(tanh * gates[O], l->o_times_c) + l->h_zero_point;
}

TW_SMALL static float unit_f32(const tw_engine *e, const tw_node *node, operands o, int32_t unit,
                               float *cell) {
  const float clip = ((const lstm *)node->data)->cell_clip;
  float gates[GATES];
  for (uint32_t k = 0; k < GATES; k++) {
    operands rows = of_gate(e, node, o, k, unit);
    float sum = gate_f32(&rows);
    gates[k] = k == G ? tw_tanhf(sum) : tw_logistic_f32(sum);
  }
  float c = tw_clamp_f32(gates[F] * *cell, FINITE) + tw_clamp_f32(gates[I] * gates[G], FINITE);
  if (clip > 0.0f) {
    c = c > clip ? clip : c; /* a NaN stays one */
    c = c < -clip ? -clip : c;
  }
  *cell = c;
  return tw_clamp_f32(tw_tanhf(c) * gates[O], FINITE);
}

/* One step of one batch; `out` receives the new hidden state. */
TW_SMALL static void step(const tw_engine *e, const tw_node *node, operands o, uint8_t type,
                          void *cell, void *out) {
  for (int32_t u = 0; u < o.units; u++) {
    switch (type) {
      case TW_INT8:
        ((int8_t *)out)[u] = (int8_t)tw_clamp(
            unit_quantized(e, node, o, u, false, (int16_t *)cell + u), INT8_MIN, INT8_MAX);
        break;
      case TW_INT16:
        ((int16_t *)out)[u] =
            (int16_t)saturate_i16(unit_quantized(e, node, o, u, true, (int16_t *)cell + u));
        break;
      case TW_FLOAT32: ((float *)out)[u] = unit_f32(e, node, o, u, (float *)cell + u); break;
    }
  }
}

static int eval(tw_engine *e, tw_node *node) {
  const bool time_major = ((const lstm *)node->data)->time_major;
  const tw_tensor *input = tw_input(e, node, INPUT), *output = tw_output(e, node, 0),
                  *cell = tw_input(e, node, CELL);
  operands o = {.depth = input->dims[2], .units = output->dims[2]};
  const int32_t batches = input->dims[time_major ? 1 : 0], steps = input->dims[time_major ? 0 : 1];
  const uint32_t bytes = tw_type_bytes(input->type), x_bytes = (uint32_t)o.depth * bytes,
                 h_bytes = (uint32_t)o.units * bytes;
  uint8_t *h = tw_input(e, node, HIDDEN)->data, *c = cell->data;
  for (int32_t b = 0; b < batches; b++) {
    for (int32_t t = 0; t < steps; t++) {
      uint32_t at = (uint32_t)(time_major ? t * batches + b : b * steps + t);
      uint8_t *out = (uint8_t *)output->data + at * h_bytes;
      o.x = (const uint8_t *)input->data + at * x_bytes;
      o.h = h;
      step(e, node, o, input->type, c, out);
      memcpy(h, out, h_bytes);
    }
    h += h_bytes;
    c += (uint32_t)o.units * tw_type_bytes(cell->type);
  }
  return TW_OK;
}

const tw_op tw_op_unidirectional_sequence_lstm = {.code = 44, .prepare = prepare, .eval = eval};
