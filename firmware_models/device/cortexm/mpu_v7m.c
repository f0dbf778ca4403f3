/* ARMv7-M protection regions: a power of two in size and alignment, made of eight parts that can be
 * left out one by one. A range takes one or two regions of the smallest size that covers it; its ends
 * are then multiples of such a region's parts, or are rounded out to them. */
#include "tw_mpu.h"
#include "tw_scb.h"

enum {
  REGIONS = 8,
  SMALLEST_PART_LOG2 = 5, /* of a region's eighth */
  RASR_ENABLE = 1,
  RASR_NORMAL = 1 << 17, /* cacheable, write-through, not shared */
  RASR_NEVER_EXECUTE = 1 << 28,
  RASR_READ_WRITE = 3 << 24,
  RASR_READ_ONLY = 6 << 24,
};

static uint32_t used;

static const uint32_t attributes[] = {
    [TW_MPU_CODE] = RASR_READ_ONLY,
    [TW_MPU_READ_ONLY] = RASR_READ_ONLY | RASR_NEVER_EXECUTE,
    [TW_MPU_READ_WRITE] = RASR_READ_WRITE | RASR_NEVER_EXECUTE,
};

void tw_mpu_clear(void) {
  used = 0;
  for (uint32_t i = 0; i < REGIONS; i++) {
    MPU_RNR = i;
    MPU_RASR = 0;
  }
}

static void add_region(uintptr_t base, uint32_t size_log2, uint32_t left_out, tw_mpu_access access) {
  if (used == REGIONS) return; /* less is allowed, never more */
  MPU_RNR = used++;
  MPU_RBAR = (uint32_t)base;
  MPU_RASR = attributes[access] | RASR_NORMAL | left_out << 8 | (size_log2 - 1) << 1 | RASR_ENABLE;
}

static uintptr_t down(uintptr_t address, uint32_t log2) { return address >> log2 << log2; }

/* Regions of 8 << part_log2 bytes that [start, end) touches. */
static uint32_t regions_touched(uintptr_t start, uintptr_t last, uint32_t part_log2) {
  return (uint32_t)((last >> (part_log2 + 3)) - (start >> (part_log2 + 3)) + 1);
}

void tw_mpu_add(uintptr_t start, uintptr_t end, tw_mpu_access access) {
  if (start >= end) return;
  uintptr_t last = end - 1;
  uint32_t part_log2 = SMALLEST_PART_LOG2;
  while (regions_touched(start, last, part_log2) > TW_MPU_REGIONS_PER_RANGE) part_log2++;
  uint32_t left = regions_touched(start, last, part_log2);
  uintptr_t base = down(start, part_log2 + 3);
  for (; left > 0; left--, base += (uintptr_t)8 << part_log2) {
    uint32_t left_out = 0;
    for (uint32_t i = 0; i < 8; i++) {
      uintptr_t part = base + ((uintptr_t)i << part_log2);
      if (part < down(start, part_log2) || part > last) left_out |= 1u << i;
    }
    add_region(base, part_log2 + 3, left_out, access);
  }
}

void tw_mpu_enable(void) {
  MPU_CTRL = MPU_CTRL_PRIVDEFENA | MPU_CTRL_ENABLE;
  tw_barrier();
}

void tw_mpu_disable(void) {
  MPU_CTRL = 0;
  tw_barrier();
}
