#include "tw_link.h"

#include "tw_bytes.h"
#include "tw_crc32.h"

enum { AT_VERSION = 0, AT_TYPE = 1, AT_SEQ = 2, AT_LENGTH = 4, COBS_RUN = 254 };

static void count(tw_link *link, tw_link_counter counter) { link->counters[counter]++; }

static void write_bytes(tw_link *link, const uint8_t *data, uint32_t bytes) {
  if (bytes > 0) link->config.write(link->config.context, data, bytes);
}

/* ---- sending ---- */

/* Send a frame whose payload is in place behind room for the header, before room for the CRC. */
static void send_frame(tw_link *link, uint8_t *frame, uint8_t type, uint32_t seq, uint32_t length) {
  static const uint8_t delimiter = 0;
  frame[AT_VERSION] = TW_LINK_VERSION;
  frame[AT_TYPE] = type;
  tw_put_u16(frame + AT_SEQ, seq);
  tw_put_u16(frame + AT_LENGTH, length);
  uint32_t end = TW_LINK_HEADER_BYTES + length;
  tw_put_u32(frame + end, tw_crc32(frame, end));
  end += TW_LINK_CRC_BYTES;
  write_bytes(link, &delimiter, 1);
  for (uint32_t start = 0;;) {
    uint32_t run = 0;
    while (run < COBS_RUN && start + run < end && frame[start + run] != 0) run++;
    uint8_t code = (uint8_t)(run + 1);
    write_bytes(link, &code, 1);
    write_bytes(link, frame + start, run);
    start += run;
    if (start == end) break;
    if (run < COBS_RUN) start++; /* the zero that the code byte stands for */
  }
  write_bytes(link, &delimiter, 1);
  count(link, TW_COUNTER_FRAMES_SENT);
}

static void send_kept(tw_link *link) {
  uint8_t *frame = link->config.tx;
  send_frame(link, frame, frame[AT_TYPE], link->last_seq, tw_get_u16(frame + AT_LENGTH));
}

uint8_t *tw_link_reply_payload(tw_link *link) { return link->config.tx + TW_LINK_HEADER_BYTES; }

uint32_t tw_link_max_payload(const tw_link *link) {
  return link->config.buffer_bytes - TW_LINK_OVERHEAD_BYTES;
}

void tw_link_reply(tw_link *link, uint32_t length) {
  uint8_t type = (uint8_t)(link->type | TW_LINK_REPLY_BIT);
  send_frame(link, link->config.tx, type, link->seq, length);
}

/* Write the payload of an error; returns its length, at most `room`. */
static uint32_t put_failure(uint8_t *p, uint32_t room, uint8_t request, const tw_link_failure *f) {
  p[TW_ERROR_EVENT_CODE] = (uint8_t)f->code;
  p[TW_ERROR_EVENT_KIND] = f->kind;
  p[TW_ERROR_EVENT_REQUEST] = request;
  p[TW_ERROR_EVENT_RESERVED] = 0;
  tw_put_u32(p + TW_ERROR_EVENT_DETAIL, (uint32_t)f->detail);
  tw_put_u32(p + TW_ERROR_EVENT_NEEDED, f->needed);
  tw_put_u32(p + TW_ERROR_EVENT_AVAILABLE, f->available);
  tw_put_u32(p + TW_ERROR_EVENT_OP, (uint32_t)f->op);
  tw_put_u32(p + TW_ERROR_EVENT_SUBGRAPH, (uint32_t)f->subgraph);
  uint32_t length = TW_ERROR_EVENT_BYTES;
  for (const char *c = f->text; c != NULL && *c != 0 && length < room; c++) {
    p[length++] = (uint8_t)*c;
  }
  return length;
}

void tw_link_reply_error(tw_link *link, const tw_link_failure *failure) {
  uint8_t *payload = tw_link_reply_payload(link);
  uint32_t length = put_failure(payload, tw_link_max_payload(link), link->type, failure);
  send_frame(link, link->config.tx, TW_TYPE_ERROR, link->seq, length);
}

/* An error that is not the reply to keep. */
static void refuse(tw_link *link, tw_link_error code, int32_t detail) {
  uint8_t frame[TW_ERROR_EVENT_BYTES + TW_LINK_OVERHEAD_BYTES];
  tw_link_failure failure = {.code = code, .detail = detail, .op = -1, .subgraph = -1};
  uint8_t request = link->config.rx[AT_TYPE];
  uint32_t seq = tw_get_u16(link->config.rx + AT_SEQ);
  put_failure(frame + TW_LINK_HEADER_BYTES, TW_ERROR_EVENT_BYTES, request, &failure);
  send_frame(link, frame, TW_TYPE_ERROR, seq, TW_ERROR_EVENT_BYTES);
}

