/* The engine for libFuzzer, with sanitizers: any bytes are a model, loaded, run, reset, run again.
 *
 * Beside what sanitizers see, it is a finding when a refusal has no text, when the arena that the
 * engine asks for does not do or a smaller one does, and when outputs depend on what the arena held
 * before or on whether operators are run in one call or one by one.
 *
 * How long a model runs is for the engine's caller to bound (docs/adr/0004); so is it here. The
 * engine owns nothing, so whatever it is doing when its time is over can be left. */
#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "mutate.h"
#include "tw_engine.h"
#include "tw_schema.h"

enum { MOST_ARENA_BYTES = 64 * 1024, MOST_OUTPUT_BYTES = 64 * 1024, RUN_MS = 20, RUNS = 3 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
void __asan_on_error(void);
void __ubsan_on_report(void);

/* ---- the time limit ---- */

static sigjmp_buf out_of_time;
static volatile sig_atomic_t is_running; /* the engine is: not a sanitizer that reports */

static void leave(int signal_number) {
  (void)signal_number;
  if (is_running) siglongjmp(out_of_time, 1);
}

void __asan_on_error(void) { is_running = 0; }
void __ubsan_on_report(void) { is_running = 0; }

static void set_timer(long ms) {
  struct itimerval timer = {{0, 0}, {0, ms * 1000}};
  setitimer(ITIMER_VIRTUAL, &timer, NULL);
  is_running = ms > 0;
}

/* Functions that were left have not said that their part of the stack is anyone's again. */
static void forget_left_frames(void) {
  enum { DEEPEST = 256 * 1024 };
  uint8_t *here = __builtin_frame_address(0);
  ASAN_UNPOISON_MEMORY_REGION(here - DEEPEST, DEEPEST);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = leave;
  action.sa_flags = SA_NODEFER; /* it does not return */
  sigaction(SIGVTALRM, &action, NULL);
  return 0;
}

/* ---- one model ---- */

static void finding(const char *what, const tw_engine *e) {
  fprintf(stderr, "finding: %s; the engine says: %s\n", what, e->error_text);
  abort();
}

/* What a model did: how it ended, and the outputs of all runs, as far as there is room for them. */
typedef struct {
  tw_engine engine;
  tw_status status;
  bool timed_out;
  uint32_t bytes;
  uint8_t outputs[MOST_OUTPUT_BYTES];
} account;

static void keep_outputs(account *a) {
  const tw_engine *e = &a->engine;
  for (uint32_t i = 0; i < e->subgraphs[0].output_count; i++) {
    const tw_tensor *t = tw_engine_output(e, i);
    if (t->type == TW_RESOURCE || t->bytes > MOST_OUTPUT_BYTES - a->bytes) continue;
    memcpy(a->outputs + a->bytes, t->data, t->bytes);
    a->bytes += t->bytes;
  }
}

static tw_status run_once(tw_engine *e, bool in_steps) {
  if (!in_steps) return tw_engine_invoke(e);
  tw_status status = TW_OK;
  for (uint32_t i = 0; i < e->subgraphs[0].node_count && status == TW_OK; i++) {
    status = tw_engine_invoke_ops(e, i, i + 1);
  }
  return status;
}

static void load_and_run(account *a, const uint8_t *model, uint32_t bytes, uint8_t *arena,
                         uint32_t arena_bytes, bool in_steps) {
  tw_engine *e = &a->engine;
  uint64_t state = bytes;
  a->status = tw_engine_init(e, model, bytes, arena, arena_bytes, true);
  if (a->status == TW_OK) tw_watch_gap(e);
  for (int i = 0; i < RUNS && a->status == TW_OK; i++) {
    tw_fill_inputs(e, &state);
    a->status = run_once(e, in_steps);
    if (a->status == TW_OK) keep_outputs(a);
    if (i == 1 && a->status == TW_OK) a->status = tw_engine_reset(e);
  }
}

/* Do all that with an arena of its own, exactly so large. */
static void try_model(account *a, const uint8_t *model, uint32_t bytes, uint32_t arena_bytes,
                      uint8_t fill, bool in_steps) {
  uint8_t *arena = malloc(arena_bytes > 0 ? arena_bytes : 1);
  if (arena == NULL) exit(2);
  memset(arena, fill, arena_bytes);
  a->bytes = 0;
  a->timed_out = sigsetjmp(out_of_time, 1) != 0;
  if (!a->timed_out) {
    set_timer(RUN_MS);
    load_and_run(a, model, bytes, arena, arena_bytes, in_steps);
  }
  set_timer(0);
  if (a->timed_out) forget_left_frames();
  free(arena);
  if (!a->timed_out && a->status != TW_OK && a->engine.error_text[0] == 0) {
    finding("a refusal without a text", &a->engine);
  }
}

static bool is_same(const account *a, const account *b) {
  return a->status == b->status && a->bytes == b->bytes &&
         memcmp(a->outputs, b->outputs, a->bytes) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static account first, second; /* too large for the stack */
  uint32_t bytes = (uint32_t)size;
  try_model(&first, data, bytes, MOST_ARENA_BYTES, 0xA5, false);
  uint32_t needed = first.engine.arena_needed;
  if (first.timed_out || needed == 0 || needed > MOST_ARENA_BYTES) return 0;
  try_model(&second, data, bytes, needed, 0x5A, true);
  if (second.timed_out) return 0;
  if (!is_same(&first, &second)) finding("another result in the arena it asks for", &second.engine);
  uint64_t state = size;
  try_model(&second, data, bytes, tw_below(&state, needed), 0, false);
  if (!second.timed_out && second.status != TW_E_ARENA) {
    finding("an arena smaller than it needs", &second.engine);
  }
  return 0;
}

/* ---- mutations: all of them keep what lies behind them in its place ---- */

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  uint64_t state = seed;
  uint32_t bytes = (uint32_t)size;
  if (bytes < 16) return LLVMFuzzerMutate(data, size, max_size);
  if (tw_below(&state, 2) == 0) {
    uint32_t position = tw_below(&state, bytes - 8), left = bytes - position;
    uint32_t length = left > 16 ? 16 : left;
    LLVMFuzzerMutate(data + position, length, length);
    return size;
  }
  for (uint32_t i = 1 + tw_below(&state, 4); i > 0; i--) tw_mutate(data, bytes, &state);
  return size;
}
