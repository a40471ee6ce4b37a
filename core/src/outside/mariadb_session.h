/* A connection to MariaDB or MySQL by MariaDB's Connector/C. Its calls block, but all their waits are ours: that is
 * where time-outs and cuts end them, and where the name that TLS is to find in the certificate takes the place of the
 * address that was connected to. */
#ifndef WHI_MARIADB_SESSION_H
#define WHI_MARIADB_SESSION_H

#include <mysql.h>
#include <pthread.h>
#include <signal.h>

#include "outside/database_reach.h"

typedef struct whi_mariadb {
    whi_database base;
    whi_reach reach;
    MYSQL *connection;
    int64_t until;          /* of the call that waits, us */
    enum whi_reach_end end; /* why it was ended */
    uint64_t received;      /* bytes, by this call */
    char target[256];       /* what is connected to: an address, and then the name that TLS looks for */
    int verifies_name;
    pthread_mutex_t lock;
    int is_connecting, socket; /* locked */
    int chose_schema;
    uint64_t packet; /* bytes that the server takes at once */
} whi_mariadb;

/* What writes to a connection that the server has closed would end the program: the signal is held, and taken away. */
typedef struct whi_quiet {
    sigset_t pipe, before;
    int was_pending;
} whi_quiet;

static inline whi_mariadb *whi_mariadb_of(whi_database *database) {
    return (whi_mariadb *)database;
}

/* Before and behind whatever may speak with the server, which has so many ms. */
void whi_mariadb_enter(whi_mariadb *mariadb, whi_quiet *quiet, int64_t ms);
void whi_mariadb_leave(const whi_quiet *quiet);

/* The time that a statement has, in ms, with some for the server to say that it was over. */
int64_t whi_mariadb_time(const whi_mariadb *mariadb);

/* A query without rows. */
void whi_mariadb_command(whi_mariadb *mariadb, const char *sql, const char *doing, whi_object_result *result);

/* A query with rows, all of them, to be freed; NULL with the result. */
MYSQL_RES *whi_mariadb_query(whi_mariadb *mariadb, const char *sql, const char *doing, whi_object_result *result);

/* What went wrong, by the client's number and words. After a wait that was ended, and where the connection is lost, it
 * is closed: its state is unknown. */
void whi_mariadb_tell(whi_mariadb *mariadb, whi_object_result *result, unsigned number, const char *words,
                      const char *doing);

/* As whi_dialect has them. */
whi_database *whi_mariadb_make(void);
void whi_mariadb_free(whi_database *database);
void whi_mariadb_connect(whi_database *database, whi_object_result *result);
void whi_mariadb_rest(whi_database *database);
void whi_mariadb_wake(whi_database *database);

#endif
