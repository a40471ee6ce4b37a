/* Tests: test_store, test_store_list. */
#include "outside/store_sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/ident.h"
#include "pure/delivery.h"

#define FEW 16384 /* index entries: read and sorted in 4 ms, as many rows as are walked past in 2 */

/* --------------------------------------------------------------------- rows */

static const char *word_or_null(sqlite3_stmt *statement, int column) {
    return (const char *)sqlite3_column_text(statement, column);
}

/* Columns id, type, tenant, time, accepted_at, source, key from first on. */
static void event_head(sqlite3_stmt *statement, int first, whi_event_row *row) {
    row->id = word_or_null(statement, first);
    row->type = whi_sqlite_word(statement, first + 1);
    row->tenant = whi_sqlite_word(statement, first + 2);
    row->time = sqlite3_column_int64(statement, first + 3);
    row->accepted_at = sqlite3_column_int64(statement, first + 4);
    row->source = whi_sqlite_word(statement, first + 5);
    row->key = whi_sqlite_word(statement, first + 6);
}

void whi_sqlite_event_row(sqlite3_stmt *statement, whi_event_row *row) {
    *row = (whi_event_row){ .number = sqlite3_column_int64(statement, 0) };
    event_head(statement, 1, row);
    row->payload = whi_sqlite_bytes(statement, 8, &row->payload_size);
    row->pending = sqlite3_column_int(statement, 9);
}

void whi_sqlite_delivery_row(sqlite3_stmt *statement, whi_delivery_row *row, whi_event_row *event) {
    *row = (whi_delivery_row){
        .event = sqlite3_column_int64(statement, 0),
        .subscription = sqlite3_column_int64(statement, 1),
        .version = sqlite3_column_int64(statement, 2),
        .state = sqlite3_column_int(statement, 3),
        .attempts = sqlite3_column_int(statement, 4),
        .tries = sqlite3_column_int(statement, 5),
        .due = sqlite3_column_int64(statement, 6),
        .turn = sqlite3_column_int64(statement, 7),
        .created_at = sqlite3_column_int64(statement, 8),
        .updated_at = sqlite3_column_int64(statement, 9),
        .status = sqlite3_column_int(statement, 10),
        .error = word_or_null(statement, 11),
        .key = word_or_null(statement, 12),
        .headers = word_or_null(statement, 13),
    };
    *event = (whi_event_row){ .number = row->event };
    event_head(statement, 14, event);
    if (sqlite3_column_count(statement) > 21) {
        row->body = whi_sqlite_bytes(statement, 21, &row->body_size);
        event->payload = whi_sqlite_bytes(statement, 22, &event->payload_size);
    }
}

/* Its type is there, as that of each event. */
static int has_event(sqlite3_stmt *statement) {
    return sqlite3_column_type(statement, 15) != SQLITE_NULL;
}

static void subscription_row(sqlite3_stmt *statement, whi_subscription_row *row) {
    *row = (whi_subscription_row){
        .id = sqlite3_column_int64(statement, 0),
        .version = sqlite3_column_int64(statement, 1),
        .tenant = whi_sqlite_word(statement, 2),
        .status = sqlite3_column_int(statement, 3),
        .deleted = sqlite3_column_int(statement, 4),
    };
    row->document = whi_sqlite_bytes(statement, 5, &row->document_size);
    row->since = sqlite3_column_int64(statement, 6);
}

static void attempt_row(sqlite3_stmt *statement, whi_attempt_row *row) {
    row->n = sqlite3_column_int(statement, 0);
    row->at = sqlite3_column_int64(statement, 1);
    row->duration_us = sqlite3_column_int64(statement, 2);
    row->code = sqlite3_column_int(statement, 3);
    row->status = sqlite3_column_int(statement, 4);
    row->error = word_or_null(statement, 5);
    row->response = whi_sqlite_bytes(statement, 6, &row->response_size);
}

