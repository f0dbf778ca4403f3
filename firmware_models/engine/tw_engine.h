/* The engine: loads a TensorFlow Lite model where it lies, plans its arena, runs it.
 *
 * Caller-owned memory, no allocator, no recursion, no globals: a tw_engine and its arena are all
 * its state. The engine trusts nothing in the model, and everything its caller says about memory.
 *
 *   tw_engine e;
 *   if (tw_engine_init(&e, model, model_bytes, arena, arena_bytes, false) != TW_OK) {
 *     puts(e.error_text);
 *   }
 *   memcpy(tw_engine_input(&e, 0)->data, ...);
 *   tw_engine_invoke(&e);
 */
#ifndef TW_ENGINE_H
#define TW_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "tflm_wasm_abi.h"
#include "tw_fb.h"
#include "tw_selection.h"

enum {
  TW_ALIGN = 16,          /* bytes; of every buffer in the arena */
  TW_MAX_DEPTH = 4,       /* subgraphs called from subgraphs */
  TW_MAX_ROUNDS = 1 << 20, /* of all loops together, in one run of the model */
  TW_ERROR_BYTES = 192,
};

/* UNSIZED, only while loading: a dimension is -1, and no RESHAPE has said yet what it is. */
enum {
  TW_TENSOR_CONST = 1,
  TW_TENSOR_VARIABLE = TW_HAS_VARIABLES ? 2 : 0,
  TW_TENSOR_UNSIZED = TW_HAS_RESHAPE ? 4 : 0,
};

/* One tensor. Shape and type never change after loading. */
typedef struct {
  void *data;           /* its bytes; NULL until planned, the variable for TW_RESOURCE */
  const int32_t *dims;  /* rank entries, in the model */
  uint32_t bytes;
  uint8_t type;         /* tw_type */
  uint8_t rank;
  uint8_t flags;        /* TW_TENSOR_* */
} tw_tensor;

typedef struct tw_op tw_op;

#define TW_OVERWRITES ((uint32_t)1 << 31)

/* One operator of a subgraph. */
typedef struct {
  const tw_op *op;
  const int32_t *inputs;   /* tensor indices, in the model; -1 = absent */
  const int32_t *outputs;
  uint16_t input_count;
  uint16_t output_count;
  union {
    uint32_t table;        /* position of its flatbuffer table, which is below TW_OVERWRITES */
    uint32_t overwrite;    /* once tw_may_overwrite was called: TW_OVERWRITES | lead | inputs */
  };
  void *data;              /* what prepare computed for eval */
} tw_node;

typedef struct {
  tw_tensor *tensors;
  tw_node *nodes;
  const int32_t *inputs, *outputs; /* tensor indices, in the model */
  uint16_t tensor_count, node_count, input_count, output_count;
} tw_subgraph;

/* A resource variable, named by VAR_HANDLE, sized by the first ASSIGN_VARIABLE that prepares. */
typedef struct {
  void *data;
  uint32_t bytes;
  uint32_t name, container; /* positions of the strings in the model; 0 = none */
  uint8_t fill;             /* value of each byte after reset */
} tw_variable;

/* A buffer that lives while one node runs; the planner writes its address to *where. */
typedef struct {
  void **where;
  uint32_t bytes;
  uint16_t subgraph, node;
} tw_scratch;

typedef struct {
  tw_fb fb;                 /* the model */
  uint8_t *arena;
  uint32_t arena_bytes;
  uint32_t arena_used;      /* after init: bytes in use */
  uint32_t arena_needed;    /* after init: smallest arena that works, also after TW_E_ARENA */
  uint32_t spare, spare_bytes; /* after init: a part of the arena that the model does not need */
  bool stateful;
  bool may_stop;            /* an operator may end an invoke early: the outputs outlive invokes */
  bool stopped;             /* the last invoke ended so: its later steps run nothing */
  bool beyond;              /* what TFLM lacks is allowed: the extended profile */

  /* Allocation during init: temporaries grow from the head, what persists grows from the tail. */
  uint32_t head, tail;      /* bytes in use at either end */
  uint32_t persistent;      /* bytes that must persist, also when they no longer fit */
  uint32_t tables;          /* the part of `tail` that holds the tables of tw_load */
  bool counting;            /* the arena was too small: only count on */
  uint32_t overwrite;       /* of the node that is prepared */
  uint32_t kept_bytes;      /* of what twins keep beside the arena */
  uint32_t packed_layers;   /* of twins that asked for room in what the arena has to spare */
  tw_scratch *scratches;
  uint32_t scratch_count;

  tw_subgraph *subgraphs;
  tw_variable *variables;   /* room for one a VAR_HANDLE, variable_count of them in use */
  uint16_t subgraph_count, variable_count;
  uint32_t next_node;       /* of the main subgraph: where the last invoke ended, 0 after a failure */
  const tw_op *last_op;     /* of the main subgraph, run by the last invoke; NULL = none */
  uint32_t rounds;          /* of loops since operator 0 of the main subgraph */

  /* The node at work, for error texts; node -1 outside of any. */
  int32_t subgraph, node;
  int32_t callee;           /* subgraph that an eval asks for by returning TW_CALL */
  uint32_t phase;           /* how many calls that eval has had back */

  int32_t error_subgraph, error_node;
  char error_text[TW_ERROR_BYTES];
} tw_engine;

/* Load, check, prepare and plan. `model` and `arena` are 16-byte aligned and outlive the engine.
 * `beyond`: also models that TFLM refuses because it lacks an operator or a pair of types. */
tw_status tw_engine_init(tw_engine *e, const uint8_t *model, uint32_t model_bytes, uint8_t *arena,
                         uint32_t arena_bytes, bool beyond);

/* Run the operators [first, end) of the main subgraph; `first` is 0 or where the last call ended. */
tw_status tw_engine_invoke_ops(tw_engine *e, uint32_t first, uint32_t end);

/* Run the main subgraph once. When an operator stops it, the outputs behind it stay as they were. */
static inline tw_status tw_engine_invoke(tw_engine *e) {
  return tw_engine_invoke_ops(e, 0, e->subgraphs[0].node_count);
}

/* Variable tensors and resource variables return to their zero points and operators to their first
 * state, as TFLM's Reset does; a CALL_ONCE that has run stays run. */
tw_status tw_engine_reset(tw_engine *e);

static inline const tw_tensor *tw_engine_input(const tw_engine *e, uint32_t i) {
  return &e->subgraphs[0].tensors[e->subgraphs[0].inputs[i]];
}

static inline const tw_tensor *tw_engine_output(const tw_engine *e, uint32_t i) {
  return &e->subgraphs[0].tensors[e->subgraphs[0].outputs[i]];
}

#endif
