/* The runtime of a guest that wasm2c translated to C, for a linear memory at a fixed address.
 *
 * wasm2c's output begins with a fixed block of macros; tflm_wasm.aot replaces it by this file, which
 * means the same with a memory at a constant address and a 32-bit address space:
 *
 *   TW_GUEST_BASE      address of linear memory
 *   TW_GUEST_BYTES     its size
 *
 * Without TW_SANDBOX_CHECKED nothing is checked here: addresses wrap around modulo 2^32, and the MPU
 * has the last word. So linear memory reaches a model in flash, wherever that is. With it, every
 * access is checked by one comparison: stores against linear memory; loads against
 *
 *   TW_READ_BASE, TW_READ_BYTES   from the start of flash to the end of linear memory
 *
 * which is the model and linear memory, and between them only what nobody minds to be read: linear
 * memory lies at the start of RAM. A function's stack is then checked too, against TW_STACK_LIMIT. */
#ifndef WASM_RT_H_
#define WASM_RT_H_

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tw_trap.h"

/* The types of wasm2c's header, which are needed before it defines them. */
#define WASM_RT_CORE_TYPES_DEFINED
typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;
typedef float f32;
typedef double f64;

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define assert(x) ((void)0)
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define isnan(x) __builtin_isnan(x)
#define signbit(x) __builtin_signbit(x)
#define copysign(x, y) __builtin_copysign(x, y)
#define copysignf(x, y) __builtin_copysignf(x, y)

/* ---- traps ---- */

#define TRAP(kind) (tw_trap(TW_TRAP_##kind), 0)
#define UNREACHABLE TRAP(UNREACHABLE)

#ifdef TW_SANDBOX_CHECKED
#define FUNC_PROLOGUE \
  if (UNLIKELY(tw_stack_pointer() < TW_STACK_LIMIT)) tw_trap(TW_TRAP_EXHAUSTION)
#else
#define FUNC_PROLOGUE
#endif
#define FUNC_EPILOGUE

/* ---- linear memory ---- */

/* Its size in pages, which here are bytes; it never grows. */
typedef struct {
  u32 pages;
} wasm_rt_memory_t;

#define wasm_rt_is_initialized() true
#define wasm_rt_allocate_memory(memory, initial, maximum, is64, page) ((memory)->pages = (initial))
#define wasm_rt_free_memory(memory) ((void)(memory))
#define wasm_rt_grow_memory(memory, pages) ((void)(memory), (void)(pages), 0xFFFFFFFFu)

static inline u8 *tw_at(u64 address) { return (u8 *)(TW_GUEST_BASE + (uintptr_t)(u32)address); }

/* Where `bytes` bytes of linear memory at `address` are, which is modulo 2^32. */
static inline u8 *tw_writable(u64 address, u32 bytes) {
#ifdef TW_SANDBOX_CHECKED
  if (UNLIKELY(bytes > TW_GUEST_BYTES || (u32)address > TW_GUEST_BYTES - bytes)) TRAP(OOB_STORE);
#endif
  (void)bytes;
  return tw_at(address);
}

static inline const u8 *tw_readable(u64 address, u32 bytes) {
#ifdef TW_SANDBOX_CHECKED
  u32 offset = (u32)address + (TW_GUEST_BASE - TW_READ_BASE);
  if (UNLIKELY(bytes > TW_READ_BYTES || offset > TW_READ_BYTES - bytes)) TRAP(OOB_LOAD);
  return (const u8 *)(TW_READ_BASE + (uintptr_t)offset);
#else
  (void)bytes;
  return tw_at(address);
#endif
}

#define TW_LOAD(name, stored, extended, result)      \
  static inline result tw_##name(u64 address) {      \
    stored value;                                    \
    __builtin_memcpy(&value, tw_readable(address, sizeof value), sizeof value); \
    return (result)(extended)value;                  \
  }
#define TW_STORE(name, stored, given)                \
  static inline void tw_##name(u64 address, given v) { \
    stored value = (stored)v;                        \
    __builtin_memcpy(tw_writable(address, sizeof value), &value, sizeof value); \
  }