/* ------------------------------------------------------------- single rows */

/* A statement with its numbers bound, stepped to its row: 1, or 0 for no row, or an error. */
static int seek(whi_sqlite *store, whi_sqlite_side *side, enum whi_sql which, int64_t first, int64_t second,
                sqlite3_stmt **out) {
    int code = whi_sqlite_use(store, side, which, out);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(*out, 1, first);
    if (sqlite3_bind_parameter_count(*out) > 1) {
        sqlite3_bind_int64(*out, 2, second);
    }
    return whi_sqlite_step(store, side, *out, "reading");
}

int whi_sqlite_give_event(whi_sqlite *store, whi_sqlite_side *side, int64_t number, whi_event_fn each, void *payload,
                          int *found) {
    sqlite3_stmt *statement;
    whi_event_row row;
    int code = seek(store, side, WHI_SQL_EVENT_GET, number, 0, &statement);

    *found = code == 1;
    if (code != 1) {
        return code;
    }
    whi_sqlite_event_row(statement, &row);
    code = each(&row, payload);
    sqlite3_reset(statement);
    return code;
}

int whi_sqlite_give_delivery(whi_sqlite *store, whi_sqlite_side *side, enum whi_sql which, int64_t event,
                             int64_t subscription, whi_delivery_fn each, void *payload, int *found) {
    sqlite3_stmt *statement;
    whi_delivery_row row;
    whi_event_row about;
    int code = seek(store, side, which, event, subscription, &statement);

    *found = code == 1;
    if (code != 1) {
        return code;
    }
    whi_sqlite_delivery_row(statement, &row, &about);
    code = each(&row, has_event(statement) ? &about : NULL, payload);
    sqlite3_reset(statement);
    return code;
}

whi_sqlite_side *whi_sqlite_enter(whi_sqlite *store) {
    pthread_mutex_lock(&store->reader->lock);
    return store->reader;
}

int whi_sqlite_leave(whi_sqlite *store, int code) {
    pthread_mutex_unlock(&store->reader->lock);
    return code;
}

/* The writer's connection, because its own commits don't count there. While a
 * transaction runs, what it saw when it began is the answer. */
int whi_sqlite_changes(whi_store *base, int64_t *out) {
    whi_sqlite *store = whi_sqlite_of(base);
    int64_t changes;
    int code;

    *out = atomic_load(&store->changes);
    if (pthread_mutex_trylock(&store->writer.lock) != 0) {
        return WH_OK;
    }
    if (!sqlite3_get_autocommit(store->writer.db)) { /* our own transaction: nobody else commits */
        pthread_mutex_unlock(&store->writer.lock);
        return WH_OK;
    }
    code = whi_sqlite_number(store, &store->writer, WHI_SQL_CHANGES, &changes);
    if (code == WH_OK) {
        atomic_store(&store->changes, changes);
        *out = changes;
    }
    pthread_mutex_unlock(&store->writer.lock);
    return code;
}

int whi_sqlite_event_get(whi_store *base, int64_t number, whi_event_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);
    char id[WH_ID_SIZE];
    int found, code = whi_sqlite_give_event(store, whi_sqlite_enter(store), number, each, payload, &found);

    whi_sqlite_leave(store, code);
    if (code == WH_OK && !found) {
        whi_ident_format("msg_", number, id);
        return whi_fail(WH_ENOTFOUND, "event %s: not in the store", id);
    }
    return code;
}

static int known_number(whi_sqlite *store, whi_sqlite_side *side, int64_t wanted, const char *tenant,
                        sqlite3_stmt **out) {
    int code = whi_sqlite_use(store, side, WHI_SQL_EVENT_KNOWN, out);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(*out, 1, wanted);
    whi_sqlite_bind_word(*out, 2, tenant);
    return whi_sqlite_step(store, side, *out, "looking for an event");
}

