/* Events and deliveries in memory, counted by reference. */
#ifndef WHI_EVENT_H
#define WHI_EVENT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/context.h"
#include "engine/memory.h"
#include "engine/position.h"
#include "engine/registry.h"
#include "engine/underway.h"
#include "outside/store.h"
#include "webhook.h"

/* An event in memory. */
typedef struct whi_event {
    struct whi_event *next; /* in an inbox, a list or a record */
    atomic_int refs;
    atomic_int unwritten; /* deliveries that no committed row tells of yet, and 1 while fanning out */
    int64_t number;
    int64_t owner; /* under whose number it is ours, see lease.h; 0: it is not */
    whi_mark mark; /* of an event of the log: while it is not decided */
    int64_t time, accepted_at;
    int seen_before; /* 1: read from the log, some deliveries may exist */
    int lags;        /* 1: read for a subscription that lags: its deliveries are written before they are sent */
    int own_id;      /* 1: the id is the caller's */
    struct whi_delivery
        *remakes; /* among those to be decided: the delivery of it whose bytes are made; see work/remake.h */
    whi_registration **found; /* while it is fanned out: who may want it, references */
    size_t found_count, found_at;
    char id[WH_ID_SIZE];
    const char *type, *tenant, *source, *key, *payload; /* behind this struct, zero-terminated */
    size_t payload_size;
    struct whi_account *account; /* of its tenant, see memory.h: a reference */
    size_t charged;              /* bytes counted in WHI_POT_EVENTS */
} whi_event;

/* A delivery in memory: queued, under way, or being recorded. */
typedef struct whi_delivery {
    struct whi_delivery *next;
    whi_event *event;               /* a reference */
    whi_registration *registration; /* a reference: where it goes now */
    whi_way way;
    int64_t turn;    /* of its row, as it was last read; WHI_TURN_ABSENT: there is none */
    int64_t version; /* of the subscription, that made the bytes; 0: not made yet */
    char *body;      /* NULL: the event's payload; set by whi_delivery_take_body alone */
    size_t body_size;
    enum whi_pot pot;                   /* where its bytes are counted */
    char *key;                          /* NULL, or what orders it: its turn comes after those before it */
    char *headers;                      /* NULL, or the rule's, a JSON object */
    int64_t created_at, due, queued_at; /* queued_at: monotonic us */
    int state, attempts, tries;
    int body_is_new;             /* 1: the stored row has other bytes */
    int abort;                   /* 1: all that waits behind it goes with it */
    int leaves;                  /* 1: its subscription ended with it, and more waits for that than was cancelled */
    int status;                  /* of the last attempt */
    char *error;                 /* of the last attempt or of the rule; NULL */
    struct whi_attempt *attempt; /* to be recorded with it, or NULL */
    whi_answer written;          /* what the store said of the row that tells of it */
} whi_delivery;

/* What an attempt came to. */
typedef struct whi_attempt {
    whi_attempt_row row; /* while it is recorded: what the store reads until the commit */
    int64_t at, duration_us;
    int code, status;
    int saw;           /* enum whi_health_sight */
    int keep;          /* a success that is to be kept as its receiver's last */
    whi_answer judged; /* what the store made of it, and the row of health as it is told */
    whi_health_row became;
    size_t response_size;
    char response[];
} whi_attempt;

whi_event *whi_event_new(wh_engine *engine, const whi_event_row *row); /* one reference; NULL: no memory */
void whi_event_ref(whi_event *event);
void whi_event_unref(wh_engine *engine, whi_event *event);
void whi_event_forget_found(whi_event *event); /* another try begins anew */
whi_delivery *whi_delivery_new(wh_engine *engine, whi_event *event, whi_registration *registration);
/* The one function that changes the state of a delivery in memory, and when it is due, as the table of
 * pure/delivery.h says. due, in ms, counts where the move leads to waiting. What the table forbids
 * is a fault of ours: it is logged and counted, and the state stays. */
void whi_delivery_move(wh_engine *engine, whi_delivery *delivery, int move, int64_t due);
/* It waits until then, whether it was being sent or waits already. */
void whi_delivery_wait(wh_engine *engine, whi_delivery *delivery, int64_t due);
/* When one that is not sent now is due: now; of one that is fetched when its event was accepted, so that those that
 * wait are in the order of acceptance, whoever wrote them when. */
int64_t whi_delivery_due(const wh_engine *engine, const whi_delivery *delivery, const whi_subscription *to);
void whi_delivery_free(wh_engine *engine, whi_delivery *delivery);
/* Its bytes from now on, which it owns; NULL: the event's payload. */
void whi_delivery_take_body(wh_engine *engine, whi_delivery *delivery, char *body, size_t size);
/* Its bytes are counted as those of what is being recorded. */
void whi_delivery_count_record(wh_engine *engine, whi_delivery *delivery);
void whi_delivery_fill_row(const whi_delivery *delivery, whi_delivery_row *row);
/* The bytes to send. */
const char *whi_delivery_bytes(const whi_delivery *delivery, size_t *size);

#endif
