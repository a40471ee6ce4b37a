#include "base/histogram.h"

#define MS INT64_C(1000)
#define S INT64_C(1000000)

/* From a receiver next door to one that is down for an hour. */
const whi_histogram_step whi_histogram_steps[WHI_HISTOGRAM_STEPS] = {
    { 5 * MS, "0.005" }, { 25 * MS, "0.025" }, { 100 * MS, "0.1" }, { 250 * MS, "0.25" }, { S, "1" },
    { 5 * S, "5" },      { 30 * S, "30" },     { 300 * S, "300" },  { 3600 * S, "3600" },
};

void whi_histogram_add(whi_histogram *histogram, int64_t us) {
    int step = 0;

    us = us < 0 ? 0 : us; /* a clock that was set back */
    while (step < WHI_HISTOGRAM_STEPS && us > whi_histogram_steps[step].us) {
        step++;
    }
    atomic_fetch_add_explicit(&histogram->counts[step], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->total, us, memory_order_relaxed);
}
