#include "sample.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash.h"

double sample_memory(pid_t pid) {
    char name[64];
    long pages = -1;
    FILE *file;

    snprintf(name, sizeof name, "/proc/%d/statm", (int)pid);
    file = fopen(name, "re");
    if (file != NULL && fscanf(file, "%*d %ld", &pages) != 1) {
        pages = -1;
    }
    if (file != NULL) {
        fclose(file);
    }
    return pages < 0 ? -1 : (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

double sample_descriptors(pid_t pid) {
    char name[64];
    double count = 0;
    DIR *folder;

    snprintf(name, sizeof name, "/proc/%d/fd", (int)pid);
    folder = opendir(name);
    if (folder == NULL) {
        return -1;
    }
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count - 2; /* . and .. */
}

double sample_file(const char *name) {
    struct stat status;

    return stat(name, &status) == 0 ? (double)status.st_size / 1024 : 0;
}

/* ------------------------------------------------------------------------ the series */

void series_add(series *self, double at, double value) {
    if (self->count == self->room) {
        self->room = self->room * 2 + 64;
        self->points = realloc(self->points, self->room * sizeof *self->points);
        if (self->points == NULL) {
            die("memory");
        }
    }
    self->points[self->count++] = (point){ at, value };
}

void series_free(series *self) {
    free(self->points);
    *self = (series){ NULL, 0, 0 };
}

void series_floor(series *out, const series *self, double window) {
    double begin = 0;

    for (size_t i = 0; i < self->count; i++) {
        const point *one = &self->points[i];
        if (one->value < 0) {
            continue;
        }
        if (out->count == 0 || one->at >= begin + window) {
            begin = one->at;
            series_add(out, begin, one->value);
        } else if (one->value < out->points[out->count - 1].value) {
            out->points[out->count - 1].value = one->value;
        }
    }
}

static double mean_of(const point *points, size_t count) {
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += points[i].value;
    }
    return count > 0 ? sum / (double)count : 0;
}

static int is_steady(const point *points, size_t count, double growth) {
    size_t quarter = count / 4;
    double before = mean_of(points, quarter);

    for (size_t i = 1; i < 4; i++) {
        double now = mean_of(points + i * quarter, quarter);
        if (now - before < growth / 4 / 3) {
            return 0;
        }
        before = now;
    }
    return 1;
}

static slope fit(const point *points, size_t count) {
    slope out = { points[0].value, points[0].value, mean_of(points, count), 0, 0, 0 };
    double middle = 0, above = 0, below = 0;

    for (size_t i = 0; i < count; i++) {
        middle += points[i].at / (double)count;
        out.least = points[i].value < out.least ? points[i].value : out.least;
        out.most = points[i].value > out.most ? points[i].value : out.most;
    }
    for (size_t i = 0; i < count; i++) {
        above += (points[i].at - middle) * (points[i].value - out.mean);
        below += (points[i].at - middle) * (points[i].at - middle);
    }
    if (below > 0) {
        out.per_hour = above / below * 3600;
        out.growth = above / below * (points[count - 1].at - points[0].at);
    }
    out.steady = is_steady(points, count, out.growth);
    return out;
}

slope series_slope(const series *self, double from) {
    size_t first = 0;

    while (first < self->count && self->points[first].at < from) {
        first++;
    }
    return first < self->count ? fit(self->points + first, self->count - first) : (slope){ 0, 0, 0, 0, 0, 0 };
}
