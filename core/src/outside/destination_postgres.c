/* A destination in PostgreSQL, by libpq without blocking, so that time-outs and cuts end every wait.
 *
 * Rows go as one array of texts for each column, which the statement unnests and casts: its text is the same for any
 * number of rows, and there is no limit of parameters to think of. Nothing is prepared and nothing is set beyond a
 * transaction, so that a pooler in between may hand on the connection behind each one.
 * Tests: test_destination_postgres. */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "outside/certificate.h"
#include "outside/database_reach.h"

#define TEXT_ARRAY 1009 /* the type's number */
#define TEXT_TYPE 25
#define GRACE_MS 2000         /* that the server has for saying that its own time-out is over */
#define GUARD_LOCK 2004903794 /* of the advisory locks of this kind: nobody else's, by its oddness */
#define ARRAYS_MAXIMUM ((size_t)1 << 30)

struct postgres {
    whi_database base;
    whi_reach reach;
    PGconn *connection;
    int chose_schema;  /* the server said what it is */
    uint64_t answered; /* bytes that had come when the last question was asked */
};

static struct postgres *postgres_of(whi_database *database) {
    return (struct postgres *)database;
}

static whi_database *make(void) {
    struct postgres *postgres = whi_calloc(1, sizeof *postgres);

    if (postgres != NULL && whi_reach_init(&postgres->reach, &postgres->base.is_cut) != WH_OK) {
        whi_free(postgres);
        return NULL;
    }
    return postgres != NULL ? &postgres->base : NULL;
}

static void rest(whi_database *database) {
    struct postgres *postgres = postgres_of(database);

    PQfinish(postgres->connection);
    postgres->connection = NULL;
    if (postgres->chose_schema) {
        database->schema[0] = '\0';
        postgres->chose_schema = 0;
    }
}

static void release(whi_database *database) {
    struct postgres *postgres = postgres_of(database);

    rest(database);
    whi_reach_free(&postgres->reach);
    whi_free(postgres);
}

static void wake(whi_database *database) {
    whi_reach_wake(&postgres_of(database)->reach);
}

static int accept_options(const whi_database *database) {
    (void)database;
    return WH_OK;
}

/* ------------------------------------------------------------------- failures */

static const struct {
    const char *begin;
    int outcome;
} classes[] = {
    { "25006", WHI_OBJECT_AGAIN }, /* a standby, until it is the primary */
    { "42501", WHI_OBJECT_OWNER }, { "08", WHI_OBJECT_AGAIN }, { "40", WHI_OBJECT_AGAIN }, { "53", WHI_OBJECT_AGAIN },
    { "55", WHI_OBJECT_AGAIN },    { "57", WHI_OBJECT_AGAIN }, { "58", WHI_OBJECT_AGAIN }, { "25", WHI_OBJECT_AGAIN },
    { "XX", WHI_OBJECT_AGAIN },    { "28", WHI_OBJECT_OWNER }, { "3D", WHI_OBJECT_OWNER }, { "3F", WHI_OBJECT_OWNER },
    { "42", WHI_OBJECT_SHAPE },    { "0A", WHI_OBJECT_SHAPE }, { "22", WHI_OBJECT_ALONE }, { "23", WHI_OBJECT_ALONE },
    { "44", WHI_OBJECT_ALONE },    { "45", WHI_OBJECT_ALONE }, { "54", WHI_OBJECT_ALONE }, { "P0", WHI_OBJECT_ALONE },
};

/* 22, 23, 44, 54 and P0 are what a value, a constraint or somebody's trigger says of a row. What is in no class is the
 * server's trouble: nobody's object is set aside for it. */
static int outcome_of(const char *state) {
    if (state[0] == '\0') {
        return WHI_OBJECT_AGAIN;
    }
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strncmp(state, classes[i].begin, strlen(classes[i].begin)) == 0) {
            return classes[i].outcome;
        }
    }
    return WHI_OBJECT_AGAIN;
}

static void done(whi_object_result *result) {
    memset(result, 0, sizeof *result);
}

