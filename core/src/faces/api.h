/* The parts of the HTTP API.
 *
 * A request becomes a call: its path in segments, its parameters, who asks, its body as a
 * tape. One table (api_routes.c) says which function answers. That function appends to
 * call->out and returns WH_OK, or returns an error with its sentence; api_answer.c gives
 * either the shape of the system whose route it is.
 *
 * Nothing is answered of other tenants: what a call may see goes through api_scope.c, and what
 * it may not see is as absent as what is not there. */
#ifndef WHI_API_H
#define WHI_API_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "calls/insight.h"
#include "pure/json.h"
#include "systems/object.h"
#include "webhook.h"

#define WHI_API_PATH 2048  /* bytes of a path */
#define WHI_API_QUERY 8192 /* bytes of a query */
#define WHI_API_HEADERS 100
#define WHI_API_SEGMENTS 8
#define WHI_API_PARAMETERS 256 /* of a list's items each is one */
#define WHI_API_MEMBERS 256    /* of a body's object */

typedef struct whi_limiter whi_limiter;
typedef struct whi_turns whi_turns;

struct wh_api {
    wh_engine *engine;
    whi_limiter *limiter;
    whi_turns *turns;
    whi_turns *waits; /* of those who wait for something to fetch */
    int64_t body_bytes, failures;
    int open, metrics;
};

typedef struct whi_parameter {
    const char *name, *value; /* decoded */
} whi_parameter;

/* A path in its segments, decoded. */
typedef struct whi_path {
    char text[WHI_API_PATH + 1];
    const char *segments[WHI_API_SEGMENTS + 1];
    size_t count;
    int slash; /* 1: there is one at the end, and an empty segment behind the last */
} whi_path;

/* A text of the body, or another one that lives as long as the call. */
typedef struct whi_text {
    struct whi_text *next;
    char bytes[];
} whi_text;

typedef struct whi_call whi_call;
typedef int (*whi_serve_fn)(whi_call *call);

typedef struct whi_api_route {
    const whi_system *system;
    const char *method;
    const char *path; /* "/v1/events/{id}" */
    int flags;        /* enum whi_route_flag */
    whi_serve_fn run;
} whi_api_route;

struct whi_call {
    const wh_api *api;
    wh_engine *engine;
    const wh_api_request *request;
    const whi_api_route *route; /* &found, or NULL */
    whi_api_route found;
    struct whi_call *running_next; /* among those that have a turn */
    const whi_system *system;      /* whose route it is, and whose errors are given; NULL before that is known */

    whi_path path;
    const char *id, *second; /* what stands for {…} in the route, or NULL */
    char query[WHI_API_QUERY + 1];
    whi_parameter parameters[WHI_API_PARAMETERS];
    size_t parameter_count;

    int all;                 /* 1: an operator, who sees every tenant */
    char tenant[WH_ID_SIZE]; /* of who asks */
    int64_t expires_at;      /* of the token, ms; 0: it has no end, or there is none */

    whi_json body; /* without nodes when there is none */
    whi_text *texts;

    int status; /* of the answer */
    whi_buf out;
    const char *content_type;
    int history;           /* 1: who is made is sent first what is there */
    int typed;             /* 1: the type is told of an empty answer, too */
    int kept;              /* 1: its headers say how it may be kept */
    const char *text_name; /* of a header whose value is response->text, or NULL */
    wh_api_response *response;
};

/* ---- api_routes.c */
/* All routes, for those who walk them: 0 behind the last. */
int whi_api_route_at(size_t index, whi_api_route *out);
/* The route of a method and a path, and what stands for {…} in it; 0 if there is none. */
int whi_api_route_match(const char *method, const whi_path *path, const char *values[2], whi_api_route *out);
/* The call's route, with call->id and ->second set. Otherwise a refusal: 404, or 405 with Allow. */
int whi_api_route_find(whi_call *call);
/* Whose errors are given, by the beginning of the path. */
const whi_system *whi_api_route_system(const char *path);

/* ---- api_systems.c */
/* A handler of a system's routes, by the name that its description has for it; NULL at the end. */
typedef struct whi_handler {
    const char *name;
    whi_serve_fn run;
} whi_handler;

/* The handler of a route; NULL if the system's file has none of this name. */
whi_serve_fn whi_api_handler(const whi_system *system, const char *name);

/* ---- api_request.c */
/* "/a/b%20c" into "a" and "b c"; one slash at the end is allowed, and counted as no segment. 0, or the status of a
 * refusal. */
int whi_path_read(const char *text, whi_path *out);
/* How many bytes of a body a route can use; NULL: one that is not there. look 0: by the limits as they are known. */
int64_t whi_api_route_bytes(const wh_api *api, const whi_api_route *route, int look);
/* Reads method, path, query and counts headers. */
int whi_call_read(whi_call *call);
/* Reads the body as the route has it. */
int whi_call_read_body(whi_call *call);
/* A header's value, or NULL; WH_EINVALID in code when it is given twice. */
const char *whi_call_header(whi_call *call, const char *name, int *count);
void whi_call_free(whi_call *call);

