/* Tests: test_destination_mariadb, test_destination_hung, test_destination_lying. */
#include "outside/mariadb_session.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "outside/certificate.h"

#define GRACE_MS 2000     /* that the server has for saying that its own time-out is over */
#define WAIT_SECONDS 3600 /* the client's own time-outs, which ours come before */

/* The client tells the callback of its waits nothing but a descriptor. */
static _Thread_local whi_mariadb *waiting;

/* What comes is thrown away by the system from now on, and closing says so to the server, which may wait else. */
static void refuse_more(int fd) {
    const struct linger none = { .l_onoff = 1, .l_linger = 0 };

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    (void)shutdown(fd, SHUT_RDWR);
}

/* The library exports it and has no header for it; where it does not, answers are bounded by their time alone. */
int ma_pvio_register_callback(my_bool registers,
                              void (*callback)(int mode, MYSQL *connection, const unsigned char *buffer, size_t size))
    __attribute__((weak));

/* The client keeps what comes, and waits only where nothing does. What it has read is told to this, of all connections
 * of the process: those of others have nobody who waits here. */
static void count_read(int mode, MYSQL *connection, const unsigned char *buffer, size_t size) {
    whi_mariadb *mariadb = waiting;

    (void)buffer;
    if (mode != 0 || mariadb == NULL || size > SSIZE_MAX) {
        return;
    }
    mariadb->received += size;
    if (mariadb->received > WHI_ANSWER_MAXIMUM && mariadb->end == WHI_REACH_READY) {
        mariadb->end = WHI_REACH_FLOODED;
        refuse_more(mysql_get_socket(connection));
    }
}

static void begin_client(void) {
    (void)mysql_library_init(0, NULL, NULL);
    if (ma_pvio_register_callback != NULL) {
        (void)ma_pvio_register_callback(1, count_read);
    }
}

whi_database *whi_mariadb_make(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    whi_mariadb *mariadb = whi_calloc(1, sizeof *mariadb);

    pthread_once(&once, begin_client);
    if (mariadb != NULL && whi_reach_init(&mariadb->reach, &mariadb->base.is_cut) != WH_OK) {
        whi_free(mariadb);
        return NULL;
    }
    if (mariadb != NULL) {
        pthread_mutex_init(&mariadb->lock, NULL);
        mariadb->socket = -1;
    }
    return mariadb != NULL ? &mariadb->base : NULL;
}

/* -------------------------------------------------------------------- waiting */

/* The client is told an address, connects to it, and then looks into the same text for the name that the certificate is
 * to have. Where it would not, the certificate is one of another name, and refused. */
static void name_host(whi_mariadb *mariadb, int fd) {
    whi_address peer;
    socklen_t size = sizeof peer;

    if (mariadb->verifies_name && getpeername(fd, &peer.any, &size) == 0) {
        memcpy(mariadb->target, mariadb->base.url.host, sizeof mariadb->target);
    }
}

/* A copy of the descriptor, for a cut while the client shakes hands for TLS: it waits for that by itself. */
static void keep_socket(whi_mariadb *mariadb, int fd) {
    pthread_mutex_lock(&mariadb->lock);
    if (mariadb->is_connecting && mariadb->socket < 0) {
        mariadb->socket = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
    pthread_mutex_unlock(&mariadb->lock);
}

static void drop_socket(whi_mariadb *mariadb) {
    pthread_mutex_lock(&mariadb->lock);
    mariadb->is_connecting = 0;
    if (mariadb->socket >= 0) {
        close(mariadb->socket);
        mariadb->socket = -1;
    }
    pthread_mutex_unlock(&mariadb->lock);
}

/* 1: ready, 0: the time is over, -1: it failed, as poll(). */
static my_bool await(my_socket handle, my_bool is_read, int timeout) {
    whi_mariadb *mariadb = waiting;

    (void)timeout;
    if (mariadb == NULL || mariadb->end != WHI_REACH_READY) {
        return 0;
    }
    keep_socket(mariadb, handle);
    mariadb->end = whi_reach_wait(&mariadb->reach, handle, is_read ? WHI_READ : WHI_WRITE, mariadb->until, NULL);
    name_host(mariadb, handle);
    return mariadb->end == WHI_REACH_READY;
}

void whi_mariadb_enter(whi_mariadb *mariadb, whi_quiet *quiet, int64_t ms) {
    sigset_t pending;

    waiting = mariadb;
    mariadb->end = WHI_REACH_READY;
    mariadb->received = 0;
    mariadb->until = whi_reach_until(&mariadb->base, ms);
    sigemptyset(&quiet->pipe);
    sigaddset(&quiet->pipe, SIGPIPE);
    sigpending(&pending);
    quiet->was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &quiet->pipe, &quiet->before);
}

