/* The board file's [[init]] list, which the build turns into TW_BOARD_INIT. */
#include <stdint.h>

#include "tw_board.h"
#include "tw_port.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define TW_INIT_WRITE(address, value) REGISTER(address) = (value);
#define TW_INIT_SET(address, value) REGISTER(address) |= (value);
#define TW_INIT_CLEAR(address, value) REGISTER(address) &= ~(uint32_t)(value);
#define TW_INIT_WAIT(address, value) \
  while ((REGISTER(address) & (value)) != (value)) {}

void tw_board_init(void) { TW_BOARD_INIT }
