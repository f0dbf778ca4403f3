/* A firmware without the link: runs the built-in model on inputs that anyone can make again, and
 * prints what came out. For bringing up a board, and for measuring the sandbox.
 *
 * Input byte i of run r is the upper byte of a linear congruential generator that goes on from run to
 * run, starting at 1: x = x * 1664525 + 1013904223. */
#include <stddef.h>

#include "tw_guest_sandbox.h"
#include "tflm_wasm_abi.h"
#include "tw_board.h"
#include "tw_port.h"

#ifndef TW_SELFTEST_RUNS
#define TW_SELFTEST_RUNS 2
#endif

extern const uint8_t tw_model[], tw_model_end[];

static uint32_t state = 1;

static uint8_t next(void) {
  state = state * 1664525u + 1013904223u;
  return (uint8_t)(state >> 24);
}

static void print(const char *label, uint32_t value) {
  tw_port_write_text(label);
  tw_port_write_hex(value);
}

static bool report(const char *what, tw_guest_result r) {
  tw_port_write_text(what);
  print(" faulted ", r.faulted);
  print(" kind ", r.kind);
  print(" address ", r.address);
  print(" status ", (uint32_t)r.status);
  print(" ticks ", (uint32_t)r.ticks);
  tw_port_write_text("\r\n");
  return !r.faulted && r.status == TW_OK;
}

/* How much of a stack that was zero was used: all from its lowest byte that is not. */
static uint32_t used(const uint8_t *stack, const uint8_t *top) {
  while (stack < top && *stack == 0) stack++;
  return (uint32_t)(top - stack);
}

static void print_stacks(const tw_control_block *b) {
  const uint8_t *c_stack = (const uint8_t *)b + TW_BLOCK_BYTES;
  print("used C stack ", used(c_stack, c_stack + b->stack_size));
  print(" native stack ", used(tw_guest_stack, tw_guest_stack_top));
  tw_port_write_text("\r\n");
}

static void run(const tw_sandbox *s) {
  const tw_control_block *b = (const void *)s->memory(s->context, 0, TW_BLOCK_BYTES);
  for (uint32_t i = 0; i < b->input_count; i++) {
    uint8_t *input = s->memory(s->context, b->descriptors[i].address, b->descriptors[i].bytes);
    for (uint32_t k = 0; k < b->descriptors[i].bytes; k++) input[k] = next();
  }
  if (!report("invoke", s->invoke(s->context))) return;
  for (uint32_t i = 0; i < b->output_count; i++) {
    tw_descriptor d = b->descriptors[b->input_count + i];
    const uint8_t *output = s->memory(s->context, d.address, d.bytes);
    tw_port_write_text("output ");
    for (uint32_t k = 0; k < d.bytes; k++) {
      tw_port_write((uint8_t)"0123456789abcdef"[output[k] >> 4]);
      tw_port_write((uint8_t)"0123456789abcdef"[output[k] & 15]);
    }
    tw_port_write_text("\r\n");
  }
}

void tw_main(void) {
  tw_port_write_text("tflm-wasm self-test on " TW_BOARD_NAME "\r\n");
  tw_sandbox s = tw_guest_sandbox();
  if (report("init", s.init(s.context, tw_model, (uint32_t)(tw_model_end - tw_model)))) {
    for (uint32_t i = 0; i < TW_SELFTEST_RUNS; i++) run(&s);
  }
  print_stacks((const void *)s.memory(s.context, 0, TW_BLOCK_BYTES));
  tw_port_write_text("done\r\n");
  for (;;) {
  }
}
