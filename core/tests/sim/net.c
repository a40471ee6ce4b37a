/* Receivers, and the transport that reaches them. A receiver lives outside of all processes:
 * what it was sent it has, whatever becomes of the sender. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/context.h"
#include "engine/lease.h"
#include "model.h"
#include "sim.h"

#define SOON 50000 /* us, of receivers that are well */

int sim_net_healed;

typedef struct flight {
    struct flight *next;
    whi_request *request;
    model_pair *pair;
    int k;
    int64_t answer_at;
    int status, error;
    const char *retry_after;
} flight;

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
        break;
    case 3:
        answer(f, sim_one_in(&sim_net_chance, 12) ? 410 : 500, WH_OK, latency);
        break;
    default:
        answer(f, codes[sim_below(&sim_net_chance, 6)], WH_OK, latency);
        f->retry_after = waits[sim_below(&sim_net_chance, 6)];
    }
}

static void choose_answer(flight *f) {
    int64_t latency = sim_spread(&sim_net_chance, 200, sim_net_healed ? SOON : sim_plan_now->latency_us);
    int bad = (sim_plan_now->kinds & 1u << SIM_receiver) != 0 && !sim_net_healed;

    if (bad && sim_one_in(&sim_net_chance, f->k % 3 == 0 ? 2 : 5)) {
        sim_result_now->faults[SIM_receiver]++;
        answer_badly(f, latency);
    } else if (latency > f->request->timeout * 1000) {
        answer(f, 0, WH_ETIMEOUT, f->request->timeout * 1000);
    } else {
        answer(f, 200 + (int)sim_below(&sim_net_chance, 3) * 2, WH_OK, latency);
    }
}

/* engine/lease.h: what is sent is marked, in the store, with the sender's number. A thread that
 * stands still between asking and sending, or whose engine has got another number meanwhile, is
 * excused: it looks where a turn begins, and nobody can do better. */
static void check_lease(const whi_transport *transport, const whi_request *request) {
    const sim_process *process = transport->process;
    int n;

    if (process->engine == NULL || process->paused_until > transport->turned_at || transport->owner == 0 ||
        transport->owner != atomic_load(&process->engine->lease->owner) ||
        sscanf(request->body, "{\"n\":%d,", &n) != 1) {
        return;
    }
    if (!judge_may_send(transport->owner, n, request->lane)) {
        sim_fail("lease", "event %d is sent by %lld, who does not have it", n, (long long)transport->owner);
    }
}

static int send_request(whi_transport *transport, whi_request *request) {
    const char *slash = strrchr(request->url, '/');
    flight *f = sim_alloc(sizeof *f);

    check_lease(transport, request);
    sim_yield();
    f->request = request;
    f->k = slash != NULL ? (int)strtol(slash + 1, NULL, 10) : 0;
    sim_result_now->sent++;
    model_arrives(f->k, header(request, "webhook-id"), request->body, request->body_size, transport->process->slot,
                  open_at(f->k), &f->pair);
    choose_answer(f);
    *transport->end = f;
    transport->end = &f->next;
    return WH_OK;
}

static void ready(whi_transport *transport, const whi_ready *list, int count) {
    (void)transport;
    (void)list;
    (void)count;
}

static void finish(flight *f) {
    whi_request *request = f->request;

    request->status = f->status;
    request->error = f->error;
    request->duration_us = 1500;
    snprintf(request->retry_after, sizeof request->retry_after, "%s", f->retry_after != NULL ? f->retry_after : "");
    snprintf(request->message, sizeof request->message, "%s", f->error != WH_OK ? "as the seed says" : "");
    request->response = (char *)"\x01 what";
    request->response_size = f->error == WH_OK ? 6 : 0;
    sim_note("answer of %d: %d, error %d", f->k, f->status, f->error);
    if (f->pair != NULL) {
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

static void tick(whi_transport *transport) {
    flight *f;

    sim_yield();
    transport->turned_at = sim_now;
    transport->owner = transport->process->engine != NULL ? atomic_load(&transport->process->engine->lease->owner) : 0;
    while ((f = take_answered(transport)) != NULL) {
        finish(f);
        sim_free(f);
    }
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

const whi_transport_vtable sim_transport = { open_transport, close_transport, send_request, ready, tick, timeout };
