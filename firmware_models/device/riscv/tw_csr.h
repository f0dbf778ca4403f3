/* Control and status registers. */
#ifndef TW_CSR_H
#define TW_CSR_H

#include <stdint.h>

#define TW_CSR_READ(name)                               \
  __extension__({                                       \
    uint32_t csr_value;                                 \
    __asm__ volatile("csrr %0, " #name : "=r"(csr_value)); \
    csr_value;                                          \
  })
#define TW_CSR_WRITE(name, value) __asm__ volatile("csrw " #name ", %0" : : "r"(value) : "memory")
#define TW_CSR_SET(name, value) __asm__ volatile("csrs " #name ", %0" : : "r"(value) : "memory")
#define TW_CSR_CLEAR(name, value) __asm__ volatile("csrc " #name ", %0" : : "r"(value) : "memory")

#endif