void whi_mariadb_leave(const whi_quiet *quiet) {
    sigset_t pending;
    int taken;

    waiting = NULL;
    sigpending(&pending);
    if (!quiet->was_pending && sigismember(&pending, SIGPIPE)) {
        (void)sigwait(&quiet->pipe, &taken);
    }
    pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

/* No wait is left to the client's good-bye. */
void whi_mariadb_rest(whi_database *database) {
    whi_mariadb *mariadb = whi_mariadb_of(database);
    whi_quiet quiet;

    if (mariadb->connection != NULL) {
        whi_mariadb_enter(mariadb, &quiet, 0);
        mysql_close(mariadb->connection);
        whi_mariadb_leave(&quiet);
        mariadb->connection = NULL;
    }
    if (mariadb->chose_schema) {
        database->schema[0] = '\0';
        mariadb->chose_schema = 0;
    }
}

void whi_mariadb_free(whi_database *database) {
    whi_mariadb *mariadb = whi_mariadb_of(database);

    whi_mariadb_rest(database);
    whi_reach_free(&mariadb->reach);
    pthread_mutex_destroy(&mariadb->lock);
    whi_free(mariadb);
}

void whi_mariadb_wake(whi_database *database) {
    whi_mariadb *mariadb = whi_mariadb_of(database);

    whi_reach_wake(&mariadb->reach);
    pthread_mutex_lock(&mariadb->lock);
    if (mariadb->socket >= 0) {
        (void)shutdown(mariadb->socket, SHUT_RDWR);
    }
    pthread_mutex_unlock(&mariadb->lock);
}

/* ------------------------------------------------------------------- failures */

/* What a value or a constraint says of the one row that is written. */
static const uint16_t of_rows[] = {
    1048, 1062, 1117, 1118, 1138, 1153, 1216, 1217, 1242, 1264, 1265, 1292, 1300, 1364, 1365, 1366, 1367, 1406,
    1411, 1416, 1441, 1451, 1452, 1557, 1569, 1586, 1644, 1690, 1761, 1762, 2020, 3140, 3819, 4025, 4078,
};

static const uint16_t of_owners[] = {
    1044, 1045, 1049, 1102, 1129, 1130, 1142, 1143, 1227, 1251,
    1275, 1370, 1698, 1820, 1862, 2026, 2049, 2059, 2061, 4151,
};

static const uint16_t of_shapes[] = { 1050, 1054, 1060, 1064, 1091, 1136, 1146 };

static int is_in(const uint16_t *list, size_t count, unsigned number) {
    for (size_t i = 0; i < count; i++) {
        if (list[i] == number) {
            return 1;
        }
    }
    return 0;
}

#define IS_IN(list, number) is_in(list, sizeof(list) / sizeof *(list), number)

/* What is in no list is the server's trouble (1461, 1030, 1047, 1105, …): nobody's object is set aside for it. */
static int outcome_of(unsigned number) {
    return IS_IN(of_rows, number)     ? WHI_OBJECT_ALONE
           : IS_IN(of_owners, number) ? WHI_OBJECT_OWNER
           : IS_IN(of_shapes, number) ? WHI_OBJECT_SHAPE
                                      : WHI_OBJECT_AGAIN;
}

static void done(whi_object_result *result) {
    memset(result, 0, sizeof *result);
}

/* After a wait that was ended, and where the connection is lost, it is closed: its state is unknown. */
void whi_mariadb_tell(whi_mariadb *mariadb, whi_object_result *result, unsigned number, const char *words,
                      const char *doing) {
    char state[12];
    int outcome = outcome_of(number);

    if (mariadb->end != WHI_REACH_READY) {
        whi_reach_tell(mariadb->end, doing, result);
        whi_mariadb_rest(&mariadb->base);
        return;
    }
    if (number == 1242) {
        words = "another row has the same value in a unique index"; /* see write_put */
    }
    if (number == 2026 && strstr(words, "EOF") != NULL) {
        outcome = WHI_OBJECT_AGAIN;
    }
    snprintf(state, sizeof state, "%u", number);
    whi_database_tell(&mariadb->base, result, outcome, state, "%s: %s", doing, words);
    if (number >= 2000 && number < 3000) {
        whi_mariadb_rest(&mariadb->base);
    }
}

int64_t whi_mariadb_time(const whi_mariadb *mariadb) {
    return mariadb->base.statement_timeout + GRACE_MS;
}

/* A query without rows. */
void whi_mariadb_command(whi_mariadb *mariadb, const char *sql, const char *doing, whi_object_result *result) {
    whi_quiet quiet;
    int failed;

    done(result);
    if (mariadb->connection == NULL) {
        whi_result_set(result, WHI_OBJECT_AGAIN, "the connection was closed");
        return;
    }
    whi_mariadb_enter(mariadb, &quiet, whi_mariadb_time(mariadb));
    failed = mysql_real_query(mariadb->connection, sql, (unsigned long)strlen(sql));
    whi_mariadb_leave(&quiet);
    if (failed) {
        whi_mariadb_tell(mariadb, result, mysql_errno(mariadb->connection), mysql_error(mariadb->connection), doing);
    }
}

/* A query with rows, all of them; NULL with the result. */
MYSQL_RES *whi_mariadb_query(whi_mariadb *mariadb, const char *sql, const char *doing, whi_object_result *result) {
    MYSQL_RES *rows;
    whi_quiet quiet;

    whi_mariadb_command(mariadb, sql, doing, result);
    if (result->outcome != WHI_OBJECT_WRITTEN) {
        return NULL;
    }
    whi_mariadb_enter(mariadb, &quiet, whi_mariadb_time(mariadb));
    rows = mysql_store_result(mariadb->connection);
    whi_mariadb_leave(&quiet);
    if (rows == NULL) {
        whi_mariadb_tell(mariadb, result, mysql_errno(mariadb->connection), mysql_error(mariadb->connection), doing);
    }
    return rows;
}

/* ----------------------------------------------------------------- connecting */

/* Nothing is read from files of this process, none of its files is sent, and passwords are not sent as they are. */
static int set_options(whi_mariadb *mariadb, int tls, const char *bundle) {
    MYSQL *connection = mariadb->connection;
    unsigned seconds = WAIT_SECONDS, off = 0;
    unsigned long packet = 1UL << 30;
    my_bool verifies = tls == WHI_TLS_VERIFY_FULL, enforces = tls != WHI_TLS_NONE;
    int failed = mysql_optionsv(connection, MARIADB_OPT_IO_WAIT, (void *)(uintptr_t)await);

    failed |= mysql_optionsv(connection, MYSQL_OPT_READ_TIMEOUT, &seconds);
    failed |= mysql_optionsv(connection, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    failed |= mysql_optionsv(connection, MYSQL_OPT_LOCAL_INFILE, &off);
    failed |= mysql_optionsv(connection, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    failed |= mysql_optionsv(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    failed |= mysql_optionsv(connection, MARIADB_OPT_RESTRICTED_AUTH,
                             "mysql_native_password,client_ed25519,caching_sha2_password,sha256_password");
    if (enforces) {
        failed |= mysql_optionsv(connection, MYSQL_OPT_SSL_ENFORCE, &enforces);
        failed |= mysql_optionsv(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verifies);
    }
    if (tls >= WHI_TLS_VERIFY_CA) {
        failed |= mysql_optionsv(connection, MYSQL_OPT_SSL_CA, bundle);
    }
    return failed;
}

/* At least 1 s: less cannot be said to it. */
static long long seconds_of(int64_t ms) {
    return ms < 1000 ? 1 : (long long)((ms + 999) / 1000);
}

/* The hand-shake for TLS has the client's own time-out, in seconds. */
static MYSQL *open_connection(whi_mariadb *mariadb, int64_t ms) {
    const whi_database_url *url = &mariadb->base.url;
    unsigned seconds = (unsigned)seconds_of(ms);
    whi_quiet quiet;
    MYSQL *made;

    (void)mysql_optionsv(mariadb->connection, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    whi_mariadb_enter(mariadb, &quiet, ms);
    mariadb->is_connecting = 1;
    made = mysql_real_connect(mariadb->connection, mariadb->target, url->user, url->password,
                              url->database[0] != '\0' ? url->database : NULL, url->port, NULL, 0);
    drop_socket(mariadb);
    whi_mariadb_leave(&quiet);
    return made;
}

static void try_address(whi_mariadb *mariadb, const whi_address *address, const char *bundle, int64_t until,
                        whi_object_result *result) {
    int tls = whi_reach_tls(&mariadb->base, address);

    done(result);
    whi_reach_text(address, mariadb->target, sizeof mariadb->target);
    mariadb->verifies_name = tls == WHI_TLS_VERIFY_FULL;
    mariadb->connection = mysql_init(NULL);
    if (mariadb->connection == NULL || set_options(mariadb, tls, bundle)) {
        whi_result_set(result, WHI_OBJECT_AGAIN, "the client cannot be set up: out of memory");
        whi_mariadb_rest(&mariadb->base);
        return;
    }
    if (open_connection(mariadb, (until - whi_monotonic_us()) / 1000) == NULL) {
        mariadb->end = atomic_load(&mariadb->base.is_cut) ? WHI_REACH_CUT : mariadb->end;
        whi_mariadb_tell(mariadb, result, mysql_errno(mariadb->connection), mysql_error(mariadb->connection),
                         "connecting");
        whi_mariadb_rest(&mariadb->base);
    }
}

static void try_all(whi_mariadb *mariadb, whi_object_result *result) {
    int64_t until = whi_reach_until(&mariadb->base, mariadb->base.connect_timeout);
    char bundle[WHI_BUNDLE_SIZE];
    whi_addresses addresses;

    whi_reach_look(&mariadb->reach, mariadb->base.policy, mariadb->base.url.host, until, &addresses, result);
    if (result->outcome != WHI_OBJECT_WRITTEN) {
        return;
    }
    if (mariadb->base.url.tls != WHI_TLS_NONE && !whi_certificates_file(mariadb->base.ca_file, bundle)) {
        snprintf(bundle, sizeof bundle, "/nonexistent/root"); /* and verification says so, where it is wanted */
    }
    for (size_t i = 0; i < addresses.count; i++) {
        try_address(mariadb, &addresses.list[i], bundle, until, result);
        if (result->outcome != WHI_OBJECT_AGAIN || atomic_load(&mariadb->base.is_cut)) {
            return;
        }
    }
}

/* MySQL takes what stands between the marks for a comment. */
static void set_session(whi_mariadb *mariadb, whi_object_result *result) {
    char sql[512];
    const whi_database *database = &mariadb->base;

    snprintf(sql, sizeof sql,
             "SET SESSION sql_mode = "
             "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1,"
             " innodb_lock_wait_timeout = %lld, lock_wait_timeout = %lld"
             " /*M!100101 , max_statement_time = %lld.%03lld */",
             seconds_of(database->lock_timeout), seconds_of(database->lock_timeout),
             (long long)(database->statement_timeout / 1000), (long long)(database->statement_timeout % 1000));
    whi_mariadb_command(mariadb, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "setting up the session",
                        result);
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        whi_mariadb_command(mariadb, sql, "setting up the session", result);
    }
}

static void ask_server(whi_mariadb *mariadb, whi_object_result *result) {
    MYSQL_RES *rows =
        whi_mariadb_query(mariadb, "SELECT @@max_allowed_packet, DATABASE()", "asking the server", result);
    MYSQL_ROW row = rows != NULL ? mysql_fetch_row(rows) : NULL;

    if (row != NULL && row[0] != NULL) {
        mariadb->packet = strtoull(row[0], NULL, 10);
        if (mariadb->base.schema[0] == '\0' && row[1] != NULL) {
            snprintf(mariadb->base.schema, sizeof mariadb->base.schema, "%s", row[1]);
            mariadb->chose_schema = 1;
        }
    } else if (rows != NULL) {
        whi_result_set(result, WHI_OBJECT_AGAIN, "asking the server: it says nothing");
    }
    mysql_free_result(rows);
}

/* What an idle connection has to say is that the server has closed it. */
static int is_alive(whi_mariadb *mariadb) {
    whi_quiet quiet;
    int failed;

    if (mariadb->connection == NULL) {
        return 0;
    }
    whi_mariadb_enter(mariadb, &quiet, mariadb->base.connect_timeout);
    failed = mysql_ping(mariadb->connection);
    whi_mariadb_leave(&quiet);
    return !failed;
}

void whi_mariadb_connect(whi_database *database, whi_object_result *result) {
    whi_mariadb *mariadb = whi_mariadb_of(database);

    done(result);
    if (is_alive(mariadb)) {
        return;
    }
    whi_mariadb_rest(database);
    try_all(mariadb, result);
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        set_session(mariadb, result);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        ask_server(mariadb, result);
    }
    if (result->outcome != WHI_OBJECT_WRITTEN) {
        whi_mariadb_rest(database);
    }
}
