#include "tw_agent.h"

#include "tflm_wasm_abi.h"
#include "tw_bytes.h"

/* A handler writes its reply to `reply` and returns the reply's length, or FAILED after sending an
 * error. */
enum { FAILED = -1 };

enum { EMPTY_CALLS = 4 };
enum { OPS_SINCE = 1 }; /* minor version of the ABI: a guest can run single operators */

static const tw_control_block *block_of(const tw_agent *a) {
  const tw_sandbox *s = &a->config.sandbox;
  return (const void *)s->memory(s->context, 0, TW_BLOCK_BYTES);
}

/* ---- errors ---- */

static int32_t fail_with(tw_agent *a, tw_link_failure failure) {
  tw_link_reply_error(&a->link, &failure);
  return FAILED;
}

static int32_t fail(tw_agent *a, tw_link_error code, int32_t detail) {
  return fail_with(a, (tw_link_failure){.code = code, .detail = detail, .op = -1, .subgraph = -1});
}

static int32_t fail_size(tw_agent *a, uint32_t needed) {
  tw_link_failure failure = {.code = TW_LINK_E_SIZE, .needed = needed, .op = -1, .subgraph = -1};
  failure.available = a->config.flash == NULL ? 0 : tw_slots_capacity(&a->slots);
  return fail_with(a, failure);
}

static int32_t fail_flash(tw_agent *a, tw_link_error code) {
  return fail(a, code, code == TW_LINK_E_FLASH ? (int32_t)a->slots.failed_at : 0);
}

/* The guest's own words, copied because a hostile one need not end them. */
typedef struct {
  tw_link_failure failure;
  char text[sizeof(((tw_control_block *)0)->error_text) + 1];
} guest_failure;

static guest_failure describe(const tw_agent *a, tw_guest_result result, uint32_t model_bytes) {
  const tw_control_block *b = block_of(a);
  guest_failure g = {.failure = {.op = -1, .subgraph = -1}};
  if (result.faulted) {
    g.failure.code = TW_LINK_E_FAULT;
    g.failure.kind = (uint8_t)result.kind;
    g.failure.detail = (int32_t)result.address;
    return g;
  }
  g.failure.code = TW_LINK_E_GUEST;
  g.failure.detail = result.status;
  g.failure.op = b->error_op;
  g.failure.subgraph = b->error_subgraph;
  if (result.status == TW_E_ARENA) {
    g.failure.needed = b->arena_needed;
    g.failure.available = result.arena_bytes;
  } else if (result.status == TW_E_MODEL_SIZE) {
    g.failure.needed = model_bytes;
    g.failure.available = b->max_model_size;
  } else if (result.status == TW_E_INPUT_SIZE) {
    g.failure.available = b->max_input_size;
  }
  memcpy(g.text, b->error_text, sizeof b->error_text);
  return g;
}

static int32_t fail_guest(tw_agent *a, guest_failure *g) {
  g->failure.text = g->text;
  return fail_with(a, g->failure);
}

/* ---- starting a model ---- */

static bool is_ok(tw_guest_result result) { return !result.faulted && result.status == TW_OK; }

static tw_guest_result init(tw_agent *a, const uint8_t *model, uint32_t bytes) {
  const tw_sandbox *s = &a->config.sandbox;
  tw_guest_result result = s->init(s->context, model, bytes);
  if (result.faulted) a->link.counters[TW_COUNTER_FAULTS]++;
  a->running = is_ok(result);
  return result;
}

/* Init the model of `slot`, which may be TW_LINK_SLOT_BUILTIN. */
static tw_guest_result init_slot(tw_agent *a, uint8_t slot) {
  if (slot == TW_LINK_SLOT_BUILTIN) {
    return init(a, a->config.builtin_model, a->config.builtin_bytes);
  }
  return init(a, tw_slots_model(&a->slots, slot), a->slots.slots[slot].size);
}

/* Go on with the active model after a trial or a fault. */
static void restart(tw_agent *a) {
  a->running = false;
  if (a->active != TW_LINK_SLOT_NONE) init_slot(a, a->active);
}

