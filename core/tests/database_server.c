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
#define STEPS 12000 /* a machine under load is slow, and one that hangs is told by the test's time-out */

#define ARGUMENTS 12
#define FIRST_PORT 12000
#define PORTS 20000

struct database_server {
    char folder[64];
    uid_t uid;
    gid_t gid;
    int port, signal; /* the one that ends it at once */
    pid_t pid, names; /* names: of RabbitMQ, which finds itself by another program */
    int (*ready)(int port);
    const char *config; /* its file in the folder */
    char option[128];
    char *arguments[ARGUMENTS];
    void (*prepare)(const database_server *server); /* its environment; NULL: none of its own */
    int ports[2];                                   /* more of them */
};

static void die(const char *what) {
    perror(what);
    abort();
}

#ifdef __linux__
static void die_with_parent(int signal) {
    prctl(PR_SET_PDEATHSIG, signal);
}
#else
static void die_with_parent(int signal) {
    (void)signal;
}
#endif

/* The kernel forgets who is to die with whom where the user changes, so that comes first. */
static void become(const database_server *server) {
    char path[128];
    int log;

    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(server->gid) != 0 || setuid(server->uid) != 0)) {
        die("database server: its user");
    }
    die_with_parent(server->signal);
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
    setenv("HOME", server->folder, 1);
    if (server->prepare != NULL) {
        server->prepare(server);
    }
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

int database_server_run(database_server *server, char *const arguments[]) {
    int status;

    return waitpid(spawn(server, arguments), &status, 0) >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run(database_server *server, char *const arguments[]) {
    if (database_server_run(server, arguments) != 0) {
        show_log(server);
        fprintf(stderr, "%s is needed for this test and does not run\n", arguments[0]);
        abort();
    }
}

static int is_free(int port) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), is_bound;

    address.sin_port = htons((uint16_t)port);
    is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return is_bound;
}

