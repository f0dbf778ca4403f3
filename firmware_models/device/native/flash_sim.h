/* NOR flash for tests: strict about what a chip allows, and able to lose power at any byte. */
#ifndef FLASH_SIM_H
#define FLASH_SIM_H

#include "tw_slots.h"

typedef struct {
  uint8_t *memory;
  tw_flash flash;        /* what the agent sees; its context is this struct */
  int64_t power_bytes;   /* bytes erased or programmed until the power fails; -1: never */
  uint32_t garbage;      /* state of the generator of what a torn byte reads as */
  void (*power_fails)(void); /* does not return */
} flash_sim;

/* Make a blank flash; exits the program when there is no memory. */
void flash_sim_start(flash_sim *f, uint32_t bytes, uint32_t sector_bytes, uint32_t unit_bytes);

#endif