/* What is away, or goes to a standby, is looked for anew the next time. */
static void tell(struct postgres *postgres, whi_object_result *result, const PGresult *answer, const char *doing) {
    const char *state = answer != NULL ? PQresultErrorField(answer, PG_DIAG_SQLSTATE) : NULL;
    const char *words = answer != NULL ? PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY) : NULL;

    state = state != NULL ? state : "";
    words = words != NULL ? words : PQerrorMessage(postgres->connection);
    whi_database_tell(&postgres->base, result, outcome_of(state), state, "%s: %s", doing, words);
}

/* -------------------------------------------------------------------- waiting */

/* libpq keeps what comes, and says nothing of how much that is. */
static enum whi_reach_end bounded(const struct postgres *postgres, enum whi_reach_end end) {
    int is_over = whi_reach_received(PQsocket(postgres->connection)) > postgres->answered + WHI_ANSWER_MAXIMUM;

    return end == WHI_REACH_READY && is_over ? WHI_REACH_FLOODED : end;
}

/* Sends what libpq has to send. */
static enum whi_reach_end flush(struct postgres *postgres, int64_t until) {
    enum whi_reach_end end = WHI_REACH_READY;
    int left, ready = 0;

    while (end == WHI_REACH_READY && (left = PQflush(postgres->connection)) != 0) {
        if (left < 0) {
            return WHI_REACH_READY; /* the answer will say so */
        }
        end = whi_reach_wait(&postgres->reach, PQsocket(postgres->connection), WHI_READ | WHI_WRITE, until, &ready);
        end = bounded(postgres, end);
        if (end == WHI_REACH_READY && (ready & WHI_READ) != 0 && !PQconsumeInput(postgres->connection)) {
            return WHI_REACH_READY;
        }
    }
    return end;
}

static enum whi_reach_end await_answer(struct postgres *postgres, int64_t until) {
    enum whi_reach_end end = WHI_REACH_READY;

    while (end == WHI_REACH_READY && PQisBusy(postgres->connection)) {
        end = whi_reach_wait(&postgres->reach, PQsocket(postgres->connection), WHI_READ, until, NULL);
        end = bounded(postgres, end);
        if (end == WHI_REACH_READY && !PQconsumeInput(postgres->connection)) {
            return WHI_REACH_READY;
        }
    }
    return end;
}