static int given_number(whi_sqlite *store, whi_sqlite_side *side, const char *id, const char *tenant,
                        sqlite3_stmt **out) {
    int code = whi_sqlite_use(store, side, WHI_SQL_ID_FIND, out);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_text(*out, 1, id, -1, SQLITE_STATIC);
    whi_sqlite_bind_word(*out, 2, tenant);
    return whi_sqlite_step(store, side, *out, "looking for an id");
}

static int number_of_id(whi_sqlite *store, whi_sqlite_side *side, const char *id, const char *tenant, int64_t *number) {
    sqlite3_stmt *statement;
    int code;

    if (id[0] == '#') {
        code = known_number(store, side, strtoll(id + 1, NULL, 10), tenant, &statement);
    } else {
        code = given_number(store, side, id, tenant, &statement);
        if (code == 0 && whi_ident_parse("msg_", id, number) == WH_OK) {
            code = known_number(store, side, *number, tenant, &statement);
        }
    }
    if (code == 1) {
        *number = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return code;
}

int whi_sqlite_event_number(whi_store *base, const char *id, const char *tenant, int64_t *number) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code =
        id != NULL ? whi_sqlite_leave(store, number_of_id(store, whi_sqlite_enter(store), id, tenant, number)) : 0;

    if (code == 1) {
        return WH_OK;
    }
    *number = 0;
    return code == 0 ? whi_fail(WH_ENOTFOUND, "event %s: not in the store", id ? id : "(none)") : code;
}

int whi_sqlite_delivery_get(whi_store *base, int64_t event, int64_t subscription, whi_delivery_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);
    char id[WH_ID_SIZE];
    int found, code = whi_sqlite_give_delivery(store, whi_sqlite_enter(store), WHI_SQL_DELIVERY_GET, event,
                                               subscription, each, payload, &found);

    whi_sqlite_leave(store, code);
    if (code == WH_OK && !found) {
        whi_ident_delivery(event, subscription, id);
        return whi_fail(WH_ENOTFOUND, "delivery %s: not in the store", id);
    }
    return code;
}

/* The one row of a statement about a subscription. */
static int give_version(whi_sqlite *store, whi_sqlite_side *side, enum whi_sql which, const int64_t key[2],
                        whi_subscription_fn each, void *payload, int *found) {
    sqlite3_stmt *statement;
    whi_subscription_row row;
    int code = seek(store, side, which, key[0], key[1], &statement);

    *found = code == 1;
    if (code == 1) {
        subscription_row(statement, &row);
        code = whi_sqlite_give_row(store, &row, each, payload);
        sqlite3_reset(statement);
    }
    return code;
}

static int give_subscription(whi_sqlite *store, whi_sqlite_side *side, int64_t id, int64_t version,
                             whi_subscription_fn each, void *payload) {
    enum whi_sql which = version ? WHI_SQL_SUBSCRIPTION_VERSION : WHI_SQL_SUBSCRIPTION_GET;
    int found, code = give_version(store, side, which, (int64_t[]){ id, version }, each, payload, &found);

    if (code != WH_OK || found) {
        return code;
    }
    if (version != 0) {
        return whi_fail(WH_ENOTFOUND, "subscription %lld: version %lld: not in the store", (long long)id,
                        (long long)version);
    }
    return whi_fail(WH_ENOTFOUND, "subscription %lld: not in the store", (long long)id);
}

int whi_sqlite_subscription_get(whi_store *base, int64_t id, int64_t version, whi_subscription_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store, give_subscription(store, whi_sqlite_enter(store), id, version, each, payload));
}

int whi_sqlite_subscription_then(whi_store *base, int64_t id, int64_t number, whi_subscription_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);
    int found, code = whi_sqlite_leave(store, give_version(store, whi_sqlite_enter(store), WHI_SQL_SUBSCRIPTION_THEN,
                                                           (int64_t[]){ id, number }, each, payload, &found));

    return code == WH_OK && !found ? whi_fail(WH_ENOTFOUND, "subscription %lld: no version was in force at %lld",
                                              (long long)id, (long long)number)
                                   : code;
}

