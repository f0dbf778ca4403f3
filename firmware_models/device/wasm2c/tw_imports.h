/* What an engine of our own imports, as wasm2c calls it; the first argument is an instance that these
 * have no use for. wasm2c declares them again, which leaves them static. */
#ifndef TW_IMPORTS_H
#define TW_IMPORTS_H

#include "tw_intrinsics.h"

struct w2c_tw;

/* wasm2c also makes tail calls of imports, which nobody uses and the compiler drops. */
typedef struct {
  void (*fn)(void);
} wasm_rt_tailcallee_t;
#define WEAK_FUNC_DECL(function, fallback)                         \
  static __attribute__((unused)) void fallback(                    \
      void **instance_ptr, void *tail_call_stack, wasm_rt_tailcallee_t *next)
#define wasm_rt_memcpy __builtin_memcpy

#define TW_IMPORT static inline __attribute__((always_inline)) uint32_t

TW_IMPORT w2c_tw_base(struct w2c_tw *none) {
  (void)none;
  return TW_GUEST_BASE;
}
TW_IMPORT w2c_tw_kept(struct w2c_tw *none, uint32_t x) {
  (void)none;
  return tw_kept(x);
}
TW_IMPORT w2c_tw_smlad(struct w2c_tw *none, uint32_t a, uint32_t b, uint32_t sum) {
  (void)none;
  return (uint32_t)tw_smlad(a, b, (int32_t)sum);
}
TW_IMPORT w2c_tw_smlabb(struct w2c_tw *none, uint32_t a, uint32_t b, uint32_t sum) {
  (void)none;
  return (uint32_t)tw_smlabb(a, b, (int32_t)sum);
}
TW_IMPORT w2c_tw_smlabt(struct w2c_tw *none, uint32_t a, uint32_t b, uint32_t sum) {
  (void)none;
  return (uint32_t)tw_smlabt(a, b, (int32_t)sum);
}
TW_IMPORT w2c_tw_smlatt(struct w2c_tw *none, uint32_t a, uint32_t b, uint32_t sum) {
  (void)none;
  return (uint32_t)tw_smlatt(a, b, (int32_t)sum);
}
TW_IMPORT w2c_tw_sxtb16(struct w2c_tw *none, uint32_t bytes) {
  (void)none;
  return tw_sxtb16(bytes);
}
TW_IMPORT w2c_tw_sxtb16_ror8(struct w2c_tw *none, uint32_t bytes) {
  (void)none;
  return tw_sxtb16_ror8(bytes);
}
TW_IMPORT w2c_tw_sxtab16(struct w2c_tw *none, uint32_t pair, uint32_t bytes) {
  (void)none;
  return tw_sxtab16(pair, bytes);
}
TW_IMPORT w2c_tw_sxtab16_ror8(struct w2c_tw *none, uint32_t pair, uint32_t bytes) {
  (void)none;
  return tw_sxtab16_ror8(pair, bytes);
}
TW_IMPORT w2c_tw_smmlar(struct w2c_tw *none, uint32_t a, uint32_t b, uint32_t sum) {
  (void)none;
  return (uint32_t)tw_smmlar((int32_t)a, (int32_t)b, (int32_t)sum);
}
TW_IMPORT w2c_tw_dot_bytes(struct w2c_tw *none, uint32_t w, uint32_t x, uint32_t n, uint32_t add,
                           uint32_t sum) {
  (void)none;
  return (uint32_t)tw_dot_bytes((const int8_t *)tw_readable(w, n), (const int8_t *)tw_readable(x, n), n,
                                (int32_t)add, (int32_t)sum);
}

/* The bytes from the first of n taps to the end of the last one. */
static inline uint32_t tw_span(uint32_t n, uint32_t step) {
  const uint64_t bytes = n == 0 ? 0 : (uint64_t)(n - 1) * step + 8;
  return bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}
static inline __attribute__((always_inline)) void w2c_tw_taps8(struct w2c_tw *none, uint32_t x,
                                                               uint32_t w, uint32_t n,
                                                               uint32_t x_step, uint32_t w_step,
                                                               uint32_t add, uint32_t sums) {
  (void)none;
  tw_taps8((const int8_t *)tw_readable(x, tw_span(n, x_step)),
           (const int8_t *)tw_readable(w, tw_span(n, w_step)), n, x_step, w_step, (int32_t)add,
           (int32_t *)(void *)tw_writable(sums, 8 * sizeof(int32_t)));
}
static inline __attribute__((always_inline)) void w2c_tw_scale4(struct w2c_tw *none, uint32_t sums,
                                                                uint32_t doubled, uint32_t right,
                                                                uint32_t zero, uint32_t out) {
  (void)none;
  tw_scale4((const int32_t *)(const void *)tw_readable(sums, 4 * sizeof(int32_t)),
            (const int32_t *)(const void *)tw_readable(doubled, 4 * sizeof(int32_t)),
            (const int8_t *)tw_readable(right, 4), (int32_t)zero, (int8_t *)tw_writable(out, 4));
}

#endif