/* A parameter's value, or NULL. */
const char *whi_call_parameter(const whi_call *call, const char *name);
/* The same, where an empty one says nothing: a form's field that was left empty. */
const char *whi_call_word(const whi_call *call, const char *name);
/* Our own routes know all of their parameters: names ends with NULL. */
int whi_call_only(whi_call *call, const char *const *names);
/* A number whose value is an integer of least to most; fallback, or most if that is less, when it is not given. */
int whi_call_number(whi_call *call, const char *name, int64_t least, int64_t most, int64_t fallback, int64_t *out);
/* `limit` of a list: an integer from 1 on, brought down to most; fallback as above. */
int whi_call_limit(whi_call *call, int64_t most, int64_t fallback, int64_t *out);
/* "true", "false", 1, 0; -1 in out when it is not given. */
int whi_call_flag(whi_call *call, const char *name, int *out);
/* A time, as whi_time_read; 0 when it is not given. */
int whi_call_time(whi_call *call, const char *name, int64_t *out);

/* A copy that lives as long as the call, or NULL. */
const char *whi_call_keep(whi_call *call, const char *bytes, size_t size);

/* Members of an object of the body. Absent and null: NULL, fallback. */
uint32_t whi_body_member(const whi_call *call, uint32_t object, const char *name);
int whi_body_text(whi_call *call, uint32_t object, const char *name, const char **out);
int whi_body_number(whi_call *call, uint32_t object, const char *name, int64_t least, int64_t most, int64_t fallback,
                    int64_t *out);
/* 1 or 0; absent and null: 0. */
int whi_body_flag(whi_call *call, uint32_t object, const char *name, int *out);
int whi_body_time(whi_call *call, uint32_t object, const char *name, int64_t *out);
/* The object has no other members than these, none of them twice. */
int whi_body_only(whi_call *call, uint32_t object, const char *const *names);
/* A member that is an object, as its bytes; NULL when absent. */
int whi_body_object(whi_call *call, uint32_t object, const char *name, const char **out, size_t *size);

/* ---- api_auth.c */
int whi_limiter_new(whi_limiter **out);
void whi_limiter_free(whi_limiter *limiter);
/* Who asks: sets call->all and ->tenant. */
int whi_call_authenticate(whi_call *call);
/* Refuses what a page of a browser may have sent, where no token is asked for. */
int whi_call_check_page(whi_call *call);

/* ---- api_turns.c */
/* So many of all, and of one tenant. */
int whi_turns_new(whi_turns **out, int of_all, int of_tenant);
void whi_turns_free(whi_turns *turns);
int whi_turns_running(whi_turns *turns); /* how many there are now */
/* 1, or 0 when there are as many as there may be. A call is in one of them at a time. */
int whi_turn_enter(whi_turns *turns, whi_call *call);
void whi_turn_leave(whi_turns *turns, whi_call *call);
/* Before a slow route runs: a refusal, 429, when there are as many as there may be. */
int whi_turn_take(whi_call *call);