int whi_sqlite_subscription_now(whi_store *base, int64_t id, whi_subscription_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);

    return give_subscription(store, &store->writer, id, 0, each, payload);
}

int whi_sqlite_subscription_count(whi_store *base, int64_t *count) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store,
                            whi_sqlite_number(store, whi_sqlite_enter(store), WHI_SQL_SUBSCRIPTION_COUNT, count));
}

int whi_sqlite_subscription_count_now(whi_store *base, int64_t *count) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_number(store, &store->writer, WHI_SQL_SUBSCRIPTION_COUNT, count);
}

/* -------------------------------------------------------------------- lists */

/* How far a list may still go. */
typedef struct budget {
    int64_t items, rows;
} budget;

static budget budget_of(const whi_store_query *query) {
    budget left = { query->limit > 0 ? query->limit : INT64_MAX, query->rows > 0 ? query->rows : INT64_MAX };

    return left;
}

/* Whether there is no room for one more row. */
static int spent(const budget *left) {
    return left->items == 0 || left->rows == 0;
}

static int wanted(const char *filter, const char *value) {
    return filter == NULL || strcmp(filter, value) == 0;
}

static int64_t below(int64_t before, int64_t until) {
    if (before <= 0) {
        return until > 0 ? until : INT64_MAX;
    }
    return until > 0 && until < before ? until : before;
}

/* As the query's type and foreign say it. */
static int is_of_type(const whi_store_query *query, const char *type) {
    return wanted(query->type, type) && (!query->foreign || strncmp(type, "webhook.", 8) != 0);
}

/* Events of no tenant are not in it. */
static int has_tenant_index(const whi_store_query *query) {
    return query->tenant != NULL && query->tenant[0] != '\0';
}

/* Gives one event of a list if it fits; looks only at the type before. */
static int event_item(whi_sqlite *store, whi_sqlite_side *side, sqlite3_stmt *list, const whi_store_query *query,
                      whi_event_fn each, void *payload, budget *left) {
    int found;

    left->rows -= 1;
    if (!is_of_type(query, whi_sqlite_word(list, 1)) || !wanted(query->tenant, whi_sqlite_word(list, 2))) {
        return WH_OK;
    }
    left->items -= 1;
    return whi_sqlite_give_event(store, side, sqlite3_column_int64(list, 0), each, payload, &found);
}

/* The statement that gives the fewest rows for the query. */
static enum whi_sql event_list_of(const whi_store_query *query) {
    if (has_tenant_index(query)) {
        return query->type != NULL ? WHI_SQL_EVENT_OF_TENANT_TYPE : WHI_SQL_EVENT_OF_TENANT;
    }
    return query->type != NULL ? WHI_SQL_EVENT_OF_TYPE : WHI_SQL_EVENT_LIST;
}

static void bind_if(sqlite3_stmt *statement, int place, const char *text) {
    if (text != NULL && place <= sqlite3_bind_parameter_count(statement)) {
        sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
    }
}

static int event_list(whi_sqlite *store, whi_sqlite_side *side, const whi_store_query *query, whi_event_fn each,
                      void *payload, whi_store_place *place) {
    budget left = budget_of(query);
    sqlite3_stmt *list;
    int code = whi_sqlite_use(store, side, event_list_of(query), &list);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(list, 1, below(query->before_event, query->until));
    sqlite3_bind_int64(list, 2, query->since);
    bind_if(list, 3, query->tenant);
    bind_if(list, 4, query->type);
    while ((code = whi_sqlite_step(store, side, list, "listing events")) == 1) {
        if (spent(&left)) {
            place->more = 1;
            code = WH_OK;
            break;
        }
        place->event = sqlite3_column_int64(list, 0);
        code = event_item(store, side, list, query, each, payload, &left);
        if (code != WH_OK) {
            break;
        }
    }
    sqlite3_reset(list);
    return code;
}

