/* model.h - what must hold, by one who knows nothing of the engine: what was asked for, what
 * was answered, what the receivers saw.
 *
 * An event and a subscription are a pair. For each pair the model keeps what may come of it, as
 * bits: with one bit the outcome is certain. Which of a subscription's shapes decides is known once an
 * event was accepted: a change that is asked for afterwards decides nothing about it, whenever it is
 * fanned out. Only pauses, and the end of a subscription, count whenever they come. While both are on
 * their way, several bits are left. A certain "send" must arrive, or use its retry list up; without the
 * bit nothing may arrive. Repeats are broken promises until something happened that excuses
 * them: a pause, a death, a failing disk. */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "sim.h"

#define MODEL_EVENTS 400
#define MODEL_SUBSCRIPTIONS 24
#define MODEL_CONFIGS 12
#define MODEL_SHAPES 64 /* a bit of a pair's deciders for each */
#define MODEL_RETRIES 6
#define MODEL_RATE 4    /* requests in a second, where there is a rate */
#define MODEL_BREAKER 3 /* answers after which a failure opens a breaker, where there is one */
#define MODEL_BURST 2   /* and at once */
#define MODEL_RATED_TENANT 2
#define MODEL_TENANT_RATE 4 /* requests in a second of that one, in some histories */
#define MODEL_TENANT_BURST 2
#define MODEL_TYPES 4
#define MODEL_TENANTS 3
#define MODEL_KEYS 3

enum model_want { MODEL_SEND = 1, MODEL_NOT = 2, MODEL_HELD = 4 };
enum model_rule { MODEL_NO_RULE, MODEL_PASS, MODEL_DROP, MODEL_PROJECT, MODEL_FAIL, MODEL_RULES };
enum model_order { MODEL_NONE, MODEL_FIFO, MODEL_KEY, MODEL_LATEST, MODEL_ORDERS };
enum model_policy { MODEL_HOLD, MODEL_SKIP, MODEL_SEND_ANYWAY, MODEL_POLICIES };
enum model_status { MODEL_ASKED, MODEL_ACCEPTED, MODEL_UNKNOWN, MODEL_NEVER };

/* What of a subscription can change. */
typedef struct model_config {
    unsigned types; /* bits */
    int rule, policy, paused, filter;
    int64_t cost; /* us of one run of its rule */
} model_config;

typedef struct model_subscription {
    int k;
    char id[WH_ID_SIZE];
    int made;           /* the engine has said so */
    int unknown;        /* nobody knows whether it was made */
    int deleted;        /* or might be */
    int deleted_by;     /* the process that said so */
    int64_t deleted_at; /* when the call was over; SIM_NEVER: it is not */
    int stays;          /* to delete it failed */
    int gone;           /* a receiver said 410 */
    int changing;
    int tenant, order, cap, single_use;
    int64_t timeout;
    int64_t retry[MODEL_RETRIES];
    int retry_count;
    model_config possible[MODEL_CONFIGS];
    int possible_count;
    model_config shapes[MODEL_SHAPES]; /* all that it ever had, or may have had */
    int shape_count;
    int rated;                                 /* it has that rate */
    int breaks;                                /* it has a breaker, and a retry budget */
    int64_t sent_at[MODEL_RATE + MODEL_BURST]; /* its last requests, by sent_count */
    unsigned sent_count;
    int used_by; /* single_use: the event that it got, n + 1 */
} model_subscription;

typedef struct model_event {
    int n;
    char id[WH_ID_SIZE]; /* "" until it is known */
    int own_id;
    int tenant, type, marked, bad, filter, key; /* key: 0 none */
    int from_outbox, slot;
    int status;
    int64_t begun, answered; /* steps */
    int64_t accepted_us;     /* when that was said; 0: it was not */
    size_t payload_size;
    char *payload;
} model_event;

typedef struct model_pair {
    unsigned char want, bodies;
    unsigned char apart; /* want, if there were no others of its key */
    unsigned char rests; /* since it was asked for: 1 the subscription was at work, 2 it was paused */
    uint64_t deciders;   /* shapes that may have been in force when it was accepted */
    int arrivals, failures, successes, open;
    int extra;    /* replays of this very delivery, whatever its state, that were begun */
    int extras;   /* of these, those that are over */
    int replays;  /* times that the retry list began anew, or may have */
    int replayed; /* of these, those that are over */
    int first;    /* its place among all arrivals, from 1 */
    uint64_t body;
} model_pair;