TW_LOAD(i32_load, u32, u32, u32)
TW_LOAD(i64_load, u64, u64, u64)
TW_LOAD(f32_load, f32, f32, f32)
TW_LOAD(f64_load, f64, f64, f64)
TW_LOAD(i32_load8_s, s8, s32, u32)
TW_LOAD(i64_load8_s, s8, s64, u64)
TW_LOAD(i32_load8_u, u8, u32, u32)
TW_LOAD(i64_load8_u, u8, u64, u64)
TW_LOAD(i32_load16_s, s16, s32, u32)
TW_LOAD(i64_load16_s, s16, s64, u64)
TW_LOAD(i32_load16_u, u16, u32, u32)
TW_LOAD(i64_load16_u, u16, u64, u64)
TW_LOAD(i64_load32_s, s32, s64, u64)
TW_LOAD(i64_load32_u, u32, u64, u64)
TW_STORE(i32_store, u32, u32)
TW_STORE(i64_store, u64, u64)
TW_STORE(f32_store, f32, f32)
TW_STORE(f64_store, f64, f64)
TW_STORE(i32_store8, u8, u32)
TW_STORE(i32_store16, u16, u32)
TW_STORE(i64_store8, u8, u64)
TW_STORE(i64_store16, u16, u64)
TW_STORE(i64_store32, u32, u64)

/* wasm2c passes a cached base and size and the memory; here all three are constants. */
#define i32_load(base, size, memory, address) tw_i32_load(address)
#define i64_load(base, size, memory, address) tw_i64_load(address)
#define f32_load(base, size, memory, address) tw_f32_load(address)
#define f64_load(base, size, memory, address) tw_f64_load(address)
#define i32_load8_s(base, size, memory, address) tw_i32_load8_s(address)
#define i64_load8_s(base, size, memory, address) tw_i64_load8_s(address)
#define i32_load8_u(base, size, memory, address) tw_i32_load8_u(address)
#define i64_load8_u(base, size, memory, address) tw_i64_load8_u(address)
#define i32_load16_s(base, size, memory, address) tw_i32_load16_s(address)
#define i64_load16_s(base, size, memory, address) tw_i64_load16_s(address)
#define i32_load16_u(base, size, memory, address) tw_i32_load16_u(address)
#define i64_load16_u(base, size, memory, address) tw_i64_load16_u(address)
#define i64_load32_s(base, size, memory, address) tw_i64_load32_s(address)
#define i64_load32_u(base, size, memory, address) tw_i64_load32_u(address)
#define i32_store(base, size, memory, address, value) tw_i32_store(address, value)
#define i64_store(base, size, memory, address, value) tw_i64_store(address, value)
#define f32_store(base, size, memory, address, value) tw_f32_store(address, value)
#define f64_store(base, size, memory, address, value) tw_f64_store(address, value)
#define i32_store8(base, size, memory, address, value) tw_i32_store8(address, value)
#define i32_store16(base, size, memory, address, value) tw_i32_store16(address, value)
#define i64_store8(base, size, memory, address, value) tw_i64_store8(address, value)
#define i64_store16(base, size, memory, address, value) tw_i64_store16(address, value)
#define i64_store32(base, size, memory, address, value) tw_i64_store32(address, value)

static inline void memory_fill(wasm_rt_memory_t *memory, u32 to, u32 value, u32 bytes) {
  (void)memory;
  __builtin_memset(tw_writable(to, bytes), (int)value, bytes);
}

static inline void memory_copy(wasm_rt_memory_t *to_memory, const wasm_rt_memory_t *from_memory,
                               u32 to, u32 from, u32 bytes) {
  (void)to_memory, (void)from_memory;
  __builtin_memmove(tw_writable(to, bytes), tw_readable(from, bytes), bytes);
}

/* A data segment's start and size are known to fit: the module was validated. */
#define LOAD_DATA(memory, to, from, bytes) __builtin_memcpy(tw_at(to), from, bytes)