int whi_sqlite_event_list(whi_store *base, const whi_store_query *query, whi_event_fn each, void *payload,
                          whi_store_place *place) {
    whi_sqlite *store = whi_sqlite_of(base);

    *place = (whi_store_place){ 0, 0, 0 };
    return whi_sqlite_leave(store, event_list(store, whi_sqlite_enter(store), query, each, payload, place));
}

/* All of it, or a tenant's events. Those of none have no index: they are found on the way. */
static int event_log_use(whi_sqlite *store, whi_sqlite_side *side, int64_t after, int limit, const char *tenant,
                         sqlite3_stmt **out) {
    enum whi_sql which = WHI_SQL_EVENT_LOG;
    int code;

    if (tenant != NULL) {
        which = tenant[0] != '\0' ? WHI_SQL_EVENT_LOG_TENANT : WHI_SQL_EVENT_LOG_NOBODYS;
    }
    code = whi_sqlite_use(store, side, which, out);
    if (code != WH_OK) {
        return code;
    }
    if (which == WHI_SQL_EVENT_LOG_TENANT) {
        sqlite3_bind_text(*out, 3, tenant, -1, SQLITE_STATIC);
    }
    return seek(store, side, which, after, limit, out);
}

/* What the last event was is asked first: all that was committed by then is seen by the walk. */
static int event_log(whi_sqlite *store, whi_sqlite_side *side, int64_t after, int limit, const char *tenant,
                     whi_event_fn each, void *payload, int64_t *upto) {
    sqlite3_stmt *list;
    whi_event_row row;
    int64_t last;
    int count = 0, code = whi_sqlite_number(store, side, WHI_SQL_EVENT_LAST, &last);

    *upto = after;
    code = code == WH_OK ? event_log_use(store, side, after, limit, tenant, &list) : code;
    while (code == 1) {
        whi_sqlite_event_row(list, &row);
        *upto = row.number;
        count++;
        code = each(&row, payload);
        if (code != WH_OK) {
            sqlite3_reset(list);
            return code;
        }
        code = whi_sqlite_step(store, side, list, "reading the log");
    }
    if (code == WH_OK && count < limit && last > *upto) {
        *upto = last;
    }
    return code;
}

int whi_sqlite_event_log(whi_store *base, int64_t after, int limit, const char *tenant, whi_event_fn each,
                         void *payload, int64_t *upto) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store,
                            event_log(store, whi_sqlite_enter(store), after, limit, tenant, each, payload, upto));
}

/* 1: there are so few deliveries in this state that sorting them costs less than to walk past all others. */
static int are_few(whi_sqlite *store, whi_sqlite_side *side, int state, int *out) {
    sqlite3_stmt *statement;
    int code;

    *out = 0;
    if (state != WHI_WAITING && state != WHI_EXHAUSTED && state != WHI_HELD) {
        return WH_OK;
    }
    code = whi_sqlite_use(store, side, WHI_SQL_DELIVERY_BEYOND, &statement);
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, state);
    sqlite3_bind_int64(statement, 2, FEW);
    code = whi_sqlite_step(store, side, statement, "counting deliveries");
    if (code == 1) {
        sqlite3_reset(statement);
        code = WH_OK;
    } else {
        *out = code == WH_OK;
    }
    return code;
}

static enum whi_sql delivery_list_by_event(const whi_store_query *query) {
    int is_of_one = query->subscription != 0;

    if (query->type == NULL) {
        return is_of_one ? WHI_SQL_DELIVERY_OF_ONE_TENANT : WHI_SQL_DELIVERY_OF_TENANT;
    }
    if (!has_tenant_index(query)) {
        return is_of_one ? WHI_SQL_DELIVERY_OF_ONE_TYPE : WHI_SQL_DELIVERY_OF_TYPE;
    }
    return is_of_one ? WHI_SQL_DELIVERY_OF_ONE_TENANT_TYPE : WHI_SQL_DELIVERY_OF_TENANT_TYPE;
}

