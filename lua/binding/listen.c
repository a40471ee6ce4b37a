#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/socket.h"
#include "http1.h"

#define LISTENER "webhook.listener"
#define CONNECTIONS 64
#define BODY_MAXIMUM 2097152
#define BYTES_MAXIMUM (8 * (size_t)BODY_MAXIMUM) /* of a request: small chunks take several times their bytes */
#define IDLE_MS 30000                            /* a connection that says nothing for so long is closed */

typedef struct connection {
    int fd;          /* -1: free */
    uint32_t serial; /* grows with each use, so that an old number finds nobody */
    int asked;       /* 1: a request was handed out and waits for its answer */
    int keep;        /* 0: close after the answer */
    int head;        /* 1: it was a HEAD, whose answer has no body */
    int told;        /* 1: "100 Continue" was said */
    char *data;
    size_t size, capacity;
    size_t request; /* bytes of the request that was handed out */
    int64_t seen;   /* monotonic ms */
} connection;

typedef struct listener {
    int fd, port;
    connection connections[CONNECTIONS];
} listener;

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static listener *check_listener(lua_State *L) {
    listener *self = luaL_checkudata(L, 1, LISTENER);

    luaL_argcheck(L, self->fd >= 0, 1, "the listener is closed");
    return self;
}

/* --------------------------------------------------------------------- connections */

static void drop(connection *c) {
    if (c->fd >= 0) {
        close(c->fd);
    }
    free(c->data);
    c->fd = -1;
    c->data = NULL;
    c->size = c->capacity = c->request = 0;
    c->asked = c->told = 0;
}

static void take_connection(listener *self) {
    int fd = whi_socket_accept(self->fd), one = 1;

    if (fd < 0) {
        return;
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        connection *c = &self->connections[i];
        if (c->fd < 0) {
            fcntl(fd, F_SETFL, O_NONBLOCK);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            c->fd = fd;
            c->serial++;
            c->seen = now_ms();
            return;
        }
    }
    close(fd); /* as many as there may be */
}

static void write_all(connection *c, const char *text, size_t size) {
    struct pollfd wait = { c->fd, POLLOUT, 0 };

    while (size > 0 && c->fd >= 0) {
        ssize_t sent = whi_socket_send(c->fd, text, size);
        if (sent > 0) {
            text += sent;
            size -= (size_t)sent;
        } else if (sent < 0 && errno == EAGAIN && poll(&wait, 1, 5000) > 0) {
            continue;
        } else {
            drop(c);
        }
    }
}

static void refuse(connection *c, int status, const char *reason) {
    char text[128];
    int size =
        snprintf(text, sizeof text, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status, reason);

    write_all(c, text, (size_t)size);
    drop(c);
}

static void read_some(connection *c) {
    ssize_t got;

    if (c->capacity - c->size < 4096) {
        size_t capacity = c->capacity ? c->capacity * 2 : 8192;
        char *data = capacity <= BYTES_MAXIMUM ? realloc(c->data, capacity) : NULL;
        if (data == NULL) {
            refuse(c, 413, "Content Too Large");
            return;
        }
        c->data = data;
        c->capacity = capacity;
    }
    got = recv(c->fd, c->data + c->size, c->capacity - c->size - 1, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        drop(c);
    } else if (got > 0) {
        c->size += (size_t)got;
        c->data[c->size] = '\0';
        c->seen = now_ms();
    }
}

/* ------------------------------------------------------------------------- requests */

static const char *reason_of(int status) {
    switch (status) {
    case 413:
        return "Content Too Large";
    case 417:
        return "Expectation Failed";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Bad Request";
    }
}

static void push_request(lua_State *L, listener *self, connection *c, const whi_http1 *found) {
    c->request = found->size;
    c->keep = found->keeps;
    c->head = found->method.size == 4 && memcmp(found->method.text, "HEAD", 4) == 0;
    c->told = 0;
    whl_http1_push(L, found);
    lua_pushinteger(L, (lua_Integer)c->serial * CONNECTIONS + (c - self->connections));
    lua_setfield(L, -2, "connection");
    c->asked = 1;
}

/* 1 with the request pushed, if all of it is there; refuses what cannot be one. */
static int push_if_whole(lua_State *L, listener *self, connection *c) {
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    whi_http1 found;
    int code = c->size > 0 ? whi_http1_read(&found, c->data, c->size, BODY_MAXIMUM) : 0;

    if (code == 1) {
        push_request(L, self, c, &found);
        return 1;
    }
    if (code != 0) {
        refuse(c, code, reason_of(code));
    } else if (c->size > 0 && found.waits && !c->told) {
        c->told = 1;
        write_all(c, go_on, sizeof go_on - 1);
    }
    return 0;
}

/* A request that is there already, on any connection. */
static int push_ready(lua_State *L, listener *self) {
    for (int i = 0; i < CONNECTIONS; i++) {
        connection *c = &self->connections[i];
        if (c->fd >= 0 && !c->asked && push_if_whole(L, self, c)) {
            return 1;
        }
    }
    return 0;
}

static void wait_for_bytes(listener *self, int timeout) {
    struct pollfd set[CONNECTIONS + 1];
    int which[CONNECTIONS + 1], count = 0;

    set[count++] = (struct pollfd){ self->fd, POLLIN, 0 };
    for (int i = 0; i < CONNECTIONS; i++) {
        connection *c = &self->connections[i];
        if (c->fd >= 0 && !c->asked) {
            if (now_ms() - c->seen > IDLE_MS) {
                drop(c);
                continue;
            }
            which[count] = i;
            set[count++] = (struct pollfd){ c->fd, POLLIN, 0 };
        }
    }
    if (poll(set, (nfds_t)count, timeout) <= 0) {
        return;
    }
    for (int i = 1; i < count; i++) {
        if (set[i].revents != 0) {
            read_some(&self->connections[which[i]]);
        }
    }
    if (set[0].revents != 0) {
        take_connection(self);
    }
}

