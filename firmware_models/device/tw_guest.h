/* The sandbox: calls into the guest, and what came of them.
 *
 * A guest runs unprivileged on a stack of its own. Whatever it does, tw_guest_run comes back: with
 * the call's result, or with the reason why the guest was stopped. After that its memory is in an
 * unknown state; tw_guest_reset makes a new instance. */
#ifndef TW_GUEST_H
#define TW_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "tw_link_defs.h"

typedef enum {
  TW_CALL_INSTANTIATE,
  TW_CALL_INIT,   /* model_data, model_size, scratch_size */
  TW_CALL_INVOKE,
  TW_CALL_RESET,
  TW_CALL_START,
} tw_guest_call;

typedef struct {
  bool returned;      /* else the sandbox stopped it, and the rest says why */
  tw_fault_kind kind;
  uint32_t value;     /* what the call returned; of TW_FAULT_TRAP: a tw_trap_code, if it was one */
  uint32_t address;   /* what the guest tried to reach; 0 when unknown */
  uint32_t pc;        /* the guest's program counter; 0 when unknown */
  uint32_t cause;     /* the processor's word for it: CFSR, mcause */
} tw_end;

/* Call the guest and wait at most `deadline_ticks` (tw_clock_now) for it. */
tw_end tw_guest_run(tw_guest_call call, uint32_t a, uint32_t b, uint32_t c, uint64_t deadline_ticks);

/* Make a new instance: clear its memory, fill in the module's data. */
tw_end tw_guest_reset(void);

/* Let the guest read the model in [start, start + bytes), and nothing else outside of its memory.
 * The address of the model in linear memory's terms is start - tw_guest_memory. */
void tw_guest_open_window(const uint8_t *start, uint32_t bytes);

/* The guest's linear memory, at a fixed address, and its size. */
extern uint8_t tw_guest_memory[], tw_guest_memory_end[];

/* ---- between the sandbox and its architecture ---- */

/* Ticks since start, at tw_clock_hz. */
uint64_t tw_clock_now(void);
uint32_t tw_clock_hz(void);
void tw_clock_start(void);

/* What the guest's own checks found. */
tw_fault_kind tw_kind_of_trap(uint32_t trap_code);

/* Prepare fault handlers and memory protection; before the first call. */
void tw_sandbox_start(void);

/* Where guest code begins, in the sandbox. */
__attribute__((noreturn)) void tw_guest_main(uint32_t call, uint32_t a, uint32_t b, uint32_t c);

/* The guest's stack and instance: [tw_guest_stack, tw_guest_stack_top), then the instance. */
extern uint8_t tw_guest_stack[], tw_guest_stack_top[], tw_guest_stack_region_end[];
extern const uint8_t tw_guest_code[], tw_guest_code_end[];

#endif