static void start_newest(tw_agent *a) {
  a->active = TW_LINK_SLOT_NONE;
  uint32_t below = a->config.flash == NULL ? 0 : UINT32_MAX;
  for (uint8_t slot; (slot = tw_slots_newest(&a->slots, below)) != TW_LINK_SLOT_NONE;) {
    below = a->slots.slots[slot].generation;
    if (!tw_slots_is_intact(&a->slots, slot)) {
      tw_agent_log(a, 0, "a model slot is damaged: trying the one before");
    } else if (!is_ok(init_slot(a, slot))) {
      tw_agent_log(a, 0, "a model does not start: trying the one before");
    } else {
      a->active = slot;
      return;
    }
  }
  if (a->config.builtin_model == NULL) return;
  a->active = TW_LINK_SLOT_BUILTIN;
  if (!is_ok(init_slot(a, a->active))) tw_agent_log(a, 0, "the built-in model does not start");
}

/* ---- requests about the device ---- */

static void put_bytes(uint8_t *to, const uint8_t *from, uint32_t bytes) {
  memset(to, 0, bytes);
  if (from != NULL) memcpy(to, from, bytes);
}

static int32_t on_open(tw_agent *a, const uint8_t *request, uint32_t length, uint8_t *reply) {
  const tw_agent_config *c = &a->config;
  (void)length;
  memcpy(reply + TW_OPEN_REPLY_NONCE, request + TW_OPEN_REQUEST_NONCE, sizeof(uint64_t));
  tw_put_u32(reply + TW_OPEN_REPLY_SESSIONS, a->link.sessions);
  tw_put_u16(reply + TW_OPEN_REPLY_MAX_PAYLOAD, tw_link_max_payload(&a->link));
  tw_put_u16(reply + TW_OPEN_REPLY_WRITE_UNIT, c->flash == NULL ? 1 : c->flash->unit_bytes);
  tw_put_u16(reply + TW_OPEN_REPLY_ABI_MAJOR, TW_ABI_MAJOR);
  tw_put_u16(reply + TW_OPEN_REPLY_ABI_MINOR, TW_ABI_MINOR);
  reply[TW_OPEN_REPLY_SLOTS] = c->flash == NULL ? 0 : TW_LINK_SLOT_COUNT;
  reply[TW_OPEN_REPLY_ACTIVE] = a->active;
  reply[TW_OPEN_REPLY_SANDBOX] = c->sandbox_mode;
  reply[TW_OPEN_REPLY_RESERVED] = 0;
  uint32_t capacity = c->flash == NULL ? 0 : tw_slots_capacity(&a->slots);
  tw_put_u32(reply + TW_OPEN_REPLY_SLOT_BYTES, capacity);
  tw_put_u32(reply + TW_OPEN_REPLY_RAM_BYTES, c->ram_bytes);
  tw_put_u32(reply + TW_OPEN_REPLY_TICK_HZ, c->tick_hz);
  put_bytes(reply + TW_OPEN_REPLY_FIRMWARE_DIGEST, c->firmware_digest, 32);
  put_bytes(reply + TW_OPEN_REPLY_UNIQUE_ID, c->unique_id, 16);
  uint32_t name = 0;
  while (c->board[name] != 0 && name < TW_AGENT_NAME_BYTES) name++;
  memcpy(reply + TW_OPEN_REPLY_BYTES, c->board, name);
  return (int32_t)(TW_OPEN_REPLY_BYTES + name);
}

static int32_t on_stats(tw_agent *a, const uint8_t *request, uint32_t length, uint8_t *reply) {
  (void)request, (void)length;
  for (uint32_t i = 0; i < TW_COUNTER_COUNT; i++) tw_put_u32(reply + 4 * i, a->link.counters[i]);
  return 4 * TW_COUNTER_COUNT;
}

