/* webhook_source.h - where a virtual webhook's objects come from. A source lists the objects of one type that a
 * connection has, page by page; the engine asks it every few minutes, compares with what it saw before, and makes
 * events of what was created, updated and deleted.
 *
 * With the weaker promise of webhook_backend.h: what is here may change with a minor version. Structs begin with
 * their size, and nobody looks at more of one than that. */
#ifndef WEBHOOK_SOURCE_H
#define WEBHOOK_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "webhook.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a source can tell, or-ed. */
enum wh_source_ability {
    WH_SOURCE_ALL = 1,     /* all objects that there are: what is missing from a complete listing was deleted */
    WH_SOURCE_CHANGES = 2, /* what changed since a time, or since its own token */
    WH_SOURCE_DELETED = 4, /* what was deleted, as objects with "deleted": true among the others */
};

/* One page is wanted. Texts are valid until the answer is given. */
typedef struct wh_source_query {
    size_t size;
    const char *tenant;      /* "" for none. Whose subscription it is: what a tenant's token cannot change */
    const char *connection;  /* "" for none. The subscriber's own word: a source of several tenants says by allows whose
                                each is, or a tenant reads another's objects by naming its connection */
    const char *object_type; /* "crm_contact" */
    const char *filters;     /* NULL, or a JSON object of texts: those that the source takes, and others */
    const char *fields;      /* NULL, or the names that are wanted, with commas */
    int64_t changed_since;   /* ms: only what changed then or later; 0: everything */
    const char *state;       /* NULL, or what the last page of the last complete reading gave as state */
    const char *page;        /* NULL: the first page; else what the page before gave as next */
    int64_t limit;           /* most objects in a page, as far as the source can */
} wh_source_query;

/* The answer. Texts are the source's, read before answer returns. */
typedef struct wh_source_page {
    size_t size;
    int code;            /* WH_OK, or the class of what went wrong, with error */
    const char *error;   /* a sentence without secrets */
    int is_refused;      /* with a code: 1 if it is the right to read that is missing (a token that ran out) */
    int64_t retry_after; /* with a code: ms to leave the source alone, -1: it did not say */
    const char *items;   /* a JSON array of objects, each with "id" (text or number); "updated_at" (ISO 8601 or ms)
                            and "deleted" where the source has them */
    size_t items_size;
    const char *next;  /* NULL: this was the last page */
    const char *state; /* of the last page: NULL, or a token that the next reading of changes begins with */
    int is_unchanged;  /* 1: nothing changed since the last complete reading (no items, no next); where neither
                          changed_since nor state was given that is a failure */
} wh_source_page;

/* A question that is out. answer is called once for each, from any thread, also before list returns; the call is not
 * touched behind it. */
typedef struct wh_source_call wh_source_call;
struct wh_source_call {
    void (*answer)(wh_source_call *call, const wh_source_page *page);
};

typedef struct wh_source {
    size_t size;
    unsigned can;               /* enum wh_source_ability */
    const char *const *filters; /* names that it takes itself, NULL at the end; NULL: none. The engine applies all */
    int64_t full_every;         /* ms between two complete listings of a source that is asked for changes; 0: none */

    /* Called on a thread of the engine that polls; it may wait there, though a source that does occupies one of few. */
    void (*list)(void *payload, const wh_source_query *query, wh_source_call *call);

    /* NULL, or: what is out is given up, so list has to answer soon (the engine stops, or the process ends). Several
     * times until all have answered, also where nothing is out; what is asked for later is answered as ever. */
    void (*cut)(void *payload);

    /* NULL, or frees payload, once no call is out. */
    void (*free)(void *payload);
    void *payload;
    const char *const *without;  /* NULL, or names of members that say nothing of the object (when it was fetched, …),
                                    NULL at the end: one that differs in these alone has not changed. One of which only
                                    "updated_at" is another has, if that is not among them */
    const char *const *required; /* NULL, or names of filters without which nothing can be listed, NULL at the end:
                                    Unified.to's virtual webhooks that lack one are refused */

    /* NULL: all may. Or 1 if subscriptions of this tenant ("" for none) may name this connection ("" for none): asked
     * when one is made, when its source or its poll is changed, and before each page. On any thread; it answers at
     * once. */
    int (*allows)(void *payload, const char *tenant, const char *connection);
} wh_source;