static int is_good(const PGresult *answer) {
    ExecStatusType status = PQresultStatus(answer);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* The answers to a query, of which the first bad one counts, else the last. A COPY is not ours to go on with. */
static enum whi_reach_end gather(struct postgres *postgres, int64_t until, PGresult **out) {
    enum whi_reach_end end = await_answer(postgres, until);
    PGresult *answer;

    *out = NULL;
    while (end == WHI_REACH_READY && (answer = PQgetResult(postgres->connection)) != NULL) {
        int is_last = PQresultStatus(answer) == PGRES_COPY_IN || PQresultStatus(answer) == PGRES_COPY_OUT ||
                      PQresultStatus(answer) == PGRES_COPY_BOTH;

        if (*out == NULL || is_good(*out)) {
            PQclear(*out);
            *out = answer;
        } else {
            PQclear(answer);
        }
        if (is_last) {
            return WHI_REACH_READY;
        }
        end = await_answer(postgres, until);
    }
    return end;
}

struct parameters {
    int count;
    const Oid *types;
    const char *const *values;
    const int *sizes, *formats;
};

/* The answer, to be cleared, or NULL with the result. A connection that was left in the middle is closed. */
static PGresult *ask(struct postgres *postgres, const char *sql, const struct parameters *p, const char *doing,
                     whi_object_result *result) {
    int64_t until = whi_reach_until(&postgres->base, postgres->base.statement_timeout + GRACE_MS);
    PGresult *answer = NULL;
    enum whi_reach_end end = WHI_REACH_READY;
    int sent = p == NULL ? PQsendQuery(postgres->connection, sql)
                         : PQsendQueryParams(postgres->connection, sql, p->count, p->types, p->values, p->sizes,
                                             p->formats, 0);

    done(result);
    postgres->answered = whi_reach_received(PQsocket(postgres->connection));
    if (sent) {
        end = flush(postgres, until);
        end = end == WHI_REACH_READY ? gather(postgres, until, &answer) : end;
    }
    if (end != WHI_REACH_READY) {
        whi_reach_tell(end, doing, result);
    } else if (answer == NULL || !is_good(answer)) {
        tell(postgres, result, answer, doing);
    }
    if (result->outcome != WHI_OBJECT_WRITTEN) {
        PQclear(answer);
        answer = NULL;
    }
    if (end != WHI_REACH_READY || PQstatus(postgres->connection) != CONNECTION_OK ||
        strcmp(result->state, "25006") == 0) {
        rest(&postgres->base);
    }
    return answer;
}

static void command(struct postgres *postgres, const char *sql, const char *doing, whi_object_result *result) {
    PQclear(ask(postgres, sql, NULL, doing, result));
}

/* ----------------------------------------------------------------- connecting */

/* "…:  28P01: words" in a message of a connection that was not made, for which libpq has no other way to say it. */
static const char *state_in(const char *message, char state[8]) {
    const char *at = message;

    state[0] = '\0';
    while ((at = strstr(at, ":  ")) != NULL) {
        at += 3;
        if (strspn(at, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && at[5] == ':') {
            memcpy(state, at, 5);
            state[5] = '\0';
            return at + 7;
        }
    }
    return message;
}

/* TLS that is not as the URL wants it gets no better by itself, other than a handshake that breaks off. */
static int is_of_tls(const char *message) {
    return (strstr(message, "SSL") != NULL || strstr(message, "certificate") != NULL) &&
           strstr(message, "SYSCALL") == NULL && strstr(message, "EOF") == NULL;
}

static void tell_refused(struct postgres *postgres, whi_object_result *result) {
    char state[8], words[512];
    const char *message = PQerrorMessage(postgres->connection);
    const char *rest_of = state_in(message, state);
    int outcome = outcome_of(state);

    if (state[0] == '\0' && is_of_tls(message)) {
        outcome = WHI_OBJECT_OWNER;
    }
    snprintf(words, sizeof words, "%.*s", (int)strcspn(rest_of, "\n"), rest_of);
    whi_database_tell(&postgres->base, result, outcome, state, "connecting: %s", words);
}

static void ignore_notice(void *payload, const PGresult *notice) {
    (void)payload;
    (void)notice;
}

static const char *tls_word(int tls) {
    static const char *const words[] = { "", "disable", "require", "verify-ca", "verify-full" };

    return words[tls];
}

/* What the environment and files of this process say to libpq is the operator's, and not for a stranger's server: no
 * password, key or certificate of theirs is sent. libpq takes an empty word for none. */
static PGconn *start(const struct postgres *postgres, const whi_address *address, const char *bundle) {
    const whi_database_url *url = &postgres->base.url;
    int tls = whi_reach_tls(&postgres->base, address);
    const char *const names[] = {
        "host",   "hostaddr", "port",       "user",        "password",         "dbname",          "passfile", "sslcert",
        "sslkey", "sslmode",  "gssencmode", "sslrootcert", "application_name", "client_encoding", NULL
    };
    char text[INET6_ADDRSTRLEN], port[8];
    const char *const values[] = { url->host,
                                   text,
                                   port,
                                   url->user[0] != '\0' ? url->user : "postgres",
                                   url->password[0] != '\0' ? url->password : " ",
                                   url->database[0] != '\0' ? url->database : url->user,
                                   "/nonexistent/passfile",
                                   "/nonexistent/certificate",
                                   "/nonexistent/key",
                                   tls_word(tls),
                                   "disable",
                                   tls >= WHI_TLS_VERIFY_CA ? bundle : "/nonexistent/root",
                                   url->application[0] != '\0' ? url->application : "webhook",
                                   "UTF8",
                                   NULL };

    whi_reach_text(address, text, sizeof text);
    snprintf(port, sizeof port, "%u", url->port);
    return PQconnectStartParams(names, values, 0);
}

static enum whi_reach_end shake_hands(struct postgres *postgres, int64_t until) {
    PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
    enum whi_reach_end end = WHI_REACH_READY;

    while (end == WHI_REACH_READY && wanted != PGRES_POLLING_OK && wanted != PGRES_POLLING_FAILED) {
        end = whi_reach_wait(&postgres->reach, PQsocket(postgres->connection),
                             wanted == PGRES_POLLING_READING ? WHI_READ : WHI_WRITE, until, NULL);
        end = bounded(postgres, end);
        wanted = end == WHI_REACH_READY ? PQconnectPoll(postgres->connection) : wanted;
    }
    return end;
}

static void try_address(struct postgres *postgres, const whi_address *address, const char *bundle, int64_t until,
                        whi_object_result *result) {
    enum whi_reach_end end = WHI_REACH_READY;

    done(result);
    postgres->answered = 0;
    postgres->connection = start(postgres, address, bundle);
    if (postgres->connection == NULL) {
        whi_result_set(result, WHI_OBJECT_AGAIN, "out of memory");
        return;
    }
    (void)PQsetErrorVerbosity(postgres->connection, PQERRORS_VERBOSE);
    (void)PQsetNoticeReceiver(postgres->connection, ignore_notice, NULL);
    if (PQstatus(postgres->connection) != CONNECTION_BAD) {
        end = shake_hands(postgres, until);
    }
    if (end != WHI_REACH_READY) {
        whi_reach_tell(end, "connecting", result);
    } else if (PQstatus(postgres->connection) != CONNECTION_OK || PQsetnonblocking(postgres->connection, 1) != 0) {
        tell_refused(postgres, result);
    }
    if (result->outcome != WHI_OBJECT_WRITTEN) {
        rest(&postgres->base);
    }
}

/* Of several addresses the next one is for a server that is away, not for one that said no. */
static void try_all(struct postgres *postgres, whi_object_result *result) {
    int64_t until = whi_reach_until(&postgres->base, postgres->base.connect_timeout);
    char bundle[WHI_BUNDLE_SIZE];
    whi_addresses addresses;

    whi_reach_look(&postgres->reach, postgres->base.policy, postgres->base.url.host, until, &addresses, result);
    if (result->outcome != WHI_OBJECT_WRITTEN) {
        return;
    }
    if (postgres->base.url.tls != WHI_TLS_NONE && !whi_certificates_file(postgres->base.ca_file, bundle)) {
        snprintf(bundle, sizeof bundle, "/nonexistent/root"); /* and verification says so, where it is wanted */
    }
    for (size_t i = 0; i < addresses.count; i++) {
        try_address(postgres, &addresses.list[i], bundle, until, result);
        if (result->outcome != WHI_OBJECT_AGAIN || atomic_load(&postgres->base.is_cut)) {
            return;
        }
    }
}

/* Unqualified names would be looked for in the system's own schema first. */
static void choose_schema(struct postgres *postgres, whi_object_result *result) {
    PGresult *answer = ask(postgres, "SELECT current_schema()", NULL, "asking for the schema", result);

    if (answer == NULL) {
        return;
    }
    if (PQntuples(answer) != 1 || PQgetisnull(answer, 0, 0) || PQgetlength(answer, 0, 0) >= WHI_COLUMN_SIZE) {
        whi_result_set(result, WHI_OBJECT_OWNER, "the user has no schema of its own: name one with db_schema");
    } else {
        snprintf(postgres->base.schema, sizeof postgres->base.schema, "%s", PQgetvalue(answer, 0, 0));
        postgres->chose_schema = 1;
    }
    PQclear(answer);
}

/* Input that waits on an idle connection says that the server has closed it: what it said, and the end. */
static int is_alive(struct postgres *postgres) {
    return postgres->connection != NULL && PQconsumeInput(postgres->connection) &&
           PQconsumeInput(postgres->connection) && PQstatus(postgres->connection) == CONNECTION_OK;
}

static void connect_server(whi_database *database, whi_object_result *result) {
    struct postgres *postgres = postgres_of(database);

    done(result);
    if (!is_alive(postgres)) {
        rest(database);
        try_all(postgres, result);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN && database->schema[0] == '\0') {
        choose_schema(postgres, result);
    }
}

/* -------------------------------------------------------------------- looking */

static int kind_of(const char *type) {
    static const struct {
        const char *begin;
        int kind;
    } kinds[] = {
        { "text", WHI_COLUMN_TEXT },        { "bpchar", WHI_COLUMN_TEXT },     { "character", WHI_COLUMN_TEXT },
        { "boolean", WHI_COLUMN_BOOLEAN },  { "bigint", WHI_COLUMN_INTEGER },  { "integer", WHI_COLUMN_INTEGER },
        { "smallint", WHI_COLUMN_INTEGER }, { "numeric", WHI_COLUMN_DECIMAL }, { "double", WHI_COLUMN_DECIMAL },
        { "real", WHI_COLUMN_DECIMAL },     { "json", WHI_COLUMN_JSON },       { "timestamp", WHI_COLUMN_TIME },
        { "date", WHI_COLUMN_TIME },
    };

    if (strstr(type, "[]") != NULL) {
        return WHI_COLUMN_OTHER;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strncmp(type, kinds[i].begin, strlen(kinds[i].begin)) == 0) {
            return kinds[i].kind;
        }
    }
    return WHI_COLUMN_OTHER;
}

/* Types without their size: who is cast to varchar(5) is cut without a word, who is put there is refused. */
#define LOOK_SQL                                                                                                       \
    "SELECT a.attname, pg_catalog.format_type(a.atttypid, -1), (a.attnotnull OR a.atthasdef)::int,"                    \
    " (SELECT count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate"       \
    " AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = 2 AND (SELECT count(*) FROM"                    \
    " pg_catalog.pg_attribute k WHERE k.attrelid = c.oid AND k.attnum IN (i.indkey[0], i.indkey[1])"                   \
    " AND k.attname IN ('_connection_id', 'id')) = 2)"                                                                 \
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"                             \
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"                                                            \
    " WHERE c.relname = $1 AND n.nspname = $2 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"     \
    " AND a.attgenerated = '' AND a.attidentity <> 'a' ORDER BY a.attnum"

/* 0 without memory. */
static int read_columns(whi_shape *shape, const PGresult *answer) {
    for (int i = 0; i < PQntuples(answer); i++) {
        const char *type = PQgetvalue(answer, i, 1);
        whi_column *column;

        if (PQgetlength(answer, i, 0) >= WHI_COLUMN_SIZE || PQgetlength(answer, i, 1) >= WHI_TYPE_SIZE) {
            continue;
        }
        column = whi_shape_add(shape, PQgetvalue(answer, i, 0), type, kind_of(type));
        if (column == NULL) {
            return 0;
        }
        column->is_kept = PQgetvalue(answer, i, 2)[0] == '1';
        shape->has_key = PQgetvalue(answer, i, 3)[0] != '0';
        shape->exists = 1;
    }
    return 1;
}

static void look(whi_database *database, whi_shape *shape, whi_object_result *result) {
    struct postgres *postgres = postgres_of(database);
    const char *const values[] = { shape->name, database->schema };
    const struct parameters parameters = { 2, NULL, values, NULL, NULL };
    PGresult *answer;

    answer = ask(postgres, LOOK_SQL, &parameters, "looking at the table", result);
    if (answer != NULL && !read_columns(shape, answer)) {
        whi_result_set(result, WHI_OBJECT_AGAIN, "out of memory");
    }
    PQclear(answer);
}

/* --------------------------------------------------------------- transactions */

/* Whatever the user's default is: what waited for a lock has to see what was written meanwhile. */
static void begin(struct postgres *postgres, whi_object_result *result) {
    char sql[256];

    snprintf(sql, sizeof sql,
             "BEGIN; SET LOCAL transaction_isolation = 'read committed'; SET LOCAL statement_timeout = %lld;"
             " SET LOCAL lock_timeout = %lld",
             (long long)postgres->base.statement_timeout, (long long)postgres->base.lock_timeout);
    command(postgres, sql, "beginning a transaction", result);
}

/* The result of what failed stays. */
static void roll_back(struct postgres *postgres) {
    whi_object_result ignored;

    if (postgres->connection != NULL && PQtransactionStatus(postgres->connection) != PQTRANS_IDLE) {
        command(postgres, "ROLLBACK", "rolling back", &ignored);
    }
}

/* A COMMIT in a transaction that has failed is answered by ROLLBACK, and is no error. */
static void commit(struct postgres *postgres, whi_object_result *result) {
    PGresult *answer = ask(postgres, "COMMIT", NULL, "committing", result);

    if (answer != NULL && strcmp(PQcmdStatus(answer), "COMMIT") != 0) {
        whi_result_set(result, WHI_OBJECT_AGAIN, "committing: the server rolled back");
    }
    PQclear(answer);
}

static void run(whi_database *database, const char *sql, whi_object_result *result) {
    struct postgres *postgres = postgres_of(database);

    begin(postgres, result);
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        command(postgres, sql, "changing the table", result);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        commit(postgres, result);
    } else {
        roll_back(postgres);
    }
}

