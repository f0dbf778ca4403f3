/* Generated from abi/link.toml by abi/generate_link.py. Do not edit. */
#ifndef TW_LINK_DEFS_H
#define TW_LINK_DEFS_H

enum {
  TW_LINK_VERSION = 1,
  TW_LINK_HEADER_BYTES = 6,
  TW_LINK_CRC_BYTES = 4,
  TW_LINK_MIN_PAYLOAD_BYTES = 256,
  TW_LINK_MAX_PAYLOAD_BYTES = 8192,
  TW_LINK_SLOT_COUNT = 2,
  TW_LINK_SLOT_BUILTIN = 254,
  TW_LINK_SLOT_NONE = 255,
  TW_LINK_REPLY_BIT = 128,
  TW_LINK_LOG_TEXT_BYTES = 120,
};

typedef enum {
  TW_TYPE_OPEN = 1, /* Start a session: the device forgets its cached reply and expects the next `seq`. The model's state is not touched. */
  TW_TYPE_STATS = 2, /* Read the counters. */
  TW_TYPE_SLOTS = 3, /* Describe the model slots. */
  TW_TYPE_UPLOAD_BEGIN = 16, /* Choose a slot for a model and say where to go on. Never the active slot, unless that holds this very model. */
  TW_TYPE_UPLOAD_DATA = 17, /* Write a piece of the model. Error `offset`, with the offset expected, when it is not the next piece. */
  TW_TYPE_ACTIVATE = 18, /* Check the digest of the model in a slot, start it on trial and make it the active one; when anything fails the old model is started again. */
  TW_TYPE_BLOCK = 32, /* Read bytes of the guest's control block. */
  TW_TYPE_WRITE_INPUT = 33, /* Write a piece of the inputs, which are numbered as if packed in order. */
  TW_TYPE_INVOKE = 34, /* Write the last piece of the inputs, then run the model once. */
  TW_TYPE_READ_OUTPUT = 35, /* Read more of the outputs of the last invoke. */
  TW_TYPE_RESET = 36, /* Reset the model: variable tensors and resource variables. */
  TW_TYPE_PROFILE = 37, /* Run the next operators of the model, each by itself, as many as their records fit into the reply, and time them; the host asks until all have run. Write the inputs before and read the outputs after. Error `type` when the module speaks ABI 1.0. */
  TW_TYPE_LOG = 112, /* Device to host, at any time within a session. `seq` counts log frames, so that a gap shows. */
  TW_TYPE_ERROR = 255, /* Device to host, in place of a reply; `seq` is the request's. */
} tw_link_type;

typedef enum {
  TW_LINK_E_NONE = 0, /* No error; never sent. */
  TW_LINK_E_VERSION = 1, /* The frame has another version of this protocol; detail: the device's. */
  TW_LINK_E_SESSION = 2, /* No session is open: the device has restarted. */
  TW_LINK_E_SEQUENCE = 3, /* Neither the next `seq` nor the last one again; detail: the next. */
  TW_LINK_E_TYPE = 4, /* There is no such request, or the module in the firmware is too old for it. */
  TW_LINK_E_LENGTH = 5, /* The payload has the wrong size for its request. */
  TW_LINK_E_RANGE = 6, /* Bytes outside the block, the inputs or the outputs. */
  TW_LINK_E_OFFSET = 7, /* Not the next piece, or not a multiple of `write_unit`; detail: the offset expected. */
  TW_LINK_E_SIZE = 8, /* The model does not fit into a slot, or is empty. */
  TW_LINK_E_SLOT = 9, /* No such slot, or no complete model in it, or no upload begun. */
  TW_LINK_E_DIGEST = 10, /* The model in the slot is not the one announced; the slot was emptied. */
  TW_LINK_E_FLASH = 11, /* Erasing or programming failed; detail: the offset in flash. */
  TW_LINK_E_FULL = 12, /* The slot's header has no room for another activation; the slot was emptied: upload the model again. */
  TW_LINK_E_MODEL = 13, /* No model is running. */
  TW_LINK_E_GUEST = 14, /* The guest returned a status other than ok; detail: the status. */
  TW_LINK_E_FAULT = 15, /* The sandbox stopped the guest, which was started again; detail: the address. */
} tw_link_error;

