/* A real server of a database or of queues on a free port of 127.0.0.1, with its data in a folder of its own, run by a
 * user who is not root. It ends with the test, and its folder is removed, also where the test is killed. */
#ifndef DATABASE_SERVER_H
#define DATABASE_SERVER_H

typedef struct database_server database_server;

/* Makes the data and starts; ready is asked until it says 1. The test fails where the server is not installed.
 * PostgreSQL has the superuser "owner" with this password, MariaDB the user root without one. */
database_server *database_server_postgres(const char *password, int (*ready)(int port));
database_server *database_server_mariadb(int (*ready)(int port));

/* NATS with JetStream, and no user yet. It is not started: what it needs is set first. */
database_server *database_server_nats(int (*ready)(int port));

/* Kafka in one process, broker and controller, out of the folder of jars that WEBHOOK_KAFKA names
 * (spec/queues/kafka.sh). It has no listener but the controller's, and is not started: what it needs is set first, and
 * its data made with these words for kafka.tools.StorageTool, up to a NULL. */
database_server *database_server_kafka(int (*ready)(int port));
void database_server_format(database_server *server, const char *const *words);
int database_server_controller_port(const database_server *server);

/* Redis is without a password, and keeps nothing beyond a stop but what it appends to a file. RabbitMQ has the user
 * guest with the password guest. */
database_server *database_server_redis(int (*ready)(int port));
database_server *database_server_rabbitmq(int (*ready)(int port));

const char *database_server_folder(const database_server *server);
int database_server_port(const database_server *server);

/* A free port for one thing more that a server listens at: none that is given to somebody else who connects, before the
 * server has it or while it is started again. */
int database_server_spare_port(void);

/* A line for its configuration, in force from the next start on. */
void database_server_set(database_server *server, const char *line);

/* Runs a program of the server's as its user, with HOME and what else the server has in its environment; its exit
 * code. */
int database_server_run(database_server *server, char *const arguments[]);

/* A file that only the server's user may read; the copy's name. Valid until the next call. */
const char *database_server_file(database_server *server, const char *path, const char *name);

void database_server_stop(database_server *server);              /* at once, as in a crash */
void database_server_pause(database_server *server, int pauses); /* 1: it hangs; 0: it goes on */
void database_server_start(database_server *server);
void database_server_free(database_server *server);

#endif
