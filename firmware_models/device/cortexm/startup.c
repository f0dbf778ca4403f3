/* Reset, the vector table and the clock of a Cortex-M. */
#include <stdint.h>

#include "tw_board.h"
#include "tw_guest.h"
#include "tw_port.h"
#include "tw_scb.h"

extern uint32_t tw_data_start[], tw_data_end[], tw_bss_start[], tw_bss_end[], tw_main_stack_top[];
extern const uint32_t tw_data_load[];

void SVC_Handler(void);
void SysTick_Handler(void);
void tw_fault_handler(void);

/* A fault of the firmware itself: say so and stop. */
__attribute__((noreturn, used)) void tw_panic(const uint32_t *frame) {
  tw_port_write_text("\r\npanic: the firmware faulted at ");
  tw_port_write_hex(frame[6]);
#if __ARM_ARCH >= 7
  tw_port_write_text(", CFSR ");
  tw_port_write_hex(SCB_CFSR);
  tw_port_write_text(", MMFAR ");
  tw_port_write_hex(SCB_MMFAR);
#endif
  tw_port_write_text("\r\n");
  for (;;) {
  }
}

__attribute__((noreturn, used)) static void start(void) {
  const uint32_t *from = tw_data_load;
  for (uint32_t *to = tw_data_start; to < tw_data_end;) *to++ = *from++;
  for (uint32_t *to = tw_bss_start; to < tw_bss_end;) *to++ = 0;
  tw_board_init();
  tw_port_start();
  tw_clock_start();
  tw_sandbox_start();
  tw_main();
}

__attribute__((naked, noreturn, used)) void Reset_Handler(void) {
  /* The main stack's address again, for loaders that do not read the vector table. */
  __asm__ volatile("ldr r0, =tw_main_stack_top\n msr msp, r0\n ldr r0, =%c0\n bx r0\n .ltorg"
                   :
                   : "i"(start));
}

typedef void (*vector)(void);

/* Where no handler is named the firmware uses no such interrupt. */
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)(uintptr_t)tw_main_stack_top,
    Reset_Handler,
    tw_fault_handler, /* NMI */
    tw_fault_handler, /* HardFault */
    tw_fault_handler, /* MemManage */
    tw_fault_handler, /* BusFault */
    tw_fault_handler, /* UsageFault */
    tw_fault_handler, /* SecureFault */
    [11] = SVC_Handler,
    [15] = SysTick_Handler,
};

/* ---- the clock: SysTick, interrupting once per millisecond or as rarely as its 24 bits allow ---- */

enum { SYSTICK_MAX = 0xFFFFFF, SYSTICK_PENDING = 1 << 26 };

static volatile uint32_t periods;
static uint32_t period_ticks;

void tw_clock_tick(void) { periods++; }

uint32_t tw_clock_hz(void) { return TW_CLOCK_HZ; }

void tw_clock_start(void) {
  period_ticks = TW_CLOCK_HZ / 1000;
  if (period_ticks > SYSTICK_MAX + 1) period_ticks = SYSTICK_MAX + 1;
  SYST_RVR = period_ticks - 1;
  SYST_CVR = 0;
  SYST_CSR = 7; /* core clock, interrupt, on */
}

uint64_t tw_clock_now(void) {
  uint32_t before, left;
  bool due;
  do {
    before = periods;
    left = SYST_CVR;
    due = (SCB_ICSR & SYSTICK_PENDING) != 0;
    if (due) left = SYST_CVR; /* it has wrapped, but was not counted yet */
  } while (before != periods);
  uint64_t whole = (uint64_t)before + (due ? 1 : 0);
  return whole * period_ticks + (period_ticks - 1 - left);
}
