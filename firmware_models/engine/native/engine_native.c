/* The engine as a native program, for sanitizers: no file or byte of a model may make it misbehave.
 *
 *   engine_native run MODEL FRAMES < inputs > outputs   raw bytes of all inputs, then of all outputs
 *   engine_native truncate MODEL                        every prefix of the model
 *   engine_native mutate MODEL FIRST COUNT              mutations number FIRST to FIRST + COUNT - 1
 *
 * The model and the arena are allocations of their own, exactly as large as they claim to be, so
 * that AddressSanitizer sees any step outside. `mutate` and `truncate` print how often each status
 * came, and exit 0 whatever the statuses were. A case that takes too much of the processor's time
 * ends the program, a mutation's number being the last thing printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "mutate.h"
#include "tw_engine.h"

enum { ARENA_BYTES = 256 * 1024, STATUS_COUNT = 16, SECONDS_PER_CASE = 20 };

typedef struct {
  uint8_t *data;
  uint32_t bytes;
} buffer;

static buffer read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    perror(path);
    exit(2);
  }
  buffer b = {NULL, (uint32_t)ftell(file)};
  rewind(file);
  b.data = malloc(b.bytes);
  if (b.data == NULL || fread(b.data, 1, b.bytes, file) != b.bytes) exit(2);
  fclose(file);
  return b;
}

/* Run once: by one call, or by one for each operator. */
static tw_status run_once(tw_engine *e, bool in_steps) {
  if (!in_steps) return tw_engine_invoke(e);
  tw_status status = TW_OK;
  for (uint32_t i = 0; i < e->subgraphs[0].node_count && status == TW_OK; i++) {
    status = tw_engine_invoke_ops(e, i, i + 1);
  }
  return status;
}

/* Load a model and, where it loads, run it; one with a state three times, with a reset. */
static tw_status try_model(const uint8_t *model, uint32_t bytes, uint64_t *state) {
  uint8_t *own = malloc(bytes > 0 ? bytes : 1), *arena = malloc(ARENA_BYTES);
  if (own == NULL || arena == NULL) exit(2);
  memcpy(own, model, bytes);
  memset(arena, 0xA5, ARENA_BYTES);
  tw_engine *e = malloc(sizeof *e);
  if (e == NULL) exit(2);
  tw_status status = tw_engine_init(e, own, bytes, arena, ARENA_BYTES, true);
  if (status == TW_OK) tw_watch_gap(e);
  int runs = e->stateful ? 3 : 1;
  for (int i = 0; i < runs && status == TW_OK; i++) {
    tw_fill_inputs(e, state);
    status = run_once(e, tw_random(state) & 1);
    if (i == 1 && status == TW_OK) status = tw_engine_reset(e);
  }
  bool silent_failure = status != TW_OK && e->error_text[0] == 0;
  if (silent_failure) {
    fprintf(stderr, "status %d without a text\n", (int)status);
    abort();
  }
  free(e);
  free(arena);
  free(own);
  return status;
}

static void print_counts(const uint32_t *counts) {
  for (int i = 0; i < STATUS_COUNT; i++) {
    if (counts[i] != 0) printf("%d %u\n", -i, (unsigned)counts[i]);
  }
}

/* SIGVTALRM ends the program. */
static void watch(void) {
  const struct itimerval limit = {.it_value = {.tv_sec = SECONDS_PER_CASE}};
  if (setitimer(ITIMER_VIRTUAL, &limit, NULL) != 0) exit(2);
}

static void truncate_all(buffer model) {
  uint32_t counts[STATUS_COUNT] = {0};
  uint64_t state = 1;
  for (uint32_t bytes = 0; bytes <= model.bytes; bytes++) {
    watch();
    counts[-try_model(model.data, bytes, &state)]++;
  }
  print_counts(counts);
}

static void mutate_many(buffer model, uint64_t first, uint64_t count) {
  uint32_t counts[STATUS_COUNT] = {0};
  uint8_t *mutant = malloc(model.bytes);
  if (mutant == NULL) exit(2);
  for (uint64_t number = first; number < first + count; number++) {
    watch();
    /* Unbuffered, so that the log's end names the case after a crash. */
    if (dprintf(2, "%llu\r", (unsigned long long)number) < 0) exit(2);
    uint64_t state = number * 0xD1342543DE82EF95u;
    memcpy(mutant, model.data, model.bytes);
    for (uint32_t i = 1 + tw_below(&state, 4); i > 0; i--) tw_mutate(mutant, model.bytes, &state);
    counts[-try_model(mutant, model.bytes, &state)]++;
  }
  free(mutant);
  print_counts(counts);
}

static int run(buffer model, long frames) {
  uint8_t *arena = malloc(4u << 20);
  tw_engine *e = malloc(sizeof *e);
  if (arena == NULL || e == NULL) return 2;
  tw_status status = tw_engine_init(e, model.data, model.bytes, arena, 4u << 20, true);
  for (long frame = 0; frame < frames && status == TW_OK; frame++) {
    for (uint32_t i = 0; i < e->subgraphs[0].input_count; i++) {
      const tw_tensor *t = tw_engine_input(e, i);
      if (fread(t->data, 1, t->bytes, stdin) != t->bytes) return 2;
    }
    status = tw_engine_invoke(e);
    for (uint32_t i = 0; i < e->subgraphs[0].output_count && status == TW_OK; i++) {
      const tw_tensor *t = tw_engine_output(e, i);
      if (fwrite(t->data, 1, t->bytes, stdout) != t->bytes) return 2;
    }
  }
  if (status != TW_OK) fprintf(stderr, "status %d: %s\n", (int)status, e->error_text);
  free(e);
  free(arena);
  return status == TW_OK ? 0 : 1;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: %s run|truncate|mutate MODEL [FRAMES | FIRST COUNT]\n", argv[0]);
    return 2;
  }
  buffer model = read_file(argv[2]);
  int result = 0;
  if (strcmp(argv[1], "truncate") == 0) {
    truncate_all(model);
  } else if (strcmp(argv[1], "mutate") == 0 && argc == 5) {
    mutate_many(model, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
  } else if (strcmp(argv[1], "run") == 0 && argc == 4) {
    result = run(model, strtol(argv[3], NULL, 10));
  } else {
    result = 2;
  }
  free(model.data);
  return result;
}
