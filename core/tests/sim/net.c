/* Receivers, and the transport that reaches them. A receiver lives outside of all processes:
 * what it was sent it has, whatever becomes of the sender. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "breakers.h"
#include "engine/context.h"
#include "engine/lease.h"
#include "model.h"
#include "neighbours.h"
#include "sim.h"

#define RATE_SLACK_US 1000 /* the engine counts in ms */
#define SOON 50000         /* us, of receivers that are well */

int sim_net_healed;

typedef struct flight {
    struct flight *next;
    whi_request *request;
    model_pair *pair;
    int n, k, key;
    int64_t sent_at, answer_at;
    int status, error;
    const char *retry_after;
    int64_t owner;         /* under which it was sent */
    int is_probe;          /* of a breaker that is open */
    int64_t lapsed;        /* when a turn began, until when its lease had been; LEASE_HOLDS: it was not over */
    int is_cut, is_unread; /* its sender waits no longer; the receiver never had it */
} flight;

#define LEASE_HOLDS (-1)
#define LEASE_GONE (-2)            /* its number is no more */
#define HEARD_US (10 * SIM_SECOND) /* who turns has read by then what another process changed */

struct whi_transport {
    whi_poller *poller;
    sim_process *process;
    flight *first, **end;
    int64_t owner, turned_at; /* the engine's number when this turn began, and when that was */
    struct whi_transport *others;
};

static whi_transport *transports; /* of all processes, the dead ones included */

static int open_transport(whi_transport **out, const whi_transport_options *options) {
    *out = sim_alloc(sizeof **out);
    (*out)->poller = options->poller;
    (*out)->process = sim_self_process();
    (*out)->end = &(*out)->first;
    (*out)->others = transports;
    transports = *out;
    return WH_OK;
}

/* Requests that are cut off: the receiver has them, nobody hears the answer. */
static void close_transport(whi_transport *transport) {
    for (flight *f = transport->first; f != NULL; f = f->next) {
        f->request = NULL;
    }
}

/* Open at the receiver, from whichever process that lives. */
static int open_at(int k) {
    int count = 0;

    for (const whi_transport *t = transports; t != NULL; t = t->others) {
        for (const flight *f = t->first; f != NULL; f = f->next) {
            count += f->k == k && f->request != NULL && !t->process->dead;
        }
    }
    return count;
}

static const char *header(const whi_request *request, const char *name) {
    size_t size = strlen(name);

    for (size_t i = 0; i < request->line_count; i++) {
        if (strncasecmp(request->lines[i], name, size) == 0 && request->lines[i][size] == ':') {
            return request->lines[i] + size + 2;
        }
    }
    return "";
}

/* ----------------------------------------------------------------------- receivers */

static void answer(flight *f, int status, int error, int64_t after) {
    f->status = status;
    f->error = error;
    f->answer_at = sim_now + after;
}

static void answer_badly(flight *f, int64_t latency) {
    static const int codes[] = { 500, 404, 302, 503, 429, 400 };
    static const char *const waits[] = { NULL, "1", "-5", "soon", "", "2" };
    int64_t timeout = f->request->timeout * 1000;

    switch (sim_below(&sim_net_chance, 8)) {
    case 0: /* says nothing */
        answer(f, 0, WH_ETIMEOUT, timeout);
        break;
    case 1: /* took it, and the line breaks */
        answer(f, 0, WH_EIO, latency);
        break;
    case 2: /* never had it */
        answer(f, 0, WH_ECONNECT, latency);
        f->is_unread = 1;
        break;
    case 3:
        answer(f, sim_one_in(&sim_net_chance, 12) ? 410 : 500, WH_OK, latency);
        break;
    default:
        answer(f, codes[sim_below(&sim_net_chance, 6)], WH_OK, latency);
        f->retry_after = waits[sim_below(&sim_net_chance, 6)];
    }
}

/* Where one is to be met while others send, many a receiver takes long. */
static int64_t draw_latency(void) {
    int64_t most = sim_net_healed ? SOON : sim_plan_now->latency_us;

    if (sim_plan_now->late_ones && sim_one_in(&sim_net_chance, 2)) {
        return most / 4 + sim_below(&sim_net_chance, most * 3 / 4);
    }
    return sim_spread(&sim_net_chance, 200, most);
}

