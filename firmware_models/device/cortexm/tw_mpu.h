/* The MPU's regions: what a guest may reach while it runs. */
#ifndef TW_MPU_H
#define TW_MPU_H

#include <stdint.h>

typedef enum { TW_MPU_CODE, TW_MPU_READ_ONLY, TW_MPU_READ_WRITE } tw_mpu_access;

/* Forget all regions. */
void tw_mpu_clear(void);

/* A range takes at most so many of the MPU's regions, which are 8 or more. */
enum { TW_MPU_REGIONS_PER_RANGE = 2 };

/* Add [start, end), rounded out to what the MPU can express: tflm_wasm.aot places everything such that
 * nothing is in between. */
void tw_mpu_add(uintptr_t start, uintptr_t end, tw_mpu_access access);

void tw_mpu_enable(void);
void tw_mpu_disable(void);

#endif