static int32_t on_slots(tw_agent *a, const uint8_t *request, uint32_t length, uint8_t *reply) {
  (void)request, (void)length;
  if (a->config.flash == NULL) return 0;
  for (uint8_t slot = 0; slot < TW_LINK_SLOT_COUNT; slot++) {
    const tw_slot *one = &a->slots.slots[slot];
    uint8_t *record = reply + slot * TW_SLOT_RECORD_BYTES;
    record[TW_SLOT_RECORD_STATE] = (uint8_t)one->state;
    record[TW_SLOT_RECORD_ACTIVE] = slot == a->active;
    tw_put_u16(record + TW_SLOT_RECORD_RESERVED, 0);
    tw_put_u32(record + TW_SLOT_RECORD_GENERATION, one->generation);
    tw_put_u32(record + TW_SLOT_RECORD_SIZE, one->size);
    tw_put_u32(record + TW_SLOT_RECORD_RECEIVED, one->received);
    memcpy(record + TW_SLOT_RECORD_DIGEST, one->digest, sizeof one->digest);
  }
  return TW_LINK_SLOT_COUNT * TW_SLOT_RECORD_BYTES;
}

/* ---- requests about slots ---- */

static int32_t on_upload_begin(tw_agent *a, const uint8_t *request, uint32_t length,
                               uint8_t *reply) {
  (void)length;
  uint32_t size = tw_get_u32(request + TW_UPLOAD_BEGIN_REQUEST_SIZE);
  uint8_t slot = 0;
  if (a->config.flash == NULL) return fail_size(a, size);
  const uint8_t *digest = request + TW_UPLOAD_BEGIN_REQUEST_DIGEST;
  tw_link_error error = tw_slots_begin(&a->slots, size, digest, a->active, &slot);
  if (error == TW_LINK_E_SIZE) return fail_size(a, size);
  if (error != TW_LINK_E_NONE) return fail_flash(a, error);
  reply[TW_UPLOAD_BEGIN_REPLY_SLOT] = slot;
  memset(reply + TW_UPLOAD_BEGIN_REPLY_RESERVED, 0, 3);
  tw_put_u32(reply + TW_UPLOAD_BEGIN_REPLY_OFFSET, a->slots.slots[slot].received);
  return TW_UPLOAD_BEGIN_REPLY_BYTES;
}

static int32_t on_upload_data(tw_agent *a, const uint8_t *request, uint32_t length,
                              uint8_t *reply) {
  const uint8_t *piece = request + TW_UPLOAD_DATA_REQUEST_BYTES;
  uint32_t offset = tw_get_u32(request + TW_UPLOAD_DATA_REQUEST_OFFSET);
  uint32_t bytes = length - TW_UPLOAD_DATA_REQUEST_BYTES;
  if (a->config.flash == NULL) return fail(a, TW_LINK_E_SLOT, 0);
  tw_link_error error = tw_slots_write(&a->slots, offset, piece, bytes);
  uint32_t received = a->slots.slots[a->slots.upload_slot].received;
  if (error == TW_LINK_E_OFFSET) return fail(a, error, (int32_t)received);
  if (error != TW_LINK_E_NONE) return fail_flash(a, error);
  tw_put_u32(reply + TW_UPLOAD_DATA_REPLY_OFFSET, received);
  return TW_UPLOAD_DATA_REPLY_BYTES;
}

/* Try the model in a slot; when it starts, make that last. */
static tw_link_error try_slot(tw_agent *a, uint8_t slot, guest_failure *g) {
  tw_guest_result result = init_slot(a, slot);
  if (!is_ok(result)) {
    *g = describe(a, result, a->slots.slots[slot].size);
    return g->failure.code;
  }
  tw_link_error error = tw_slots_activate(&a->slots, slot);
  if (error == TW_LINK_E_NONE) a->active = slot;
  return error;
}