/* Where those of its state are not few. A tenant's are found without a look at those of others. */
static enum whi_sql delivery_list_of(const whi_store_query *query) {
    if (query->event) {
        return WHI_SQL_DELIVERY_OF_EVENT;
    }
    if (query->subscription && query->state == WHI_WAITING) {
        return WHI_SQL_DELIVERY_WAITING;
    }
    if (query->subscription && (query->state == WHI_EXHAUSTED || query->state == WHI_HELD)) {
        return WHI_SQL_DELIVERY_KEPT;
    }
    if (query->type != NULL || has_tenant_index(query)) {
        return delivery_list_by_event(query);
    }
    return query->state == WHI_CANCELLED ? WHI_SQL_DELIVERY_CANCELLED : WHI_SQL_DELIVERY_LIST;
}

static int is_by_event_of_one(enum whi_sql which) {
    return which == WHI_SQL_DELIVERY_OF_ONE_TENANT || which == WHI_SQL_DELIVERY_OF_ONE_TYPE ||
           which == WHI_SQL_DELIVERY_OF_ONE_TENANT_TYPE;
}

/* An index of events is walked, and of each its deliveries. */
static int is_by_event(enum whi_sql which) {
    return which == WHI_SQL_DELIVERY_OF_TENANT || which == WHI_SQL_DELIVERY_OF_TYPE ||
           which == WHI_SQL_DELIVERY_OF_TENANT_TYPE || is_by_event_of_one(which);
}

/* The statement that gives the fewest rows for the query, bound. */
static int delivery_list_use(whi_sqlite *store, whi_sqlite_side *side, const whi_store_query *query,
                             sqlite3_stmt **out) {
    int64_t before = query->before_event > 0 ? query->before_event : INT64_MAX;
    int64_t before_subscription = query->before_event > 0 ? query->before_subscription : INT64_MAX;
    int64_t key = query->event ? query->event : query->subscription;
    int64_t extra = query->rows > 0 ? query->rows + 1 : -1; /* one more tells that there is more */
    int few = 0, code = query->event || query->subscription ? WH_OK : are_few(store, side, query->state, &few);
    enum whi_sql which;

    if (code != WH_OK) {
        return code;
    }
    if (few) {
        which = WHI_SQL_DELIVERY_FEW;
        key = query->state;
    } else {
        which = delivery_list_of(query);
        extra = which == WHI_SQL_DELIVERY_KEPT ? query->state : extra;
    }
    code = whi_sqlite_use(store, side, which, out);
    if (code != WH_OK) {
        return code;
    }
    if (query->until > 0 && query->until <= before) {
        before = query->until;
        before_subscription = INT64_MIN;
    }
    if (is_by_event(which) && before_subscription <= 0) { /* this event is done */
        before--;
        before_subscription = INT64_MAX;
    }
    sqlite3_bind_int64(*out, 1, before);
    sqlite3_bind_int64(*out, 2, before_subscription);
    sqlite3_bind_int64(*out, 3, query->since);
    if (is_by_event(which)) {
        bind_if(*out, 4, query->tenant);
        bind_if(*out, 5, query->type);
        if (is_by_event_of_one(which)) {
            sqlite3_bind_int64(*out, 6, query->subscription);
        }
    } else if (which != WHI_SQL_DELIVERY_LIST && which != WHI_SQL_DELIVERY_CANCELLED) {
        sqlite3_bind_int64(*out, 4, key);
    }
    if (which == WHI_SQL_DELIVERY_WAITING || which == WHI_SQL_DELIVERY_KEPT || which == WHI_SQL_DELIVERY_FEW) {
        sqlite3_bind_int64(*out, 5, extra);
    }
    return WH_OK;
}

