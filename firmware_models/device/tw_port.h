/* What a board's port gives the firmware: a serial line, and nothing more.
 *
 * A port is one file for a family of UARTs, ports/uart_<family>.c; the board file names the family,
 * its address and its clock. */
#ifndef TW_PORT_H
#define TW_PORT_H

#include <stdbool.h>
#include <stdint.h>

/* Set up the UART: 8 data bits, no parity, TW_UART_BAUD. Its clock and pins are on: tw_board_init. It
 * raises its interrupt as long as there is a byte. */
void tw_port_start(void);

/* Send one byte, waiting as long as it takes. */
void tw_port_write(uint8_t byte);

/* Take one byte if there is one. */
bool tw_port_read(uint8_t *byte);

/* How many bytes were lost because nobody took them in time, as far as the hardware noticed. */
uint32_t tw_port_overruns(void);

/* Sleep until the UART's interrupt, TW_UART_IRQ, or any other, which nobody handles: it only wakes. Of a
 * byte that came since the last tw_port_read it wakes at once. Without TW_UART_IRQ: do nothing. */
void tw_idle(void);

void tw_port_write_text(const char *text);
void tw_port_write_hex(uint32_t value);

/* Do the register writes that the board file lists: clocks, resets, pins. */
void tw_board_init(void);

/* The firmware itself; called once everything is set up. */
__attribute__((noreturn)) void tw_main(void);

#endif
