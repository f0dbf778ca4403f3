#include "tw_custom.h"
#include "tw_math.h"

/* TFLite_Detection_PostProcess: the boxes of an SSD's anchors, of which the best that don't overlap
 * become detections: by the scores of each class alone ("regular"), or by the best score of any
 * class ("fast"). TFLM leaves outputs behind the last detection as they were in the fast way; here
 * they are 0. */

enum { BOXES, PREDICTIONS, ANCHORS };                 /* inputs */
enum { OUT_BOXES, OUT_CLASSES, OUT_SCORES, OUT_COUNT }; /* outputs */
enum { MAX_DETECTIONS, MAX_CLASSES, PER_CLASS, REGULAR, CLASSES, INTS };
enum { SCORE_THRESHOLD, IOU_THRESHOLD, Y_SCALE, X_SCALE, H_SCALE, W_SCALE, FLOATS };
enum { BOX = 4, DEFAULT_PER_CLASS = 100 };

typedef struct {
  float y_min, x_min, y_max, x_max;
} box;

/* A detection of the regular way. */
typedef struct {
  float score;
  int32_t anchor, class;
} found;

typedef struct {
  int32_t ints[INTS];
  float floats[FLOATS];
  int32_t anchors, columns, background; /* columns: of predictions, the background's first */
  int32_t capacity;                     /* detections that the outputs have room for */
  void *boxes, *scores, *order, *spare, *best;
} detection;

/* ---- prepare ---- */

static tw_status read_options(tw_engine *e, const tw_node *node, detection *d) {
  static const char ints[INTS][26] = {"max_detections", "max_classes_per_detection",
                                      "detections_per_class", "use_regular_nms", "num_classes"};
  static const char floats[FLOATS][20] = {"nms_score_threshold", "nms_iou_threshold", "y_scale",
                                          "x_scale", "h_scale", "w_scale"};
  tw_flex options;
  uint32_t at;
  TW_TRY(tw_flex_options(e, node, &options));
  d->ints[PER_CLASS] = DEFAULT_PER_CLASS;
  for (uint32_t i = 0; i < INTS; i++) {
    TW_VERIFY(e, !tw_flex_find(&options, ints[i], &at) || tw_flex_i32(&options, at, &d->ints[i]),
              TW_E_PARAM, "option %s is no number", ints[i]);
  }
  for (uint32_t i = 0; i < FLOATS; i++) {
    TW_VERIFY(e,
              !tw_flex_find(&options, floats[i], &at) || tw_flex_f32(&options, at, &d->floats[i]),
              TW_E_PARAM, "option %s is no number", floats[i]);
  }
  return TW_OK;
}

static tw_status check_options(tw_engine *e, const detection *d) {
  const float overlap = d->floats[IOU_THRESHOLD];
  TW_VERIFY(e, overlap > 0.0f && overlap <= 1.0f, TW_E_PARAM, "nms_iou_threshold is not in (0, 1]");
  TW_VERIFY(e, d->ints[MAX_DETECTIONS] >= 0, TW_E_PARAM, "max_detections %d",
            (int)d->ints[MAX_DETECTIONS]);
  TW_VERIFY(e, d->ints[CLASSES] > 0, TW_E_PARAM, "num_classes %d", (int)d->ints[CLASSES]);
  int32_t each = d->ints[d->ints[REGULAR] ? PER_CLASS : MAX_CLASSES];
  TW_VERIFY(e, each > 0, TW_E_PARAM, "%s %d",
            d->ints[REGULAR] ? "detections_per_class" : "max_classes_per_detection", (int)each);
  return TW_OK;
}

