/* Addresses as the core has them. Between two of WebAssembly's memory accesses there is an addition
 * of where linear memory begins; loops over places have none. */
#ifndef TW_MCU_PLACE_H
#define TW_MCU_PLACE_H

#include "tw_base.h"
#include "tw_mcu_intrinsics.h"

#define TW_INLINE static inline __attribute__((always_inline))

typedef uintptr_t tw_place;

TW_INLINE tw_place tw_place_of(const void *x) { return (uintptr_t)x + tw_base(); }

TW_INLINE const void *tw_at(tw_place x) { return (const void *)(x - tw_base()); }

/* Four bytes, at any address. */
TW_INLINE uint32_t tw_get4(tw_place x) {
  uint32_t word;
  __builtin_memcpy(&word, tw_at(x), sizeof word);
  return word;
}

TW_INLINE void tw_set4(tw_place x, uint32_t bytes) {
  __builtin_memcpy((void *)(x - tw_base()), &bytes, sizeof bytes);
}

TW_INLINE uint32_t tw_get_u32(tw_place x) { return *(const uint32_t *)tw_at(x); }
TW_INLINE int32_t tw_get_i32(tw_place x) { return *(const int32_t *)tw_at(x); }
TW_INLINE int32_t tw_get_i16(tw_place x) { return *(const int16_t *)tw_at(x); }
TW_INLINE int32_t tw_get_i8(tw_place x) { return *(const int8_t *)tw_at(x); }

TW_INLINE void tw_set_u32(tw_place x, uint32_t value) { *(uint32_t *)(x - tw_base()) = value; }
TW_INLINE void tw_set_i16(tw_place x, int32_t value) { *(int16_t *)(x - tw_base()) = (int16_t)value; }
TW_INLINE void tw_set_i8(tw_place x, int32_t value) { *(int8_t *)(x - tw_base()) = (int8_t)value; }

#endif
