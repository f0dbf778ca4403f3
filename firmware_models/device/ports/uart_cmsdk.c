/* The UART of Arm's Cortex-M System Design Kit: MPS2 and MPS3 boards. */
#include "tw_board.h"
#include "tw_port.h"

typedef struct {
  volatile uint32_t data, state, ctrl, interrupt, bauddiv;
} uart;

#define UART ((uart *)TW_UART_BASE)

enum {
  STATE_TX_FULL = 1,
  STATE_RX_FULL = 2,
  STATE_RX_OVERRUN = 8,
  CTRL_TX = 1,
  CTRL_RX = 2,
  CTRL_RX_INTERRUPT = 8,
  INTERRUPT_RX = 2,
};

static uint32_t overruns;

void tw_port_start(void) {
  UART->bauddiv = TW_UART_CLOCK_HZ / TW_UART_BAUD;
  UART->ctrl = CTRL_TX | CTRL_RX | CTRL_RX_INTERRUPT;
}

void tw_port_write(uint8_t byte) {
  while (UART->state & STATE_TX_FULL) {
  }
  UART->data = byte;
}

bool tw_port_read(uint8_t *byte) {
  if (UART->state & STATE_RX_OVERRUN) {
    UART->state = STATE_RX_OVERRUN;
    overruns++;
  }
  if (!(UART->state & STATE_RX_FULL)) return false;
  UART->interrupt = INTERRUPT_RX; /* the byte's; the next one raises it again */
  *byte = (uint8_t)UART->data;
  return true;
}

uint32_t tw_port_overruns(void) { return overruns; }
