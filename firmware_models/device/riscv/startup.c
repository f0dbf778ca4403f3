/* Reset, the trap vector's set-up and the clock of a RISC-V hart in machine mode. */
#include <stdint.h>

#include "tw_board.h"
#include "tw_csr.h"
#include "tw_guest.h"
#include "tw_port.h"

extern uint32_t tw_data_start[], tw_data_end[], tw_bss_start[], tw_bss_end[];
extern const uint32_t tw_data_load[];

void tw_trap_entry(void);

/* A trap of the firmware itself: say so and stop. */
__attribute__((noreturn, used)) void tw_panic(void) {
  tw_port_write_text("\r\npanic: the firmware trapped at ");
  tw_port_write_hex(TW_CSR_READ(mepc));
  tw_port_write_text(", mcause ");
  tw_port_write_hex(TW_CSR_READ(mcause));
  tw_port_write_text(", mtval ");
  tw_port_write_hex(TW_CSR_READ(mtval));
  tw_port_write_text("\r\n");
  for (;;) {
  }
}

__attribute__((noreturn, used)) static void start(void) {
  const uint32_t *from = tw_data_load;
  for (uint32_t *to = tw_data_start; to < tw_data_end;) *to++ = *from++;
  for (uint32_t *to = tw_bss_start; to < tw_bss_end;) *to++ = 0;
  TW_CSR_WRITE(mtvec, (uint32_t)(uintptr_t)tw_trap_entry);
  tw_board_init();
  tw_port_start();
  tw_clock_start();
  tw_sandbox_start();
  tw_main();
}

__attribute__((naked, noreturn, used, section(".vectors"))) void Reset_Handler(void) {
  __asm__ volatile("csrw mie, zero\n la sp, tw_main_stack_top\n j %0" : : "i"(start));
}

/* ---- the clock: mtime of the CLINT ---- */

#define MTIME_LOW (*(volatile uint32_t *)(TW_CLINT_BASE + 0xBFF8))
#define MTIME_HIGH (*(volatile uint32_t *)(TW_CLINT_BASE + 0xBFFC))

uint32_t tw_clock_hz(void) { return TW_CLOCK_HZ; }

void tw_clock_start(void) {}

uint64_t tw_clock_now(void) {
  uint32_t high, low;
  do {
    high = MTIME_HIGH;
    low = MTIME_LOW;
  } while (high != MTIME_HIGH);
  return (uint64_t)high << 32 | low;
}