/* What a delivery's event must be, and who gets it then. */
typedef struct delivery_gate {
    const whi_store_query *query;
    whi_delivery_fn each;
    void *payload;
    budget *left;
} delivery_gate;

static int delivery_pass(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    delivery_gate *gate = payload;

    if (!is_of_type(gate->query, event->type) || !wanted(gate->query->tenant, event->tenant)) {
        return WH_OK;
    }
    gate->left->items -= 1;
    return gate->each(row, event, gate->payload);
}

static int delivery_item(whi_sqlite *store, whi_sqlite_side *side, const whi_store_place *place, int state,
                         delivery_gate *gate) {
    int found;

    gate->left->rows -= 1;
    if (place->subscription == 0) {
        return WH_OK; /* an event without deliveries */
    }
    if ((gate->query->subscription && gate->query->subscription != place->subscription) ||
        (gate->query->state && gate->query->state != state)) {
        return WH_OK;
    }
    return whi_sqlite_give_delivery(store, side, WHI_SQL_DELIVERY_HEAD, place->event, place->subscription,
                                    delivery_pass, gate, &found);
}

/* Whether the page ends before this row. An event without deliveries needs no room. */
static int ends_before(sqlite3_stmt *row, const budget *left) {
    return left->rows == 0 || (left->items == 0 && sqlite3_column_type(row, 1) != SQLITE_NULL);
}

static int delivery_list(whi_sqlite *store, whi_sqlite_side *side, delivery_gate *gate, whi_store_place *place) {
    sqlite3_stmt *list;
    int code = delivery_list_use(store, side, gate->query, &list);

    if (code != WH_OK) {
        return code;
    }
    while ((code = whi_sqlite_step(store, side, list, "listing deliveries")) == 1) {
        if (ends_before(list, gate->left)) {
            place->more = 1;
            code = WH_OK;
            break;
        }
        place->event = sqlite3_column_int64(list, 0);
        place->subscription = sqlite3_column_int64(list, 1);
        code = delivery_item(store, side, place, sqlite3_column_int(list, 2), gate);
        if (code != WH_OK) {
            break;
        }
    }
    sqlite3_reset(list);
    return code;
}

int whi_sqlite_delivery_list(whi_store *base, const whi_store_query *query, whi_delivery_fn each, void *payload,
                             whi_store_place *place) {
    whi_sqlite *store = whi_sqlite_of(base);
    budget left = budget_of(query);
    delivery_gate gate = { query, each, payload, &left };

    *place = (whi_store_place){ 0, 0, 0 };
    return whi_sqlite_leave(store, delivery_list(store, whi_sqlite_enter(store), &gate, place));
}

static int attempt_list(whi_sqlite *store, whi_sqlite_side *side, whi_attempt_row *row, whi_attempt_fn each,
                        void *payload) {
    sqlite3_stmt *list;
    int code = seek(store, side, WHI_SQL_ATTEMPT_LIST, row->event, row->subscription, &list);

    while (code == 1) {
        attempt_row(list, row);
        code = each(row, payload);
        if (code != WH_OK) {
            sqlite3_reset(list);
            return code;
        }
        code = whi_sqlite_step(store, side, list, "listing attempts");
    }
    return code;
}

int whi_sqlite_attempt_list(whi_store *base, int64_t event, int64_t subscription, whi_attempt_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);
    whi_attempt_row row = { .event = event, .subscription = subscription };

    return whi_sqlite_leave(store, attempt_list(store, whi_sqlite_enter(store), &row, each, payload));
}

