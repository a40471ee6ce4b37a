/* Systems: those whose clients and receivers we serve, each described by one constant.
 *
 * A system is a wire format and the promises that come with it: the objects that its clients
 * send, its routes, the shape of its errors, the body and the headers of its deliveries, how they
 * are signed and verified, when they are tried again, and what it asks of the engine. Nobody
 * outside of this folder asks which system it is: they ask for a behaviour (enum whi_asks) or
 * call what the description points to. The one list of all is list.h; who needs one by its name
 * asks registry.h. The handlers of a system's routes are in faces/.
 *
 * There is one canonical subscription (pure/subscription.h); what a system has beyond it is kept
 * in the subscription's `details`, under the system's own names. The canonical documents show every
 * subscription. A system's clients see those of its own profile, and of these what its object can tell
 * without saying something else: an empty "event" breaks a client whose lists are closed, and a missing
 * resource means everything to another.
 *
 * In the folder, from below: list.h, and this file with what asks the description alone; what
 * systems share (wire*.c and object_*.c: objects by tables of fields; envelope.c: bodies and
 * signatures; check*.c: verifying); the systems, a file or two each, and the formats that are
 * only received, one each; registry.c; and who looks systems up: the documents of subscriptions
 * (subscription_*.c) and wh_verify_as (verify.c). */
#ifndef WHI_SYSTEM_H
#define WHI_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "pure/json.h"
#include "pure/subscription.h"
#include "webhook.h"

/* What a system asks of the engine and of the API, beside what it has functions for. */
enum whi_asks {
    WHI_SIGNS_WITH_TIME = 1,   /* id, time and a signature over both and the body stand in the lines
                                  "webhook-…", made anew for each attempt; all secrets sign */
    WHI_MASKS_ENVELOPE = 2,    /* `fields` is a mask over the whole body, and not over the data */
    WHI_SECRET_OF_TENANT = 4,  /* one secret for all of a tenant's subscriptions */
    WHI_MAY_GO_UNSIGNED = 8,   /* without a secret nothing is signed, and none is made */
    WHI_EMPTY_IS_ABSENT = 16,  /* in objects "" means what null means */
    WHI_ID_IS_NUMBER = 32,     /* in objects and answers; else a text */
    WHI_FILTERS_ITEMS = 128,   /* a payload that is a list is one of objects, each of which filters ask by itself */
    WHI_RAW_BY_NAME = 256,     /* of what is polled an object's `raw` is sent to who names it in `fields` */
    WHI_ERRORS_UP_TO_404 = 64, /* clients know no status of 405 to 499: it is 400 */
};

/* A route of the API: data, its handler is found by name among the system's in faces/. */
typedef struct whi_route {
    const char *method;
    const char *path; /* "/v1/events/{id}" */
    int flags;        /* enum whi_route_flag */
    const char *handler;
} whi_route;

enum whi_route_flag {
    WHI_ROUTE_OPEN = 1,     /* no token is asked for */
    WHI_ROUTE_OPERATOR = 2, /* an operator's token */
    WHI_ROUTE_BODY = 4,     /* a body is read: a JSON object */
    WHI_ROUTE_OPTIONAL = 8, /* with BODY: it may be missing */
    WHI_ROUTE_SLOW = 16,    /* it may take seconds: only so many run at once */
    WHI_ROUTE_PAYLOAD = 32, /* with BODY: an event's payload may be in it */
    WHI_ROUTE_BATCH = 64,   /* with BODY: many of them */
    WHI_ROUTE_ASIDE = 128,  /* it may wait for somebody: for the threads of what is slow, without a turn */
};

/* An error that the API answers. */
typedef struct whi_refusal {
    int status, number; /* of HTTP; of WH_ERRORS, 0: the API's own */
    const char *name;   /* "invalid" */
    const char *reason; /* "Bad Request" */
    const char *message;
    const char *field; /* "": none */
} whi_refusal;

/* "code", "message" and, if there is one, "field": members of an object. */
void whi_refusal_plain(const whi_refusal *refusal, whi_buf *out);

