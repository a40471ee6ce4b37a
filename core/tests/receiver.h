/* An HTTP receiver for tests, on a free port of the loopback: it remembers what it was
 * sent, answers what the test says, and lies and breaks off on request. A thread for
 * each connection; everything here may be called from any thread. */
#ifndef RECEIVER_H
#define RECEIVER_H

#include <stddef.h>

enum receiver_fault {
    RECEIVER_GOOD = 0,
    RECEIVER_CLOSE,        /* closes without an answer */
    RECEIVER_RESET,        /* the same with an RST */
    RECEIVER_CLOSE_AFTER,  /* answers as if it kept the connection, then closes it */
    RECEIVER_GARBAGE,      /* answers what is not HTTP */
    RECEIVER_HANG,         /* reads and never answers */
    RECEIVER_DRIP_HEADERS, /* a status line and then one header byte after another */
    RECEIVER_DRIP_BODY,    /* headers and then one body byte after another */
    RECEIVER_FLOOD_100,    /* "100 Continue" for ever */
    RECEIVER_HUGE_HEADER,  /* one header that never ends */
    RECEIVER_MANY_HEADERS, /* headers without an end */
    RECEIVER_ENDLESS_BODY, /* a chunked body without an end */
    RECEIVER_SHORT_BODY,   /* fewer bytes than Content-Length says, then closes */
    RECEIVER_BAD_CHUNK,    /* a chunked body whose first chunk has no size */
    RECEIVER_BAD_CODING,   /* a body that is not coded as its head says */
    RECEIVER_CUT_HEAD,     /* a head without its last line, then closes */
    RECEIVER_RAW,          /* the body's bytes are all of the answer, and the connection goes on */
    RECEIVER_RAW_CLOSE,    /* the same, then closes */
    RECEIVER_RAW_DRIP,     /* as RAW, byte after byte */
};

/* A request as it came. Belongs to the receiver. */
typedef struct received {
    char *method, *path;
    char *head; /* from the request line to the empty line, as it was sent */
    char *body;
    size_t body_size;
    int connection; /* 1, 2, … in the order of their coming */
} received;

typedef struct receiver_answer {
    int status;          /* 0: 200 */
    const char *headers; /* "Name: value\r\n…", may be NULL */
    const char *body;
    size_t body_size; /* with body NULL: as many letters "x" */
    int delay;        /* ms before the answer */
    int fault;        /* enum receiver_fault */
} receiver_answer;

/* Fills the answer to a request; it begins as 200 without a body. Called in the
 * connection's thread. What it points to must stay until receiver_free. */
typedef void (*receiver_fn)(const received *request, receiver_answer *answer, void *payload);

typedef struct receiver receiver;

/* fn NULL: 200. address NULL: "127.0.0.1". Fails the process when it cannot listen. */
receiver *receiver_new(receiver_fn fn, void *payload);
receiver *receiver_new_on(const char *address, receiver_fn fn, void *payload);

/* Ends all connections and waits for the threads. */
void receiver_free(receiver *receiver);

int receiver_port(const receiver *receiver);

/* "http://127.0.0.1:port" and the path, in a buffer of the receiver's that lives as
 * long as it does. */
const char *receiver_url(receiver *receiver, const char *path);

/* This answer for a path from now on; asked before fn. */
void receiver_set(receiver *receiver, const char *path, receiver_answer answer);

size_t receiver_count(receiver *receiver);       /* requests read in full */
size_t receiver_connections(receiver *receiver); /* accepted so far */
size_t receiver_open(receiver *receiver);        /* open now */

/* The i-th request, from 0; stays valid until receiver_free. */
const received *receiver_get(receiver *receiver, size_t i);

/* The value of a header of a request in a buffer of the calling thread, or NULL. */
const char *receiver_header(const received *request, const char *name);

/* Waits until so many requests were read; 0, or -1 after 10 s. */
int receiver_wait(receiver *receiver, size_t count);

/* Waits until at most so many connections are open; 0, or -1 after 10 s. */
int receiver_wait_open(receiver *receiver, size_t count);

#endif