static void choose_answer(flight *f) {
    int64_t latency = sim_plan_now->crowded ? neighbours_latency(f->k, &sim_net_chance) : draw_latency();
    int bad =
        (sim_plan_now->kinds & 1u << SIM_receiver) != 0 && !sim_net_healed && f->k != SIM_TAKER && f->k != SIM_POLLED;

    if (bad && sim_one_in(&sim_net_chance, f->k % 3 == 0 ? 2 : 5)) {
        sim_result_now->faults[SIM_receiver]++;
        answer_badly(f, latency);
    } else if (latency > f->request->timeout * 1000) {
        answer(f, 0, WH_ETIMEOUT, f->request->timeout * 1000);
    } else {
        answer(f, 200 + (int)sim_below(&sim_net_chance, 3) * 2, WH_OK, latency);
    }
}

/* The subscription is deleted, and its deliveries with it. Whoever deleted it himself knows once that call is over;
 * another process reads it a little later, if it can read. One for single use ends with a record, of which its
 * worker hears afterwards. */
static int may_not_know(const whi_transport *transport, int k) {
    const model_subscription *s = model_subscriptions[k];
    unsigned unreadable = 1u << SIM_memory | 1u << SIM_io | 1u << SIM_full;

    if (s->single_use || !s->deleted) {
        return s->single_use;
    }
    if (s->deleted_by == transport->process->number) {
        return s->deleted_at >= transport->turned_at;
    }
    return s->deleted_at == SIM_NEVER || transport->turned_at - s->deleted_at < HEARD_US ||
           (sim_plan_now->kinds & unreadable) != 0;
}

/* A thread that stands still between asking and sending, or whose engine has got another number meanwhile, is
 * excused: it looks where a turn begins, and nobody can do better. */
static void check_lease(const whi_transport *transport, const whi_request *request, int n, int k) {
    const sim_process *process = transport->process;
    enum judge_leave leave;

    if (process->engine == NULL || process->paused_until > transport->turned_at || transport->owner == 0 ||
        transport->owner != atomic_load(&process->engine->lease->owner)) {
        return;
    }
    leave = judge_may_send(transport->owner, n, request->lane, process->paused_until);
    if (leave == JUDGE_NO || (leave == JUDGE_CANCELLED && !may_not_know(transport, k))) {
        sim_fail("lease", "event %d is sent to %d by %lld, who %s", n, k, (long long)transport->owner,
                 leave == JUDGE_NO ? "does not have it" : "must know that it is cancelled");
    }
}

/* Of this key, by this process, whichever of its workers it was, and under whichever number. */
static int open_of_key(const sim_process *process, int k, int key) {
    int count = 0;

    for (const whi_transport *t = transports; t != NULL; t = t->others) {
        for (const flight *f = t->first; f != NULL && t->process == process; f = f->next) {
            count += f->k == k && f->key == key && f->request != NULL;
        }
    }
    return count;
}

static int64_t owner_of(const sim_process *process) {
    return process->engine != NULL ? atomic_load(&process->engine->lease->owner) : 0;
}

/* It has lost the partition, and may not know it. */
static int is_late(const sim_process *process, int64_t subscription) {
    return process->engine == NULL || !judge_has(owner_of(process), subscription);
}

/* A success of which its sender hears nothing is one all the same. */
static int is_taken(const flight *f) {
    return !f->is_unread && (f->error != WH_OK || (f->status >= 200 && f->status < 300));
}

/* Of a `latest` key the older one is not tried again when a newer one is there: it would wait for that. */
static void check_newest(const whi_transport *transport, const whi_request *request, int n, int k) {
    if (model_subscriptions[k]->order == MODEL_LATEST && model_pair_of(n, k)->replays == 0 &&
        !(sim_plan_now->kinds & 1u << SIM_clock) && transport->owner != 0 &&
        judge_has(transport->owner, request->lane) && judge_gives_way(n, request->lane)) {
        sim_fail("latest", "event %d is tried again at %d, and a newer one of its key waits for that", n, k);
    }
}

/* Within any second there are no more than the rate and its burst, whoever sends. Where a clock jumps nobody knows what
 * a second is, and who does not know yet that he has lost the partition is none to whom it is promised. */