/* -------------------------------------------------------------------- writing */

static void write_unnest(whi_buf *sql, size_t width) {
    whi_buf_text(sql, "unnest(");
    for (size_t i = 1; i <= width; i++) {
        whi_buf_format(sql, "%s$%zu::text[]", i > 1 ? ", " : "", i);
    }
    whi_buf_text(sql, ") AS u(");
    for (size_t i = 1; i <= width; i++) {
        whi_buf_format(sql, "%sc%zu", i > 1 ? ", " : "", i);
    }
    whi_buf_text(sql, ")");
}

static void write_delete(whi_buf *sql, const whi_part *part) {
    whi_buf_text(sql, "DELETE FROM ");
    whi_buf_add(sql, part->shape->quoted.data, part->shape->quoted.size);
    whi_buf_text(sql, " AS held USING ");
    write_unnest(sql, WHI_PART_KEYS);
    if (part->kind == WHI_PART_EXPEL) {
        whi_buf_text(sql, ", ");
        whi_buf_add(sql, part->shape->guard->quoted.data, part->shape->guard->quoted.size);
        whi_buf_text(sql, " AS gone");
    }
    whi_buf_format(sql, " WHERE held.\"_connection_id\" = u.c1::%s AND held.\"id\" = u.c2::%s AND ",
                   part->columns[0]->type, part->columns[1]->type);
    if (part->kind == WHI_PART_EXPEL) {
        whi_buf_text(sql, "gone.\"_connection_id\" = u.c1 AND gone.\"id\" = u.c2 AND"
                          " held.\"_version\" <= gone.\"_version\"");
    } else {
        whi_buf_format(sql, "COALESCE(held.\"_version\" < u.c3::%s, TRUE)", part->columns[2]->type);
    }
}

