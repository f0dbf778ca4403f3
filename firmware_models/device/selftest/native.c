/* The engine without WebAssembly and without a sandbox: what the sandbox's cost is measured against.
 * Compiled by the same compiler with the same options as the guest. */
#include <stddef.h>

#include "tw_guest_sandbox.h"
#include "tw_kernel.h"

static tw_engine engine;

static tw_control_block *block(void) { return (tw_control_block *)(void *)tw_guest_memory; }

static tw_descriptor describe(const tw_tensor *t) {
  return (tw_descriptor){.address = (uint32_t)((uint8_t *)t->data - tw_guest_memory),
                         .bytes = t->bytes};
}

static tw_guest_result init(void *context, const uint8_t *model, uint32_t bytes) {
  (void)context;
  uint64_t started = tw_clock_now();
  uint8_t *arena = tw_guest_memory + TW_BLOCK_BYTES;
  uint32_t arena_bytes = (uint32_t)(tw_guest_memory_end - arena);
  tw_status status = tw_engine_init(&engine, model, bytes, arena, arena_bytes, true);
  uint64_t ticks = tw_clock_now() - started;
  tw_control_block *b = block();
  memset(b, 0, sizeof *b);
  if (status == TW_OK) {
    b->input_count = engine.subgraphs[0].input_count;
    b->output_count = engine.subgraphs[0].output_count;
    for (uint32_t i = 0; i < b->input_count; i++) {
      b->descriptors[i] = describe(tw_engine_input(&engine, i));
    }
    for (uint32_t i = 0; i < b->output_count; i++) {
      b->descriptors[b->input_count + i] = describe(tw_engine_output(&engine, i));
    }
  }
  return (tw_guest_result){.status = status, .ticks = ticks};
}

static tw_guest_result invoke(void *context) {
  (void)context;
  uint64_t started = tw_clock_now();
  tw_status status = tw_engine_invoke(&engine);
  return (tw_guest_result){.status = status, .ticks = tw_clock_now() - started};
}

static tw_guest_result reset(void *context) {
  (void)context;
  return (tw_guest_result){.status = tw_engine_reset(&engine)};
}

static uint8_t *memory(void *context, uint32_t address, uint32_t bytes) {
  (void)context, (void)bytes;
  return tw_guest_memory + address;
}

tw_sandbox tw_guest_sandbox(void) {
  return (tw_sandbox){.init = init, .invoke = invoke, .reset = reset, .memory = memory};
}

/* Nobody enters the sandbox. */
tw_fault_kind tw_kind_of_trap(uint32_t trap_code) {
  (void)trap_code;
  return TW_FAULT_OTHER;
}

struct w2c_guest {
  int unused;
};
struct w2c_guest tw_guest_instance __attribute__((section(".guest_instance")));
__attribute__((noreturn)) void tw_guest_main(uint32_t call, uint32_t a, uint32_t b, uint32_t c) {
  (void)call, (void)a, (void)b, (void)c;
  for (;;) {
  }
}