static void check_rate(const whi_transport *transport, const whi_request *request, int k) {
    enum { MOST = MODEL_RATE + MODEL_BURST };
    model_subscription *s = k < model_subscription_count ? model_subscriptions[k] : NULL;
    int64_t *place;

    if (s == NULL || !s->rated || (sim_plan_now->kinds & 1u << SIM_clock) ||
        is_late(transport->process, request->lane)) {
        return;
    }
    place = &s->sent_at[s->sent_count % MOST];
    if (s->sent_count >= MOST && sim_now - *place < SIM_SECOND - RATE_SLACK_US) {
        sim_fail("rate", "%d is sent %d requests within %lld us", k, MOST + 1, (long long)(sim_now - *place));
    }
    *place = sim_now;
    s->sent_count++;
}

/* The same for all subscriptions of a tenant together, of which each process has a part. A part has a token more than
 * it should, at least; and who does not know yet of a change of the subscriptions goes by the former parts. */
static void check_tenant_rate(const whi_transport *transport, const whi_request *request, int k) {
    enum { PROCESSES = 3, MOST = MODEL_TENANT_RATE + MODEL_TENANT_BURST + 2 * PROCESSES };
    static int64_t sent_at[MOST];
    static unsigned sent_count;
    const model_subscription *s = k < model_subscription_count ? model_subscriptions[k] : NULL;
    int64_t *place = &sent_at[sent_count % MOST];

    if (s == NULL || s->tenant != MODEL_RATED_TENANT || !model_rates_tenant() ||
        (sim_plan_now->kinds & 1u << SIM_clock) || is_late(transport->process, request->lane)) {
        return;
    }
    if (sent_count >= MOST && sim_now - *place < SIM_SECOND - RATE_SLACK_US) {
        sim_fail("tenant rate", "%s is sent %d requests within %lld us", model_tenants[s->tenant], MOST + 1,
                 (long long)(sim_now - *place));
    }
    *place = sim_now;
    sent_count++;
}

static void arrives(whi_transport *transport, flight *f, int n) {
    const sim_process *process = transport->process;

    f->n = n;
    f->key = keys_of(n, f->k);
    f->sent_at = sim_now;
    keys_begins(process, n, f->k, f->request->lane, open_of_key(process, f->k, f->key));
    neighbours_arrives(n, f->k);
    choose_answer(f);
    if (is_taken(f)) {
        keys_taken(process, n, f->k, is_late(process, f->request->lane));
    }
}

/* As if the kernel had it, and gave nobody a processor. */
static void stand_still(sim_process *process, int n, int k) {
    if (process->send_stall_us != 0 && keys_of(n, k) != KEYS_NONE) {
        process->paused_until = sim_now + process->send_stall_us;
        sim_note("process %d stands still for %lld us while it sends", process->number,
                 (long long)process->send_stall_us);
        process->send_stall_us = 0;
    }
}

/* The events of the engine's own have no number. */
static int number_of(const whi_request *request, int k) {
    int n;

    return k < model_subscription_count && sscanf(request->body, "{\"n\":%d,", &n) == 1 && n >= 0 &&
                   n < model_event_count
               ? n
               : -1;
}

static int hanging_of(const whi_transport *transport) {
    int count = 0;

    for (const flight *f = transport->first; f != NULL; f = f->next) {
        count += f->request != NULL && neighbours_hangs(f->k);
    }
    return count;
}

static int send_request(whi_transport *transport, whi_request *request) {
    const char *slash = strrchr(request->url, '/');
    flight *f = sim_alloc(sizeof *f);
    int n;

    f->request = request;
    f->k = slash != NULL ? (int)strtol(slash + 1, NULL, 10) : 0;
    f->key = KEYS_NONE;
    f->lapsed = LEASE_HOLDS;
    f->owner = owner_of(transport->process);
    n = number_of(request, f->k);
    check_rate(transport, request, f->k);
    check_tenant_rate(transport, request, f->k);
    f->is_probe = breakers_begin(transport->process, f->k, request->lane);
    if (n >= 0) {
        check_lease(transport, request, n, f->k);
        check_newest(transport, request, n, f->k);
        stand_still(transport->process, n, f->k);
    }
    sim_yield();
    sim_result_now->sent++;
    model_arrives(f->k, header(request, "webhook-id"), request->body, request->body_size, transport->process->slot,
                  open_at(f->k), &f->pair);
    if (n >= 0) {
        arrives(transport, f, n);
    } else {
        choose_answer(f);
    }
    *transport->end = f;
    transport->end = &f->next;
    neighbours_check_slots(hanging_of(transport));
    return WH_OK;
}

