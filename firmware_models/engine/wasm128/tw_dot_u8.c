#include "tw_simd.h"

/* A host may put its own instruction in place of calls of the first function, and a true in place of
 * those of the second: docs/adr/0024. They stay calls until then, so they are alone in this file, and
 * exported to be found. */

__attribute__((export_name("tw_dot_u8"))) v128_t tw_dot_u8(v128_t signed_bytes, v128_t bytes) {
  const v128_t low = wasm_i16x8_mul(wasm_i16x8_extend_low_i8x16(signed_bytes),
                                    wasm_u16x8_extend_low_u8x16(bytes)),
               high = wasm_i16x8_mul(wasm_i16x8_extend_high_i8x16(signed_bytes),
                                     wasm_u16x8_extend_high_u8x16(bytes));
  return wasm_i16x8_add(wasm_i16x8_shuffle(low, high, 0, 2, 4, 6, 8, 10, 12, 14),
                        wasm_i16x8_shuffle(low, high, 1, 3, 5, 7, 9, 11, 13, 15));
}

__attribute__((export_name("tw_has_dot_u8"))) bool tw_has_dot_u8(void) { return false; }
