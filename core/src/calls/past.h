/* The past: a stored event, taken out of the store to be decided about once more, and what
 * explain, backtest and the trying of rules have in common about it. */
#ifndef WHI_PAST_H
#define WHI_PAST_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "engine/decide.h"
#include "outside/store.h"
#include "pure/match.h"

/* A copy, so that rules run outside of the store's lock. One block: whi_free frees it. */
typedef struct whi_past {
    int64_t number, time, accepted_at;
    int pending;
    char id[WH_ID_SIZE];
    const char *type, *tenant, *source, *key, *payload; /* behind this struct, zero-terminated */
    size_t payload_size;
} whi_past;

int whi_past_new(whi_past **out, const whi_event_row *row);

/* Its patterns alone as an index, to be asked as fan-out asks; freed with whi_match_free. */
int whi_past_patterns(whi_match **out, const whi_registration *registration);
/* 1 in out if a type fits one of them. */
int whi_past_fits(const whi_match *patterns, const char *type, int *out);

/* A subscription that is not stored: the document's values over a copy of base, or with base NULL
 * over the defaults. url may be missing. Errors as wh_subscribe's. */
int whi_past_candidate(whi_registration **out, const whi_subscription *base, const char *document, size_t size,
                       const wh_limits *limits);

/* As whi_decide, but that a rule cannot be run at all is its failure too. WH_ENOMEM. */
int whi_past_decide(whi_decider *decider, const whi_past *event, const whi_registration *registration,
                    whi_decision *out);

/* 1 if something goes out: also the unchanged payload of a rule that failed, where the
 * subscription's policy says so. */
int whi_past_goes(const whi_registration *registration, const whi_decision *decision);

/* What would go out: the decision's body or the payload, and around it the envelope of the
 * subscription's system. Appended to out. */
int whi_past_body(const whi_registration *registration, const whi_past *event, const whi_decision *decision,
                  whi_buf *out);

/* Its size alone. */
int whi_past_size(const whi_registration *registration, const whi_past *event, const whi_decision *decision,
                  size_t *out);

/* ---- members of an answer */
void whi_tell_text(whi_buf *out, const char *name, const char *text); /* NULL: null */
void whi_tell_int(whi_buf *out, const char *name, int64_t number);
void whi_tell_flag(whi_buf *out, const char *name, int flag);

/* "code", "line" and "message" of a rule that failed. */
void whi_tell_failure(whi_buf *out, int code, const wh_rule_error *error);

#endif
