/* Tests: test_helper. */
#include "base/helper.h"

#include "base/halt.h"
#include "base/thread.h"

#define NICER 10 /* a tenth of what the others get */

/* The end of the process waits for a rule that is being run: it may be signing. */
static int do_in_time(const whi_helper *self) {
    int code = whi_halt_enter();

    if (code == WH_OK) {
        code = self->work(self->payload);
        whi_halt_leave();
    }
    return code;
}

/* The lock is held, but not meanwhile. */
static void do_next(whi_helper *self) {
    pthread_mutex_unlock(&self->lock);
    self->code = do_in_time(self);
    if (self->code != WH_OK) {
        self->error = *whi_error_last();
    }
    pthread_mutex_lock(&self->lock);
    self->work = NULL;
    pthread_cond_broadcast(&self->changed);
}

static void *serve(void *payload) {
    whi_helper *self = payload;

    whi_thread_comes_after(NICER);
    pthread_mutex_lock(&self->lock);
    while (!self->stop) {
        if (self->work != NULL) {
            do_next(self);
        } else {
            pthread_cond_wait(&self->changed, &self->lock);
        }
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

int whi_helper_start(whi_helper *helper) {
    *helper = (whi_helper){ 0 };
    pthread_mutex_init(&helper->lock, NULL);
    pthread_cond_init(&helper->changed, NULL);
    if (pthread_create(&helper->thread, NULL, serve, helper) != 0) {
        pthread_cond_destroy(&helper->changed);
        pthread_mutex_destroy(&helper->lock);
        return whi_fail(WH_ERESOURCE, "the system starts no more threads");
    }
    return WH_OK;
}

void whi_helper_end(whi_helper *helper) {
    pthread_mutex_lock(&helper->lock);
    helper->stop = 1;
    pthread_cond_broadcast(&helper->changed);
    pthread_mutex_unlock(&helper->lock);
    pthread_join(helper->thread, NULL);
    pthread_cond_destroy(&helper->changed);
    pthread_mutex_destroy(&helper->lock);
}

int whi_helper_do(whi_helper *helper, int (*work)(void *payload), void *payload) {
    int code;

    pthread_mutex_lock(&helper->lock);
    helper->payload = payload;
    helper->work = work;
    pthread_cond_broadcast(&helper->changed);
    while (helper->work != NULL) {
        pthread_cond_wait(&helper->changed, &helper->lock);
    }
    code = helper->code;
    pthread_mutex_unlock(&helper->lock);
    return code == WH_OK ? WH_OK : whi_error_again(code, &helper->error);
}