static tw_status check_shapes(tw_engine *e, const tw_node *node, detection *d) {
  const tw_tensor *boxes = tw_input(e, node, BOXES), *predictions = tw_input(e, node, PREDICTIONS);
  const int32_t anchors = boxes->dims[1];
  TW_VERIFY(e, boxes->dims[0] == 1 && boxes->dims[2] >= BOX, TW_E_SHAPE, "boxes of [%d, %d, %d]",
            (int)boxes->dims[0], (int)anchors, (int)boxes->dims[2]);
  TW_VERIFY(e, predictions->dims[0] == 1 && predictions->dims[1] == anchors, TW_E_SHAPE,
            "predictions of [%d, %d, ...] for %d boxes", (int)predictions->dims[0],
            (int)predictions->dims[1], (int)anchors);
  TW_VERIFY(e, tw_elements(tw_input(e, node, ANCHORS)) / BOX >= (uint32_t)anchors, TW_E_SHAPE,
            "fewer anchors than the %d boxes", (int)anchors);
  d->anchors = anchors;
  d->columns = predictions->dims[2];
  d->background = d->columns - d->ints[CLASSES];
  TW_VERIFY(e, d->background == 0 || d->background == 1, TW_E_SHAPE,
            "predictions of %d classes for num_classes %d", (int)d->columns,
            (int)d->ints[CLASSES]);
  uint32_t capacity = tw_elements(tw_output(e, node, OUT_BOXES)) / BOX;
  for (uint32_t i = OUT_CLASSES; i <= OUT_SCORES; i++) {
    uint32_t elements = tw_elements(tw_output(e, node, i));
    if (elements < capacity) capacity = elements;
  }
  d->capacity = (int32_t)capacity;
  TW_VERIFY(e, !d->ints[REGULAR] || d->ints[MAX_DETECTIONS] <= d->capacity, TW_E_SHAPE,
            "outputs of %d detections, max_detections is %d", (int)d->capacity,
            (int)d->ints[MAX_DETECTIONS]);
  return TW_OK;
}

static tw_status prepare(tw_engine *e, tw_node *node) {
  static const tw_slot slots[] = {{TW_FLOAT32, 3}, {TW_FLOAT32, 3}, {TW_FLOAT32, 2},
                                  {TW_FLOAT32, TW_ANY_RANK}, {TW_FLOAT32, TW_ANY_RANK},
                                  {TW_FLOAT32, TW_ANY_RANK}, {TW_FLOAT32, TW_ANY_RANK}};
  TW_TRY(tw_expect_slots(e, node, slots, 3, 4));
  detection *d = node->data = tw_alloc(e, sizeof *d);
  if (d == NULL) return TW_E_ARENA;
  *d = (detection){.anchors = 0};
  TW_TRY(read_options(e, node, d));
  TW_TRY(check_options(e, d));
  TW_TRY(check_shapes(e, node, d));
  const uint32_t anchors = (uint32_t)d->anchors;
  TW_TRY(tw_request_scratch(e, anchors * (uint32_t)sizeof(box), &d->boxes));
  TW_TRY(tw_request_scratch(e, anchors * (uint32_t)sizeof(float), &d->scores));
  TW_TRY(tw_request_scratch(e, anchors * (uint32_t)sizeof(int32_t), &d->order));
  TW_TRY(tw_request_scratch(e, anchors * (uint32_t)sizeof(int32_t), &d->spare));
  uint32_t best = d->ints[REGULAR] ? (uint32_t)d->ints[MAX_DETECTIONS] : 0;
  return tw_request_scratch(e, best * (uint32_t)sizeof(found), &d->best);
}

/* ---- eval ---- */

/* How far from the middle a box reaches. */
static float reach(float encoded, float scale, float anchor) {
  return (float)(0.5 * tw_exp((double)encoded / (double)scale) * (double)anchor);
}

static float middle(float encoded, float scale, float anchor_size, float anchor) {
  return (float)((double)encoded / (double)scale * (double)anchor_size + (double)anchor);
}

