/* The agent as a native program, for tests: the real engine as its guest, a flash that can lose
 * power, sanitizers around all of it.
 *
 *   agent_native stream [MODEL]   a board on stdin and stdout, such as a pty; MODEL is built in
 *   agent_native lockstep         commands on stdin, one answer each on stdout
 *
 * A command is: u8 letter, u32 size, `size` bytes. An answer is: u8 1 while the board has power,
 * u32 size, `size` bytes that the board sent. Letters:
 *
 *   N  new board: u32 each: buffer bytes, arena bytes, flash bytes, sector bytes, unit bytes
 *   F  feed bytes to the link
 *   R  reset: memory is lost, flash is kept, power is back
 *   P  u32 bytes: lose power after so many bytes of flash were erased or programmed
 *   X  u32 kind, u32 address: the next call into the guest faults
 *   L  log the bytes as a line
 *   E  encode: u8 type, u16 seq, payload -> the frame of a reply
 *   D  decode: u16 seq, bytes -> u8 type, u16 seq, payload of the request in the bytes, if any */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flash_sim.h"
#include "guest_engine.h"
#include "tw_agent.h"
#include "tw_bytes.h"

enum { MOST_BYTES = 1 << 20 };

static struct {
  tw_agent agent;
  guest_engine guest;
  flash_sim flash;
  uint8_t *rx, *tx;
  uint32_t buffer_bytes;
  const uint8_t *builtin;
  uint32_t builtin_bytes;
  bool powered;
  jmp_buf power_switch;
  uint8_t sent[MOST_BYTES]; /* lockstep: what the board sent since the command */
  uint32_t sent_bytes;
} board;

static void write_all(const uint8_t *data, size_t bytes) {
  while (bytes > 0) {
    ssize_t done = write(STDOUT_FILENO, data, bytes);
    if (done <= 0) exit(0); /* the host is gone */
    data += done;
    bytes -= (size_t)done;
  }
}

static bool read_all(uint8_t *data, size_t bytes) {
  while (bytes > 0) {
    ssize_t done = read(STDIN_FILENO, data, bytes);
    if (done <= 0) return false;
    data += done;
    bytes -= (size_t)done;
  }
  return true;
}

static void send_to_host(void *context, const uint8_t *data, uint32_t bytes) {
  (void)context;
  write_all(data, bytes);
}

static void send_to_buffer(void *context, const uint8_t *data, uint32_t bytes) {
  (void)context;
  if (bytes > MOST_BYTES - board.sent_bytes) abort();
  memcpy(board.sent + board.sent_bytes, data, bytes);
  board.sent_bytes += bytes;
}

static void power_fails(void) {
  board.powered = false;
  longjmp(board.power_switch, 1);
}

static tw_link_config link_config(void (*send)(void *, const uint8_t *, uint32_t)) {
  return (tw_link_config){
      .rx = board.rx, .tx = board.tx, .buffer_bytes = board.buffer_bytes, .write = send};
}

/* Fresh buffers, so that the sanitizer sees their ends; what RAM held is gone. */
static void boot(void (*send)(void *, const uint8_t *, uint32_t)) {
  static uint8_t digest[32] = {0xF1, 0x9E}, unique_id[16] = "native";
  free(board.rx);
  free(board.tx);
  board.rx = malloc(board.buffer_bytes);
  board.tx = malloc(board.buffer_bytes);
  if (board.rx == NULL || board.tx == NULL) exit(2);
  uint32_t arena_bytes = board.guest.arena_bytes;
  guest_engine_start(&board.guest, arena_bytes);
  board.flash.power_fails = power_fails;
  tw_agent_config config = {.link = link_config(send),
                            .sandbox = board.guest.sandbox,
                            .flash = &board.flash.flash,
                            .builtin_model = board.builtin,
                            .builtin_bytes = board.builtin_bytes,
                            .board = "native",
                            .firmware_digest = digest,
                            .unique_id = unique_id,
                            .ram_bytes = TW_BLOCK_BYTES + arena_bytes,
                            .tick_hz = 1000000};
  board.powered = true;
  if (!tw_agent_start(&board.agent, &config)) {
    fprintf(stderr, "the agent refuses its configuration\n");
    exit(2);
  }
  tw_agent_log(&board.agent, 2, "native board ready");
}