static void write_put(whi_buf *sql, const whi_part *part) {
    whi_buf_text(sql, "INSERT INTO ");
    whi_buf_add(sql, part->shape->quoted.data, part->shape->quoted.size);
    whi_buf_text(sql, " AS held (");
    whi_sql_columns(sql, &whi_dialect_postgres, part);
    whi_buf_text(sql, ") SELECT ");
    for (size_t i = 0; i < part->width; i++) {
        whi_buf_format(sql, "%sc%zu::%s", i > 0 ? ", " : "", i + 1, part->columns[i]->type);
    }
    whi_buf_text(sql, " FROM ");
    write_unnest(sql, part->width);
    whi_sql_conflict(sql, &whi_dialect_postgres, part);
}

static void add_number(whi_buf *out, uint32_t number) {
    const char bytes[] = { (char)(number >> 24), (char)(number >> 16), (char)(number >> 8), (char)number };

    whi_buf_add(out, bytes, sizeof bytes);
}

/* An array of texts as the server sends and reads it: one dimension, whether nulls come, the elements' type, how many,
 * the first one's number, and each with its size. */
static void add_array(whi_buf *out, const whi_part *part, size_t column) {
    add_number(out, 1);
    add_number(out, 1);
    add_number(out, TEXT_TYPE);
    add_number(out, (uint32_t)part->count);
    add_number(out, 1);
    for (size_t i = 0; i < part->count; i++) {
        const whi_value *value = &part->rows[i][column];

        add_number(out, value->text != NULL ? (uint32_t)value->size : UINT32_MAX);
        if (value->text != NULL) {
            whi_buf_add(out, value->text, value->size);
        }
    }
}

