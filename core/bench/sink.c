#include "sink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 65536
#define EVENTS 512
#define DESCRIPTORS 65536
#define SINK_PROCESSES 4
#define SINK_PORTS 4096 /* of a process, where they are more: each has a descriptor, and its connection another */

static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/* In memory that both processes see. */
typedef struct shared {
    _Atomic uint64_t requests, connections, distinct, repeated, cpu_us;
} shared;

struct sink {
    pid_t pids[SINK_PROCESSES];
    int count;
    int *ports, *listeners;
    shared *counts;
};

/* What is known of a connection between two reads. */
typedef struct peer {
    int listener;
    uint64_t skip; /* body bytes that are still to come */
    char *held;    /* the beginning of a head that was cut */
    size_t held_size;
} peer;

typedef struct due {
    uint64_t at; /* ms */
    int fd;
    uint64_t opened; /* tells a descriptor from its successor */
} due;

static peer *peers;
static uint64_t *opened, open_count;
static uint64_t *ids, id_room; /* open addressing; 0 is empty */
static due *queue;
static size_t queue_first, queue_last, queue_room;
static int epoll, delay;
static shared *counts;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *must(void *memory) {
    if (memory == NULL) {
        die("sink: memory");
    }
    return memory;
}

void sink_pin(int cpu) {
    cpu_set_t set;

    if (cpu >= 0) {
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
}

/* ---------------------------------------------------------------------- counting */

static void count_id(const char *id, size_t size) {
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    uint64_t at;

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)id[i]) * UINT64_C(1099511628211);
    }
    hash |= 1;
    for (at = hash % id_room; ids[at] != 0; at = (at + 1) % id_room) {
        if (ids[at] == hash) {
            atomic_fetch_add_explicit(&counts->repeated, 1, memory_order_relaxed);
            return;
        }
    }
    if (atomic_fetch_add_explicit(&counts->distinct, 1, memory_order_relaxed) < id_room - 1) {
        ids[at] = hash;
    }
}

static void read_line(const char *line, const char *end, uint64_t *length) {
    if ((line[0] | 32) == 'c' && end - line > 15 && strncasecmp(line, "content-length:", 15) == 0) {
        *length = strtoull(line + 15, NULL, 10);
    } else if (id_room > 0 && (line[0] | 32) == 'w' && end - line > 12 && strncasecmp(line, "webhook-id:", 11) == 0) {
        const char *from = line + 11 + (line[11] == ' ');
        count_id(from, (size_t)(end - from));
    }
}

/* One head: returns how long its body is. */
static uint64_t read_head(const char *head, const char *end) {
    uint64_t length = 0;

    while (head < end) {
        const char *stop = memchr(head, '\r', (size_t)(end - head));
        if (stop == NULL) {
            break;
        }
        read_line(head, stop, &length);
        head = stop + 2;
    }
    return length;
}

/* Takes what is whole; returns the requests that ended, and in used the bytes taken. */
static int take(peer *p, const char *bytes, size_t size, size_t *used) {
    size_t at = 0;
    int ended = 0;

    while (at < size) {
        size_t part = size - at < p->skip ? size - at : (size_t)p->skip;
        const char *end;
        if (part > 0) {
            at += part;
            p->skip -= part;
            ended += p->skip == 0;
            continue;
        }
        end = memmem(bytes + at, size - at, "\r\n\r\n", 4);
        if (end == NULL) {
            break;
        }
        p->skip = read_head(bytes + at, end + 2);
        at = (size_t)(end + 4 - bytes);
        ended += p->skip == 0;
    }
    *used = at;
    return ended;
}

/* ------------------------------------------------------------------- connections */

static void drop(int fd) {
    free(peers[fd].held);
    memset(&peers[fd], 0, sizeof peers[fd]);
    opened[fd] = 0;
    close(fd);
}

static void put_off(int fd, int ended) {
    while (ended-- > 0) {
        if (queue_last - queue_first == queue_room) {
            size_t room = queue_room ? queue_room * 2 : 1024;
            due *grown = must(malloc(room * sizeof *grown));
            for (size_t i = queue_first; i < queue_last; i++) {
                grown[i % room] = queue[i % queue_room];
            }
            free(queue);
            queue = grown;
            queue_room = room;
        }
        queue[queue_last++ % queue_room] = (due){ now_ms() + (uint64_t)delay, fd, opened[fd] };
    }
}

static void reply(int fd, int ended) {
    while (ended-- > 0) {
        if (send(fd, good, sizeof good - 1, MSG_NOSIGNAL) != (ssize_t)sizeof good - 1) {
            drop(fd);
            return;
        }
    }
}

static void note_cpu(void) {
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    atomic_store_explicit(&counts->cpu_us, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000,
                          memory_order_relaxed);
}

static void hold(peer *p, const char *bytes, size_t size) {
    if (p->held == NULL) {
        p->held = must(malloc(BUFFER));
    }
    memcpy(p->held, bytes, size);
    p->held_size = size;
}

