/* ARMv8-M protection regions: any range in steps of 32 bytes. */
#include "tw_mpu.h"
#include "tw_scb.h"

enum {
  STEP = 32,
  RBAR_NEVER_EXECUTE = 1,
  RBAR_READ_WRITE = 1 << 1,
  RBAR_READ_ONLY = 3 << 1,
  RLAR_ENABLE = 1,
  MAIR_WRITE_THROUGH = 0xAA, /* attribute 0: normal memory */
};

static uint32_t used;

static const uint32_t attributes[] = {
    [TW_MPU_CODE] = RBAR_READ_ONLY,
    [TW_MPU_READ_ONLY] = RBAR_READ_ONLY | RBAR_NEVER_EXECUTE,
    [TW_MPU_READ_WRITE] = RBAR_READ_WRITE | RBAR_NEVER_EXECUTE,
};

static uint32_t region_count(void) { return MPU_TYPE >> 8 & 0xFF; }

void tw_mpu_clear(void) {
  used = 0;
  MPU_MAIR0 = MAIR_WRITE_THROUGH;
  for (uint32_t i = 0; i < region_count(); i++) {
    MPU_RNR = i;
    MPU_RLAR = 0;
  }
}

void tw_mpu_add(uintptr_t start, uintptr_t end, tw_mpu_access access) {
  if (start >= end || used == region_count()) return; /* less is allowed, never more */
  MPU_RNR = used++;
  MPU_RBAR = ((uint32_t)start & ~(uint32_t)(STEP - 1)) | attributes[access];
  MPU_RLAR = ((uint32_t)(end - 1) & ~(uint32_t)(STEP - 1)) | RLAR_ENABLE;
}

void tw_mpu_enable(void) {
  MPU_CTRL = MPU_CTRL_PRIVDEFENA | MPU_CTRL_ENABLE;
  tw_barrier();
}

void tw_mpu_disable(void) {
  MPU_CTRL = 0;
  tw_barrier();
}
