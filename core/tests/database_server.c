#include "database_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#define STEP_MS 20
#define STEPS 3000 /* a machine under load is slow, and one that hangs is told by the test's time-out */

struct database_server {
    char folder[64];
    uid_t uid;
    gid_t gid;
    int port, is_mariadb;
    pid_t pid;
    int (*ready)(int port);
};

static void die(const char *what) {
    perror(what);
    abort();
}

#ifdef __linux__
static void die_with_parent(void) {
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
}
#else
static void die_with_parent(void) {
}
#endif

/* The kernel forgets who is to die with whom where the user changes, so that comes first. */
static void become(const database_server *server) {
    char path[128];
    int log;

    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(server->gid) != 0 || setuid(server->uid) != 0)) {
        die("database server: its user");
    }
    die_with_parent();
    snprintf(path, sizeof path, "%s/log", server->folder);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || chdir(server->folder) != 0) {
        die("database server: its log");
    }
    setenv("PATH",
           "/usr/lib/postgresql/15/bin:/usr/lib/postgresql/16/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/"
           "bin",
           1);
    setenv("LC_ALL", "C", 1);
    unsetenv("TMPDIR"); /* it may be a folder of ours alone */
}

static pid_t spawn(const database_server *server, char *const arguments[]) {
    pid_t pid = fork();

    if (pid < 0) {
        die("database server: fork");
    }
    if (pid == 0) {
        become(server);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    return pid;
}

static void show_log(const database_server *server) {
    char command[128];

    snprintf(command, sizeof command, "cat %s/log >&2", server->folder);
    (void)!system(command);
}

static void run(const database_server *server, char *const arguments[]) {
    int status;

    if (waitpid(spawn(server, arguments), &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        show_log(server);
        fprintf(stderr, "%s is needed for this test and does not run\n", arguments[0]);
        abort();
    }
}

static void find_port(database_server *server) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        die("database server: port");
    }
    server->port = ntohs(address.sin_port);
    close(fd);
}

static void write_file(const database_server *server, const char *name, const char *mode, const char *text) {
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", server->folder, name);
    file = fopen(path, mode);
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 ||
        (geteuid() == 0 && chown(path, server->uid, server->gid) != 0) || chmod(path, 0600) != 0) {
        die("database server: file");
    }
}

const char *database_server_file(database_server *server, const char *path, const char *name) {
    static char copy[128];
    char text[16384];
    FILE *file = fopen(path, "r");
    size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;

    text[size] = '\0';
    if (size == 0) {
        die("database server: file");
    }
    fclose(file);
    write_file(server, name, "w", text);
    snprintf(copy, sizeof copy, "%s/%s", server->folder, name);
    return copy;
}

static database_server *make(const char *user, int (*ready)(int port)) {
    database_server *server = calloc(1, sizeof *server);
    struct passwd *entry = getpwnam(user);

    entry = entry != NULL ? entry : getpwnam("nobody");
    if (server == NULL || entry == NULL) {
        die("database server: user");
    }
    server->uid = entry->pw_uid;
    server->gid = entry->pw_gid;
    server->ready = ready;
    snprintf(server->folder, sizeof server->folder, "/tmp/webhook-server-XXXXXX");
    if (mkdtemp(server->folder) == NULL || (geteuid() == 0 && chown(server->folder, server->uid, server->gid) != 0)) {
        die("database server: folder");
    }
    find_port(server);
    return server;
}

/* Of a program that wants its arguments to be changeable, though it changes none. */
static char *word(const char *text) {
    return (char *)(uintptr_t)text;
}

database_server *database_server_postgres(const char *password, int (*ready)(int port)) {
    database_server *server = make("postgres", ready);
    char *arguments[] = {
        word("initdb"),        word("-D"), word("data"), word("-U"),       word("owner"),  word("-A"),
        word("scram-sha-256"), word("-E"), word("UTF8"), word("--pwfile"), word("pwfile"), word("--no-sync"),
        word("--locale=C"),    NULL
    };
    char line[256];

    write_file(server, "pwfile", "w", password);
    run(server, arguments);
    snprintf(
        line, sizeof line,
        "listen_addresses = '127.0.0.1'\nport = %d\nunix_socket_directories = ''\nfsync = off\nshared_buffers = 16MB\n"
        "max_connections = 20\nlog_min_messages = fatal\n",
        server->port);
    database_server_set(server, line);
    database_server_start(server);
    return server;
}

database_server *database_server_mariadb(int (*ready)(int port)) {
    database_server *server = make("mysql", ready);
    char datadir[128];
    char *arguments[] = { word("mariadb-install-db"),
                          word("--no-defaults"),
                          datadir,
                          word("--auth-root-authentication-method=normal"),
                          word("--skip-test-db"),
                          NULL };
    char line[512];

    server->is_mariadb = 1;
    snprintf(datadir, sizeof datadir, "--datadir=%s/data", server->folder);
    run(server, arguments);
    snprintf(line, sizeof line,
             "[mariadbd]\ndatadir=%s/data\nbind-address=127.0.0.1\nport=%d\nsocket=%s/socket\nskip-log-bin\n"
             "innodb-flush-log-at-trx-commit=2\ninnodb-buffer-pool-size=32M\npid-file=%s/pid\n",
             server->folder, server->port, server->folder, server->folder);
    write_file(server, "my.cnf", "w", line);
    database_server_start(server);
    return server;
}

int database_server_port(const database_server *server) {
    return server->port;
}

void database_server_set(database_server *server, const char *line) {
    char text[600];

    snprintf(text, sizeof text, "%s\n", line);
    write_file(server, server->is_mariadb ? "my.cnf" : "data/postgresql.conf", "a", text);
}

void database_server_start(database_server *server) {
    char options[128];
    char *postgres[] = { word("postgres"), word("-D"), word("data"), NULL };
    char *mariadb[] = { word("mariadbd"), options, NULL };

    snprintf(options, sizeof options, "--defaults-file=%s/my.cnf", server->folder);
    server->pid = spawn(server, server->is_mariadb ? mariadb : postgres);
    for (int i = 0; i < STEPS; i++) {
        if (server->ready(server->port)) {
            return;
        }
        if (waitpid(server->pid, NULL, WNOHANG) != 0) {
            break;
        }
        (void)poll(NULL, 0, STEP_MS);
    }
    show_log(server);
    fprintf(stderr, "the database server does not start\n");
    abort();
}

void database_server_stop(database_server *server) {
    if (server->pid > 0) {
        kill(server->pid, server->is_mariadb ? SIGKILL : SIGQUIT);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

void database_server_free(database_server *server) {
    char command[128];

    if (server == NULL) {
        return;
    }
    database_server_stop(server);
    snprintf(command, sizeof command, "rm -rf %s", server->folder);
    (void)!system(command);
    free(server);
}