/* The statement that gives the fewest rows for the query, bound. */
static int subscription_list_use(whi_sqlite *store, whi_sqlite_side *side, const whi_store_query *query,
                                 sqlite3_stmt **out) {
    enum whi_sql which = query->tenant != NULL ? WHI_SQL_SUBSCRIPTION_OF_TENANT
                         : query->state > 1    ? WHI_SQL_SUBSCRIPTION_RESTING
                                               : WHI_SQL_SUBSCRIPTION_LIST;
    int code = whi_sqlite_use(store, side, which, out);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(*out, 1, query->before_subscription > 0 ? query->before_subscription : INT64_MAX);
    if (which == WHI_SQL_SUBSCRIPTION_OF_TENANT) {
        sqlite3_bind_text(*out, 2, query->tenant, -1, SQLITE_STATIC);
    } else if (which == WHI_SQL_SUBSCRIPTION_RESTING) {
        sqlite3_bind_int64(*out, 2, query->state);
    }
    return WH_OK;
}

static int subscription_list(whi_sqlite *store, whi_sqlite_side *side, const whi_store_query *query,
                             whi_subscription_fn each, void *payload, whi_store_place *place) {
    budget left = budget_of(query);
    whi_subscription_row row;
    sqlite3_stmt *list;
    int code = subscription_list_use(store, side, query, &list);

    if (code != WH_OK) {
        return code;
    }
    while ((code = whi_sqlite_step(store, side, list, "listing subscriptions")) == 1) {
        if (spent(&left)) {
            place->more = 1;
            code = WH_OK;
            break;
        }
        subscription_row(list, &row);
        place->subscription = row.id;
        left.rows -= 1;
        if (row.deleted || (query->state && query->state != row.status)) {
            continue;
        }
        left.items -= 1;
        code = whi_sqlite_give_row(store, &row, each, payload);
        if (code != WH_OK) {
            break;
        }
    }
    sqlite3_reset(list);
    return code;
}

int whi_sqlite_subscription_list(whi_store *base, const whi_store_query *query, whi_subscription_fn each, void *payload,
                                 whi_store_place *place) {
    whi_sqlite *store = whi_sqlite_of(base);

    *place = (whi_store_place){ 0, 0, 0 };
    return whi_sqlite_leave(store, subscription_list(store, whi_sqlite_enter(store), query, each, payload, place));
}

/* Looked at after the changes were read: what goes meanwhile is seen too. */
static int check_forgotten(whi_sqlite *store, whi_sqlite_side *side, int64_t after) {
    int64_t forgotten;
    int code = whi_sqlite_number(store, side, WHI_SQL_FORGOTTEN, &forgotten);

    return code == WH_OK && after < forgotten
               ? whi_fail(WH_ENOTFOUND, "store '%s': what was deleted after change %lld is not all known any more",
                          store->name, (long long)after)
               : code;
}

/* One that no key here opens is given without its document, and does not keep the others back. */
static int give_change(whi_sqlite *store, whi_subscription_row *row, whi_subscription_fn each, void *payload) {
    int code = whi_sqlite_give_row(store, row, each, payload);

    if (code == WH_EKEY) {
        row->document = NULL;
        row->document_size = 0;
        code = each(row, payload);
    }
    return code;
}

static int subscription_feed(whi_sqlite *store, whi_sqlite_side *side, int64_t *after, whi_subscription_fn each,
                             void *payload) {
    sqlite3_stmt *list;
    whi_subscription_row row;
    int64_t from = *after;
    int code = seek(store, side, WHI_SQL_SUBSCRIPTION_FEED, *after, 0, &list);

    while (code == 1) {
        subscription_row(list, &row);
        code = row.deleted && from == 0 ? WH_OK : give_change(store, &row, each, payload);
        if (code != WH_OK) {
            sqlite3_reset(list);
            return code;
        }
        *after = sqlite3_column_int64(list, 7);
        code = whi_sqlite_step(store, side, list, "reading changes of subscriptions");
    }
    return code == WH_OK && from != 0 ? check_forgotten(store, side, from) : code;
}

int whi_sqlite_subscription_changes(whi_store *base, int64_t *after, whi_subscription_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store, subscription_feed(store, whi_sqlite_enter(store), after, each, payload));
}