/* What PQsendQueryParams wants, for so many arrays. */
struct arrays {
    whi_buf bytes;
    size_t *starts; /* one more than there are */
    const char **values;
    int *sizes, *formats;
    Oid *types;
};

static void arrays_free(struct arrays *arrays) {
    whi_buf_free(&arrays->bytes);
    whi_free(arrays->starts);
    whi_free(arrays->values);
    whi_free(arrays->sizes);
    whi_free(arrays->formats);
    whi_free(arrays->types);
}

static int arrays_make(struct arrays *arrays, const whi_part *part, size_t width) {
    memset(arrays, 0, sizeof *arrays);
    whi_buf_init(&arrays->bytes, ARRAYS_MAXIMUM);
    arrays->starts = whi_calloc(width + 1, sizeof *arrays->starts);
    arrays->values = whi_calloc(width, sizeof *arrays->values);
    arrays->sizes = whi_calloc(width, sizeof *arrays->sizes);
    arrays->formats = whi_calloc(width, sizeof *arrays->formats);
    arrays->types = whi_calloc(width, sizeof *arrays->types);
    if (arrays->starts == NULL || arrays->values == NULL || arrays->sizes == NULL || arrays->formats == NULL ||
        arrays->types == NULL) {
        return whi_fail_memory();
    }
    for (size_t i = 0; i < width; i++) {
        add_array(&arrays->bytes, part, i);
        arrays->starts[i + 1] = arrays->bytes.size;
    }
    for (size_t i = 0; i < width; i++) {
        arrays->values[i] = arrays->bytes.data + arrays->starts[i];
        arrays->sizes[i] = (int)(arrays->starts[i + 1] - arrays->starts[i]);
        arrays->formats[i] = 1;
        arrays->types[i] = TEXT_ARRAY;
    }
    return whi_buf_status(&arrays->bytes);
}

