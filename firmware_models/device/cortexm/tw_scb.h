/* The system registers of an ARMv6-M, v7-M or v8-M core that the firmware uses. */
#ifndef TW_SCB_H
#define TW_SCB_H

#include <stdint.h>

#define TW_REG(address) (*(volatile uint32_t *)(address))

#define SYST_CSR TW_REG(0xE000E010)
#define SYST_RVR TW_REG(0xE000E014)
#define SYST_CVR TW_REG(0xE000E018)
#define NVIC_ISER(n) TW_REG(0xE000E100 + 4 * (n))
#define NVIC_ICER(n) TW_REG(0xE000E180 + 4 * (n))
#define NVIC_ICPR(n) TW_REG(0xE000E280 + 4 * (n))
#define SCB_ICSR TW_REG(0xE000ED04)
#define SCB_VTOR TW_REG(0xE000ED08)
#define SCB_AIRCR TW_REG(0xE000ED0C)
#define SCB_CCR TW_REG(0xE000ED14)
#define SCB_SHPR2 TW_REG(0xE000ED1C)
#define SCB_SHPR3 TW_REG(0xE000ED20)
#define SCB_SHCSR TW_REG(0xE000ED24)
#define SCB_CFSR TW_REG(0xE000ED28)
#define SCB_HFSR TW_REG(0xE000ED2C)
#define SCB_MMFAR TW_REG(0xE000ED34)
#define SCB_BFAR TW_REG(0xE000ED38)
#define SCB_CPACR TW_REG(0xE000ED88)
#define MPU_TYPE TW_REG(0xE000ED90)
#define MPU_CTRL TW_REG(0xE000ED94)
#define MPU_RNR TW_REG(0xE000ED98)
#define MPU_RBAR TW_REG(0xE000ED9C)
#define MPU_RASR TW_REG(0xE000EDA0) /* v7-M */
#define MPU_RLAR TW_REG(0xE000EDA0) /* v8-M */
#define MPU_MAIR0 TW_REG(0xE000EDC0)
#define FPU_FPCCR TW_REG(0xE000EF34)

enum {
  SHCSR_FAULTS_ENABLED = 7 << 16, /* usage, bus, memory management */
  SHCSR_SVCALLPENDED = 1 << 15,
  MPU_CTRL_ENABLE = 1,
  MPU_CTRL_PRIVDEFENA = 4, /* the firmware sees all memory, the guest only the regions */
};

static inline void tw_barrier(void) { __asm__ volatile("dsb\n isb" ::: "memory"); }

#endif
