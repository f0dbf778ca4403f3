/* What a board's flash driver, ports/flash_<driver>.c, gives the firmware. */
#ifndef TW_FLASH_PORT_H
#define TW_FLASH_PORT_H

#include "tw_slots.h"

/* The flash behind the firmware, which holds the model slots; NULL when there is none. */
const tw_flash *tw_flash_port(void);

#endif
