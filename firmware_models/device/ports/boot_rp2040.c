/* RP2040's boot block: makes the serial flash readable at its addresses, then starts what is in it.
 *
 * The boot ROM copies it to RAM and runs it there, so nothing here may depend on where it is. The flash
 * is read with the command that all serial flashes know: one data line, one command for each access. */
#include <stdint.h>

#define SSI(offset) (*(volatile uint32_t *)(uintptr_t)(0x18000000u + (offset)))

enum { CTRLR0 = 0x00, CTRLR1 = 0x04, SSIENR = 0x08, SER = 0x10, BAUDR = 0x14, SPI_CTRLR0 = 0xF4 };
enum {
  CLOCKS_PER_BIT = 2, /* the least; up to 100 MHz of clk_sys, flash takes its half */
  CTRLR0_SEND_THEN_RECEIVE = 3 << 8,
  CTRLR0_32_BITS_A_FRAME = 31 << 16,
  SPI_CTRLR0_24_BITS_OF_ADDRESS = 6 << 2, /* in fours */
  SPI_CTRLR0_8_BITS_OF_COMMAND = 2 << 8,
  SPI_CTRLR0_READ = 0x03 << 24,
};

extern void (*const volatile tw_vectors[])(void); /* only there once flash can be read */

__attribute__((noreturn, used)) void tw_boot_block(void) {
  SSI(SSIENR) = 0; /* on, it takes no settings */
  SSI(BAUDR) = CLOCKS_PER_BIT;
  SSI(CTRLR0) = CTRLR0_SEND_THEN_RECEIVE | CTRLR0_32_BITS_A_FRAME;
  SSI(CTRLR1) = 0; /* frames that an access receives, less one */
  SSI(SPI_CTRLR0) =
      SPI_CTRLR0_READ | SPI_CTRLR0_8_BITS_OF_COMMAND | SPI_CTRLR0_24_BITS_OF_ADDRESS;
  SSI(SER) = 1;
  SSI(SSIENR) = 1;
  tw_vectors[1]();
  __builtin_unreachable();
}
