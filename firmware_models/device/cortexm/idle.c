/* Sleeping between bytes. An interrupt that is pending wakes the core though interrupts are masked; it
 * is off again before they are not, so that none is ever taken. */
#include "tw_board.h"
#include "tw_port.h"
#include "tw_scb.h"

void tw_idle(void) {
#ifdef TW_UART_IRQ
  enum { WORD = TW_UART_IRQ / 32, BIT = TW_UART_IRQ % 32 };
  __asm__ volatile("cpsid i" ::: "memory");
  NVIC_ISER(WORD) = 1u << BIT;
  __asm__ volatile("dsb\n wfi" ::: "memory");
  NVIC_ICER(WORD) = 1u << BIT;
  NVIC_ICPR(WORD) = 1u << BIT;
  tw_barrier();
  __asm__ volatile("cpsie i" ::: "memory");
#endif
}
