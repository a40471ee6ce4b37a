#include "order.h"

#include <stdio.h>
#include <string.h>

#include "map.h"

/* Of a route, a key, and either all writers or one of them. */
typedef struct lane {
    int64_t begin; /* the latest one of events that arrived: when it was handed over */
} lane;

/* Of a key on ROUTE_LATEST. */
typedef struct ending {
    const known *last;   /* that arrived with success */
    int64_t at;          /* when */
    const known *newest; /* published and acknowledged: the one handed over last */
} ending;

static map lanes = { .value_size = sizeof(lane) };
static map endings = { .value_size = sizeof(ending) };
static map newest_of = { .value_size = sizeof(const known *) }; /* by key and writer */
static order_report report;

static lane *lane_of(enum route route, const known *one, const char *who) {
    char name[112];

    snprintf(name, sizeof name, "%d %s %s", (int)route, route == ROUTE_FIFO ? "" : one->line.key, who);
    return map_at(&lanes, name);
}

/* 1 if it was overtaken in this lane. */
static int pass(lane *self, const known *one, int first, int succeeded) {
    int overtaken = succeeded && one->line.end < self->begin;

    if (first && one->line.begin > self->begin) {
        self->begin = one->line.begin;
    }
    return overtaken;
}

static int is_ordered(enum route route) {
    return route == ROUTE_FIFO || route == ROUTE_KEY || route == ROUTE_LATEST;
}

static void see_ending(const known *one, int64_t at) {
    ending *self = map_at(&endings, one->line.key);

    self->last = one;
    self->at = at;
}

void order_see(enum route route, const known *one, int first, int status, int64_t at) {
    int succeeded = status == 200 && one->got[route] == 0, within, between;
    const char *all = one->line.origin == ORIGIN_SQL ? "sql" : "published";

    if (!is_ordered(route) || one->line.kind != JOURNAL_ACCEPTED) {
        return;
    }
    between = pass(lane_of(route, one, all), one, first, succeeded);
    within = one->line.origin == ORIGIN_SERVER && pass(lane_of(route, one, one->line.writer), one, first, succeeded);
    report.within[route] += within;
    report.between[route] += between && !within;
    if (route == ROUTE_LATEST && status == 200) {
        see_ending(one, at);
    }
}

/* -------------------------------------------------------------------------- latest */

static const known **newest_by(const known *one) {
    char name[80];

    snprintf(name, sizeof name, "%s %s", one->line.key, one->line.writer);
    return map_at(&newest_of, name);
}

void order_accepted(const known *one) {
    const known **mine = newest_by(one);
    ending *self = map_at(&endings, one->line.key);

    if (*mine == NULL || one->line.begin > (*mine)->line.begin) {
        *mine = one;
    }
    if (one->line.origin != ORIGIN_SQL && (self->newest == NULL || one->line.begin > self->newest->line.begin)) {
        self->newest = one;
    }
}

static void judge_ending(const ending *self, const campaign_tally *tally) {
    const known *mine;
    int within;

    report.keys++;
    if (self->last == NULL) {
        report.never++;
        return;
    }
    mine = *newest_by(self->last);
    within = self->last->line.origin == ORIGIN_SERVER && mine->line.begin > self->last->line.end;
    if (!within && (self->newest == NULL || self->last->line.origin == ORIGIN_SQL ||
                    self->newest->line.begin <= self->last->line.end)) {
        return;
    }
    report.older++;
    report.older_within += within;
    report.excused += campaign_disturbed(tally, self->last->line.begin, self->at);
}

void order_tell(const campaign_tally *tally, order_report *out) {
    for (size_t i = 0; i < endings.slots; i++) {
        if (endings.entries[i].name != NULL) {
            judge_ending(endings.entries[i].value, tally);
        }
    }
    *out = report;
    map_free(&lanes);
    map_free(&endings);
    map_free(&newest_of);
}
