#include "check.h"

#include <stdio.h>
#include <string.h>

#include "closed.h"
#include "map.h"
#include "order.h"
#include "receive.h"
#include "rows.h"

#define SHOWN 10
#define LATE_US INT64_C(30000000) /* longer than a lease, and the next one */

typedef struct once { /* a single_use subscription */
    char first[WH_ID_SIZE];
    int others, made; /* made: in the journal */
} once;

typedef struct found {
    map events, onces;
    long accepted, of_sql, rolled_back, unknown;
    long requests, refused, unanswered, duplicates;
    long lost, lost_at[ROUTES];
    long stranded, late;                     /* arrived only when all had been killed; after more than LATE_US */
    int64_t latest;                          /* us from acknowledgement to success at ROUTE_ALL, at most */
    long dropped, ghosts, bodies, unsigned_; /* sent although dropped, rolled back; other bytes; signatures */
    long once, once_wrong, once_unused;
    order_report order;
    rows_report rows;
} found;

static void show(long count, const char *what, const char *id) {
    if (count <= SHOWN) {
        fprintf(stderr, "crash: %s: %s%s\n", what, id, count == SHOWN ? ", and so on" : "");
    }
}

/* ------------------------------------------------------------------------- reading */

static void see_line(const entry *line, void *payload) {
    found *self = payload;

    if (line->kind == JOURNAL_ONCE) {
        ((once *)map_at(&self->onces, line->id))->made = 1;
        return;
    }
    rows_see(line, &self->rows);
    ((known *)map_at(&self->events, line->id))->line = *line;
    self->rolled_back += line->kind == JOURNAL_ROLLED_BACK;
    self->accepted += line->kind == JOURNAL_ACCEPTED;
    self->of_sql += line->kind == JOURNAL_ACCEPTED && line->origin == ORIGIN_SQL;
}

static void see_once(found *self, const arrival *one) {
    once *at = map_at(&self->onces, one->path);

    if (at->first[0] == '\0') {
        snprintf(at->first, sizeof at->first, "%s", one->id);
    } else if (strcmp(at->first, one->id) != 0) {
        at->others++;
    }
}

static enum route route_of(const char *path) {
    int route = 0;

    while (route < ROUTES && strcmp(routes[route].path, path) != 0) {
        route++;
    }
    return (enum route)route;
}

/* The body is that of the first time, and where nothing changes it, the published one. */
static void see_body(found *self, enum route route, known *at, const arrival *one) {
    if (at->came[route] == 0) {
        at->body[route] = one->hash;
    }
    if (at->body[route] != one->hash ||
        (routes[route].same && at->line.kind == JOURNAL_ACCEPTED && at->line.hash != one->hash)) {
        show(++self->bodies, "another body", one->id);
    }
}

static void see_at(found *self, enum route route, known *at, const arrival *one) {
    if (one->drop && routes[route].drops) {
        show(++self->dropped, "sent although dropped", one->id);
    }
    see_body(self, route, at, one);
    order_see(route, at, at->came[route] == 0, one->status, one->at);
    at->came[route] += at->came[route] < UINT16_MAX;
    at->at[route] = at->got[route] == 0 && one->status == 200 ? one->at : at->at[route];
    at->got[route] += one->status == 200 && at->got[route] < UINT16_MAX;
}

static void see_arrival(const arrival *one, void *payload) {
    found *self = payload;
    known *at = map_at(&self->events, one->id);
    enum route route = route_of(one->path);

    self->requests++;
    self->refused += one->status == 500;
    self->unanswered += one->status == 0;
    if (!one->verified) {
        show(++self->unsigned_, "signature", one->id);
    }
    if (at->line.kind == JOURNAL_ROLLED_BACK) {
        show(++self->ghosts, "sent although rolled back", one->id);
    }
    if (route < ROUTES) {
        see_at(self, route, at, one);
    } else {
        see_once(self, one);
    }
}

/* ------------------------------------------------------------------------- judging */

static void judge_time(found *self, const char *id, const known *at, const campaign_tally *tally) {
    int64_t us = at->at[ROUTE_ALL] - at->line.end;
    int stranded = 0;

    if (at->line.kind != JOURNAL_ACCEPTED || at->line.origin == ORIGIN_DRIVER || at->got[ROUTE_ALL] == 0) {
        return;
    }
    self->late += us > LATE_US;
    self->latest = us > self->latest ? us : self->latest;
    for (int i = 0; i < ROUTES; i++) {
        stranded |= at->at[i] > tally->calm_at;
    }
    if (stranded) {
        show(++self->stranded, "stranded, until all had been killed", id);
    }
}

/* Those of "latest" may be replaced by newer ones; order.c looks at that. */
static void judge_event(found *self, const char *id, const known *at) {
    int lost = 0;

    self->unknown += at->line.kind == 0;
    for (int i = 0; i < ROUTES; i++) {
        self->duplicates += at->got[i] > 1 ? at->got[i] - 1 : 0;
        if (at->line.kind == JOURNAL_ACCEPTED && at->got[i] == 0 && i != ROUTE_LATEST &&
            route_wants(i, at->line.type, at->line.drop)) {
            self->lost_at[i]++;
            lost = 1;
        }
    }
    if (lost) {
        show(++self->lost, "lost", id);
    }
    if (at->line.kind == JOURNAL_ACCEPTED && at->line.type == TYPE_KEYED) {
        order_accepted(at);
    }
}

