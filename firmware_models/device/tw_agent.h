/* The agent: answers the requests of the link with the sandbox and the model slots.
 *
 *   static tw_agent agent;
 *   tw_agent_start(&agent, &config);
 *   for (;;) tw_agent_feed(&agent, byte from the UART);
 *
 * Caller-owned memory, no allocator, no recursion. Requests are handled inside tw_agent_feed: bytes
 * that come meanwhile wait in the port's buffer, or are lost and sent again by the host. */
#ifndef TW_AGENT_H
#define TW_AGENT_H

#include "tw_link.h"
#include "tw_sandbox.h"
#include "tw_slots.h"

enum { TW_AGENT_NAME_BYTES = 64 };

typedef struct {
  tw_link_config link;
  tw_sandbox sandbox;

  /* Flash for two model slots, or NULL: then uploads are refused. */
  const tw_flash *flash;

  /* A model inside the firmware, run while no slot is active; 16-byte aligned, or NULL. */
  const uint8_t *builtin_model;
  uint32_t builtin_bytes;

  /* What the reply to `open` says. */
  const char *board;              /* its name; cut to TW_AGENT_NAME_BYTES */
  const uint8_t *firmware_digest; /* 32 bytes, or NULL */
  const uint8_t *unique_id;       /* 16 bytes, or NULL */
  uint32_t ram_bytes;             /* for linear memory */
  uint32_t tick_hz;               /* of tw_guest_result.ticks; 0: no clock */
  uint8_t sandbox_mode;           /* 0 none, 1 mpu, 2 checked */
} tw_agent_config;

typedef struct {
  tw_agent_config config;
  tw_link link;
  tw_slots slots;
  uint8_t active; /* the slot that runs, or TW_LINK_SLOT_BUILTIN or TW_LINK_SLOT_NONE */
  bool running;   /* its init went well */
} tw_agent;

/* Start the newest model that is intact and initialises, else the one inside the firmware, else
 * none; says so in the boot log. False when the configuration is wrong: see tw_link_config and
 * tw_flash; also when largest payload can't carry one program unit of the flash. */
bool tw_agent_start(tw_agent *agent, const tw_agent_config *config);

/* Take one byte of the link; may handle a request and send its reply before it returns. */
void tw_agent_feed(tw_agent *agent, uint8_t byte);

/* Send a log line; see tw_link_log. */
void tw_agent_log(tw_agent *agent, uint8_t level, const char *text);

#endif
