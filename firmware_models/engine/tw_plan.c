/* The arena plan: lifetimes of all tensors and scratches, then greedy by size as TFLM does it
 * (its GreedyMemoryPlanner: largest first, into the lowest gap among buffers alive at that time),
 * but that an output may lie over an input which its operator reads for the last time.
 * OfflineMemoryAllocation metadata, when the model has it, fixes the offsets it names. */
#include "tw_control.h"
#include "tw_internal.h"

enum { NEVER = 0xFFFF, NONE = 0xFFFF, ONLINE = -1 };
#define FIXED UINT32_MAX

/* A buffer to place. While the plan is made, a tensor's `data` holds its record's number + 1. */
typedef struct {
  void **where;
  uint32_t bytes;       /* rounded up to TW_ALIGN */
  int32_t offset;       /* from the arena's start; ONLINE until placed */
  uint16_t first, last; /* steps in which it is alive, both included */
  uint16_t next;        /* the placed buffer with the next larger offset, or NONE */
  uint16_t over;        /* a record that this one may lie over, beginning `lead` below it, or NONE */
  uint32_t lead;        /* FIXED, without `over`: the model gives the offset */
} record;

typedef struct {
  record *records; /* tensors in order, then scratches */
  uint32_t count, tensor_records;
  uint32_t missing; /* records that found no room, of `count` */
  enum { APART, LOWEST, SHARED } way; /* in which outputs are placed over inputs */
} plan;

/* Position of the offline plan's offsets in the model, or 0 when it has none. */
static tw_status find_offline_plan(tw_engine *e, uint32_t *position) {
  static const char name[] = "OfflineMemoryAllocation";
  tw_fb *fb = &e->fb;
  tw_fb_table model = tw_fb_root(fb);
  tw_fb_vector metadata = tw_fb_vec(fb, model, MODEL_METADATA, 4);
  tw_fb_vector buffers = tw_fb_vec(fb, model, MODEL_BUFFERS, 4);
  uint32_t tensor_count = 0;
  for (uint32_t g = 0; g < e->subgraph_count; g++) tensor_count += e->subgraphs[g].tensor_count;
  *position = 0;
  for (uint32_t i = 0; i < tw_fb_count(fb, metadata) && !fb->bad; i++) {
    tw_fb_table entry = tw_fb_at(fb, metadata, i);
    tw_fb_vector entry_name = tw_fb_vec(fb, entry, METADATA_NAME, 1);
    if (tw_fb_count(fb, entry_name) != sizeof name - 1 ||
        memcmp(tw_fb_elements(fb, entry_name), name, sizeof name - 1) != 0) {
      continue;
    }
    uint32_t buffer = (uint32_t)tw_fb_i32(fb, entry, METADATA_BUFFER, 0);
    tw_fb_vector data = tw_fb_vec(fb, tw_fb_at(fb, buffers, buffer), BUFFER_DATA, 1);
    uint32_t bytes = tw_fb_count(fb, data);
    uint32_t entries = bytes < 12 ? 0 : tw_load_u32(tw_fb_elements(fb, data) + 8);
    if (fb->bad || bytes < 12 || entries != tensor_count || bytes < 12 + 4 * (uint64_t)entries) {
      return tw_fail_model(e, TW_E_MODEL, "the offline memory plan has %u entries for %u tensors",
                           entries, tensor_count);
    }
    *position = data.pos + 4 + 12;
  }
  if (fb->bad) return tw_fail_model(e, TW_E_MODEL, "malformed flatbuffer: metadata");
  return TW_OK;
}

/* NULL when there is no room left; the record counts all the same. */
static record *add_record(tw_engine *e, plan *p, void **where, uint32_t bytes, int32_t offset) {
  record *r = tw_alloc_temporary(e, sizeof *r);
  p->count++;
  if (r == NULL) {
    p->missing++;
    return NULL;
  }
  *r = (record){where, tw_align_up(bytes, TW_ALIGN), offset, NEVER, NEVER, NONE, NONE,
                offset == ONLINE ? 0 : FIXED};
  if (p->records == NULL) p->records = r;
  return r;
}

/* Have a buffer keep its bytes between invokes. */
static void outlive(record *r) {
  r->first = 0;
  r->last = TW_MAX_TIME;
}

