/* The guest's code: what wasm2c made of the module, and the one function that the firmware calls. */
#include "wasm-rt.h"

#ifdef TW_GUEST_IMPORTS
#include "tw_imports.h"
#define TW_INSTANCES , struct w2c_tw *
#define TW_NO_INSTANCES , 0
#else
#define TW_INSTANCES
#define TW_NO_INSTANCES
#endif

/* Nobody outside this file calls these, so the compiler may make the instance a constant in them. */
static u32 w2c_guest_tflm_wasm_init(struct w2c_guest *, u32, u32, u32);
static u32 w2c_guest_wasm_invoke(struct w2c_guest *);
static u32 w2c_guest_tflm_wasm_reset(struct w2c_guest *);
static void w2c_guest_0x5Fstart(struct w2c_guest *);
static void wasm2c_guest_instantiate(struct w2c_guest * TW_INSTANCES);

#include "guest.c"

#include "tw_guest.h"

struct w2c_guest tw_guest_instance __attribute__((section(".guest_instance")));

/* Runs in the sandbox. Returns to nobody: it leaves with the call's result. */
__attribute__((noreturn)) void tw_guest_main(uint32_t call, uint32_t a, uint32_t b, uint32_t c) {
  uint32_t result = 0;
  switch (call) {
    case TW_CALL_INSTANTIATE: wasm2c_guest_instantiate(&tw_guest_instance TW_NO_INSTANCES); break;
    case TW_CALL_INIT: result = w2c_guest_tflm_wasm_init(&tw_guest_instance, a, b, c); break;
    case TW_CALL_INVOKE: result = w2c_guest_wasm_invoke(&tw_guest_instance); break;
    case TW_CALL_RESET: result = w2c_guest_tflm_wasm_reset(&tw_guest_instance); break;
    case TW_CALL_START: w2c_guest_0x5Fstart(&tw_guest_instance); break;
    default: break;
  }
  tw_leave(result, TW_LEAVE_RETURN);
}
