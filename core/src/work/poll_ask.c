/* Tests: test_engine_poll. */
#include "work/poll_ask.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/halt.h"
#include "base/mem.h"
#include "base/sized.h"
#include "pure/poll_page.h"
#include "pure/source_connection.h"

#define ANSWER_US INT64_C(60000000)
#define SLICE_NS INT64_C(50000000)

/* Belongs to who asks and to who answers, whichever goes last. */
typedef struct asked {
    wh_source_call call; /* first */
    whi_source *source;
    pthread_mutex_t lock;
    pthread_cond_t came;
    int refs, answered, left; /* left: nobody waits any more */
    whi_poll_answer answer;
} asked;

void whi_poll_answer_free(whi_poll_answer *answer) {
    whi_free(answer->items);
    whi_free(answer->next);
    whi_free(answer->state);
    *answer = (whi_poll_answer){ 0 };
}

static void unref(asked *self) {
    int left;

    pthread_mutex_lock(&self->lock);
    left = --self->refs;
    pthread_mutex_unlock(&self->lock);
    if (left == 0) {
        whi_poll_answer_free(&self->answer);
        pthread_cond_destroy(&self->came);
        pthread_mutex_destroy(&self->lock);
        whi_source_unref(self->source);
        whi_free(self);
    }
}

static void fail(whi_poll_answer *answer, int code, const char *sentence) {
    answer->code = code;
    answer->retry_after = -1;
    snprintf(answer->error, sizeof answer->error, "%s", sentence);
}

static int copy_token(char **out, const char *text) {
    size_t size = text != NULL ? strlen(text) : 0;

    if (size > WHI_POLL_TOKEN_BYTES) {
        return WH_ELIMIT;
    }
    *out = text != NULL ? whi_strdup(text, size) : NULL;
    return text == NULL || *out != NULL ? WH_OK : WH_ENOMEM;
}

static void take_page(whi_poll_answer *answer, const wh_source_page *page) {
    int code;

    answer->is_unchanged = page->is_unchanged;
    answer->retry_after = -1;
    answer->items_size = page->items == NULL ? 0 : page->items_size == WH_ZSTR ? strlen(page->items) : page->items_size;
    if (answer->items_size > WHI_POLL_PAGE_BYTES) {
        fail(answer, WH_ELIMIT, "the page is larger than 8 MiB");
        return;
    }
    answer->items = page->items != NULL ? whi_strdup(page->items, answer->items_size) : NULL;
    code = page->items != NULL && answer->items == NULL ? WH_ENOMEM : copy_token(&answer->next, page->next);
    code = code == WH_OK ? copy_token(&answer->state, page->state) : code;
    if (code != WH_OK) {
        fail(answer, code, code == WH_ENOMEM ? "out of memory" : "next or state is longer than 64 KiB");
    }
}

/* An error's sentence is a stranger's: one line, and not too long for a run's text. */
static void take_error(whi_poll_answer *answer, const wh_source_page *page) {
    const char *text = page->error != NULL && page->error[0] != '\0' ? page->error : wh_error_text(page->code);

    answer->code = page->code;
    answer->is_refused = page->is_refused;
    answer->retry_after = page->retry_after;
    snprintf(answer->error, sizeof answer->error, "%.240s", text);
    for (char *at = answer->error; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' || *at == 127 ? ' ' : *at;
    }
}

static void take_answer(wh_source_call *call, const wh_source_page *given) {
    asked *self = (asked *)call;
    wh_source_page page = { 0 };

    (void)whi_sized_read(&page, sizeof page, given);
    pthread_mutex_lock(&self->lock);
    if (!self->answered && !self->left) {
        if (page.code == WH_OK) {
            take_page(&self->answer, &page);
        } else {
            take_error(&self->answer, &page);
        }
    }
    self->answered = 1;
    pthread_cond_signal(&self->came);
    pthread_mutex_unlock(&self->lock);
    unref(self);
}

static void wait_a_little(asked *self) {
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += SLICE_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&self->came, &self->lock, &until);
}

static void wait_for(asked *self, const atomic_int *stop) {
    int64_t end = whi_monotonic_us() + ANSWER_US;

    pthread_mutex_lock(&self->lock);
    while (!self->answered && !atomic_load(stop) && !whi_halting() && whi_monotonic_us() < end) {
        wait_a_little(self);
    }
    self->left = 1;
    if (!self->answered) {
        fail(&self->answer, atomic_load(stop) || whi_halting() ? WH_ECLOSED : WH_ETIMEOUT, "no answer in 60 s");
    }
    pthread_mutex_unlock(&self->lock);
}

void whi_poll_ask(whi_source *source, const wh_source_query *query, const atomic_int *stop, whi_poll_answer *out) {
    asked *self = whi_calloc(1, sizeof *self);

    *out = (whi_poll_answer){ 0 };
    if (self == NULL) {
        fail(out, WH_ENOMEM, "out of memory");
        return;
    }
    if (!whi_source_is_allowed(source, query->tenant, query->connection)) {
        whi_free(self);
        (void)whi_source_fail_connection(query->object_type, query->tenant, query->connection);
        fail(out, WH_EINVALID, whi_error_last()->sentence);
        out->is_refused = 1;
        return;
    }
    self->call.answer = take_answer;
    self->source = source;
    self->refs = 2;
    whi_source_ref(source);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->came, NULL);
    source->own.list(source->own.payload, query, &self->call);
    wait_for(self, stop);
    *out = self->answer;
    self->answer = (whi_poll_answer){ 0 };
    unref(self);
}