static inline void memory_init(wasm_rt_memory_t *memory, const u8 *data, u32 data_bytes, u32 to,
                               u32 from, u32 bytes) {
  (void)memory;
  if (UNLIKELY(from > data_bytes || bytes > data_bytes - from)) TRAP(OOB_LOAD);
  __builtin_memcpy(tw_writable(to, bytes), data + from, bytes);
}

/* ---- indirect calls ---- */

typedef void (*wasm_rt_function_ptr_t)(void);
typedef const char *wasm_rt_func_type_t;
typedef enum { RefFunc, RefNull, GlobalGet } wasm_elem_segment_expr_type_t;

/* One entry of an element segment, in the order of wasm2c's initialisers. */
typedef struct {
  wasm_elem_segment_expr_type_t kind;
  wasm_rt_func_type_t func_type;
  wasm_rt_function_ptr_t func;
  struct {
    void *fn;
  } tail_callee;
  size_t module_offset;
} wasm_elem_segment_expr_t;

/* A table is the one element segment that fills it, read where it lies in flash: [first, end). */
typedef struct {
  const wasm_elem_segment_expr_t *data;
  u32 first, end;
} wasm_rt_funcref_table_t;

#define wasm_rt_allocate_funcref_table(table, initial, maximum) ((table)->first = (table)->end = 0)
#define wasm_rt_free_funcref_table(table) ((void)(table))

static inline void funcref_table_init(wasm_rt_funcref_table_t *table,
                                      const wasm_elem_segment_expr_t *entries, u32 entry_count,
                                      u32 to, u32 from, u32 count, void *instance) {
  (void)instance;
  if (table->end != 0 || from != 0 || count != entry_count) TRAP(CALL_INDIRECT);
  table->data = entries;
  table->first = to;
  table->end = to + count;
}

/* Addresses of types are unique in a module, so equal types have equal addresses. */
static inline wasm_rt_function_ptr_t tw_callee(const wasm_rt_funcref_table_t *table,
                                               wasm_rt_func_type_t type, u32 index) {
  if (UNLIKELY(index < table->first || index >= table->end)) TRAP(CALL_INDIRECT);
  const wasm_elem_segment_expr_t *entry = &table->data[index - table->first];
  if (UNLIKELY(entry->func_type != type)) TRAP(CALL_INDIRECT);
  return entry->func;
}

struct w2c_guest;
extern struct w2c_guest tw_guest_instance;