/* ---- api_answer.c */
/* Answers with this status; the sentence is as whi_fail's. Returns a code below all of WH_ERRORS. */
int whi_refuse(whi_call *call, int status, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define WHI_REFUSED (-1000) /* a refusal's code: call->status has its status */
/* Fills the response with what the call came to. */
void whi_call_answer(whi_call *call, int code);
/* A header whose value is at most 159 bytes. One a call. */
void whi_call_header_text(whi_call *call, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A header whose value is static. */
void whi_call_header_static(whi_call *call, const char *name, const char *value);
/* Makes the text that an engine's call handed over the answer; takes it. */
int whi_call_hand_over(whi_call *call, int code, char *text, size_t size);
/* Appends "name":"text" to the answer, null for NULL. */
void whi_out_text(whi_call *call, const char *name, const char *text);
void whi_out_int(whi_call *call, const char *name, int64_t number);
/* Room for a short answer is set aside before something is changed: when memory is short after
 * that, the answer is {"id":…} and not an error, since the change stands. */
int whi_call_set_aside(whi_call *call);
void whi_call_fall_back(whi_call *call, const char *id);

/* ---- api_scope.c */
/* The tenant that a list is of: the caller's own; of an operator ?tenant=, or NULL for all. */
int whi_scope_tenant(whi_call *call, const char **out);
/* What lists of records have in common: tenant, limit, since, until and cursor. names: all the
 * parameters that the route has. */
int whi_scope_page(whi_call *call, const char *const *names, wh_query *out);
/* Whether the engine's own events are asked for. */
int whi_scope_own(whi_call *call, wh_query *out);
/* 1 in out: an operator asks for those that the system does not show (?all=true), too. 403 for others. */
int whi_scope_all(whi_call *call, int *out);
/* A subscription by its id on the wire of the call's system, with a reference. WH_ENOTFOUND: also where
 * the system does not show it. */
int whi_scope_subscription(whi_call *call, const char *id, whi_registration **out);
/* The one that a delivery is of, with a reference; of one that was deleted since, the version that made the
 * delivery. NULL in out: the system does not show it, unless all, or nothing is known of it any more. */
int whi_scope_receiver(whi_call *call, int64_t id, int64_t version, int all, whi_registration **out);
/* WH_ENOTFOUND when it is not the caller's to see. An id may be several tenants': an operator
 * says whose is meant, by tenant or, where that is NULL, by ?tenant=. name, of WH_ID_SIZE bytes,
 * receives "#" and the number, which the engine's functions take for an id, and which is the
 * same event for them. */
int whi_scope_event(whi_call *call, const char *id, const char *tenant, int64_t *number, char *name);
int whi_scope_delivery(whi_call *call, const char *id);
/* 1 if what belongs to this tenant is the caller's to see. */
int whi_scope_sees(const whi_call *call, const char *tenant);
/* Makes of a document one that belongs to the right tenant: the caller's, or what an operator
 * names (NULL: as the document has it). details: NULL, or members for `details`. */
int whi_scope_document(whi_call *call, const char *document, size_t size, const char *tenant, const char *details,
                       whi_buf *out);

/* ---- api_list.c: lists of subscriptions as a system's client asks for them */
enum whi_operator { WHI_EQ, WHI_NE, WHI_IN, WHI_NIN, WHI_GT, WHI_GTE, WHI_LT, WHI_LTE };

typedef struct whi_condition {
    const char *field; /* on the wire */
    const char *value; /* IN, NIN: a comma list */
    int op;
    int fold; /* 1: without regard to case */
} whi_condition;

#define WHI_CONDITIONS 32

typedef struct whi_search {
    const whi_system *system;
    const char *tenant; /* NULL: of all */
    int all;            /* 1: also what the system does not show */
    whi_page page;
    whi_condition conditions[WHI_CONDITIONS]; /* all must hold */
    size_t condition_count;
    int sort_updated; /* 1: by updated_at instead of by creation */
    int counts;       /* 1: total is asked for */

    whi_registration **found; /* what came out, each with a reference */
    size_t count, capacity, total;
} whi_search;

/* Whose: tenant and all, from the call. */
int whi_search_scope(whi_call *call, whi_search *search);
int whi_search_add(whi_search *search, const char *field, int op, const char *value, int fold);
/* The same for a URL: what a client gave us it finds again, though we write it as url.h does. */
int whi_search_add_url(whi_call *call, whi_search *search, const char *field, int op, const char *value);
int whi_search_run(whi_call *call, whi_search *search);
void whi_search_free(whi_search *search);
/* Appends a registration as an object of the call's system. */
int whi_out_object(whi_call *call, const whi_registration *registration, int flags);
/* All of them, with commas. */
int whi_out_objects(whi_call *call, const whi_search *search);

/* ---- api_change.c: making, changing and deleting subscriptions, for all systems. id receives the one on
 * the wire, and has WH_ID_SIZE bytes. */
/* Makes one of the body; made, with a reference, is NULL if it could not be read back. */
int whi_make(whi_call *call, const char *tenant, const char *details, char *id, whi_registration **made);
/* Changes the one that the path names; as above. */
int whi_change(whi_call *call, char *id, whi_registration **made);
int whi_remove(whi_call *call, char *id);
/* Appends the object of one that was made or changed, or without memory for it {"id":…}; takes it. */
int whi_answer_object(whi_call *call, whi_registration *made, const char *id, int flags);
/* Handlers for systems that answer with the object alone. */
int whi_serve_get(whi_call *call);
int whi_serve_change(whi_call *call);

/* ---- handlers of our own routes; the systems' are in their files, behind whi_api_handler */
/* clang-format off */
#define WHI_HANDLERS(X)                                                                                                \
    X(subscription_backtest) X(subscription_missed) X(subscription_poll)                                                                    \
    X(event_list) X(event_publish) X(event_batch) X(event_get) X(event_payload) X(event_explain)                       \
    X(delivery_list) X(delivery_get) X(delivery_attempts) X(delivery_body) X(delivery_replay) X(delivery_replay_query) X(delivery_cancel) \
    X(rule_try) X(health) X(metrics) X(token_list) X(token_make) X(token_remove)                     \
    X(source_list) X(source_make) X(source_get) X(source_put) X(source_remove) X(source_test) X(source_connection_put) X(source_connection_remove)                          \
    X(stats) X(settings) X(settings_change) X(tenant) X(tenant_change) X(openapi) X(portal) X(me) X(page)
/* clang-format on */

#define WHI_X(name) int whi_serve_##name(whi_call *call);
WHI_HANDLERS(WHI_X)
#undef WHI_X

/* The document that is served at /openapi.json. */
extern const char whi_openapi[];
extern const size_t whi_openapi_size;

/* The files of the page in the browser, as core/src/faces/page/ has them; name NULL behind the last. */
typedef struct whi_page_file {
    const char *name, *type;
    const char *mark; /* of its bytes, for ETag */
    const char *bytes;
    size_t size;
} whi_page_file;
extern const whi_page_file whi_page_files[];

#endif