static void receive(int fd) {
    static char buffer[BUFFER];
    peer *p = &peers[fd];
    size_t size = p->held_size, used;
    ssize_t got;
    int ended;

    if (size > 0) {
        memcpy(buffer, p->held, size);
        p->held_size = 0;
    }
    got = recv(fd, buffer + size, sizeof buffer - size, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) {
            drop(fd);
        } else if (size > 0) {
            hold(p, buffer, size);
        }
        return;
    }
    size += (size_t)got;
    ended = take(p, buffer, size, &used);
    if (used < size) {
        hold(p, buffer + used, size - used);
    }
    if (ended > 0) {
        atomic_fetch_add_explicit(&counts->requests, (uint64_t)ended, memory_order_relaxed);
        if (delay > 0) {
            put_off(fd, ended);
        } else {
            reply(fd, ended);
        }
    }
}

static void welcome(int listener) {
    for (int i = 0; i < 64; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        if (fd < 0) {
            return;
        }
        if (fd >= DESCRIPTORS) {
            die("sink: descriptors");
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        opened[fd] = ++open_count;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        atomic_fetch_add_explicit(&counts->connections, 1, memory_order_relaxed);
    }
}

static int run_due(void) {
    uint64_t now = delay > 0 ? now_ms() : 0;

    while (queue_first < queue_last) {
        due first = queue[queue_first % queue_room];
        if (first.at > now) {
            return (int)(first.at - now);
        }
        queue_first++;
        if (opened[first.fd] == first.opened) {
            reply(first.fd, 1);
        }
    }
    return -1;
}

/* The ports from, to, of all. */
static void serve(const sink *s, int from, int to) {
    struct epoll_event events[EVENTS];

    epoll = epoll_create1(0);
    peers = must(calloc(DESCRIPTORS, sizeof *peers));
    opened = must(calloc(DESCRIPTORS, sizeof *opened));
    for (int i = 0; i < s->count; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = s->listeners[i] };
        if (i < from || i >= to) {
            close(s->listeners[i]);
            continue;
        }
        peers[s->listeners[i]].listener = 1;
        epoll_ctl(epoll, EPOLL_CTL_ADD, s->listeners[i], &event);
    }
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, run_due());
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (peers[fd].listener) {
                welcome(fd);
            } else {
                receive(fd);
            }
        }
        note_cpu();
    }
}

/* -------------------------------------------------------------------------- life */

static int listen_free(int *port) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || fd >= DESCRIPTORS || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 16384) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        die("sink: listen");
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static void raise_descriptors(void) {
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static pid_t begin(const sink *s, const sink_options *options, int from, int to) {
    pid_t pid = fork();

    if (pid < 0) {
        die("sink: fork");
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sink_pin(options->cpu);
        id_room = options->ids * 2; /* half full at most */
        ids = id_room ? must(calloc(id_room, sizeof *ids)) : NULL;
        serve(s, from, to);
    }
    return pid;
}

sink *sink_new(const sink_options *options) {
    sink *s = must(calloc(1, sizeof *s));
    int processes = (options->ports + SINK_PORTS - 1) / SINK_PORTS;

    if (processes > SINK_PROCESSES) {
        die("sink: ports");
    }
    raise_descriptors();
    s->count = options->ports;
    s->ports = must(calloc((size_t)s->count, sizeof *s->ports));
    s->listeners = must(calloc((size_t)s->count, sizeof *s->listeners));
    s->counts = mmap(NULL, sizeof *s->counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->counts == MAP_FAILED) {
        die("sink: memory");
    }
    for (int i = 0; i < s->count; i++) {
        s->listeners[i] = listen_free(&s->ports[i]);
    }
    counts = s->counts;
    delay = options->delay;
    fflush(NULL);
    for (int i = 0; i < processes; i++) {
        s->pids[i] = begin(s, options, s->count * i / processes, s->count * (i + 1) / processes);
    }
    for (int i = 0; i < s->count; i++) {
        close(s->listeners[i]);
    }
    return s;
}

void sink_free(sink *s) {
    if (s == NULL) {
        return;
    }
    for (int i = 0; i < SINK_PROCESSES && s->pids[i] > 0; i++) {
        kill(s->pids[i], SIGKILL);
        waitpid(s->pids[i], NULL, 0);
    }
    munmap(s->counts, sizeof *s->counts);
    free(s->ports);
    free(s->listeners);
    free(s);
}

int sink_port(const sink *s, int i) {
    return s->ports[i];
}

void sink_read(const sink *s, sink_counts *out) {
    out->requests = atomic_load(&s->counts->requests);
    out->connections = atomic_load(&s->counts->connections);
    out->distinct = atomic_load(&s->counts->distinct);
    out->repeated = atomic_load(&s->counts->repeated);
    out->cpu_us = atomic_load(&s->counts->cpu_us);
}