static void write_part(struct postgres *postgres, const whi_part *part, whi_object_result *result) {
    size_t width = whi_part_is_of_keys(part) ? WHI_PART_KEYS : part->width;
    struct arrays arrays;
    whi_buf sql;
    int code;

    whi_buf_init(&sql, WHI_SQL_MAXIMUM);
    if (whi_part_is_of_keys(part)) {
        write_delete(&sql, part);
    } else {
        write_put(&sql, part);
    }
    code = whi_buf_status(&sql);
    code = arrays_make(&arrays, part, width) != WH_OK ? WH_ENOMEM : code;
    if (code != WH_OK) {
        whi_result_set(result, WHI_OBJECT_AGAIN, wh_last_error());
    } else {
        const struct parameters parameters = { (int)width, arrays.types, arrays.values, arrays.sizes, arrays.formats };

        PQclear(ask(postgres, sql.data, &parameters, "writing", result));
    }
    arrays_free(&arrays);
    whi_buf_free(&sql);
}

/* A removal does not see a row that another transaction has put and not committed, nor that one the guard. So whoever
 * puts shares a lock of the table, and who removes has it alone, until the transaction is over. */
static void lock_guard(struct postgres *postgres, const whi_part *parts, size_t count, whi_object_result *result) {
    const whi_shape *guarded = NULL;
    int removes = 0;
    char sql[128];

    for (size_t i = 0; i < count; i++) {
        guarded = parts[i].shape->guard != NULL ? parts[i].shape : guarded;
        removes |= parts[i].kind == WHI_PART_REMOVE;
    }
    if (guarded != NULL) {
        snprintf(sql, sizeof sql, "SELECT pg_catalog.pg_advisory_xact_lock%s(%d, %d)", removes ? "" : "_shared",
                 GUARD_LOCK, (int)(whi_table_spread_text(0, guarded->quoted.data) >> 1));
        command(postgres, sql, "waiting for others that remove rows", result);
    }
}

static void write_parts(whi_database *database, const whi_part *parts, size_t count, whi_object_result *result) {
    struct postgres *postgres = postgres_of(database);

    begin(postgres, result);
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        lock_guard(postgres, parts, count, result);
    }
    for (size_t i = 0; i < count && result->outcome == WHI_OBJECT_WRITTEN; i++) {
        write_part(postgres, &parts[i], result);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        commit(postgres, result);
    } else {
        roll_back(postgres);
    }
}

/* ------------------------------------------------------------------- checking */

#define RIGHTS_SQL                                                                                                     \
    "SELECT pg_catalog.to_regnamespace(pg_catalog.quote_ident($2)) IS NOT NULL,"                                       \
    " COALESCE(pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace(pg_catalog.quote_ident($2)), 'USAGE'), "     \
    "false),"                                                                                                          \
    " COALESCE(pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace(pg_catalog.quote_ident($2)), 'CREATE'), "    \
    "false),"                                                                                                          \
    " pg_catalog.current_setting('transaction_read_only') = 'off', pg_catalog.quote_ident(current_user)"

#define TABLE_RIGHTS_SQL                                                                                               \
    "SELECT pg_catalog.has_table_privilege(c.oid, 'SELECT'), pg_catalog.has_table_privilege(c.oid, 'INSERT'),"         \
    " pg_catalog.has_table_privilege(c.oid, 'UPDATE'), pg_catalog.has_table_privilege(c.oid, 'DELETE'),"               \
    " pg_catalog.pg_has_role(c.relowner, 'USAGE'), pg_catalog.quote_ident(current_user)"                               \
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"                             \
    " WHERE c.relname = $1 AND n.nspname = $2"

