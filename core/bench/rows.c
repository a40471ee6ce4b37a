#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

struct row {
    char id[32], version[24], number[24], word[48], text[640];
};

void rows_need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "rows: %s\n", what);
        exit(1);
    }
}

void rows_make(rows *self, int count) {
    self->count = count;
    self->list = calloc((size_t)count, sizeof *self->list);
    self->objects = calloc((size_t)count, sizeof *self->objects);
    self->results = calloc((size_t)count, sizeof *self->results);
    rows_need(self->list != NULL && self->objects != NULL && self->results != NULL, "memory");
}

int rows_is_number(int column) {
    return column == 2 || (column >= ROWS_OURS && (column - ROWS_OURS) % 3 == 0);
}

static void write_text(struct row *row) {
    int used = snprintf(row->text, sizeof row->text, "{\"id\":\"%s\"", row->id);

    for (int field = 0; field < ROWS_FIELDS; field++) {
        used += rows_is_number(ROWS_OURS + field)
                    ? snprintf(row->text + used, sizeof row->text - (size_t)used, ",\"f%d\":%s", field, row->number)
                    : snprintf(row->text + used, sizeof row->text - (size_t)used, ",\"f%d\":\"%s\"", field, row->word);
    }
    (void)snprintf(row->text + used, sizeof row->text - (size_t)used, "}");
}

void rows_number(rows *self, long from, int64_t version) {
    for (int i = 0; i < self->count; i++) {
        struct row *row = &self->list[i];

        (void)snprintf(row->id, sizeof row->id, "object-%08ld", from + i);
        (void)snprintf(row->version, sizeof row->version, "%lld", (long long)version);
        (void)snprintf(row->number, sizeof row->number, "%ld", from + i);
        (void)snprintf(row->word, sizeof row->word, "a text of some letters %ld", from + i);
        write_text(row);
        self->objects[i] = (whi_object){ "connection", "row", row->text, strlen(row->text), version, 1700000000000, 0 };
    }
}

const char *rows_value(const rows *self, int at, int column) {
    const struct row *row = &self->list[at];
    const char *const ours[ROWS_OURS] = { "connection", row->id,  row->version, "2023-11-14 22:13:20.000",
                                          NULL,         row->text };

    if (column < ROWS_OURS) {
        return ours[column];
    }
    return rows_is_number(column) ? row->number : row->word;
}

void rows_write(rows *self, whi_destination *destination) {
    bench_check(whi_destination_write(destination, self->objects, (size_t)self->count, self->results), "write");
    for (int i = 0; i < self->count; i++) {
        rows_need(self->results[i].outcome == WHI_OBJECT_WRITTEN, self->results[i].sentence);
    }
}

static double time_of(void (*step)(rows *self), rows *self) {
    double begin = bench_now();

    step(self);
    return bench_now() - begin;
}

void rows_run(const rows_race *race, rows *self, int rounds) {
    double *ours = calloc((size_t)rounds, sizeof *ours), *bare = calloc((size_t)rounds, sizeof *bare);

    rows_need(ours != NULL && bare != NULL, "memory");
    for (int i = -2; i < rounds; i++) { /* two for getting warm */
        double one, other;

        rows_number(self, race->is_new ? (long)(i + 3) * self->count : 0, i + 3);
        one = time_of(race->ours, self);
        other = time_of(race->bare, self);
        if (i >= 0) {
            ours[i] = one;
            bare[i] = other;
        }
    }
    printf("%s, batches of %d: %.0f rows/s, bare %.0f, ratio %.2f\n", race->name, self->count,
           self->count / bench_median(ours, rounds), self->count / bench_median(bare, rounds),
           bench_median(bare, rounds) / bench_median(ours, rounds));
    free(ours);
    free(bare);
}
