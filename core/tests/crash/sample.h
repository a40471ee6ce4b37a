/* What a process and a file take, and whether that grows. */
#ifndef CRASH_SAMPLE_H
#define CRASH_SAMPLE_H

#include <stddef.h>
#include <sys/types.h>

/* -1 if it cannot be told. */
double sample_memory(pid_t pid); /* KiB that are resident */
double sample_descriptors(pid_t pid);
double sample_file(const char *name); /* KiB; 0 if it is not there */

typedef struct point {
    double at, value; /* seconds */
} point;

typedef struct series {
    point *points;
    size_t count, room;
} series;

void series_add(series *self, double at, double value);
void series_free(series *self);

typedef struct slope {
    double least, most, mean;
    double per_hour; /* of the straight line with the least squares */
    double growth;   /* of that line, from the first point to the last */
    int steady;      /* each quarter is above the one before, by a third of what a straight line
                        gains: a step, of a cache or of a burst, is none */
} slope;

/* The least of each window of so many seconds: what a process comes back to. A burst is
 * not in it, and a leak is. */
void series_floor(series *out, const series *self, double window);

/* Of the points from this second on. */
slope series_slope(const series *self, double from);

#endif
