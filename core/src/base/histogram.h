/* How long things take, counted in steps: for looking on from any thread. */
#ifndef WHI_HISTOGRAM_H
#define WHI_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define WHI_HISTOGRAM_STEPS 9

/* Where a step ends; behind the last there is one without an end. */
typedef struct whi_histogram_step {
    int64_t us;
    const char *seconds;
} whi_histogram_step;

extern const whi_histogram_step whi_histogram_steps[WHI_HISTOGRAM_STEPS];

/* Begins zeroed. */
typedef struct whi_histogram {
    atomic_llong counts[WHI_HISTOGRAM_STEPS + 1]; /* of each step alone */
    atomic_llong total;                           /* us */
} whi_histogram;

void whi_histogram_add(whi_histogram *histogram, int64_t us);

#endif
