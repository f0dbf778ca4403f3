#include "tw_custom.h"

/* SignalStacker: a frame with those left and right of it in time, every `step` frames; the first one
 * also stands for those before it. Output 1 says whether there is a stack; TFLM does not write
 * output 0 when there is none, here it is 0. */

typedef struct {
  int16_t *frames; /* room for a stack, `count` of them there */
  uint32_t channels, left, stack, step, count;
  bool started;
} stacker;

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_INT16, 1}, {TW_INT16, 1}, {TW_BOOL, 0}};
  int32_t options[4];
  TW_TRY(tw_expect_slots(e, node, slots, 1, 2));
  TW_TRY(tw_int_options(e, node, options, 4));
  const int32_t channels = options[0], left = options[1], right = options[2], step = options[3];
  TW_VERIFY(e, channels > 0 && left >= 0 && right >= 0 && step > 0, TW_E_PARAM,
            "num_channels %d, contexts %d and %d, stacker_step %d", (int)channels, (int)left,
            (int)right, (int)step);
  const uint32_t stack = (uint32_t)left + (uint32_t)right + 1;
  TW_VERIFY(e, (uint32_t)step <= stack, TW_E_PARAM, "stacker_step %d leaves out frames of %u",
            (int)step, (unsigned)stack);
  TW_VERIFY(e, tw_input(e, node, 0)->dims[0] >= channels, TW_E_SHAPE, "input of %d for %d channels",
            (int)tw_input(e, node, 0)->dims[0], (int)channels);
  TW_TRY(tw_expect_elements(e, "output 0", tw_output(e, node, 0), (uint64_t)stack * (uint32_t)channels));
  stacker *s = node->data = tw_alloc(e, sizeof *s);
  if (s == NULL) return TW_E_ARENA;
  *s = (stacker){.channels = (uint32_t)channels,
                 .left = (uint32_t)left,
                 .stack = stack,
                 .step = (uint32_t)step};
  s->frames = tw_alloc(e, tw_output(e, node, 0)->bytes);
  return s->frames != NULL ? TW_OK : TW_E_ARENA;
}

static void reset(tw_engine *e, tw_node *node) {
  (void)e;
  stacker *s = node->data;
  s->count = 0;
  s->started = false;
}

TW_SMALL static int eval(tw_engine *e, tw_node *node) {
  stacker *s = node->data;
  const tw_tensor *output = tw_output(e, node, 0);
  const uint32_t frame_bytes = s->channels * (uint32_t)sizeof *s->frames;
  uint32_t copies = s->started ? 1 : 1 + s->left;
  for (; copies > 0; copies--, s->count++) {
    memcpy(s->frames + s->count * s->channels, tw_input(e, node, 0)->data, frame_bytes);
  }
  s->started = true;
  bool full = s->count == s->stack;
  if (full) {
    memcpy(output->data, s->frames, output->bytes);
    s->count -= s->step;
    memmove(s->frames, s->frames + s->step * s->channels, s->count * frame_bytes);
  } else {
    memset(output->data, 0, output->bytes);
  }
  *(uint8_t *)tw_output(e, node, 1)->data = full;
  return TW_OK;
}

const tw_op tw_op_signal_stacker = {.code = TW_OP_CUSTOM,
                                    .custom = "SignalStacker",
                                    .prepare = prepare,
                                    .eval = eval,
                                    .reset = reset};
