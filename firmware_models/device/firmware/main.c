/* The firmware: the agent on the board's serial line. */
#include <stddef.h>

#include "tw_guest_sandbox.h"
#include "tw_agent.h"
#include "tw_board.h"
#include "tw_flash_port.h"
#include "tw_port.h"

extern const uint8_t tw_model[], tw_model_end[];

/* SHA-256 of the flash image with zeros here; tflm_wasm.aot writes it. */
__attribute__((section(".digest"), used)) const uint8_t tw_firmware_digest[32];

static uint8_t rx[TW_LINK_BUFFER_BYTES], tx[TW_LINK_BUFFER_BYTES];
static tw_agent agent;

static void write(void *context, const uint8_t *data, uint32_t bytes) {
  (void)context;
  for (uint32_t i = 0; i < bytes; i++) tw_port_write(data[i]);
}

static tw_agent_config configuration(void) {
  uint32_t model_bytes = (uint32_t)(tw_model_end - tw_model);
  return (tw_agent_config){
      .link = {.rx = rx, .tx = tx, .buffer_bytes = TW_LINK_BUFFER_BYTES, .write = write},
      .sandbox = tw_guest_sandbox(),
      .flash = tw_flash_port(),
      .builtin_model = model_bytes > 0 ? tw_model : NULL,
      .builtin_bytes = model_bytes,
      .board = TW_BOARD_NAME,
      .firmware_digest = tw_firmware_digest,
      .ram_bytes = (uint32_t)(tw_guest_memory_end - tw_guest_memory),
      .tick_hz = tw_clock_hz(),
      .sandbox_mode = TW_SANDBOX_MODE,
  };
}

void tw_main(void) {
  tw_port_write_text("tflm-wasm on " TW_BOARD_NAME "\r\n");
  tw_agent_config config = configuration();
  if (!tw_agent_start(&agent, &config)) {
    tw_port_write_text("panic: the agent refuses its configuration\r\n");
    for (;;) {
    }
  }
  for (;;) {
    uint8_t byte;
    if (!tw_port_read(&byte)) {
      tw_idle();
      continue;
    }
    agent.link.counters[TW_COUNTER_UART_OVERRUNS] = tw_port_overruns();
    tw_agent_feed(&agent, byte);
  }
}