static int32_t on_activate(tw_agent *a, const uint8_t *request, uint32_t length, uint8_t *reply) {
  (void)length, (void)reply;
  uint8_t slot = request[TW_ACTIVATE_REQUEST_SLOT];
  guest_failure g;
  if (a->config.flash == NULL || slot >= TW_LINK_SLOT_COUNT) return fail(a, TW_LINK_E_SLOT, 0);
  const tw_slot *one = &a->slots.slots[slot];
  if (one->size == 0 || one->received != one->size) return fail(a, TW_LINK_E_SLOT, 0);
  if (!tw_slots_is_intact(&a->slots, slot)) {
    if (slot != a->active) tw_slots_empty(&a->slots, slot);
    return fail(a, TW_LINK_E_DIGEST, 0);
  }
  tw_link_error error = try_slot(a, slot, &g);
  if (error == TW_LINK_E_NONE) return 0;
  restart(a);
  if (error == TW_LINK_E_FULL && slot != a->active) tw_slots_empty(&a->slots, slot);
  bool guest = error == TW_LINK_E_GUEST || error == TW_LINK_E_FAULT;
  return guest ? fail_guest(a, &g) : fail_flash(a, error);
}

/* ---- requests about the guest ---- */

static int32_t on_block(tw_agent *a, const uint8_t *request, uint32_t length, uint8_t *reply) {
  (void)length;
  uint32_t offset = tw_get_u16(request + TW_BLOCK_REQUEST_OFFSET);
  uint32_t bytes = tw_get_u16(request + TW_BLOCK_REQUEST_SIZE);
  if (bytes > tw_link_max_payload(&a->link) || offset + bytes > TW_BLOCK_BYTES) {
    return fail(a, TW_LINK_E_RANGE, 0);
  }
  memcpy(reply, (const uint8_t *)block_of(a) + offset, bytes);
  return (int32_t)bytes;
}

/* Bytes of the `count` tensors from `first` on. */
static uint64_t total_bytes(const tw_agent *a, uint32_t first, uint32_t count) {
  const tw_control_block *b = block_of(a);
  uint64_t total = 0;
  for (uint32_t i = first; i < first + count; i++) total += b->descriptors[i].bytes;
  return total;
}

/* Copy bytes at `offset` of the packed inputs in, or of the packed outputs out. Whatever the guest
 * says about its tensors, only its own memory is touched. False: something is out of range. */
static bool copy(const tw_agent *a, bool in, uint64_t offset, uint8_t *data, uint32_t bytes) {
  const tw_control_block *b = block_of(a);
  const tw_sandbox *s = &a->config.sandbox;
  uint32_t inputs = b->input_count, count = in ? inputs : b->output_count;
  if (inputs + b->output_count > TW_MAX_IO_TENSORS) return false;
  uint32_t first = in ? 0 : inputs;
  if (offset + bytes > total_bytes(a, first, count)) return false;
  for (uint32_t i = first; i < first + count && bytes > 0; i++) {
    tw_descriptor d = b->descriptors[i];
    if (offset >= d.bytes) {
      offset -= d.bytes;
      continue;
    }
    uint32_t piece = tw_min_u32(bytes, d.bytes - (uint32_t)offset);
    uint8_t *tensor = s->memory(s->context, d.address, d.bytes);
    if (tensor == NULL || d.address < TW_BLOCK_BYTES) return false;
    if (in) memcpy(tensor + offset, data, piece);
    else memcpy(data, tensor + offset, piece);
    data += piece;
    bytes -= piece;
    offset = 0;
  }
  return true;
}

static bool write_piece(tw_agent *a, const uint8_t *request, uint32_t length) {
  uint32_t offset = tw_get_u32(request + TW_WRITE_INPUT_REQUEST_OFFSET);
  uint32_t head = TW_WRITE_INPUT_REQUEST_BYTES;
  return copy(a, true, offset, (uint8_t *)request + head, length - head);
}

static int32_t on_write_input(tw_agent *a, const uint8_t *request, uint32_t length,
                              uint8_t *reply) {
  (void)reply;
  if (!a->running) return fail(a, TW_LINK_E_MODEL, 0);
  return write_piece(a, request, length) ? 0 : fail(a, TW_LINK_E_RANGE, 0);
}

/* Report how a call went; after a fault the model is started again. */
static int32_t fail_call(tw_agent *a, tw_guest_result result) {
  guest_failure g = describe(a, result, 0);
  if (result.faulted) {
    a->link.counters[TW_COUNTER_FAULTS]++;
    restart(a);
  }
  return fail_guest(a, &g);
}