/* Encodings and anchors are middle y and x, height, width. NaNs pass, as in TFLM. */
static tw_status decode_boxes(tw_engine *e, const tw_node *node, const detection *d) {
  const tw_tensor *boxes = tw_input(e, node, BOXES);
  const float *in = boxes->data, *anchor = tw_input(e, node, ANCHORS)->data;
  const float *scale = d->floats + Y_SCALE;
  box *out = d->boxes;
  for (int32_t i = 0; i < d->anchors; i++, in += boxes->dims[2], anchor += BOX) {
    float y = middle(in[0], scale[0], anchor[2], anchor[0]), h = reach(in[2], scale[2], anchor[2]);
    float x = middle(in[1], scale[1], anchor[3], anchor[1]), w = reach(in[3], scale[3], anchor[3]);
    out[i] = (box){y - h, x - w, y + h, x + w};
    TW_VERIFY(e, !(out[i].y_min >= out[i].y_max) && !(out[i].x_min >= out[i].x_max), TW_E_RUNTIME,
              "box %d is empty", (int)i);
  }
  return TW_OK;
}

static float larger(float a, float b) { return a < b ? b : a; }
static float smaller(float a, float b) { return b < a ? b : a; }

/* Intersection over union. */
static float overlap_of(box a, box b) {
  const float area_a = (a.y_max - a.y_min) * (a.x_max - a.x_min);
  const float area_b = (b.y_max - b.y_min) * (b.x_max - b.x_min);
  if (area_a <= 0.0f || area_b <= 0.0f) return 0.0f;
  const float height = smaller(a.y_max, b.y_max) - larger(a.y_min, b.y_min);
  const float width = smaller(a.x_max, b.x_max) - larger(a.x_min, b.x_min);
  const float both = larger(height, 0.0f) * larger(width, 0.0f);
  return both / (area_a + area_b - both);
}

/* Sort indices by their scores, highest first, equals in order; returns where they are then. */
static int32_t *sort(const float *scores, int32_t *order, int32_t *spare, int32_t count) {
  for (int32_t width = 1; width < count; width *= 2) {
    for (int32_t start = 0; start < count; start += 2 * width) {
      int32_t left = start, half = tw_min(start + width, count);
      int32_t right = half, end = tw_min(start + 2 * width, count);
      for (int32_t i = start; i < end; i++) {
        bool from_right = left == half ||
                          (right < end && scores[order[right]] > scores[order[left]]);
        spare[i] = order[from_right ? right++ : left++];
      }
    }
    int32_t *sorted = spare;
    spare = order;
    order = sorted;
  }
  return order;
}

/* Anchors of the highest d->scores, at most `limit`, without those that overlap a better one too
 * much. Returns them in *selected, and how many. */
static int32_t suppress(const detection *d, int32_t limit, int32_t **selected) {
  const float *scores = d->scores;
  const box *boxes = d->boxes;
  int32_t *order = d->order, count = 0, kept = 0;
  for (int32_t i = 0; i < d->anchors; i++) {
    if (scores[i] >= d->floats[SCORE_THRESHOLD]) order[count++] = i;
  }
  order = sort(scores, order, d->spare, count);
  for (int32_t i = 0; i < count && kept < limit; i++) {
    const int32_t best = order[i];
    if (best < 0) continue;
    for (int32_t k = i + 1; k < count; k++) {
      if (order[k] >= 0 &&
          overlap_of(boxes[best], boxes[order[k]]) > d->floats[IOU_THRESHOLD]) {
        order[k] = -1;
      }
    }
    order[kept++] = best;
  }
  *selected = order;
  return kept;
}

static void put(const tw_engine *e, const tw_node *node, const detection *d, int32_t at,
                found detected) {
  ((box *)tw_output(e, node, OUT_BOXES)->data)[at] = ((const box *)d->boxes)[detected.anchor];
  ((float *)tw_output(e, node, OUT_CLASSES)->data)[at] = (float)detected.class;
  ((float *)tw_output(e, node, OUT_SCORES)->data)[at] = detected.score;
}