typedef enum {
  TW_FAULT_READ = 1, /* It read where it may not. */
  TW_FAULT_WRITE = 2, /* It wrote where it may not. */
  TW_FAULT_EXECUTE = 3, /* It jumped where it may not. */
  TW_FAULT_STACK = 4, /* Its stack overflowed. */
  TW_FAULT_TIMEOUT = 5, /* It ran longer than allowed. */
  TW_FAULT_TRAP = 6, /* It executed an unreachable or undefined instruction, or divided by zero. */
  TW_FAULT_OTHER = 7, /* Any other fault of the processor. */
} tw_fault_kind;

typedef enum {
  TW_SLOT_EMPTY = 0, /* Nothing announced. */
  TW_SLOT_PARTIAL = 1, /* An upload was begun. */
  TW_SLOT_COMPLETE = 2, /* All bytes are there; their digest is checked by `activate`. */
  TW_SLOT_PROVEN = 3, /* It was active at least once. */
} tw_slot_state;

typedef enum {
  TW_COUNTER_REQUESTS = 0, /* Requests handled. */
  TW_COUNTER_REPEATS = 1, /* Requests that came again and got the cached reply. */
  TW_COUNTER_FRAMES_SENT = 2, /* Frames sent, logs included. */
  TW_COUNTER_NOISE_BYTES = 3, /* Bytes before the first delimiter after the start. */
  TW_COUNTER_DROP_COBS = 4, /* Frames dropped: not COBS. */
  TW_COUNTER_DROP_CRC = 5, /* Frames dropped: wrong CRC. */
  TW_COUNTER_DROP_LENGTH = 6, /* Frames dropped: shorter than a header, or the length field is wrong. */
  TW_COUNTER_DROP_LONG = 7, /* Frames dropped: larger than the largest frame. */
  TW_COUNTER_DROP_VERSION = 8, /* Frames refused: another protocol version. */
  TW_COUNTER_DROP_SESSION = 9, /* Requests refused: no session. */
  TW_COUNTER_DROP_SEQUENCE = 10, /* Requests refused: out of sequence. */
  TW_COUNTER_CUT_LOGS = 11, /* Log lines that were cut. */
  TW_COUNTER_UART_OVERRUNS = 12, /* Bytes that the port lost, as far as it noticed. */
  TW_COUNTER_INVOKES = 13, /* Runs of the model. */
  TW_COUNTER_FAULTS = 14, /* Times that the sandbox stopped the guest. */
  TW_COUNTER_COUNT = 15, /* how many there are */
} tw_link_counter;