/* Copy out as many bytes of the outputs as fit into `room`. */
static int32_t put_output(tw_agent *a, uint64_t offset, uint8_t *to, uint32_t room) {
  const tw_control_block *b = block_of(a);
  if (b->input_count + b->output_count > (int)TW_MAX_IO_TENSORS) return FAILED;
  uint64_t total = total_bytes(a, b->input_count, b->output_count);
  if (offset > total) return FAILED;
  uint32_t bytes = total - offset < room ? (uint32_t)(total - offset) : room;
  return copy(a, false, offset, to, bytes) ? (int32_t)bytes : FAILED;
}

static int32_t on_invoke(tw_agent *a, const uint8_t *request, uint32_t length, uint8_t *reply) {
  const tw_sandbox *s = &a->config.sandbox;
  if (!a->running) return fail(a, TW_LINK_E_MODEL, 0);
  if (!write_piece(a, request, length)) return fail(a, TW_LINK_E_RANGE, 0);
  a->link.counters[TW_COUNTER_INVOKES]++;
  tw_guest_result result = s->invoke(s->context);
  if (!is_ok(result)) return fail_call(a, result);
  uint32_t room = tw_link_max_payload(&a->link) - TW_INVOKE_REPLY_BYTES;
  int32_t bytes = put_output(a, 0, reply + TW_INVOKE_REPLY_BYTES, room);
  if (bytes == FAILED) return fail(a, TW_LINK_E_RANGE, 0);
  const tw_control_block *b = block_of(a);
  tw_put_u64(reply + TW_INVOKE_REPLY_TICKS, result.ticks);
  tw_put_u32(reply + TW_INVOKE_REPLY_OUTPUT_SIZE,
             (uint32_t)total_bytes(a, b->input_count, b->output_count));
  return TW_INVOKE_REPLY_BYTES + bytes;
}

static int32_t on_read_output(tw_agent *a, const uint8_t *request, uint32_t length,
                              uint8_t *reply) {
  (void)length;
  if (!a->running) return fail(a, TW_LINK_E_MODEL, 0);
  uint32_t offset = tw_get_u32(request + TW_READ_OUTPUT_REQUEST_OFFSET);
  int32_t bytes = put_output(a, offset, reply, tw_link_max_payload(&a->link));
  return bytes == FAILED ? fail(a, TW_LINK_E_RANGE, 0) : bytes;
}

/* Run the operators [first, end): an invoke for each request that the host may make of them. */
static tw_guest_result run_ops(tw_agent *a, uint32_t first, uint32_t end) {
  const tw_sandbox *s = &a->config.sandbox;
  tw_control_block *b = (void *)s->memory(s->context, 0, TW_BLOCK_BYTES);
  b->op_first = first;
  b->op_end = end;
  tw_guest_result result = s->invoke(s->context);
  b->op_first = b->op_end = 0;
  return result;
}

static int32_t on_profile(tw_agent *a, const uint8_t *request, uint32_t length, uint8_t *reply) {
  (void)length;
  uint32_t op = tw_get_u32(request + TW_PROFILE_REQUEST_OP_FIRST), bytes = TW_PROFILE_REPLY_BYTES;
  if (!a->running) return fail(a, TW_LINK_E_MODEL, 0);
  const tw_control_block *b = block_of(a);
  uint32_t count = b->op_count;
  if (b->abi_minor < OPS_SINCE) return fail(a, TW_LINK_E_TYPE, TW_TYPE_PROFILE);
  if (op >= count) return fail(a, TW_LINK_E_RANGE, (int32_t)count);
  if (op == 0) a->link.counters[TW_COUNTER_INVOKES]++;
  tw_guest_result result;
  for (; op < count && bytes + TW_OPERATOR_RECORD_BYTES <= tw_link_max_payload(&a->link); op++) {
    result = run_ops(a, op, op + 1);
    if (!is_ok(result)) return fail_call(a, result);
    tw_put_u64(reply + bytes + TW_OPERATOR_RECORD_TICKS, result.ticks);
    tw_put_u32(reply + bytes + TW_OPERATOR_RECORD_CODE, (uint32_t)b->op_code);
    bytes += TW_OPERATOR_RECORD_BYTES;
  }
  uint64_t overhead = UINT64_MAX; /* the least of some: an interrupt may fall into one */
  for (int i = 0; i < EMPTY_CALLS; i++) {
    result = run_ops(a, op, op);
    if (!is_ok(result)) return fail_call(a, result);
    if (result.ticks < overhead) overhead = result.ticks;
  }
  tw_put_u32(reply + TW_PROFILE_REPLY_OP_COUNT, count);
  tw_put_u64(reply + TW_PROFILE_REPLY_OVERHEAD, overhead);
  return (int32_t)bytes;
}