static void ready(whi_transport *transport, const whi_ready *list, int count) {
    (void)transport;
    (void)list;
    (void)count;
}

/* Nothing takes the place of what is under way, as its owner knows (but for one that left while that was written). */
static void check_place(const whi_transport *transport, const flight *f) {
    int64_t at = f->key != KEYS_NONE && transport->owner == f->owner && judge_has(f->owner, f->request->lane)
                     ? judge_superseded(f->n, f->request->lane)
                     : 0;

    if (at > f->sent_at + SIM_SECOND * 2) {
        sim_fail("key", "a newer one took the place of event %d at %d while that was under way", f->n, f->k);
    }
}

static void finish(const whi_transport *transport, flight *f) {
    whi_request *request = f->request;

    request->status = f->status;
    request->error = f->error;
    request->duration_us = 1500;
    snprintf(request->retry_after, sizeof request->retry_after, "%s", f->retry_after != NULL ? f->retry_after : "");
    snprintf(request->message, sizeof request->message, "%s", f->error != WH_OK ? "as the seed says" : "");
    request->response = (char *)"\x01 what";
    request->response_size = f->error == WH_OK ? 6 : 0;
    sim_note("answer of %d: %d, error %d", f->k, f->status, f->error);
    check_place(transport, f);
    breakers_told(f->k, f->owner, f->is_probe, f->status, f->error);
    if (f->pair != NULL && f->is_cut) {
        model_cut(f->pair);
    } else if (f->pair != NULL) {
        model_answers(f->pair, f->k, f->status, f->error);
        sim_result_now->delivered += f->status >= 200 && f->status < 300;
    }
    request->done(request, request->payload);
}

/* Takes one that is answered off the list. */
static flight *take_answered(whi_transport *transport) {
    for (flight **place = &transport->first; *place != NULL; place = &(*place)->next) {
        flight *f = *place;
        if (f->answer_at <= sim_now) {
            *place = f->next;
            if (f->next == NULL) {
                transport->end = place;
            }
            return f;
        }
    }
    return NULL;
}

/* Until when the lease under which it was sent has been, or LEASE_HOLDS. */
static int64_t lapse_of(const whi_transport *transport, const flight *f) {
    const wh_engine *engine = transport->process->engine;
    int64_t until = engine != NULL ? atomic_load(&engine->lease->until) : SIM_NEVER;

    if (engine != NULL && atomic_load(&engine->lease->owner) != f->owner) {
        return LEASE_GONE;
    }
    return until <= sim_now ? until : LEASE_HOLDS;
}

/* Whose lease was over when the turn before this one began, and was not renewed since, was to be cut in that turn. */
static void look_at_leases(whi_transport *transport) {
    for (flight *f = transport->first; f != NULL; f = f->next) {
        int64_t lapsed = lapse_of(transport, f);

        if (lapsed != LEASE_HOLDS && lapsed == f->lapsed && !f->is_cut) {
            sim_fail("cut", "a request to %d of %lld, whose lease is over, was not cut", f->k, (long long)f->owner);
        }
        f->lapsed = lapsed;
    }
}

static void tick(whi_transport *transport) {
    flight *f;

    sim_yield();
    transport->turned_at = sim_now;
    transport->owner = owner_of(transport->process);
    while ((f = take_answered(transport)) != NULL) {
        finish(transport, f);
        sim_free(f);
    }
    look_at_leases(transport);
}

static int timeout(const whi_transport *transport) {
    int64_t next = SIM_NEVER;

    for (const flight *f = transport->first; f != NULL; f = f->next) {
        next = f->answer_at < next ? f->answer_at : next;
    }
    if (next == SIM_NEVER) {
        return -1;
    }
    return next <= sim_now ? 0 : (int)((next - sim_now + 999) / 1000);
}

/* The receivers have them all the same; what they answered in time is heard. */
static void cut(whi_transport *transport, const whi_request *only, const char *message) {
    for (flight *f = transport->first; f != NULL; f = f->next) {
        if (f->answer_at > sim_now && (only == NULL || f->request == only)) {
            f->status = 0;
            f->error = WH_ECLOSED;
            f->is_cut = 1;
            f->answer_at = sim_now;
        }
    }
    sim_note("%s", message);
}

const whi_transport_vtable sim_transport = { open_transport, close_transport, send_request, ready, tick, timeout, cut };
