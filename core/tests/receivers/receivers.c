/* Sends to a receiver that others wrote, by both transports, and compares what came of it:
 *
 *     receivers NAME URL KEPT
 *
 * NAME is for what is printed; an https URL is trusted blindly; KEPT is how many connections are open at the end, one
 * where the receiver keeps them. Ends with 1 and says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "outside/transport_curl.h"
#include "wire.h"

#define TIMES 10
#define LARGE (2 * 1024 * 1024)

static const char *const paths[] = { "/length", "/chunked", "/none", "/error", "/closing", "/large", "/early" };

#define EARLY 6 /* answered before the request is out: libcurl may lose that answer when the connection breaks */

typedef struct outcome {
    int error, status;
    size_t response_size;
    char response[8192];
} outcome;

static char *large;
static int wrong;

static void complain(const char *name, const char *path, const char *what, int ours, int theirs) {
    fprintf(stderr, "%s%s: %s: %d, by libcurl %d\n", name, path, what, ours, theirs);
    wrong = 1;
}

static void send_one(wire *w, const char *url, const char *path, outcome *out) {
    char whole[256];
    sending s;

    snprintf(whole, sizeof whole, "%s%s", url, path);
    wire_fill(w, &s, whole);
    s.request.insecure = 1;
    if (strcmp(path, "/large") == 0 || strcmp(path, "/early") == 0) {
        s.request.body = large;
        s.request.body_size = LARGE;
    }
    if (wire_send(&s) != WH_OK) {
        fail_msg("%s: %s", whole, wh_last_error());
    }
    wire_run(w, w->done_count + 1);
    out->error = s.request.error;
    out->status = s.request.status;
    out->response_size = s.request.response_size;
    memcpy(out->response, s.response, sizeof out->response);
}

/* Each path several times, and how many connections are open then: one, if they are kept. */
static int64_t send_all(const whi_transport_vtable *vtable, const char *url, outcome *out) {
    int64_t kept;
    wire w;

    wire_init(&w);
    w.vtable = vtable;
    wire_open(&w, NULL, 0);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        for (int n = 0; n < TIMES; n++) {
            send_one(&w, url, paths[i], &out[i]);
        }
    }
    send_one(&w, url, paths[0], &out[0]);
    kept = w.transport->socket_count;
    wire_close(&w);
    return kept;
}

static void compare(const char *name, const outcome *ours, const outcome *theirs) {
    if (ours[EARLY].status != 413 || strcmp(ours[EARLY].response, "big") != 0) {
        complain(name, paths[EARLY], "status", ours[EARLY].status, theirs[EARLY].status);
    }
    for (size_t i = 0; i < EARLY; i++) {
        const outcome *a = &ours[i], *b = &theirs[i];
        if (a->error != b->error || a->status != b->status || a->status == 0) {
            complain(name, paths[i], "status", a->error != WH_OK ? a->error : a->status,
                     b->error != WH_OK ? b->error : b->status);
        } else if (a->response_size != b->response_size || strcmp(a->response, b->response) != 0) {
            complain(name, paths[i], "bytes of the answer", (int)a->response_size, (int)b->response_size);
        }
    }
}

int main(int argc, char **argv) {
    static outcome ours[sizeof paths / sizeof paths[0]], theirs[sizeof paths / sizeof paths[0]];
    int64_t kept;

    if (argc != 4) {
        return fprintf(stderr, "usage: receivers NAME URL KEPT\n"), 2;
    }
    large = calloc(1, LARGE);
    send_all(&whi_transport_curl, argv[2], theirs);
    kept = send_all(&whi_transport_auto, argv[2], ours);
    compare(argv[1], ours, theirs);
    if (kept != strtol(argv[3], NULL, 10)) {
        fprintf(stderr, "%s: %d connections are open, not %s\n", argv[1], (int)kept, argv[3]);
        wrong = 1;
    }
    printf("%s: %s\n", argv[1], wrong ? "wrong" : "as by libcurl");
    free(large);
    return wrong;
}