/* Virtual subscriptions
 *
 * A subscription with `poll` (webhook.h, wh_subscribe) gets events that the engine makes itself, of the types
 * "<object type>.created", "….updated" and "….deleted", with a JSON list of objects as payload and the connection as
 * source. All that want the same (tenant, source, object type, filters, fields) share one poll, at the interval of the
 * most eager of them. The first reading is only remembered, unless there is a `history` to be sent. Then:
 *
 *   created  an object that was not there
 *   updated  one that says something else; whatever its times say, one that says the same is not told again
 *   deleted  one with "deleted": true; of a source with WH_SOURCE_ALL also one that a complete reading has not met: of
 *            these the list has the ids alone. A list of several pages may move while it is read, and an empty one may
 *            be a source's mistake, so they are read twice before that is believed, and once more where pages of the
 *            same bytes were not looked into. Where more than 100 and more than 30 % vanish at once nothing is told,
 *            and the run is "suspicious", until wh_poll_now says to believe it: the next reading is a complete one then
 *
 * What polling has come to (page, token, what was seen) is kept in the same commit as the events of a page: whatever
 * interrupts it, no change is lost or told under two ids. Objects without an id (a text of 1 to 512 bytes, or a
 * number) are counted as skipped. One that no payload has room for, or that nests deeper than a payload may (and
 * 900 levels in any case), is counted as large and not told; it is not taken for deleted, and is told as soon as there
 * is room for it. A reading that fails is made again after 1, 2, 3, 5, 8 … minutes, from the page that failed, and from
 * the first one if that fails twice; one that was told to wait (retry_after) then, and that counts as no failure,
 * unless it is the right to read that is missing, or it is told to wait less than a minute for the third time in a row.
 * After 20 failures in a row, or where the right to read is missing, the subscriptions are not healthy.
 *
 * A run is a text of this form, the newest first in `runs`:
 *
 *     2026-11-27T05:19:37Z ok pages=3 objects=120 sent=7 412ms
 *     2026-11-27T06:19:37Z failed pages=1 objects=100 sent=0 90ms read: answered 503
 *
 * It has when the reading began, ok, failed, waits (it was told to) or suspicious, how many pages and objects were read
 * and objects sent, " gone=N" of those that vanished, " skipped=N", " large=N", how long it took, and of a failure its
 * class and a sentence: refresh (the right to read is missing), read, process (of what was read), dispatch (nothing
 * could be kept).
 *
 * After 3 failures in a row, or where the right to read is missing, webhook.source.failing is told, as an event of the
 * engine's own (core/docs/delivery.md, "Health"), to subscriptions of the tenant that take it;
 * webhook.source.suspicious when a run is that, webhook.source.recovered with the next one that is well. Each is
 * written once, in the commit of the run that it is about, whichever process makes that.
 *
 * `sources` of wh_stats has one entry for each tenant's connection and object type, whichever process reads it, of the
 * first 5,000 subscriptions that poll and are enabled; those that are not healthy first, then which is latest, then
 * which has failed most often: {"tenant","object_type","connection","healthy","suspicious","refused","lag_seconds",
 * "failures","pages_waiting","objects_held","subscriptions","checked_at"}. lag_seconds is now minus checked_at, the
 * start of the last reading that succeeded (null: none did; then since its oldest subscription was made), minus the
 * interval, and 0 while it is in time. failures are in a row; pages_waiting is what was read and waits for receivers,
 * of the first 1,000 subscriptions 10,000 each at most; objects_held is what vanished at once and waits to be believed.
 * Where subscriptions ask for different filters or fields, it is the worst of these.
 *
 * Readings are made by a few threads of the engine's own, which begin with the first one that is due while the engine
 * is stepped or started. wh_run and wh_idle wait for those that are due. Of several processes one reads: that which
 * owns the poll's partition, or ten seconds later any that has the source. */