static tw_status collect(tw_engine *e, plan *p) {
  uint32_t offline = 0;
  if (TW_HAS_OFFLINE_PLAN) TW_TRY(find_offline_plan(e, &offline));
  for (uint32_t g = 0; g < e->subgraph_count; g++) {
    for (uint32_t i = 0; i < e->subgraphs[g].tensor_count; i++) {
      tw_tensor *t = &e->subgraphs[g].tensors[i];
      int32_t offset = offline ? tw_load_i32(e->fb.data + offline) : ONLINE;
      if (offline) offline += 4;
      if (t->flags & TW_TENSOR_VARIABLE) e->stateful = true;
      if (t->bytes == 0 || t->type == TW_RESOURCE || tw_is_const(t)) continue;
      if (offset == ONLINE && (t->flags & TW_TENSOR_VARIABLE)) {
        t->data = tw_alloc(e, tw_align_up(t->bytes, TW_ALIGN)); /* NULL: then only counting */
        continue;
      }
      if (offset != ONLINE &&
          (offset < 0 || (uint32_t)offset > INT32_MAX - t->bytes || offset % TW_ALIGN != 0)) {
        return tw_fail_model(e, TW_E_MODEL, "the offline memory plan puts tensor %u at %d",
                             (unsigned)i, (int)offset);
      }
      record *r = add_record(e, p, &t->data, t->bytes, offset);
      t->data = (void *)(uintptr_t)p->count;
      if (r != NULL && (t->flags & TW_TENSOR_VARIABLE)) outlive(r);
    }
  }
  p->tensor_records = p->count;
  for (uint32_t i = 0; i < e->scratch_count; i++) {
    add_record(e, p, e->scratches[i].where, e->scratches[i].bytes, ONLINE);
  }
  if (p->missing == 0) return TW_OK;
  e->head += p->missing * (uint32_t)sizeof(record); /* so that the arena next time has room */
  return TW_E_ARENA;
}

/* ---- lifetimes ---- */

static record *record_of(plan *p, const tw_subgraph *g, int32_t tensor) {
  if (tensor < 0) return NULL;
  uintptr_t number = (uintptr_t)g->tensors[tensor].data;
  if (number < 1 || number > p->tensor_records) return NULL;
  record *r = &p->records[number - 1];
  return r->where == &g->tensors[tensor].data ? r : NULL; /* else `data` is an address */
}

static void create(record *r, uint32_t now) {
  if (r != NULL && r->first == NEVER) r->first = (uint16_t)now;
}

static void use(record *r, uint32_t now) {
  if (r != NULL && (r->last == NEVER || r->last < now)) r->last = (uint16_t)now;
}

static tw_status check_inputs(tw_engine *e, plan *p, const tw_subgraph *g, const tw_node *node) {
  for (uint32_t i = 0; i < node->input_count; i++) {
    const record *r = record_of(p, g, node->inputs[i]);
    TW_VERIFY(e, r == NULL || r->first != NEVER, TW_E_MODEL,
              "input %u is read before anything wrote it", (unsigned)i);
  }
  return TW_OK;
}

/* Where the walk is: `call` subgraphs of the node have been walked. */
typedef struct {
  uint16_t subgraph, node, start, call;
} frame;

/* A step for entering each subgraph and one for each node, subgraphs in place of their calls. */
static tw_status mark_lifetimes(tw_engine *e, plan *p) {
  frame frames[TW_MAX_DEPTH + 1] = {{0, 0, 0, 0}};
  uint32_t depth = 0, now = 0;
  bool entering = true;
  for (;;) {
    frame *f = &frames[depth];
    const tw_subgraph *g = &e->subgraphs[f->subgraph];
    if (entering) {
      for (uint32_t i = 0; i < g->input_count; i++) {
        create(record_of(p, g, g->inputs[i]), now);
        use(record_of(p, g, g->inputs[i]), now);
      }
      entering = false;
    }
    if (f->node == g->node_count) {
      e->node = -1;
      for (uint32_t i = 0; i < g->output_count; i++) {
        record *r = record_of(p, g, g->outputs[i]);
        if (r != NULL && r->first == NEVER) {
          return tw_fail_model(e, TW_E_MODEL, "nothing writes output %u", (unsigned)i);
        }
        use(r, now);
        if (TW_HAS_STOPS && depth == 0 && e->may_stop && r != NULL) outlive(r);
      }
      if (depth == 0) return TW_OK;
      depth--;
      continue;
    }
    const tw_node *node = &g->nodes[f->node];
    e->subgraph = f->subgraph;
    e->node = f->node;
    if (now >= TW_MAX_TIME - 2) return tw_fail(e, TW_E_LIMIT, "too many nested operators");
    if (f->call == 0) {
      now++;
      f->start = (uint16_t)now;
      TW_TRY(check_inputs(e, p, g, node)); /* an output may be an input, too */
      for (uint32_t i = 0; i < node->output_count; i++) {
        create(record_of(p, g, node->outputs[i]), now);
      }
    }
    int32_t callees[2];
    uint32_t callee_count = 0;
    if (TW_HAS_CALLS) TW_TRY(tw_callees(e, node, callees, &callee_count));
    if (f->call < callee_count) {
      TW_VERIFY(e, depth < TW_MAX_DEPTH, TW_E_LIMIT, "subgraphs nested more than %d deep",
                TW_MAX_DEPTH);
      now++;
      frames[++depth] = (frame){(uint16_t)callees[f->call++], 0, 0, 0};
      entering = true;
      continue;
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
      use(record_of(p, g, node->inputs[i]), now);
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
      use(record_of(p, g, node->outputs[i]), now);
    }
    for (uint32_t i = 0; i < e->scratch_count; i++) {
      if (e->scratches[i].subgraph == f->subgraph && e->scratches[i].node == f->node) {
        create(&p->records[p->tensor_records + i], f->start);
        use(&p->records[p->tensor_records + i], now);
      }
    }
    f->node++;
    f->call = 0;
  }
}