static int is_true(const PGresult *answer, int column) {
    return PQgetvalue(answer, 0, column)[0] == 't';
}

static PGresult *ask_rights(struct postgres *postgres, const char *sql, const whi_shape *shape,
                            whi_object_result *result) {
    const char *const values[] = { shape->name, postgres->base.schema };
    const Oid types[] = { TEXT_TYPE, TEXT_TYPE };
    const struct parameters parameters = { 2, types, values, NULL, NULL };

    return ask(postgres, sql, &parameters, "asking for rights", result);
}

static void judge_schema(const struct postgres *postgres, const whi_shape *shape, const PGresult *answer,
                         whi_object_result *result) {
    const whi_database *database = &postgres->base;
    const char *user = PQgetvalue(answer, 0, 4);

    if (!is_true(answer, 0)) {
        whi_database_tell(database, result, WHI_OBJECT_OWNER, "3F000", "there is no such schema: CREATE SCHEMA \"%s\"",
                          database->schema);
    } else if (!is_true(answer, 1)) {
        whi_database_tell(database, result, WHI_OBJECT_OWNER, "42501",
                          "the schema may not be used: GRANT USAGE ON SCHEMA \"%s\" TO %s", database->schema, user);
    } else if (!is_true(answer, 2) && !shape->exists) {
        whi_database_tell(database, result, WHI_OBJECT_OWNER, "42501",
                          "tables may not be made: GRANT CREATE ON SCHEMA \"%s\" TO %s", database->schema, user);
    } else if (!is_true(answer, 3)) {
        whi_database_tell(database, result, WHI_OBJECT_AGAIN, "25006", "the database can only be read at present");
    }
}

static void judge_table(const struct postgres *postgres, const whi_shape *shape, const PGresult *answer,
                        whi_object_result *result) {
    const whi_database *database = &postgres->base;
    const char *user = PQgetvalue(answer, 0, 5);

    if (!is_true(answer, 0) || !is_true(answer, 1) || !is_true(answer, 2) ||
        (database->removes && !is_true(answer, 3))) {
        whi_database_tell(database, result, WHI_OBJECT_OWNER, "42501",
                          "rights are missing: GRANT SELECT, INSERT, UPDATE%s ON %s TO %s",
                          database->removes ? ", DELETE" : "", shape->quoted.data, user);
    } else if (database->create != WHI_CREATE_NEVER && !is_true(answer, 4)) {
        whi_database_tell(database, result, WHI_OBJECT_OWNER, "42501",
                          "columns may not be added: ALTER TABLE %s OWNER TO %s", shape->quoted.data, user);
    }
}

static void check(whi_database *database, const whi_shape *shape, whi_object_result *result) {
    struct postgres *postgres = postgres_of(database);
    PGresult *answer = ask_rights(postgres, RIGHTS_SQL, shape, result);

    if (answer != NULL) {
        judge_schema(postgres, shape, answer, result);
    }
    PQclear(answer);
    if (result->outcome != WHI_OBJECT_WRITTEN || !shape->exists) {
        return;
    }
    answer = ask_rights(postgres, TABLE_RIGHTS_SQL, shape, result);
    if (answer != NULL && PQntuples(answer) == 1) {
        judge_table(postgres, shape, answer, result);
    }
    PQclear(answer);
}

const whi_dialect whi_dialect_postgres = {
    .rules = { .bytes = 63, .whole = 131072, .fraction = 16383 },
    .columns = 1500, /* 1600, less those that were dropped and still count */
    .quote = '"',
    .adds_many = 1,
    .widen = " ALTER COLUMN ",
    .widen_to = " TYPE ",
    .has_zone = 1,
    .types = { "text", "boolean", "bigint", "numeric", "json", "timestamptz", "text" },
    .connection_type = "text",
    .id_type = "text",
    .ending = "",
    .make = make,
    .free = release,
    .accept = accept_options,
    .connect = connect_server,
    .look = look,
    .run = run,
    .write = write_parts,
    .check = check,
    .rest = rest,
    .wake = wake,
};