/* Makes the source that of this object type (1 to 100 letters as of an event's type), for all tenants, in this process.
 * What it points to but payload is copied. Errors: invalid, conflict (it has one), memory, closed. Any thread, not from
 * list. */
WH_API int wh_source_add(wh_engine *engine, const char *object_type, const wh_source *source);

/* Takes it away: what is out is cut, and its subscriptions wait for another. payload is freed when nothing of it is out
 * any more, at the latest by wh_close. not_found. */
WH_API int wh_source_remove(wh_engine *engine, const char *object_type);

/* Reads now for this subscription; if it is being read, once more behind that. confirm 1: what has vanished has,
 * however much it is: of the next complete reading, which begins now where the last one was suspicious. Errors:
 * not_found, conflict (it does not poll), of the store. */
WH_API int wh_poll_now(wh_engine *engine, const char *subscription, int confirm);

/* Makes wh_fd readable: of a source whose answers are made by the loop that calls wh_step. Any thread. */
WH_API void wh_source_wake(wh_engine *engine);

/* ------------------------------------------------------------------- for stores */

/* Where the reading of a source stands: of all who share a poll, or of a subscription's history (id: its own). Texts
 * are NULL where there is none. */
typedef struct wh_backend_poll {
    int64_t id;
    int64_t turn;   /* as of a delivery's: reading: how often it was written; writing: what it must be, or -1 */
    int64_t holder; /* writing: only if this worker has its row. Reading: who wrote it last */
    int64_t seen;   /* the number under which its objects are remembered; writing a new one: the store gives it */
    const char *name, *page, *state, *runs;
    const unsigned char *salt; /* WH_POLL_SALT bytes; writing: the row's own, or it is not written: of another row that
                                  had the id before, it is not this one's turn */
    int64_t phase, full, scan, started_at, checked_at, full_at, newest, next_at;
    int64_t failures, refused, suspicious, tries, pages, objects, sent, gone, skipped, large, sequence;
    int64_t asked; /* WH_POLL_NOW and the like, or-ed. Writing: these are taken back, the others stay */
} wh_backend_poll;

#define WH_POLL_SALT 16
enum wh_backend_poll_ask { WH_POLL_NOW = 1, WH_POLL_CONFIRM = 2, WH_POLL_RESUME = 4 };

/* An object that a poll remembers. */
typedef struct wh_backend_seen {
    int64_t seen; /* of its poll */
    const void *id;
    size_t id_size;
    int64_t content; /* 47 bits */
    int64_t scan;    /* of the complete reading that it was last met in, 1 to 120 */
} wh_backend_seen;

/* What of a poll's objects a complete reading has not met: the marks that count as met. */
typedef struct wh_backend_unseen {
    int64_t seen, scan, other; /* other: as good; 0: none */
    const void *after;         /* behind this id; NULL: from the first */
    size_t after_size;
    int limit;
} wh_backend_unseen;

typedef int (*wh_backend_poll_fn)(const wh_backend_poll *row, void *payload);
typedef int (*wh_backend_seen_fn)(const wh_backend_seen *row, void *payload);