/* open_request */
enum {
  TW_OPEN_REQUEST_NONCE = 0,
  TW_OPEN_REQUEST_BYTES = 8,
};
/* open_reply */
enum {
  TW_OPEN_REPLY_NONCE = 0,
  TW_OPEN_REPLY_SESSIONS = 8,
  TW_OPEN_REPLY_MAX_PAYLOAD = 12,
  TW_OPEN_REPLY_WRITE_UNIT = 14,
  TW_OPEN_REPLY_ABI_MAJOR = 16,
  TW_OPEN_REPLY_ABI_MINOR = 18,
  TW_OPEN_REPLY_SLOTS = 20,
  TW_OPEN_REPLY_ACTIVE = 21,
  TW_OPEN_REPLY_SANDBOX = 22,
  TW_OPEN_REPLY_RESERVED = 23,
  TW_OPEN_REPLY_SLOT_BYTES = 24,
  TW_OPEN_REPLY_RAM_BYTES = 28,
  TW_OPEN_REPLY_TICK_HZ = 32,
  TW_OPEN_REPLY_FIRMWARE_DIGEST = 36,
  TW_OPEN_REPLY_UNIQUE_ID = 68,
  TW_OPEN_REPLY_BYTES = 84,
};
/* upload_begin_request */
enum {
  TW_UPLOAD_BEGIN_REQUEST_SIZE = 0,
  TW_UPLOAD_BEGIN_REQUEST_DIGEST = 4,
  TW_UPLOAD_BEGIN_REQUEST_BYTES = 36,
};
/* upload_begin_reply */
enum {
  TW_UPLOAD_BEGIN_REPLY_SLOT = 0,
  TW_UPLOAD_BEGIN_REPLY_RESERVED = 1,
  TW_UPLOAD_BEGIN_REPLY_OFFSET = 4,
  TW_UPLOAD_BEGIN_REPLY_BYTES = 8,
};
/* upload_data_request */
enum {
  TW_UPLOAD_DATA_REQUEST_OFFSET = 0,
  TW_UPLOAD_DATA_REQUEST_BYTES = 4,
};
/* upload_data_reply */
enum {
  TW_UPLOAD_DATA_REPLY_OFFSET = 0,
  TW_UPLOAD_DATA_REPLY_BYTES = 4,
};
/* activate_request */
enum {
  TW_ACTIVATE_REQUEST_SLOT = 0,
  TW_ACTIVATE_REQUEST_BYTES = 1,
};
/* block_request */
enum {
  TW_BLOCK_REQUEST_OFFSET = 0,
  TW_BLOCK_REQUEST_SIZE = 2,
  TW_BLOCK_REQUEST_BYTES = 4,
};
/* write_input_request */
enum {
  TW_WRITE_INPUT_REQUEST_OFFSET = 0,
  TW_WRITE_INPUT_REQUEST_BYTES = 4,
};
/* invoke_request */
enum {
  TW_INVOKE_REQUEST_OFFSET = 0,
  TW_INVOKE_REQUEST_BYTES = 4,
};
/* invoke_reply */
enum {
  TW_INVOKE_REPLY_TICKS = 0,
  TW_INVOKE_REPLY_OUTPUT_SIZE = 8,
  TW_INVOKE_REPLY_BYTES = 12,
};
/* read_output_request */
enum {
  TW_READ_OUTPUT_REQUEST_OFFSET = 0,
  TW_READ_OUTPUT_REQUEST_BYTES = 4,
};
/* profile_request */
enum {
  TW_PROFILE_REQUEST_OP_FIRST = 0,
  TW_PROFILE_REQUEST_BYTES = 4,
};
/* profile_reply */
enum {
  TW_PROFILE_REPLY_OP_COUNT = 0,
  TW_PROFILE_REPLY_OVERHEAD = 4,
  TW_PROFILE_REPLY_BYTES = 12,
};
/* log_event */
enum {
  TW_LOG_EVENT_LEVEL = 0,
  TW_LOG_EVENT_BYTES = 1,
};
/* error_event */
enum {
  TW_ERROR_EVENT_CODE = 0,
  TW_ERROR_EVENT_KIND = 1,
  TW_ERROR_EVENT_REQUEST = 2,
  TW_ERROR_EVENT_RESERVED = 3,
  TW_ERROR_EVENT_DETAIL = 4,
  TW_ERROR_EVENT_NEEDED = 8,
  TW_ERROR_EVENT_AVAILABLE = 12,
  TW_ERROR_EVENT_OP = 16,
  TW_ERROR_EVENT_SUBGRAPH = 20,
  TW_ERROR_EVENT_BYTES = 24,
};
/* slot_record */
enum {
  TW_SLOT_RECORD_STATE = 0,
  TW_SLOT_RECORD_ACTIVE = 1,
  TW_SLOT_RECORD_RESERVED = 2,
  TW_SLOT_RECORD_GENERATION = 4,
  TW_SLOT_RECORD_SIZE = 8,
  TW_SLOT_RECORD_RECEIVED = 12,
  TW_SLOT_RECORD_DIGEST = 16,
  TW_SLOT_RECORD_BYTES = 48,
};
/* operator_record */
enum {
  TW_OPERATOR_RECORD_TICKS = 0,
  TW_OPERATOR_RECORD_CODE = 8,
  TW_OPERATOR_RECORD_BYTES = 12,
};

#endif