/* Below those that the kernel gives to whoever connects: a server that is started again is to find its own free. */
int database_server_spare_port(void) {
    static unsigned next;

    if (next == 0) {
        next = (unsigned)getpid() * 7919;
    }
    for (int i = 0; i < PORTS; i++) {
        int port = FIRST_PORT + (int)(next++ % PORTS);
        if (is_free(port)) {
            return port;
        }
    }
    die("database server: port");
    return 0;
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

/* Not our child: who ends a test with all that belongs to it is to leave this one. It hears of our end by the pipe. */
static void sweep(const char *folder, const int ends[2]) {
    char command[160];

    if (setsid() < 0 || fork() != 0) {
        _exit(0);
    }
    dup2(ends[0], 0);
    for (int fd = 1; fd < 1024; fd++) {
        close(fd);
    }
    open("/dev/null", O_WRONLY);
    dup2(1, 2);
    snprintf(command, sizeof command, "cat; for i in $(seq 100); do rm -rf %s && break; sleep 0.1; done", folder);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* A test that is killed removes nothing, so somebody waits for its end. */
static void sweep_behind(const char *folder) {
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        die("database server: pipe");
    }
    pid = fork();
    if (pid < 0) {
        die("database server: fork");
    }
    if (pid == 0) {
        sweep(folder, ends);
    }
    waitpid(pid, NULL, 0);
    close(ends[0]); /* the other end closes with us */
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
    sweep_behind(server->folder);
    server->port = database_server_spare_port();
    server->signal = SIGKILL;
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

    server->signal = SIGQUIT;
    server->config = "data/postgresql.conf";
    server->arguments[0] = word("postgres");
    server->arguments[1] = word("-D");
    server->arguments[2] = word("data");
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

    server->config = "my.cnf";
    snprintf(server->option, sizeof server->option, "--defaults-file=%s/my.cnf", server->folder);
    server->arguments[0] = word("mariadbd");
    server->arguments[1] = server->option;
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

database_server *database_server_redis(int (*ready)(int port)) {
    database_server *server = make("redis", ready);
    char line[256];

    server->config = "redis.conf";
    server->arguments[0] = word("redis-server");
    server->arguments[1] = word("redis.conf");
    snprintf(line, sizeof line,
             "bind 127.0.0.1\nport %d\ndir %s\nappendonly yes\nappendfsync always\nsave \"\"\nloglevel warning\n",
             server->port, server->folder);
    write_file(server, "redis.conf", "w", line);
    database_server_start(server);
    return server;
}

/* Erlang's nodes find each other by a daemon, which is to be ours alone and to end with us. */
static void prepare_rabbitmq(const database_server *server) {
    static const char *const names[] = { "RABBITMQ_MNESIA_BASE", "RABBITMQ_LOG_BASE", "RABBITMQ_CONFIG_FILE",
                                         "RABBITMQ_ENABLED_PLUGINS_FILE", "RABBITMQ_PID_FILE" };
    static const char *const files[] = { "mnesia", "logs", "rabbitmq", "plugins", "pid" };
    char text[128];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(text, sizeof text, "%s/%s", server->folder, files[i]);
        setenv(names[i], text, 1);
    }
    snprintf(text, sizeof text, "%d", server->ports[0]);
    setenv("RABBITMQ_DIST_PORT", text, 1);
    snprintf(text, sizeof text, "%d", server->ports[1]);
    setenv("ERL_EPMD_PORT", text, 1);
    setenv("ERL_EPMD_ADDRESS", "127.0.0.1", 1);
    setenv("RABBITMQ_NODENAME", "webhook@localhost", 1);
    setenv("RABBITMQ_CONF_ENV_FILE", "/dev/null", 1);
    setenv("RUNNING_UNDER_SYSTEMD", "1", 1); /* so that it is the process that was started */
}

database_server *database_server_rabbitmq(int (*ready)(int port)) {
    database_server *server = make("rabbitmq", ready);
    char *names[] = { word("epmd"), NULL };
    char line[256];

    server->ports[0] = database_server_spare_port();
    server->ports[1] = database_server_spare_port();
    server->prepare = prepare_rabbitmq;
    server->config = "rabbitmq.conf";
    server->arguments[0] = word("/usr/lib/rabbitmq/bin/rabbitmq-server");
    snprintf(line, sizeof line,
             "listeners.tcp.1 = 127.0.0.1:%d\nlog.console = true\nlog.console.level = error\nlog.file = false\n",
             server->port);
    write_file(server, "rabbitmq.conf", "w", line);
    write_file(server, "plugins", "w", "[].\n");
    server->names = spawn(server, names);
    return server;
}

database_server *database_server_nats(int (*ready)(int port)) {
    database_server *server = make("nats", ready);
    char line[256];

    server->config = "nats.conf";
    server->arguments[0] = word("nats-server");
    server->arguments[1] = word("-c");
    server->arguments[2] = word("nats.conf");
    snprintf(
        line, sizeof line,
        "listen: \"127.0.0.1:%d\"\njetstream { store_dir: \"%s/streams\", max_file_store: 256MB }\nping_interval: 1\n",
        server->port, server->folder);
    write_file(server, "nats.conf", "w", line);
    return server;
}

/* Small, and quick to start rather than quick. */
static void set_java(const database_server *server, char **arguments, const char *program) {
    static char path[1024];
    const char *jars = getenv("WEBHOOK_KAFKA");

    if (jars == NULL) {
        fprintf(stderr,
                "the broker of Kafka is needed for this test: set WEBHOOK_KAFKA to what spec/queues/kafka.sh made\n");
        abort();
    }
    snprintf(path, sizeof path, "%s/*", jars);
    arguments[0] = word("java");
    arguments[1] = word("-Xmx256m");
    arguments[2] = word("-XX:TieredStopAtLevel=1");
    arguments[3] = word("-XX:+UseSerialGC");
    arguments[4] = word("-cp");
    arguments[5] = path;
    arguments[6] = word(program);
    arguments[7] = word(server->config);
}

database_server *database_server_kafka(int (*ready)(int port)) {
    database_server *server = make("nobody", ready);
    char line[400];

    server->config = "kafka.properties";
    server->ports[0] = database_server_spare_port();
    set_java(server, server->arguments, "kafka.Kafka");
    snprintf(line, sizeof line,
             "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:%d\n"
             "controller.listener.names=CONTROLLER\nlog.dirs=%s/data\noffsets.topic.replication.factor=1\n"
             "auto.create.topics.enable=false\nlog.cleaner.enable=false\n",
             server->ports[0], server->folder);
    write_file(server, server->config, "w", line);
    return server;
}

void database_server_format(database_server *server, const char *const *words) {
    char *arguments[ARGUMENTS * 2] = { NULL };
    size_t count = 7;

    set_java(server, arguments, "kafka.tools.StorageTool");
    while (count < ARGUMENTS * 2 - 1 && *words != NULL) {
        arguments[count++] = word(*words++);
    }
    arguments[count] = NULL;
    run(server, arguments);
}

int database_server_controller_port(const database_server *server) {
    return server->ports[0];
}

const char *database_server_folder(const database_server *server) {
    return server->folder;
}

int database_server_port(const database_server *server) {
    return server->port;
}

void database_server_set(database_server *server, const char *line) {
    char text[4096];

    snprintf(text, sizeof text, "%s\n", line);
    write_file(server, server->config, "a", text);
}

void database_server_start(database_server *server) {
    server->pid = spawn(server, server->arguments);
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
        kill(server->pid, server->signal);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

/* A signal takes its time to reach all threads, and a quick server answers meanwhile. */
void database_server_pause(database_server *server, int pauses) {
    kill(server->pid, pauses ? SIGSTOP : SIGCONT);
    if (pauses && waitpid(server->pid, NULL, WUNTRACED) != server->pid) {
        die("database server: pause");
    }
}

void database_server_free(database_server *server) {
    char command[128];

    if (server == NULL) {
        return;
    }
    database_server_stop(server);
    if (server->names > 0) {
        kill(server->names, SIGKILL);
        waitpid(server->names, NULL, 0);
    }
    snprintf(command, sizeof command, "rm -rf %s", server->folder);
    (void)!system(command);
    free(server);
}
