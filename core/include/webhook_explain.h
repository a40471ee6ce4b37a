/* Why a subscription got an event or did not, and what another rule would have done: nothing here sends or changes
 * anything. webhook.h includes this header. */
#ifndef WEBHOOK_EXPLAIN_H
#define WEBHOOK_EXPLAIN_H

#include "webhook.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Why did, or did not, a subscription get an event? Computed again from what is
 * stored. subscription NULL: all of the event's tenant, a page of them (limit and
 * cursor of the query are used, which may be NULL). Gives
 *
 *   {"event":"…","items":[{"subscription","outcome","version","present",…}],"next"}
 *
 * outcome   "later"      the subscription was made after the event was accepted
 *           "tenant", "source"   it is for another one
 *           "type"       no pattern of its `events` fits
 *           "paused" (and did not hold), "disabled" (with "reason"; "used" also when a single_use one wanted it
 *                        and had another), "expired" (with "expires_at")
 *           "filtered"   with "path": the first of `filters` that does not hold, a path, "$or", "$and" or "$not",
 *                        "expected", and "found", null when it is absent, a list of what
 *                        there is when an array is on the way; of more than 1024 bytes the
 *                        beginning as a text that ends in "…"
 *           "dropped"    by the rule
 *           "failed"     the rule failed, and by its policy nothing goes out
 *           "waiting", "delivered", "exhausted", "held", "cancelled": its
 *                        delivery's state, with "delivery", "attempts", "status", "error"; "waits_for": "rate"
 *                        where it is due, and this engine sends it when its subscription's rate lets it,
 *                        "tenant_rate" its tenant's, "breaker" where it waits for the next probe,
 *                        "response_rule" where such a rule has asked for a pause
 *           "pending"    it wants the event, which is not decided yet; with "reason" "waits for the tenant's budget"
 *                        where that is why
 *           "missed"     the version in force wanted it, and there is no delivery: it was
 *                        paused, disabled or over when the event was fanned out
 * version   the one that decided, or will: of the delivery; of a held delivery that was released,
 *           the present one; else the one that was in force when the event was accepted, whenever it
 *           is fanned out. If that one is no longer kept, the present one ("present": true)
 * Where a rule failed there are "code", "line" (null when it names none) and "message", also of "held" and where
 * the policy is to send. Where one ran there are "cpu_us" and "memory" (bytes at the highest). Where something goes
 * out there is "bytes", the size of the request's body. A rule's run here is that of the engine's fan-out: same
 * input, same limits. A subscription that was deleted is explained as long as its delivery is there. Errors: invalid,
 * not_found, json (a payload beyond a limit that was lowered), limit, store, memory. */
WH_API int wh_explain(wh_engine *engine, const char *event, const char *subscription, const wh_query *query, char **out,
                      size_t *size);

/* What a changed subscription would have done with events that are stored; nothing is
 * sent, nothing changed. Begin with WH_BACKTEST_INIT. */
typedef struct wh_backtest {
    size_t size;              /* WH_BACKTEST_INIT */
    const char *subscription; /* whose tenant, patterns and rule are compared with; NULL: `document`
                                 is a subscription of its own, compared with sending everything */
    const char *document;     /* JSON with the candidate's rule, fields, filters, events, metadata:
                                 what it names replaces what is in force */
    size_t document_size;     /* or WH_ZSTR */
    int64_t last;             /* the last so many events, default 1000, at most 1,000,000 */
    int64_t since, until;     /* ms of acceptance; 0: open */
    int64_t shown;            /* differences, and errors, that are told in full; default 10, at most 100 */
    int (*progress)(int64_t done, int64_t total, void *payload); /* now and then; non-zero cancels; total: events
                                                                    at most */
    void *payload;
    int64_t own; /* 1: events of the engine's own ("webhook.*"), too */
} wh_backtest;

#define WH_BACKTEST_INIT                                                                                               \
    { sizeof(wh_backtest), NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL, 0 }

/* Runs candidate and present side by side, newest event first, a megabyte of them in memory
 * at a time. Gives
 *
 *   {"events","matched":{"now","then"},"sent":{"now","then"},"failed":{"now","then"},
 *    "bytes":{"now","then","saved"},"cpu_us":{"now","then","worst"},"memory":{"worst"},
 *    "differ","cancelled",
 *    "differences":[{"event","type","now","then","diff":["- total: 12", "+ total: 13"]}],
 *    "errors":[{"event","type","code","line","message"}]}
 *
 * now and then are "sent", "dropped", "filtered", "type", "source" or "failed"; matched are those that type and
 * source let through. A failure that is sent by policy counts as failed and as sent. Whether a side is paused,
 * disabled, expired or for one event is not looked at. bytes are those of request bodies; worst, differences' "then"
 * and errors are the candidate's. differ counts events whose outcome or value differs: the order of members, white
 * space and escapes are no difference, the spelling of a number is (1 and 1.0). Values are compared as rule and fields
 * made them, without the profile's envelope (but with "callfire", whose fields are over it). A diff has lines
 * "- path: value" for what is there now and "+ path: value" for then, at most 50, path and value cut at 200 bytes;
 * none unless both are sent. progress comes at least every 100 events, and at the end. Cancelled by it: 0, with
 * "cancelled" true and what was seen so far. Errors: json, invalid (also for a document with another tenant), limit,
 * rule_syntax and whatever else the rule cannot be compiled for, not_found, store, memory. */
WH_API int wh_backtest_run(wh_engine *engine, const wh_backtest *backtest, char **out, size_t *size);

/* One payload through filters, rule and fields, without a store or an engine: for trying a rule out. document is a
 * subscription's (url may be missing); limits may be NULL. Gives
 * {"outcome":"pass"|"project"|"drop"|"filtered"|"failed","body","key","headers","delay","path","code","line","message",
 * "cpu_us","memory"}, of which what does not apply is null. body is the JSON that would go out, without an envelope.
 * With a "response_rule" in the document that one is tried, and nothing else of it: the event's payload is an answer as
 * such a rule sees it, {"status","headers","body","attempt"}, of the event's time; outcome is what it says, "ordinary",
 * "success", "retry", "give_up", "disable" or "failed", and body what it returned.
 * The event's type, tenant and source are not compared with the document's. With event NULL the rule is only compiled:
 * {"outcome":"pass"}. A rule that fails when it runs is no error of this call. Errors: json, invalid, rule_syntax with
 * the line, rule_engine (rules NULL and the document has a rule), limit, memory. Any thread. */
WH_API int wh_rule_try(const wh_rule_engine *rules, const wh_limits *limits, const char *document, size_t size,
                       const wh_event *event, char **out, size_t *out_size);

#ifdef __cplusplus
}
#endif

#endif