/* ---- outputs over inputs ---- */

/* Whether a buffer is there, is none of the model's inputs, and its place is free. */
static bool may_meet(const record *r) {
  return r != NULL && r->offset == ONLINE && r->first > 0 && r->last < TW_MAX_TIME;
}

/* The input is named once, also by no output of the subgraph, and nothing reads it after the output
 * was begun: then this node begins the output, as it is what runs in that step. */
static void mark_overwrite(plan *p, const tw_subgraph *g, const tw_node *node) {
  if (!(node->overwrite & TW_OVERWRITES)) return;
  record *output = record_of(p, g, node->outputs[0]);
  for (uint32_t i = 0; i < node->input_count && i < 2 && may_meet(output); i++) {
    const record *input = record_of(p, g, node->inputs[i]);
    if (!(node->overwrite >> i & 1) || !may_meet(input)) continue;
    if (input->last != output->first || input == output) continue;
    uint32_t uses = 0;
    for (uint32_t k = 0; k < node->input_count; k++) uses += node->inputs[k] == node->inputs[i];
    for (uint32_t k = 0; k < g->output_count; k++) uses += g->outputs[k] == node->inputs[i];
    if (uses != 1) continue;
    output->over = (uint16_t)(input - p->records);
    output->lead = node->overwrite & ~(TW_OVERWRITES | (TW_ALIGN - 1));
    return;
  }
}

static void mark_overwrites(tw_engine *e, plan *p) {
  for (uint32_t g = 0; g < e->subgraph_count; g++) {
    for (uint32_t i = 0; i < e->subgraphs[g].node_count; i++) {
      mark_overwrite(p, &e->subgraphs[g], &e->subgraphs[g].nodes[i]);
    }
  }
}

/* ---- placing ---- */

static bool together(const record *a, const record *b) {
  return a->first <= b->last && b->first <= a->last;
}

static void insert(plan *p, uint16_t *head, uint32_t index) {
  record *r = &p->records[index];
  uint16_t *link = head;
  while (*link != NONE && p->records[*link].offset <= r->offset) link = &p->records[*link].next;
  r->next = *link;
  *link = (uint16_t)index;
}

/* How far from its own beginning a buffer keeps another one away that lies above it. */
static int64_t reach(const plan *p, const record *r, const record *above) {
  const bool shares = TW_HAS_OVERWRITE && p->way != APART && r->over == above - p->records && r->lead < r->bytes;
  return shares ? r->lead : r->bytes;
}

static bool collide(const plan *p, const record *r, int64_t offset, const record *other) {
  return together(r, other) && offset + reach(p, r, other) > other->offset &&
         other->offset + reach(p, other, r) > offset;
}

/* The lowest offset where nothing is in the way, if it is found in a few rounds: where buffers may
 * not lie over each other, in the first. */
static int64_t lowest(const plan *p, const record *r, uint16_t head) {
  int64_t offset = 0;
  for (int32_t round = 0; round < 8; round++) {
    bool moved = false;
    for (uint16_t i = head; i != NONE; i = p->records[i].next) {
      const record *other = &p->records[i];
      if (!collide(p, r, offset, other)) continue;
      offset = other->offset + reach(p, other, r);
      moved = true;
    }
    if (!TW_HAS_OVERWRITE || !moved) return offset;
  }
  return -1;
}

static bool is_free(const plan *p, const record *r, int64_t offset, uint16_t head) {
  for (uint16_t i = head; i != NONE; i = p->records[i].next) {
    if (collide(p, r, offset, &p->records[i])) return false;
  }
  return true;
}

