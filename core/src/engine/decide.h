/* Deciding: what a subscription makes of an event. Filters, then the rule, then fields, in
 * the order of their price. Fan-out, explain, backtest and the trying of rules all decide
 * here, so that they cannot differ.
 *
 * A decider belongs to one thread. It keeps the scanned payload and compiled rules. */
#ifndef WHI_DECIDE_H
#define WHI_DECIDE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/kept.h"
#include "engine/registry.h"
#include "pure/json.h"
#include "webhook_backend.h"

typedef struct whi_decider {
    const wh_rule_engine *engine; /* NULL: every rule fails with rule_engine */
    const wh_limits *limits;
    void *rules;      /* its runtime, which may be NULL; opened when the first rule is met */
    int is_open;      /* 1: that was done */
    whi_kept kept;    /* compiled rules */
    int64_t slice_us; /* 0, or how long a rule may run here: whoever takes longer is WHI_SLOW */
    whi_json json;    /* the payload of whi_decider_scan */
    whi_json part;    /* what filters left of it; without nodes when that is all */
    int scanned;      /* WH_OK, or why it could not be: no rule or filter can look into it */
} whi_decider;

/* limits and engine (which may be NULL) outlive it. Fill with zeros is a closed one. */
void whi_decider_init(whi_decider *decider, const wh_rule_engine *engine, const wh_limits *limits);
void whi_decider_close(whi_decider *decider);

/* The payload that is decided about; it must stay. WH_EJSON and WH_ELIMIT (limits are lower by now, or
 * a hand wrote it): who looks inside fails as a rule does. WH_ENOMEM. */
int whi_decider_scan(whi_decider *decider, const char *payload, size_t size);

/* The same of a stored event, of which it is no failure: who does not look inside is decided all the same. */
int whi_decider_scan_stored(whi_decider *decider, const char *payload, size_t size);

/* What the engine has to say to the writer of a subscription's rule, which is there and compiles:
 * nothing where it is the rule that was in force before (NULL: none). WH_ERULE_SYNTAX. */
int whi_rule_review(const wh_rule_engine *rules, void *runtime, const whi_subscription *s, const char *before,
                    wh_rule_error *error);

/* Compiles the subscription's rule, if it has one, to see that it can be, and reviews it.
 * WH_ERULE_SYNTAX with the line, WH_ERULE_ENGINE, WH_ERULE_TIME, WH_ERULE_MEMORY, WH_ELIMIT, WH_ENOMEM. */
int whi_decider_check(whi_decider *decider, const whi_registration *registration, const char *before);

/* An event as a rule sees it; texts never NULL. */
typedef struct whi_subject {
    const char *id, *type, *tenant, *source, *key;
    int64_t time;
} whi_subject;

enum whi_verdict {
    WHI_PASS = 1, /* send the payload, or body where fields made one */
    WHI_PROJECT,  /* send body */
    WHI_DROP,     /* the rule said so */
    WHI_FILTERED, /* path says which of filters */
    WHI_FAILED,   /* the rule failed: code, error */
    WHI_SLOW,     /* the rule takes longer than slice_us: nothing is decided */
};

typedef struct whi_decision {
    int verdict;      /* enum whi_verdict */
    int code;         /* WH_ERULE_… when it failed */
    const char *path; /* the filter's */
    char *body;       /* NULL: the payload; also where filters left a part of it */
    size_t body_size;
    char *key;              /* NULL, or the rule's order key */
    char *headers;          /* NULL, or the rule's, a JSON object of texts */
    int64_t delay;          /* ms */
    int64_t cpu_us, memory; /* of the rule */
    wh_rule_error error;    /* the rule's own */
} whi_decision;

/* 1 if the subscription looks into payloads at all, so that they must be scanned. */
int whi_decide_looks_inside(const whi_registration *registration);

/* Decides about the payload that was scanned. 0 with every verdict; an error only when
 * nothing could be decided (WH_ENOMEM, WH_ELIMIT). out is overwritten, and freed with
 * whi_decision_free whatever is returned. Type, tenant and the like are not looked at. */
int whi_decide(whi_decider *decider, const whi_subject *subject, const whi_registration *registration,
               whi_decision *out);
void whi_decision_free(whi_decision *decision);

#endif