extern model_event *model_events[MODEL_EVENTS];
extern int model_event_count;
extern model_subscription *model_subscriptions[MODEL_SUBSCRIPTIONS];
extern int model_subscription_count;
extern const char *const model_tenants[MODEL_TENANTS], *const model_types[MODEL_TYPES],
                                                           *const model_keys[MODEL_KEYS + 1];

/* What the model does when a promise is broken: sim_fail, unless a test of the model listens. */
extern void (*model_complain)(const char *invariant, const char *sentence);

/* 1: that tenant has that rate in this history. Nothing is drawn for it: the others stay what they are. */
int model_rates_tenant(void);

void model_begin(void);
void model_excuse(void);       /* from now on a request may come twice */
void model_excuse_order(void); /* and work may go from one process to another, out of order */
int model_excused(void);

/* Events. The payload is made: it carries the number and all that rules look at. */
model_event *model_event_new(const model_event *shape, size_t pad);
void model_accepted(model_event *event, const char *id);
void model_refused(model_event *event, int status);

model_subscription *model_subscription_new(const model_subscription *shape);
void model_made(model_subscription *subscription, const char *id);
void model_change(model_subscription *subscription, const model_config *config);
void model_changed(model_subscription *subscription, const model_config *config, int known); /* known 0: maybe */
void model_delete(model_subscription *subscription);
void model_replay(int n, int k, int again);        /* again 1: delivered ones are sent again */
void model_replayed(int n, int k, int again);      /* it is over */
void model_replay_missed(int n, int k, int again); /* it came too late for a replay that has ended */

model_pair *model_pair_of(int n, int k);
unsigned model_decide(const model_subscription *subscription, const model_config *config, const model_event *event);

/* The receiver's side. out receives the pair, NULL for an event of the engine's own. */
void model_arrives(int k, const char *id, const char *body, size_t size, int slot, int open, model_pair **out);
void model_answers(model_pair *pair, int k, int status, int error);
void model_cut(model_pair *pair); /* its sender waits for it no longer: that is no try */

/* keys.c: of each order key. A process has one request of it under way, and begins the next when something was
 * recorded of the one before. Of a `latest` key the newest arrives last, but where its sender sent it late, without
 * having the partition any more, and died then: nobody can say the word for him. */
#define KEYS_NONE (-1)
void keys_begin(void);
int keys_of(int n, int k); /* a number, or KEYS_NONE: what has no key has no order */
void keys_begins(const sim_process *process, int n, int k, int64_t subscription, int open); /* open: of this key */
void keys_taken(const sim_process *process, int n, int k, int late);                        /* by the receiver */
int keys_last(int n, int k); /* the event that came last of this one's key; n where anything may have */

/* judge.c: the model against the store */
int judge_begin(void);  /* sees each commit from now on. 0: not now */
void judge_watch(void); /* states move only as they may, marks have an owner; quiet */
/* Whether this owner may send it: it has it, or nobody can say; or its row was cancelled with the subscription; quiet
 */
enum judge_leave { JUDGE_NO, JUDGE_YES, JUDGE_CANCELLED };
enum judge_leave judge_may_send(int64_t owner, int n, int64_t subscription, int64_t paused); /* until then */
int judge_has(int64_t owner, int64_t subscription);    /* 1: its partition, or nobody can say; quiet */
int64_t judge_superseded(int n, int64_t subscription); /* when a newer one took its place; 0: none has; quiet */
/* 1: it waits for its next try, and a newer one of its key waited before that was due; quiet */
int judge_gives_way(int n, int64_t subscription);
int64_t judge_turn(int n, int64_t subscription); /* of a row that waits; -1: there is none; quiet */
int judge_settled(char *why, size_t size);       /* nothing waits, nothing is owned by nobody; quiet */
void judge_idle(int64_t since);                  /* wh_idle said yes; it was asked at that step */
void judge_owners(void);                         /* no more workers than live engines; quiet */
void judge_end(wh_engine *engine);               /* all of it, and explain */
int64_t judge_number(const char *sql);           /* -1: it could not be asked; quiet */
struct sqlite3_stmt;
/* Row by row. 0: it could not be asked. */
int judge_ask(const char *sql, void (*each)(struct sqlite3_stmt *row, void *payload));
void judge_reopen(void);
void judge_close(void);

#endif