static void judge_once(found *self, const char *path, const once *at) {
    self->once++;
    if (at->others > 0) {
        show(++self->once_wrong, "more than one event for", path);
    }
    if (at->made && at->first[0] == '\0') {
        show(++self->once_unused, "no event for", path);
    }
}

static void judge(found *self, const campaign_tally *tally) {
    for (size_t i = 0; i < self->events.slots; i++) {
        if (self->events.entries[i].name != NULL) {
            judge_event(self, self->events.entries[i].name, self->events.entries[i].value);
            judge_time(self, self->events.entries[i].name, self->events.entries[i].value, tally);
        }
    }
    for (size_t i = 0; i < self->onces.slots; i++) {
        if (self->onces.entries[i].name != NULL) {
            judge_once(self, self->onces.entries[i].name, self->onces.entries[i].value);
        }
    }
    order_tell(tally, &self->order);
}

/* ------------------------------------------------------------------------- telling */

static void tell_order(const order_report *order) {
    static const enum route ordered[] = { ROUTE_FIFO, ROUTE_KEY, ROUTE_LATEST };

    for (size_t i = 0; i < sizeof ordered / sizeof ordered[0]; i++) {
        printf("overtakings  %-8s within a thread %ld, between %ld\n", routes[ordered[i]].path,
               order->within[ordered[i]], order->between[ordered[i]]);
    }
    printf("latest       %ld keys, %ld without any event, %ld ended with an older one (%ld within a thread; %ld with a "
           "kill or pause meanwhile)\n",
           order->keys, order->never, order->older, order->older_within, order->excused);
}

static void tell_late(const found *self, const campaign_tally *tally) {
    printf("stranded     %ld events, until all processes were killed; late %ld (after 30 s), the last after %.1f s\n",
           self->stranded, self->late, (double)self->latest / 1e6);
    printf("nobody's     at most %lld rows of an owner that is gone, for at most %.1f s\n", (long long)tally->stranded,
           (double)tally->stranded_us / 1e6);
}

static void tell(const found *self, const campaign_tally *tally) {
    printf("events       %ld acknowledged (%ld by SQL), %ld rolled back, %ld not written down; %ld publishes refused\n",
           self->accepted, self->of_sql, self->rolled_back, self->unknown, atomic_load(&here.shared->refused));
    printf("requests     %ld, refused on purpose %ld, left without answer %ld; duplicates %ld; capped at once at most "
           "%d\n",
           self->requests, self->refused, self->unanswered, self->duplicates, receive_most_capped());
    printf("lost         %ld events:", self->lost);
    for (int i = 0; i < ROUTES; i++) {
        printf(" %s %ld", routes[i].path, self->lost_at[i]);
    }
    printf("\n");
    tell_late(self, tally);
    printf("wrong        dropped %ld, rolled back %ld, bodies %ld, signatures %ld\n", self->dropped, self->ghosts,
           self->bodies, self->unsigned_);
    printf("single_use   %ld, of these with several events %ld, with none %ld\n", self->once, self->once_wrong,
           self->once_unused);
    printf("rows         %ld, lost %ld, rolled back %ld, not of the newest event %ld\n", self->rows.rows,
           self->rows.lost, self->rows.ghosts, self->rows.older);
    tell_order(&self->order);
}

static int order_holds(const order_report *order) {
    long broken = order->older;

    for (int i = 0; i < ROUTES; i++) {
        broken += order->within[i] + order->between[i];
    }
    return broken == 0;
}

static int holds(const found *self, int strict) {
    return self->accepted > 0 && self->of_sql > 0 && self->lost == 0 && self->stranded == 0 && self->dropped == 0 &&
           self->ghosts == 0 && self->bodies == 0 && self->unsigned_ == 0 && self->once_wrong == 0 &&
           self->once_unused == 0 && self->rows.lost == 0 && self->rows.ghosts == 0 && self->rows.older == 0 &&
           self->rows.rows > 0 && self->order.never == 0 && (!strict || order_holds(&self->order));
}

static int noticed(const found *self) {
    return self->lost > 0 && self->dropped > 0 && self->ghosts > 0 && self->bodies > 0 && self->unsigned_ > 0 &&
           self->once_wrong > 0 && self->rows.lost > 0 && self->rows.older > 0 && self->order.within[ROUTE_FIFO] > 0;
}

int check(const campaign_tally *tally, int strict, int forged) {
    found self = { .events = { .value_size = sizeof(known) }, .onces = { .value_size = sizeof(once) } };
    int wrong_rows, right;

    rows_read(&self.rows);
    journal_read(see_line, &self);
    rows_compare(&self.rows);
    receive_read(here.log, see_arrival, &self);
    judge(&self, tally);
    tell(&self, tally);
    wrong_rows = closed_check();
    right = forged ? noticed(&self) && wrong_rows > 0 : holds(&self, strict) && wrong_rows == 0;
    map_free(&self.events);
    map_free(&self.onces);
    return right ? 0 : 1;
}
