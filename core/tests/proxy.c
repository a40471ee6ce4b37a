#include "proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct proxy {
    int listener, port, to;
    const char *word;
    int is_broken, hangs;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t broken;
};

static void die(const char *what) {
    perror(what);
    abort();
}

static int listen_free(int *port) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        die("proxy: listen");
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static int connect_to(int port) {
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        die("proxy: connect");
    }
    return fd;
}

static ssize_t copy(int from, int to, char *bytes, size_t room) {
    ssize_t size = recv(from, bytes, room, 0);

    for (ssize_t sent = 0, one; sent < size; sent += one) {
        one = send(to, bytes + sent, (size_t)(size - sent), MSG_NOSIGNAL);
        if (one <= 0) {
            return -1;
        }
    }
    return size;
}

static void tell(proxy *way) {
    pthread_mutex_lock(&way->lock);
    way->is_broken = 1;
    pthread_cond_broadcast(&way->broken);
    pthread_mutex_unlock(&way->lock);
}

static void hear_out(int fd) {
    char bytes[4096];

    while (recv(fd, bytes, sizeof bytes, 0) > 0) {}
}

/* The server is heard to the end, so that it has done what it was told. */
static void end(proxy *way, int client, int server) {
    if (way->hangs) {
        tell(way);
        hear_out(client);
        close(client);
        close(server);
        return;
    }
    close(client);
    shutdown(server, SHUT_WR);
    hear_out(server);
    close(server);
    tell(way);
}

static void carry(proxy *way, int client, int server) {
    static char bytes[1 << 16];
    struct pollfd both[] = { { .fd = client, .events = POLLIN }, { .fd = server, .events = POLLIN } };

    while (poll(both, 2, -1) > 0) {
        ssize_t size = 1;

        if (both[0].revents != 0) {
            size = copy(client, server, bytes, sizeof bytes);
            if (size > 0 && !way->is_broken && memmem(bytes, (size_t)size, way->word, strlen(way->word)) != NULL) {
                end(way, client, server);
                return;
            }
        } else if (both[1].revents != 0) {
            size = copy(server, client, bytes, sizeof bytes);
        }
        if (size <= 0) {
            break;
        }
    }
    close(client);
    close(server);
}

static void *work(void *payload) {
    proxy *way = payload;
    int client;

    while ((client = accept(way->listener, NULL, NULL)) >= 0) {
        carry(way, client, connect_to(way->to));
    }
    return NULL;
}

proxy *proxy_new(int port, const char *word, int hangs) {
    proxy *way = calloc(1, sizeof *way);

    if (way == NULL) {
        die("proxy: memory");
    }
    way->to = port;
    way->word = word;
    way->hangs = hangs;
    way->listener = listen_free(&way->port);
    pthread_mutex_init(&way->lock, NULL);
    pthread_cond_init(&way->broken, NULL);
    if (pthread_create(&way->thread, NULL, work, way) != 0) {
        die("proxy: thread");
    }
    return way;
}

int proxy_port(const proxy *way) {
    return way->port;
}

void proxy_wait(proxy *way) {
    pthread_mutex_lock(&way->lock);
    while (!way->is_broken) {
        pthread_cond_wait(&way->broken, &way->lock);
    }
    pthread_mutex_unlock(&way->lock);
}

void proxy_free(proxy *way) {
    shutdown(way->listener, SHUT_RDWR);
    pthread_join(way->thread, NULL);
    close(way->listener);
    pthread_mutex_destroy(&way->lock);
    pthread_cond_destroy(&way->broken);
    free(way);
}
