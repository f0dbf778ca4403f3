/* The link's device side: frames in, frames out, sessions, repeated requests, counters.
 *
 * The bytes are in docs/reference/link.md. Caller-owned memory, no allocator, no recursion, no clock:
 * bytes go in one at a time, a whole request comes out, and exactly one reply goes back.
 *
 *   if (tw_link_receive(&link, byte)) {
 *     ... link.type, link.payload, link.length ...
 *     tw_link_reply(&link, length);      or      tw_link_reply_error(&link, ...)
 *   }
 */
#ifndef TW_LINK_H
#define TW_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "tw_link_defs.h"

enum { TW_LINK_OVERHEAD_BYTES = TW_LINK_HEADER_BYTES + TW_LINK_CRC_BYTES };

typedef struct {
  /* Two buffers of `buffer_bytes` each: the request being received, and the last reply, which is
   * kept so that a repeated request gets it again. The largest payload is buffer_bytes less
   * TW_LINK_OVERHEAD_BYTES: TW_LINK_MIN_PAYLOAD_BYTES to TW_LINK_MAX_PAYLOAD_BYTES. */
  uint8_t *rx;
  uint8_t *tx;
  uint32_t buffer_bytes;

  /* Send bytes, waiting as long as it takes. Called several times per frame. */
  void (*write)(void *context, const uint8_t *data, uint32_t bytes);
  void *context;
} tw_link_config;

typedef struct {
  tw_link_config config;
  uint32_t counters[TW_COUNTER_COUNT];

  /* The request at hand, valid until the next tw_link_receive. */
  uint8_t type;
  uint16_t seq;
  uint16_t length;
  const uint8_t *payload;

  /* COBS decoding. */
  uint32_t filled;  /* bytes decoded into rx */
  uint8_t left;     /* bytes until the next code byte; 0: the next byte is one */
  bool zero_due;    /* a zero stands where the next code byte is */
  bool synced;      /* a delimiter was seen since the start */
  bool bad;         /* the frame is already lost */

  /* The session. */
  bool open;
  uint32_t sessions;
  uint16_t last_seq;
  uint32_t last_crc; /* of the last request: tells a repeat from another with the same seq */
  uint16_t log_seq;
} tw_link;

/* Start without a session. False when the buffers' size is out of range. */
bool tw_link_start(tw_link *link, const tw_link_config *config);

/* Take one byte. True: a new request is at hand, and one reply must follow. Everything else
 * (repeats, damaged frames, requests out of session or sequence) is dealt with here. */
bool tw_link_receive(tw_link *link, uint8_t byte);

/* Where a reply's payload goes, and how many bytes fit. */
uint8_t *tw_link_reply_payload(tw_link *link);
uint32_t tw_link_max_payload(const tw_link *link);

/* Send and keep the reply to the request at hand: `length` bytes at tw_link_reply_payload. */
void tw_link_reply(tw_link *link, uint32_t length);

/* What an error reply says; zero-initialise, with op and subgraph -1 where they mean nothing. */
typedef struct {
  tw_link_error code;
  uint8_t kind;
  int32_t detail;
  uint32_t needed, available;
  int32_t op, subgraph;
  const char *text; /* NUL-terminated; may be NULL; cut to what fits */
} tw_link_failure;

/* Send and keep an error as the reply to the request at hand. */
void tw_link_reply_error(tw_link *link, const tw_link_failure *failure);

/* Send a log line: as plain text, the boot log, until the first session is open, then as a frame. */
void tw_link_log(tw_link *link, uint8_t level, const char *text);

#endif