static void new_board(const uint8_t *p) {
  board.buffer_bytes = tw_get_u32(p);
  board.guest.arena_bytes = tw_get_u32(p + 4);
  flash_sim_start(&board.flash, tw_get_u32(p + 8), tw_get_u32(p + 12), tw_get_u32(p + 16));
  boot(send_to_buffer);
}

static void feed(const uint8_t *data, uint32_t bytes) {
  if (setjmp(board.power_switch) != 0) return;
  for (volatile uint32_t i = 0; i < bytes && board.powered; i++) {
    tw_agent_feed(&board.agent, data[i]);
  }
}

static void plan_fault(const uint8_t *p) {
  board.guest.planned = (tw_guest_result){
      .faulted = true, .kind = (tw_fault_kind)tw_get_u32(p), .address = tw_get_u32(p + 4)};
}

static void encode(const uint8_t *data, uint32_t bytes) {
  tw_link link;
  tw_link_config config = link_config(send_to_buffer);
  if (!tw_link_start(&link, &config) || bytes - 3 > tw_link_max_payload(&link)) exit(2);
  link.type = data[0];
  link.seq = tw_get_u16(data + 1);
  memcpy(tw_link_reply_payload(&link), data + 3, bytes - 3);
  tw_link_reply(&link, bytes - 3);
}

static void decode(const uint8_t *data, uint32_t bytes) {
  tw_link link;
  tw_link_config config = link_config(send_to_buffer);
  if (!tw_link_start(&link, &config)) exit(2);
  link.open = true;
  link.last_seq = (uint16_t)(tw_get_u16(data) - 1);
  for (uint32_t i = 2; i < bytes; i++) {
    if (!tw_link_receive(&link, data[i])) continue;
    uint8_t head[3] = {link.type};
    tw_put_u16(head + 1, link.seq);
    send_to_buffer(NULL, head, sizeof head);
    send_to_buffer(NULL, link.payload, link.length);
  }
}

static void obey(uint8_t letter, uint8_t *data, uint32_t bytes) {
  switch (letter) {
    case 'N': new_board(data); break;
    case 'F': feed(data, bytes); break;
    case 'R': boot(send_to_buffer); break;
    case 'P': board.flash.power_bytes = tw_get_u32(data); break;
    case 'X': plan_fault(data); break;
    case 'L': tw_agent_log(&board.agent, 2, (const char *)data); break;
    case 'E': encode(data, bytes); break;
    case 'D': decode(data, bytes); break;
    default: exit(2);
  }
}

static void lockstep(void) {
  static uint8_t data[MOST_BYTES + 1];
  uint8_t head[5];
  while (read_all(head, sizeof head)) {
    uint32_t bytes = tw_get_u32(head + 1);
    if (bytes > MOST_BYTES || !read_all(data, bytes)) exit(2);
    data[bytes] = 0;
    board.sent_bytes = 0;
    obey(head[0], data, bytes);
    head[0] = board.powered;
    tw_put_u32(head + 1, board.sent_bytes);
    write_all(head, sizeof head);
    write_all(board.sent, board.sent_bytes);
  }
}

static void stream(const char *path) {
  static _Alignas(16) uint8_t model[TW_STRICT_MODEL_BYTES];
  if (path != NULL) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) exit(2);
    board.builtin_bytes = (uint32_t)fread(model, 1, sizeof model, file);
    board.builtin = model;
    fclose(file);
  }
  board.buffer_bytes = 1024 + TW_LINK_OVERHEAD_BYTES;
  board.guest.arena_bytes = 64 * 1024;
  flash_sim_start(&board.flash, 512 * 1024, 4096, 8);
  boot(send_to_host);
  uint8_t data[4096];
  for (ssize_t bytes; (bytes = read(STDIN_FILENO, data, sizeof data)) > 0;) {
    feed(data, (uint32_t)bytes);
  }
}

int main(int argc, char **argv) {
  if (argc >= 2 && strcmp(argv[1], "lockstep") == 0) {
    lockstep();
  } else if (argc >= 2 && strcmp(argv[1], "stream") == 0) {
    stream(argc > 2 ? argv[2] : NULL);
  } else {
    fprintf(stderr, "usage: %s lockstep | stream [MODEL]\n", argv[0]);
    return 2;
  }
  return 0;
}