/* `self` is the callee's instance, of which there is only one. */
#define CALL_INDIRECT(table, type, id, index, self, ...) \
  ((type)tw_callee(&(table), id, index))(&tw_guest_instance, ##__VA_ARGS__)

#define FUNC_TYPE_T(name) static const char *const name
#define WASM_RT_I32 0
#define WASM_RT_I64 1
#define WASM_RT_F32 2
#define WASM_RT_F64 3

/* ---- arithmetic that C leaves undefined or does otherwise ---- */

#define I32_CLZ(x) ((x) ? (u32)__builtin_clz(x) : 32u)
#define I64_CLZ(x) ((x) ? (u64)__builtin_clzll(x) : 64u)
#define I32_CTZ(x) ((x) ? (u32)__builtin_ctz(x) : 32u)
#define I64_CTZ(x) ((x) ? (u64)__builtin_ctzll(x) : 64u)
#define I32_POPCNT(x) ((u32)__builtin_popcount(x))
#define I64_POPCNT(x) ((u64)__builtin_popcountll(x))

#define TW_DIVISION(bits)                                                            \
  static inline u##bits tw_div_s##bits(s##bits x, s##bits y) {                       \
    if (UNLIKELY(y == 0)) TRAP(DIV_BY_ZERO);                                         \
    if (UNLIKELY(x == INT##bits##_MIN && y == -1)) TRAP(INT_OVERFLOW);               \
    return (u##bits)(x / y);                                                         \
  }                                                                                  \
  static inline u##bits tw_rem_s##bits(s##bits x, s##bits y) {                       \
    if (UNLIKELY(y == 0)) TRAP(DIV_BY_ZERO);                                         \
    return y == -1 ? 0 : (u##bits)(x % y);                                           \
  }
TW_DIVISION(32)
TW_DIVISION(64)
#define I32_DIV_S(x, y) tw_div_s32((s32)(x), (s32)(y))
#define I64_DIV_S(x, y) tw_div_s64((s64)(x), (s64)(y))
#define I32_REM_S(x, y) tw_rem_s32((s32)(x), (s32)(y))
#define I64_REM_S(x, y) tw_rem_s64((s64)(x), (s64)(y))
#define DIV_U(x, y) (UNLIKELY((y) == 0) ? TRAP(DIV_BY_ZERO) : (x) / (y))
#define REM_U(x, y) (UNLIKELY((y) == 0) ? TRAP(DIV_BY_ZERO) : (x) % (y))

#define TW_ROTATE(x, left, right) (((x) << (left)) | ((x) >> (right)))
#define I32_ROTL(x, y) TW_ROTATE(x, (y)&31u, (32u - ((y)&31u)) & 31u)
#define I64_ROTL(x, y) TW_ROTATE(x, (y)&63u, (64u - ((y)&63u)) & 63u)
#define I32_ROTR(x, y) TW_ROTATE(x, (32u - ((y)&31u)) & 31u, (y)&31u)
#define I64_ROTR(x, y) TW_ROTATE(x, (64u - ((y)&63u)) & 63u, (y)&63u)

#define TW_MIN_MAX(name, type, before, zero)                  \
  static inline type name(type x, type y) {                   \
    if (UNLIKELY(isnan(x) || isnan(y))) return __builtin_nanf(""); \
    if (UNLIKELY(x == 0 && y == 0)) return zero;              \
    return x before y ? x : y;                                \
  }
TW_MIN_MAX(tw_min32, f32, <, signbit(x) ? x : y)
TW_MIN_MAX(tw_max32, f32, >, signbit(x) ? y : x)
TW_MIN_MAX(tw_min64, f64, <, signbit(x) ? x : y)
TW_MIN_MAX(tw_max64, f64, >, signbit(x) ? y : x)
#define TW_BY_WIDTH(x, narrow, wide) _Generic((x), f32: narrow, default: wide)
#define FMIN(x, y) TW_BY_WIDTH(x, tw_min32, tw_min64)(x, y)
#define FMAX(x, y) TW_BY_WIDTH(x, tw_max32, tw_max64)(x, y)

/* Conversions: the least and the greatest float that fits are `above` and `below`, exclusive unless
 * the least integer is itself a float. */
#define TW_TRUNCATE(name, from, integer, result, fits_low, below, least, greatest) \
  static inline result tw_trunc_##name(from x) {                                   \
    if (UNLIKELY(isnan(x))) TRAP(INVALID_CONVERSION);                              \
    if (UNLIKELY(!(fits_low && x < below))) TRAP(INT_OVERFLOW);                    \
    return (result)(integer)x;                                                     \
  }                                                                                \
  static inline result tw_saturate_##name(from x) {                                \
    if (UNLIKELY(isnan(x))) return 0;                                              \
    if (UNLIKELY(!(fits_low))) return (result)least;                               \
    if (UNLIKELY(!(x < below))) return (result)greatest;                           \
    return (result)(integer)x;                                                     \
  }
TW_TRUNCATE(s32f32, f32, s32, u32, x >= -2147483648.f, 2147483648.f, INT32_MIN, INT32_MAX)
TW_TRUNCATE(s32f64, f64, s32, u32, x > -2147483649., 2147483648., INT32_MIN, INT32_MAX)
TW_TRUNCATE(u32f32, f32, u32, u32, x > -1.f, 4294967296.f, 0, UINT32_MAX)
TW_TRUNCATE(u32f64, f64, u32, u32, x > -1., 4294967296., 0, UINT32_MAX)
TW_TRUNCATE(s64f32, f32, s64, u64, x >= -9223372036854775808.f, 9223372036854775808.f, INT64_MIN,
            INT64_MAX)
TW_TRUNCATE(s64f64, f64, s64, u64, x >= -9223372036854775808., 9223372036854775808., INT64_MIN,
            INT64_MAX)
TW_TRUNCATE(u64f32, f32, u64, u64, x > -1.f, 18446744073709551616.f, 0, UINT64_MAX)
TW_TRUNCATE(u64f64, f64, u64, u64, x > -1., 18446744073709551616., 0, UINT64_MAX)
#define I32_TRUNC_S_F32 tw_trunc_s32f32
#define I32_TRUNC_S_F64 tw_trunc_s32f64
#define I32_TRUNC_U_F32 tw_trunc_u32f32
#define I32_TRUNC_U_F64 tw_trunc_u32f64
#define I64_TRUNC_S_F32 tw_trunc_s64f32
#define I64_TRUNC_S_F64 tw_trunc_s64f64
#define I64_TRUNC_U_F32 tw_trunc_u64f32
#define I64_TRUNC_U_F64 tw_trunc_u64f64
#define I32_TRUNC_SAT_S_F32 tw_saturate_s32f32
#define I32_TRUNC_SAT_S_F64 tw_saturate_s32f64
#define I32_TRUNC_SAT_U_F32 tw_saturate_u32f32
#define I32_TRUNC_SAT_U_F64 tw_saturate_u32f64
#define I64_TRUNC_SAT_S_F32 tw_saturate_s64f32
#define I64_TRUNC_SAT_S_F64 tw_saturate_s64f64
#define I64_TRUNC_SAT_U_F32 tw_saturate_u64f32
#define I64_TRUNC_SAT_U_F64 tw_saturate_u64f64

#define TW_REINTERPRET(name, from, to)             \
  static inline to name(from x) {                  \
    to result;                                     \
    __builtin_memcpy(&result, &x, sizeof result);  \
    return result;                                 \
  }
TW_REINTERPRET(f32_reinterpret_i32, u32, f32)
TW_REINTERPRET(i32_reinterpret_f32, f32, u32)
TW_REINTERPRET(f64_reinterpret_i64, u64, f64)
TW_REINTERPRET(i64_reinterpret_f64, f64, u64)

/* A NaN that went through arithmetic is quiet. */
static inline f32 wasm_quietf(f32 x) {
  return UNLIKELY(isnan(x)) ? f32_reinterpret_i32(i32_reinterpret_f32(x) | 0x7FC00000u) : x;
}
static inline f64 wasm_quiet(f64 x) {
  return UNLIKELY(isnan(x)) ? f64_reinterpret_i64(i64_reinterpret_f64(x) | 0x7FF8000000000000u) : x;
}
static inline f32 wasm_fabsf(f32 x) { return f32_reinterpret_i32(i32_reinterpret_f32(x) << 1 >> 1); }
static inline f64 wasm_fabs(f64 x) { return f64_reinterpret_i64(i64_reinterpret_f64(x) << 1 >> 1); }
#define TW_ROUNDING(name)                                                               \
  static inline f32 wasm_##name##f(f32 x) { return wasm_quietf(__builtin_##name##f(x)); } \
  static inline f64 wasm_##name(f64 x) { return wasm_quiet(__builtin_##name(x)); }
TW_ROUNDING(floor)
TW_ROUNDING(ceil)
TW_ROUNDING(trunc)
TW_ROUNDING(sqrt)

/* Round half to even: adding 2^23 (2^52) leaves no bits for a fraction. */
static inline f32 wasm_nearbyintf(f32 x) {
  volatile f32 sum = wasm_fabsf(x) + 8388608.f;
  return wasm_fabsf(x) < 8388608.f ? copysignf(sum - 8388608.f, x) : wasm_quietf(x);
}
static inline f64 wasm_nearbyint(f64 x) {
  volatile f64 sum = wasm_fabs(x) + 4503599627370496.;
  return wasm_fabs(x) < 4503599627370496. ? copysign(sum - 4503599627370496., x) : wasm_quiet(x);
}

#endif