static int32_t on_reset(tw_agent *a, const uint8_t *request, uint32_t length, uint8_t *reply) {
  const tw_sandbox *s = &a->config.sandbox;
  (void)request, (void)length, (void)reply;
  if (!a->running) return fail(a, TW_LINK_E_MODEL, 0);
  tw_guest_result result = s->reset(s->context);
  return is_ok(result) ? 0 : fail_call(a, result);
}

/* ---- dispatch ---- */

typedef struct {
  uint8_t type;
  uint8_t least_bytes;
  bool more; /* may be longer */
  int32_t (*handle)(tw_agent *a, const uint8_t *request, uint32_t length, uint8_t *reply);
} command;

static const command commands[] = {
    {TW_TYPE_OPEN, TW_OPEN_REQUEST_BYTES, false, on_open},
    {TW_TYPE_STATS, 0, false, on_stats},
    {TW_TYPE_SLOTS, 0, false, on_slots},
    {TW_TYPE_UPLOAD_BEGIN, TW_UPLOAD_BEGIN_REQUEST_BYTES, false, on_upload_begin},
    {TW_TYPE_UPLOAD_DATA, TW_UPLOAD_DATA_REQUEST_BYTES, true, on_upload_data},
    {TW_TYPE_ACTIVATE, TW_ACTIVATE_REQUEST_BYTES, false, on_activate},
    {TW_TYPE_BLOCK, TW_BLOCK_REQUEST_BYTES, false, on_block},
    {TW_TYPE_WRITE_INPUT, TW_WRITE_INPUT_REQUEST_BYTES, true, on_write_input},
    {TW_TYPE_INVOKE, TW_INVOKE_REQUEST_BYTES, true, on_invoke},
    {TW_TYPE_READ_OUTPUT, TW_READ_OUTPUT_REQUEST_BYTES, false, on_read_output},
    {TW_TYPE_RESET, 0, false, on_reset},
    {TW_TYPE_PROFILE, TW_PROFILE_REQUEST_BYTES, false, on_profile},
};

static int32_t dispatch(tw_agent *a) {
  const tw_link *link = &a->link;
  for (uint32_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    const command *c = &commands[i];
    if (c->type != link->type) continue;
    bool fits = link->length == c->least_bytes || (c->more && link->length > c->least_bytes);
    if (!fits) return fail(a, TW_LINK_E_LENGTH, c->least_bytes);
    return c->handle(a, link->payload, link->length, tw_link_reply_payload(&a->link));
  }
  return fail(a, TW_LINK_E_TYPE, link->type);
}

void tw_agent_feed(tw_agent *agent, uint8_t byte) {
  if (!tw_link_receive(&agent->link, byte)) return;
  int32_t length = dispatch(agent);
  if (length != FAILED) tw_link_reply(&agent->link, (uint32_t)length);
}

void tw_agent_log(tw_agent *agent, uint8_t level, const char *text) {
  tw_link_log(&agent->link, level, text);
}

bool tw_agent_start(tw_agent *agent, const tw_agent_config *config) {
  *agent = (tw_agent){.config = *config};
  if (!tw_link_start(&agent->link, &config->link)) return false;
  if (config->flash != NULL) {
    if (!tw_slots_start(&agent->slots, config->flash)) return false;
    uint32_t piece = tw_link_max_payload(&agent->link) - TW_UPLOAD_DATA_REQUEST_BYTES;
    if (config->flash->unit_bytes > piece) return false;
  }
  start_newest(agent);
  return true;
}