/* A place over another buffer, or under one, as far as they may; -1 when there is none. */
static int64_t shared(const plan *p, const record *r, uint16_t head) {
  for (uint16_t i = head; i != NONE; i = p->records[i].next) {
    const record *other = &p->records[i];
    int64_t offset = -1;
    if (other->over == r - p->records) offset = (int64_t)other->offset + other->lead;
    if (r->over == i) offset = (int64_t)other->offset - r->lead;
    if (offset >= 0 && is_free(p, r, offset, head)) return offset;
  }
  return -1;
}

static void place(plan *p, uint16_t *head, uint32_t index) {
  record *r = &p->records[index];
  int64_t offset = TW_HAS_OVERWRITE && p->way == SHARED ? shared(p, r, *head) : -1;
  if (offset < 0) offset = lowest(p, r, *head);
  if (TW_HAS_OVERWRITE && offset < 0) { /* behind all */
    offset = 0;
    for (uint16_t i = *head; i != NONE; i = p->records[i].next) {
      const record *other = &p->records[i];
      int64_t end = (int64_t)other->offset + other->bytes;
      if (together(r, other) && end > offset) offset = end;
    }
  }
  r->offset = offset > INT32_MAX ? INT32_MAX - TW_ALIGN + 1 : (int32_t)offset;
  insert(p, head, index);
}

/* Place all buffers that are ever alive; returns the bytes of arena that they span. */
static uint32_t place_all(plan *p) {
  uint16_t head = NONE;
  for (uint32_t i = 0; (TW_HAS_OFFLINE_PLAN || TW_HAS_OVERWRITE) && i < p->count; i++) {
    record *r = &p->records[i];
    if (!TW_HAS_OFFLINE_PLAN || r->over != NONE || r->lead != FIXED) {
      r->offset = ONLINE;
    } else if (r->first != NEVER) {
      insert(p, &head, i);
    }
  }
  for (;;) { /* the largest buffer left; the later one of equals */
    uint32_t best = NONE;
    for (uint32_t i = 0; i < p->count; i++) {
      const record *r = &p->records[i];
      if (r->first == NEVER || r->offset != ONLINE) continue;
      if (best == NONE || r->bytes >= p->records[best].bytes) best = i;
    }
    if (best == NONE) break;
    place(p, &head, best);
  }
  uint32_t span = 0;
  for (uint32_t i = 0; i < p->count; i++) {
    const record *r = &p->records[i];
    if (r->first != NEVER && (uint32_t)r->offset + r->bytes > span) {
      span = (uint32_t)r->offset + r->bytes;
    }
  }
  return span;
}

/* Which way is best depends on the model. None is worse than TFLM's, which is APART. */
static uint32_t place_well(plan *p) {
  if (!TW_HAS_OVERWRITE) return place_all(p);
  uint32_t best = 0, spans[3];
  for (p->way = APART; p->way <= SHARED; p->way++) {
    spans[p->way] = place_all(p);
    if (spans[p->way] <= spans[best]) best = p->way;
  }
  p->way = best;
  return best == SHARED ? spans[best] : place_all(p);
}

tw_status tw_plan(tw_engine *e) {
  plan p = {NULL, 0, 0, 0, APART};
  TW_TRY(collect(e, &p));
  if (p.count > TW_MAX_TENSORS) return tw_fail_model(e, TW_E_LIMIT, "too many buffers");
  TW_TRY(mark_lifetimes(e, &p));
  if (TW_HAS_OVERWRITE) mark_overwrites(e, &p);
  e->subgraph = 0;
  e->node = -1;
  uint32_t span = place_well(&p);
  uint64_t persistent = tw_align_up(e->persistent, TW_ALIGN), needed = persistent + span;
  uint64_t planning = tw_align_up(e->persistent + e->head, TW_ALIGN);
  if (planning > needed) needed = planning;
  e->arena_used = (uint32_t)persistent + span;
  e->arena_needed = needed > UINT32_MAX ? UINT32_MAX : (uint32_t)needed;
  const uint32_t room = e->arena_bytes - tw_align_up(e->tail, TW_ALIGN);
  if (e->counting || span > room) return TW_E_ARENA;
  e->spare = tw_align_up(span, TW_ALIGN); /* no more than `room`, which is a multiple too */
  e->spare_bytes = room - e->spare;
  for (uint32_t i = 0; i < p.count; i++) {
    const record *r = &p.records[i];
    *r->where = r->first == NEVER ? NULL : e->arena + r->offset;
  }
  return TW_OK;
}