/* An answer of the receiver, or that there was none. */
typedef struct whi_response {
    const char *event_type;
    int error, status; /* error: WH_OK when there was an answer */
} whi_response;

struct whi_envelope;
struct whi_format;
struct whi_reading;
struct whi_wire_field;

enum whi_time_form { WHI_TIME_SECONDS, WHI_TIME_MS, WHI_TIME_UNIX_MS };

typedef struct whi_system {
    const char *name; /* as documents have it in "profile" */
    int asks;         /* enum whi_asks */

    /* Objects: wire.h. Without fields they are the canonical documents. */
    const struct whi_wire_field *fields;
    size_t field_count;
    enum whi_time_form time;                               /* how created_at is written */
    int (*finish)(struct whi_reading *self);               /* what holds between fields; NULL: nothing */
    const char *also;                                      /* the field that says `also`; NULL: none does */
    int (*tells)(const whi_subscription *subscription);    /* 1: the object says what is so; NULL: always */
    void (*ident)(int64_t number, char *out);              /* an id on the wire; WH_ID_SIZE bytes */
    int (*ident_parse)(const char *text, int64_t *number); /* WH_OK or anything else, without a sentence */

    /* The API. */
    const whi_route *routes; /* ends with a NULL method */
    const char *prefix;      /* a first segment that its paths may have besides; NULL */
    const char *challenge;   /* the scheme of WWW-Authenticate */
    void (*refuse)(const whi_refusal *refusal, whi_buf *out); /* the members of an error's object */

    /* Deliveries. */
    const int64_t *retry; /* ms, each the wait before an attempt; the first is 0 */
    size_t retry_count;
    const char *agent;                                              /* "User-Agent: …"; NULL: the engine's */
    int (*body)(const struct whi_envelope *envelope, whi_buf *out); /* envelope.h; NULL: the data as they are */
    /* Appends the line that signs the body; NULL: the signature is in the body, or the engine's. */
    int (*sign)(const struct whi_envelope *envelope, const void *body, size_t size, whi_buf *out);
    int (*outcome)(const whi_response *response, int *code, int *abort); /* NULL: as delivery.h has it */
    /* 1 if deliveries of this type are ordered without being asked to, by the key that order_key
     * appends from the payload, if it has one. NULL, both: none are. */
    int (*is_ordered)(const char *event_type);
    int (*order_key)(const whi_json *payload, whi_buf *out);

    /* Secrets. */
    int (*check_secret)(const char *text);                               /* NULL: any text without control characters */
    int (*draw_secret)(const wh_clock *clock, char out[WH_SECRET_SIZE]); /* NULL: "whsec_…" */
    const struct whi_format *format;                                     /* how its signatures are verified: check.h */
} whi_system;

/* What an answer means, as whi_delivery_outcome of delivery.h has it, in the eyes of this
 * system. abort receives 1 when the receiver refuses all that belongs to the event. */
int whi_system_outcome(const whi_system *system, const whi_response *response, int *code, int *abort);

/* 1 if this system's clients see the subscription: it is of this profile, and can be told as it is. */
int whi_system_shows(const whi_system *system, const whi_subscription *subscription);

/* 1 if this system orders deliveries of this type by itself. */
int whi_system_is_ordered(const whi_system *system, const char *event_type);

#define WHI_ORDER_KEY_MAXIMUM 256 /* bytes */

/* The order key of such an event without one of its own, from the payload that was scanned:
 * appended to out, which stays as it is when there is none. */
int whi_system_order_key(const whi_system *system, const char *event_type, const whi_json *payload, whi_buf *out);

/* A secret of this system's subscriptions. WH_ESECRET. */
int whi_system_check_secret(const whi_system *system, const char *text);

/* Ids like our own, "sub_…". */
void whi_system_ident_own(int64_t number, char *out);
int whi_system_ident_own_parse(const char *text, int64_t *number);

/* An id of the wire, text may be NULL. WH_ENOTFOUND for what cannot be one. */
int whi_system_ident_parse(const whi_system *system, const char *text, int64_t *number);

#endif
