/* One question to a source, and the wait for its answer. */
#ifndef WHI_POLL_ASK_H
#define WHI_POLL_ASK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/source.h"

#define WHI_POLL_TOKEN_BYTES 65536 /* of a page's name, and of a state */

typedef struct whi_poll_answer {
    int code;
    int is_refused, is_unchanged;
    int64_t retry_after; /* ms; -1: it did not say */
    char *items, *next, *state;
    size_t items_size;
    char error[WHI_ERROR_SIZE];
} whi_poll_answer;

/* Asks, and waits: until it is answered, *stop is set (WH_ECLOSED), or a minute is over (WH_ETIMEOUT), and whatever
 * comes later is nobody's. By a thread that may wait. What is in out is to be freed with whi_poll_answer_free. */
void whi_poll_ask(whi_source *source, const wh_source_query *query, const atomic_int *stop, whi_poll_answer *out);
void whi_poll_answer_free(whi_poll_answer *answer);

#endif