/* Put a detection into the list of the best, behind equals; returns the list's length. */
static int32_t insert(found *best, int32_t count, int32_t limit, found new) {
  int32_t at = count;
  while (at > 0 && best[at - 1].score < new.score) at--;
  if (at == limit) return count;
  if (count < limit) count++;
  for (int32_t i = count - 1; i > at; i--) best[i] = best[i - 1];
  best[at] = new;
  return count;
}

static int32_t detect_regular(const tw_engine *e, const tw_node *node, const detection *d) {
  const float *predictions = tw_input(e, node, PREDICTIONS)->data;
  float *scores = d->scores;
  found *best = d->best;
  int32_t count = 0;
  for (int32_t class = 0; class < d->ints[CLASSES]; class++) {
    for (int32_t i = 0; i < d->anchors; i++) {
      scores[i] = predictions[i * d->columns + d->background + class];
    }
    int32_t *selected, selected_count = suppress(d, d->ints[PER_CLASS], &selected);
    for (int32_t i = 0; i < selected_count; i++) {
      found new = {scores[selected[i]], selected[i], class};
      count = insert(best, count, d->ints[MAX_DETECTIONS], new);
    }
  }
  for (int32_t i = 0; i < count; i++) put(e, node, d, i, best[i]);
  return count;
}

/* The class with the highest score after `previous`, or the highest of all when that is -1; equal
 * scores count in order. -1 when there is none, which is the fault of a NaN. */
static int32_t next_class(const float *scores, int32_t classes, int32_t previous) {
  int32_t next = -1;
  for (int32_t i = 0; i < classes; i++) {
    bool open = previous < 0 || scores[i] < scores[previous] ||
                (scores[i] == scores[previous] && i > previous);
    if (open && (next < 0 || scores[i] > scores[next])) next = i;
  }
  return next;
}

static int detect_fast(tw_engine *e, const tw_node *node, const detection *d, int32_t *count) {
  const float *predictions = (const float *)tw_input(e, node, PREDICTIONS)->data + d->background;
  const int32_t classes = d->ints[CLASSES], each = tw_min(d->ints[MAX_CLASSES], classes);
  float *scores = d->scores;
  for (int32_t i = 0; i < d->anchors; i++) {
    const float *row = predictions + i * d->columns;
    scores[i] = row[next_class(row, classes, -1)];
    for (int32_t k = 0; k < classes; k++) {
      TW_VERIFY(e, each == 1 || row[k] == row[k], TW_E_RUNTIME, "a score of anchor %d is NaN",
                (int)i);
    }
  }
  int32_t *selected, selected_count = suppress(d, d->ints[MAX_DETECTIONS], &selected);
  for (int32_t i = 0; i < selected_count; i++) {
    const float *row = predictions + selected[i] * d->columns;
    int32_t class = -1;
    for (int32_t k = 0; k < each; k++, ++*count) {
      const int64_t at = (int64_t)each * *count + k; /* with gaps between, as in TFLM */
      class = next_class(row, classes, class);
      TW_VERIFY(e, class >= 0 && at < d->capacity, TW_E_RUNTIME,
                "the outputs have room for %d detections only", (int)d->capacity);
      put(e, node, d, (int32_t)at, (found){row[class], selected[i], class});
    }
  }
  return TW_OK;
}

static int eval(tw_engine *e, tw_node *node) {
  const detection *d = node->data;
  for (uint32_t i = 0; i < node->output_count; i++) {
    memset(tw_output(e, node, i)->data, 0, tw_output(e, node, i)->bytes);
  }
  int32_t count = 0;
  TW_TRY(decode_boxes(e, node, d));
  if (d->ints[REGULAR]) {
    count = detect_regular(e, node, d);
  } else {
    TW_TRY(detect_fast(e, node, d, &count));
  }
  *(float *)tw_output(e, node, OUT_COUNT)->data = (float)count;
  return TW_OK;
}

const tw_op tw_op_tflite_detection_post_process = {.code = TW_OP_CUSTOM,
                                                   .custom = "TFLite_Detection_PostProcess",
                                                   .prepare = prepare,
                                                   .eval = eval};
