#include "settle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "closed.h"
#include "crash.h"
#include "journal.h"
#include "receive.h"

#define LOOK_US INT64_C(200000)
#define LOOKS 3        /* in a row that find nothing */
#define QUIET_MS 1000  /* since the last request */
#define STUCK_MS 30000 /* the same, although rows are open: longer than any lease */
#define MOST_MS 600000

static int is_stuck(int64_t begin) {
    int64_t ms = (now_us() - begin) / 1000;

    return (ms > STUCK_MS && receive_quiet_ms() > STUCK_MS) || ms > MOST_MS;
}

/* engine may be NULL: only the store is asked. */
static int64_t wait_for_end(wh_engine *engine, const char *how) {
    int64_t begin = now_us(), open = -1;
    int quiet = 0;

    while (quiet < LOOKS && !is_stuck(begin)) {
        rest_us(LOOK_US);
        open = closed_open_rows();
        quiet = open == 0 && (engine == NULL || wh_idle(engine) == 1) && receive_quiet_ms() > QUIET_MS ? quiet + 1 : 0;
    }
    printf("settled      %s: after %.1f s, %lld rows left\n", how, (double)(now_us() - begin) / 1e6, (long long)open);
    return quiet < LOOKS && open == 0 ? -1 : open;
}

int64_t settle_calm(void) {
    atomic_store(&here.shared->silent, 1);
    return wait_for_end(NULL, "all alive");
}

/* ---------------------------------------------------------------------- one process */

static void publish(wh_engine *engine, int journal) {
    static const char payload[] = "{\"id\":\"driver\",\"n\":0,\"drop\":false}";
    entry line = { .kind = JOURNAL_ACCEPTED, .origin = ORIGIN_DRIVER, .type = TYPE_PAID, .begin = now_us() };
    wh_event event = WH_EVENT_INIT;
    wh_receipt receipt;

    event.type = type_names[TYPE_PAID];
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    if (wh_publish(engine, &event, &receipt) != WH_OK) {
        errno = 0;
        die("publish");
    }
    line.end = now_us();
    line.hash = hash_of(payload, strlen(payload));
    snprintf(line.id, sizeof line.id, "%.71s", receipt.id);
    snprintf(line.writer, sizeof line.writer, "driver");
    journal_write(journal, &line, 1);
}

/* The single_use subscriptions that were made at the very end want an event, too. */
static void publish_last(wh_engine *engine) {
    int journal = journal_open();

    for (int i = 0; i < 10; i++) {
        publish(engine, journal);
        rest_us(20000);
    }
    if (journal >= 0) {
        close(journal);
    }
}

int64_t settle_alone(void) {
    wh_engine *engine = open_engine();
    int64_t left;

    if (wh_start(engine, 2) != WH_OK) {
        errno = 0;
        die("start");
    }
    publish_last(engine);
    left = wait_for_end(engine, "one alone");
    wh_close(engine);
    return left;
}
