/* The functions of tw_intrinsics.h, imported by an engine that becomes firmware, where the board's
 * compiler makes an instruction of each. */
#ifndef TW_MCU_INTRINSICS_H
#define TW_MCU_INTRINSICS_H

#ifdef TW_IMPORTS

#include <stdint.h>

#define TW_IMPORTED(name) \
  __attribute__((import_module("tw"), import_name(#name), const)) extern

TW_IMPORTED(base) uint32_t tw_base(void);
TW_IMPORTED(kept) uint32_t tw_kept(uint32_t x);
TW_IMPORTED(smlad) int32_t tw_smlad(uint32_t a, uint32_t b, int32_t sum);
TW_IMPORTED(smlabb) int32_t tw_smlabb(uint32_t a, uint32_t b, int32_t sum);
TW_IMPORTED(smlabt) int32_t tw_smlabt(uint32_t a, uint32_t b, int32_t sum);
TW_IMPORTED(smlatt) int32_t tw_smlatt(uint32_t a, uint32_t b, int32_t sum);
TW_IMPORTED(sxtb16) uint32_t tw_sxtb16(uint32_t bytes);
TW_IMPORTED(sxtb16_ror8) uint32_t tw_sxtb16_ror8(uint32_t bytes);
TW_IMPORTED(sxtab16) uint32_t tw_sxtab16(uint32_t pair, uint32_t bytes);
TW_IMPORTED(sxtab16_ror8) uint32_t tw_sxtab16_ror8(uint32_t pair, uint32_t bytes);
TW_IMPORTED(smmlar) int32_t tw_smmlar(int32_t a, int32_t b, int32_t sum);
__attribute__((import_module("tw"), import_name("dot_bytes"), pure)) extern int32_t tw_dot_bytes(const int8_t *w, const int8_t *x, uint32_t n,
                                            int32_t add, int32_t sum);
__attribute__((import_module("tw"), import_name("taps8"))) extern void tw_taps8(
    const int8_t *x, const int8_t *w, uint32_t n, uint32_t x_step, uint32_t w_step, int32_t add,
    int32_t sums[8]);
__attribute__((import_module("tw"), import_name("scale4"))) extern void tw_scale4(
    const int32_t sums[4], const int32_t *doubled, const int8_t *right, int32_t zero, int8_t *out);

#else

#include "tw_intrinsics.h"

#endif

#endif
