/* The ABI's calls on top of the sandbox: a guest instance, its model's window, its arena. */
#include "tw_guest_sandbox.h"

#include <string.h>

#include "tflm_wasm_abi.h"
#include "tw_board.h"
#include "tw_trap.h"

enum { ALIGN = 16 };

static tw_control_block *block(void) { return (tw_control_block *)(void *)tw_guest_memory; }

static uint32_t memory_bytes(void) { return (uint32_t)(tw_guest_memory_end - tw_guest_memory); }

/* An address in linear memory's terms; what lies below linear memory wraps around. */
static uint32_t linear(const uint8_t *address) {
  return (uint32_t)((uintptr_t)address - (uintptr_t)tw_guest_memory);
}

static uint32_t align_up(uint32_t address) { return (address + ALIGN - 1) & ~(uint32_t)(ALIGN - 1); }

static uint64_t call_deadline(void) { return (uint64_t)tw_clock_hz() * TW_CALL_SECONDS; }

tw_end tw_guest_reset(void) {
  memset(tw_guest_memory, 0, (size_t)(tw_guest_memory_end - tw_guest_memory));
  memset(tw_guest_stack, 0, (size_t)(tw_guest_stack_region_end - tw_guest_stack));
  return tw_guest_run(TW_CALL_INSTANTIATE, 0, 0, 0, call_deadline());
}

tw_fault_kind tw_kind_of_trap(uint32_t trap_code) {
  switch (trap_code) {
    case TW_TRAP_OOB_LOAD: return TW_FAULT_READ;
    case TW_TRAP_OOB_STORE: return TW_FAULT_WRITE;
    case TW_TRAP_EXHAUSTION: return TW_FAULT_STACK;
    default: return TW_FAULT_TRAP;
  }
}

/* Data addresses are told in linear memory's terms, as on the host; code is not in linear memory. */
static uint32_t told(tw_end end) {
  bool is_data = end.kind == TW_FAULT_READ || end.kind == TW_FAULT_WRITE;
  return is_data && end.address != 0 ? linear((const uint8_t *)(uintptr_t)end.address) : end.address;
}

static tw_guest_result result_of(tw_end end, uint64_t started) {
  return (tw_guest_result){
      .faulted = !end.returned,
      .kind = end.kind,
      .address = told(end),
      .status = (int32_t)end.value,
      .ticks = tw_clock_now() - started,
  };
}

static tw_guest_result call(tw_guest_call which) {
  uint64_t started = tw_clock_now();
  return result_of(tw_guest_run(which, 0, 0, 0, call_deadline()), started);
}

/* The model is outside of linear memory unless the module brought its own. */
static bool is_inside(const uint8_t *model) {
  return model >= tw_guest_memory && model < tw_guest_memory_end;
}

static tw_guest_result init(void *context, const uint8_t *model, uint32_t bytes) {
  (void)context;
  uint64_t started = tw_clock_now();
  tw_guest_open_window(NULL, 0);
  tw_end end = tw_guest_reset();
  if (!end.returned) return result_of(end, started);
  uint32_t scratch = block()->scratch_size;
  if (!is_inside(model)) {
    block()->window_ptr = linear(model);
    block()->window_size = bytes;
    tw_guest_open_window(model, bytes);
    /* All of the heap: nothing else is in it. */
    uint32_t arena = align_up(block()->heap_base);
    scratch = arena < memory_bytes() ? memory_bytes() - arena : 0;
  }
  end = tw_guest_run(TW_CALL_INIT, linear(model), bytes, scratch, call_deadline());
  tw_guest_result result = result_of(end, started);
  result.arena_bytes = scratch;
  return result;
}

static tw_guest_result invoke(void *context) {
  (void)context;
  return call(TW_CALL_INVOKE);
}

static tw_guest_result reset(void *context) {
  (void)context;
  return call(TW_CALL_RESET);
}

static uint8_t *memory(void *context, uint32_t address, uint32_t bytes) {
  (void)context;
  bool fits = address <= memory_bytes() && bytes <= memory_bytes() - address;
  return fits ? tw_guest_memory + address : NULL;
}

tw_sandbox tw_guest_sandbox(void) {
  return (tw_sandbox){.init = init, .invoke = invoke, .reset = reset, .memory = memory};
}