void tw_link_log(tw_link *link, uint8_t level, const char *text) {
  uint8_t frame[TW_LINK_LOG_TEXT_BYTES + TW_LOG_EVENT_BYTES + TW_LINK_OVERHEAD_BYTES];
  uint8_t *payload = frame + TW_LINK_HEADER_BYTES;
  payload[TW_LOG_EVENT_LEVEL] = level;
  uint32_t bytes = 0;
  while (text[bytes] != 0 && bytes < TW_LINK_LOG_TEXT_BYTES) {
    payload[TW_LOG_EVENT_BYTES + bytes] = (uint8_t)text[bytes];
    bytes++;
  }
  if (text[bytes] != 0) count(link, TW_COUNTER_CUT_LOGS);
  if (!link->open) {
    write_bytes(link, payload + TW_LOG_EVENT_BYTES, bytes);
    write_bytes(link, (const uint8_t *)"\r\n", 2);
    return;
  }
  send_frame(link, frame, TW_TYPE_LOG, link->log_seq++, TW_LOG_EVENT_BYTES + bytes);
}

/* ---- receiving ---- */

/* Is the decoded frame of the current version, whole and undamaged? */
static bool is_valid(tw_link *link) {
  const uint8_t *frame = link->config.rx;
  if (link->filled < TW_LINK_OVERHEAD_BYTES) {
    count(link, TW_COUNTER_DROP_LENGTH);
    return false;
  }
  uint32_t end = link->filled - TW_LINK_CRC_BYTES;
  if (tw_crc32(frame, end) != tw_get_u32(frame + end)) {
    count(link, TW_COUNTER_DROP_CRC);
    return false;
  }
  if (frame[AT_VERSION] != TW_LINK_VERSION) {
    count(link, TW_COUNTER_DROP_VERSION);
    refuse(link, TW_LINK_E_VERSION, TW_LINK_VERSION);
    return false;
  }
  if (tw_get_u16(frame + AT_LENGTH) != end - TW_LINK_HEADER_BYTES) {
    count(link, TW_COUNTER_DROP_LENGTH);
    return false;
  }
  return true;
}

/* Is the valid frame a request to handle now? */
static bool is_new_request(tw_link *link) {
  const uint8_t *frame = link->config.rx;
  uint32_t crc = tw_get_u32(frame + link->filled - TW_LINK_CRC_BYTES);
  uint16_t seq = tw_get_u16(frame + AT_SEQ);
  if (link->open && seq == link->last_seq && crc == link->last_crc) {
    count(link, TW_COUNTER_REPEATS);
    send_kept(link);
    return false;
  }
  if (frame[AT_TYPE] == TW_TYPE_OPEN) {
    link->open = true;
    link->sessions++;
  } else if (!link->open) {
    count(link, TW_COUNTER_DROP_SESSION);
    refuse(link, TW_LINK_E_SESSION, 0);
    return false;
  } else if (seq != (uint16_t)(link->last_seq + 1)) {
    count(link, TW_COUNTER_DROP_SEQUENCE);
    refuse(link, TW_LINK_E_SEQUENCE, (uint16_t)(link->last_seq + 1));
    return false;
  }
  link->last_seq = seq;
  link->last_crc = crc;
  return true;
}

static bool end_frame(tw_link *link) {
  const uint8_t *frame = link->config.rx;
  bool empty = link->filled == 0 && link->left == 0 && !link->zero_due && !link->bad;
  if (!link->synced || empty) return false;
  if (link->bad) return false; /* counted when it went bad */
  if (link->left > 0) {
    count(link, TW_COUNTER_DROP_COBS);
    return false;
  }
  if (!is_valid(link) || !is_new_request(link)) return false;
  link->type = frame[AT_TYPE];
  link->seq = tw_get_u16(frame + AT_SEQ);
  link->length = tw_get_u16(frame + AT_LENGTH);
  link->payload = frame + TW_LINK_HEADER_BYTES;
  count(link, TW_COUNTER_REQUESTS);
  return true;
}

static void store(tw_link *link, uint8_t byte) {
  if (link->filled == link->config.buffer_bytes) {
    if (!link->bad) count(link, TW_COUNTER_DROP_LONG);
    link->bad = true;
    return;
  }
  link->config.rx[link->filled++] = byte;
}

static void decode(tw_link *link, uint8_t byte) {
  if (link->left > 0) {
    link->left--;
    store(link, byte);
    return;
  }
  if (link->zero_due) store(link, 0);
  link->left = (uint8_t)(byte - 1);
  link->zero_due = byte != COBS_RUN + 1;
}

bool tw_link_receive(tw_link *link, uint8_t byte) {
  if (byte != 0) {
    if (link->synced) decode(link, byte);
    else count(link, TW_COUNTER_NOISE_BYTES);
    return false;
  }
  bool request = end_frame(link);
  link->synced = true;
  link->filled = 0;
  link->left = 0;
  link->zero_due = false;
  link->bad = false;
  return request;
}

bool tw_link_start(tw_link *link, const tw_link_config *config) {
  *link = (tw_link){.config = *config};
  if (config->buffer_bytes < TW_LINK_MIN_PAYLOAD_BYTES + TW_LINK_OVERHEAD_BYTES) return false;
  return tw_link_max_payload(link) <= TW_LINK_MAX_PAYLOAD_BYTES;
}