/* --------------------------------------------------------------------------- methods */

static int next_request(lua_State *L) {
    listener *self = check_listener(L);
    lua_Number seconds = luaL_optnumber(L, 2, 1e9);
    int64_t end = now_ms() + (int64_t)(seconds < 1e9 ? seconds * 1000 : 1e12);
    int tried = 0;

    for (;;) {
        int64_t left;
        if (push_ready(L, self)) {
            return 1;
        }
        left = end - now_ms();
        if (left <= 0 && tried) {
            return 0;
        }
        wait_for_bytes(self, left > 1000 ? 1000 : left > 0 ? (int)left : 0);
        tried = 1;
    }
}

static int respond(lua_State *L) {
    listener *self = check_listener(L);
    lua_Integer number = luaL_checkinteger(L, 2), status = luaL_checkinteger(L, 3);
    size_t size;
    const char *body = luaL_optlstring(L, 4, "", &size);
    connection *c = &self->connections[(size_t)number % CONNECTIONS];
    luaL_Buffer out;

    luaL_argcheck(L, status >= 100 && status <= 599, 3, "expected a status from 100 to 599");
    if (number < 0 || c->fd < 0 || !c->asked || c->serial != (uint32_t)(number / CONNECTIONS)) {
        return luaL_argerror(L, 2, "no such request, or it was answered");
    }
    luaL_buffinit(L, &out);
    lua_pushfstring(L, "HTTP/1.1 %d %s\r\n", (int)status, status < 300 ? "OK" : "No");
    luaL_addvalue(&out);
    if (status >= 200 && status != 204) { /* RFC 9110 8.6 */
        lua_pushfstring(L, "Content-Length: %d\r\n", (int)size);
        luaL_addvalue(&out);
    }
    if (lua_istable(L, 5)) {
        for (lua_Integer i = 1; lua_geti(L, 5, i) == LUA_TSTRING; i++) {
            luaL_addvalue(&out);
            luaL_addstring(&out, "\r\n");
        }
        lua_pop(L, 1);
    }
    luaL_addstring(&out, c->keep ? "\r\n" : "Connection: close\r\n\r\n");
    luaL_addlstring(&out, body, c->head || status < 200 || status == 204 || status == 304 ? 0 : size);
    luaL_pushresult(&out);
    body = lua_tolstring(L, -1, &size);
    c->asked = 0;
    c->seen = now_ms();
    memmove(c->data, c->data + c->request, c->size - c->request + 1);
    c->size -= c->request;
    write_all(c, body, size);
    if (c->fd >= 0 && !c->keep) {
        drop(c);
    }
    lua_pushboolean(L, c->fd >= 0 || !c->keep);
    return 1;
}

static int get_port(lua_State *L) {
    lua_pushinteger(L, check_listener(L)->port);
    return 1;
}

static int close_listener(lua_State *L) {
    listener *self = luaL_checkudata(L, 1, LISTENER);

    if (self->fd >= 0) {
        close(self->fd);
        self->fd = -1;
        for (int i = 0; i < CONNECTIONS; i++) {
            drop(&self->connections[i]);
        }
    }
    return 0;
}

static int to_string(lua_State *L) {
    listener *self = luaL_checkudata(L, 1, LISTENER);

    self->fd < 0 ? lua_pushliteral(L, LISTENER " (closed)") : lua_pushfstring(L, LISTENER " (port %d)", self->port);
    return 1;
}

void whl_listen_types(lua_State *L) {
    static const luaL_Reg methods[] = { { "next", next_request },
                                        { "respond", respond },
                                        { "port", get_port },
                                        { "close", close_listener },
                                        { NULL, NULL } };
    static const luaL_Reg events[] = {
        { "__gc", close_listener }, { "__close", close_listener }, { "__tostring", to_string }, { NULL, NULL }
    };

    luaL_newmetatable(L, LISTENER);
    luaL_setfuncs(L, events, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

int whl_listener(lua_State *L) {
    lua_Integer port = luaL_optinteger(L, 1, 0);
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    listener *self;
    int one = 1;

    luaL_argcheck(L, port >= 0 && port <= 65535, 1, "expected a port from 0 to 65535");
    self = lua_newuserdatauv(L, sizeof *self, 0);
    memset(self, 0, sizeof *self);
    for (int i = 0; i < CONNECTIONS; i++) {
        self->connections[i].fd = -1;
    }
    self->fd = -1;
    luaL_setmetatable(L, LISTENER);
    self->fd = whi_socket_new(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    if (self->fd >= 0) {
        setsockopt(self->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    }
    if (self->fd < 0 || bind(self->fd, (struct sockaddr *)&address, size) < 0 || listen(self->fd, 64) < 0 ||
        getsockname(self->fd, (struct sockaddr *)&address, &size) < 0) {
        lua_pushnil(L);
        lua_pushfstring(L, "port %d: %s", (int)port, strerror(errno));
        lua_pushliteral(L, "connect");
        return 3;
    }
    fcntl(self->fd, F_SETFL, O_NONBLOCK);
    self->port = ntohs(address.sin_port);
    return 1;
}