/* -------------------------------------------------------------------- HTTP sources
 *
 * A source that is data: a document says how a REST or GraphQL list is asked for and where in its answers things
 * stand. core/docs/sources.md describes its members. It is kept in the store, under its object type, and is a source of
 * every process of the store: what one puts or deletes the others hear of as of subscriptions. With a key file it is
 * encrypted as a whole (wh_rotate_key). Any thread.
 *
 * Where the program has a source of its own of the type (wh_source_add), that one is read in its process. A document
 * that a process cannot read (the key is missing) or make a source of (it has a rule, and there is no rule engine) is
 * left out by that process alone. Both are said once in the log.
 *
 * What is secret in it (auth's token, password, value and client_secret; the values of headers but for Accept…,
 * Content-Type and User-Agent; parameters of the query whose name has key, token, secret, password, auth or sig in it,
 * unless they are templates; of connections the same of auth, and variables of such names) is never given back: it is
 * shown as "********". */

/* Keeps a document, in the place of the one of its object type: what is being read by that one is cut. A value of
 * "********" leaves what is kept, unless url, auth.token_url or hosts lead to another host. Errors: json; invalid and
 * limit, with the member as the field; rule_syntax, rule_engine; of the store. */
WH_API int wh_source_put(wh_engine *engine, const char *document, size_t size);

/* Keeps one connection of a document (core/docs/sources.md, "Whose connections"), {"tenant":"…","auth":{…},
 * "variables":{…}}, in the place of the one of its name: the document's others stay, and so does what was seen of it.
 * Masks as of wh_source_put. Errors: those, and not_found: there is no source of this type, or, deleting, no such
 * connection. */
WH_API int wh_source_connection_put(wh_engine *engine, const char *object_type, const char *connection,
                                    const char *document, size_t size);
WH_API int wh_source_connection_delete(wh_engine *engine, const char *object_type, const char *connection);

/* {"object_type":"…","document":{…},"created_at":"…","updated_at":"…"}, to be freed with wh_free. not_found. */
WH_API int wh_source_get(wh_engine *engine, const char *object_type, char **out, size_t *size);

/* {"items":[…]} of the same, in the order of their types. key: one of them cannot be read. */
WH_API int wh_source_list(wh_engine *engine, char **out, size_t *size);

/* Its subscriptions wait for another; what was seen stays, as long as they do. not_found. */
WH_API int wh_source_delete(wh_engine *engine, const char *object_type);

/* Reads one page, and tells what the engine would be given: {"ok":true,"code":null,"error":null,"refused":false,
 * "retry_after":null,"unchanged":false,"items":[…],"next":"…","state":"…","duration_ms":12}. Nothing is kept or
 * published of it. Where the API failed, ok is false, code the name of what failed and error its sentence; that is no
 * error of this call. query: NULL, or what is asked for: {"tenant","connection","filters","fields","changed_since",
 * "limit","page","state"}, of which page and state are what a test before gave as next and state. It waits for the
 * API, as long as the document's most allows. Errors: not_found, json, invalid, rule_…; of the store.
 *
 * With {"subscription":"sub_…"}, alone, it tells what the next reading for that one would send: its pages are read and
 * compared with what its poll remembers, and nothing is kept or published. {"ok":true,"code":null,"error":null,
 * "first":false,"suspicious":false,"held":0,"complete":true,"pages":1,"objects":2,"skipped":0,"created":1,"updated":0,
 * "deleted":0,"would_send":[{"type":"crm_contact.created","object":{…}}],"more":false,"duration_ms":12}: of the changes
 * that the subscription takes the first 100 are shown. Once there are others (more) no further page is read, and after
 * 60 s neither (code is "timeout"): complete is false then, and numbers are of what was read. first: nothing is
 * remembered yet, so that the reading would only remember (or send its history). suspicious: held of those that were
 * deleted are missing from the list, and would not be told unless wh_poll_now confirms it. Of a list of more than a
 * million objects nothing is told of what has vanished. It asks the document, also where the program has a source of
 * its own.
 *
 * Three of both are under way at once in a process, two of one tenant; wh_stop ends them (code is "closed"). busy:
 * there are as many. conflict: the subscription does not poll this type. */
WH_API int wh_source_test(wh_engine *engine, const char *object_type, const char *query, size_t query_size, char **out,
                          size_t *size);

#ifdef __cplusplus
}
#endif
#endif
