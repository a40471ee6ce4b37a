#include "outside/resolve.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "outside/scarce.h"
#include "webhook.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BUCKETS 1024
#define IDLE_S 10          /* a thread without work ends */
#define STACK_BYTES 524288 /* getaddrinfo and the modules that it loads */

/* One look-up, handed from the owner to a thread and back. */
typedef struct job {
    struct job *next;
    char host[WHI_HOST_SIZE];
    int slow;
    int result; /* of getaddrinfo */
    int scarce; /* 1: it failed for want of descriptors or memory */
    int64_t took;
    size_t count;
    whi_address list[WHI_ADDRESSES];
} job;

typedef struct entry {
    struct entry *hash_next, *newer, *older;
    char host[WHI_HOST_SIZE];
    int pending, slow;
    whi_waiter *waiters;
    whi_addresses addresses;
} entry;

/* What the threads share with the owner; the last of them frees it. */
typedef struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, left;
    int refs; /* the owner and each thread */
    int closed;
    int threads, idle, looking, looking_slow;
    size_t queued;
    job *first, **end; /* names that answered well before, or are new */
    job *slow_first, **slow_end;
    job *done;
    atomic_int has_done; /* 1: done is not empty; read without the lock */
    whi_poller *poller;  /* NULL once closed */
} pool;

struct whi_resolver {
    pool *pool;
    entry *buckets[BUCKETS];
    entry *newest, *oldest;
    size_t count;
};

/* ---------------------------------------------------------------------- threads */

static void free_jobs(job *list) {
    while (list != NULL) {
        job *next = list->next;
        whi_free(list);
        list = next;
    }
}

/* The lock is held and given back. */
static void unref_pool(pool *shared) {
    int last = --shared->refs == 0;

    pthread_cond_broadcast(&shared->left);
    pthread_mutex_unlock(&shared->lock);
    if (last) {
        free_jobs(shared->first);
        free_jobs(shared->slow_first);
        free_jobs(shared->done);
        pthread_cond_destroy(&shared->work);
        pthread_cond_destroy(&shared->left);
        pthread_mutex_destroy(&shared->lock);
        whi_free(shared);
    }
}

static int ask_system(const char *host, whi_address *list, size_t *count) {
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found, *at;
    int result = getaddrinfo(host, NULL, &hints, &found);

    *count = 0;
    if (result != 0) {
        return result;
    }
    for (at = found; at != NULL && *count < WHI_ADDRESSES; at = at->ai_next) {
        if ((at->ai_family == AF_INET || at->ai_family == AF_INET6) && at->ai_addrlen <= sizeof *list) {
            memset(&list[*count], 0, sizeof *list);
            memcpy(&list[(*count)++], at->ai_addr, at->ai_addrlen);
        }
    }
    freeaddrinfo(found);
    return *count > 0 ? 0 : EAI_NONAME;
}

struct whi_resolve_settings whi_resolve_settings = { 60000000, 5000000, 1000000, ask_system };

/* getaddrinfo seldom tells that it could open no file and no socket: the name then has no
 * address, or none for now. */
static int is_scarce(int result, int number) {
    return result == EAI_MEMORY || (result == EAI_SYSTEM && whi_scarce_errno(number)) || whi_scarce_descriptors();
}

static void look_up(job *work) {
    int64_t start = whi_monotonic_us();

    errno = 0;
    work->result = whi_resolve_settings.lookup(work->host, work->list, &work->count);
    work->scarce = work->result != 0 && is_scarce(work->result, errno);
    work->took = whi_monotonic_us() - start;
}

/* The next look-up that this thread may do. */
static job *take_job(pool *shared) {
    job *work = shared->first;

    if (work != NULL) {
        shared->first = work->next;
        if (shared->first == NULL) {
            shared->end = &shared->first;
        }
        return work;
    }
    work = shared->slow_first;
    if (work == NULL || shared->looking_slow >= WHI_RESOLVE_THREADS / 2) {
        return NULL;
    }
    shared->slow_first = work->next;
    if (shared->slow_first == NULL) {
        shared->slow_end = &shared->slow_first;
    }
    return work;
}

static void put_done(pool *shared, job *work) {
    work->next = shared->done;
    shared->done = work;
    atomic_store(&shared->has_done, 1);
    if (shared->poller != NULL) {
        whi_poller_wake(shared->poller);
    }
}

/* The lock is held, but not during the look-up. */
static void work_on(pool *shared, job *work) {
    int slow = work->slow;

    shared->queued--;
    shared->looking++;
    shared->looking_slow += slow;
    pthread_mutex_unlock(&shared->lock);
    look_up(work);
    pthread_mutex_lock(&shared->lock);
    shared->looking--;
    shared->looking_slow -= slow;
    put_done(shared, work);
}

/* 0 when there was nothing to do for long. */
static int wait_for_work(pool *shared) {
    struct timespec until;
    int result;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += IDLE_S;
    shared->idle++;
    result = pthread_cond_timedwait(&shared->work, &shared->lock, &until);
    shared->idle--;
    return result == 0 || shared->first != NULL || shared->slow_first != NULL;
}

static void *serve_pool(void *payload) {
    pool *shared = payload;
    job *work;

    pthread_mutex_lock(&shared->lock);
    while (!shared->closed) {
        work = take_job(shared);
        if (work != NULL) {
            work_on(shared, work);
        } else if (!wait_for_work(shared)) {
            break;
        }
    }
    shared->threads--;
    unref_pool(shared);
    return NULL;
}

/* Detached, because a look-up that hangs must not be waited for; signals are for the
 * program's own threads. */
static int make_thread(pool *shared) {
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    int result;

    if (pthread_attr_init(&attributes) != 0) {
        return -1;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&thread, &attributes, serve_pool, shared);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (result == 0) {
        shared->threads++;
        shared->refs++;
    }
    return result;
}

static void put_job(pool *shared, job *work) {
    job ***end = work->slow ? &shared->slow_end : &shared->end;

    **end = work;
    *end = &work->next;
    shared->queued++;
}

/* Takes the job over when it returns WH_OK. */
static int submit(pool *shared, job *work) {
    int code = WH_OK;

    pthread_mutex_lock(&shared->lock);
    if (shared->queued >= WHI_RESOLVE_QUEUE) {
        code = whi_fail(WH_ERESOURCE, "%s: %d look-ups of host names wait already", work->host, WHI_RESOLVE_QUEUE);
    } else if ((size_t)shared->idle <= shared->queued && shared->threads < WHI_RESOLVE_THREADS &&
               make_thread(shared) != 0 && shared->threads == 0) {
        code = whi_fail(WH_ERESOURCE, "%s: no thread can be made for looking it up", work->host);
    } else {
        put_job(shared, work);
        pthread_cond_signal(&shared->work);
    }
    pthread_mutex_unlock(&shared->lock);
    return code;
}

/* ------------------------------------------------------------------------ cache */

static size_t bucket_of(const char *host) {
    uint64_t hash = whi_hash(WHI_HASH_BEGIN, host, strlen(host));

    return (size_t)((hash ^ hash >> 32) % BUCKETS);
}

static entry **entry_link(whi_resolver *resolver, const char *host) {
    entry **link = &resolver->buckets[bucket_of(host)];

    while (*link != NULL && strcmp((*link)->host, host) != 0) {
        link = &(*link)->hash_next;
    }
    return link;
}

static void unlink_age(whi_resolver *resolver, entry *known) {
    *(known->newer ? &known->newer->older : &resolver->newest) = known->older;
    *(known->older ? &known->older->newer : &resolver->oldest) = known->newer;
}

static void link_newest(whi_resolver *resolver, entry *known) {
    known->newer = NULL;
    known->older = resolver->newest;
    *(resolver->newest ? &resolver->newest->newer : &resolver->oldest) = known;
    resolver->newest = known;
}

static void free_entry(whi_resolver *resolver, entry *known) {
    *entry_link(resolver, known->host) = known->hash_next;
    unlink_age(resolver, known);
    resolver->count--;
    while (known->waiters != NULL) {
        whi_resolver_cancel(known->waiters);
    }
    whi_free(known);
}

static void free_oldest(whi_resolver *resolver) {
    entry *known = resolver->oldest;

    while (known != NULL && known->pending) {
        known = known->newer;
    }
    if (known != NULL) {
        free_entry(resolver, known);
    }
}

static entry *add_entry(whi_resolver *resolver, const char *host) {
    entry *known, **link;

    if (resolver->count >= WHI_RESOLVE_HOSTS) {
        free_oldest(resolver);
    }
    known = whi_calloc(1, sizeof *known);
    if (known == NULL) {
        return NULL;
    }
    memcpy(known->host, host, strlen(host) + 1);
    link = &resolver->buckets[bucket_of(host)];
    known->hash_next = *link;
    *link = known;
    link_newest(resolver, known);
    resolver->count++;
    return known;
}

static int begin(whi_resolver *resolver, entry *known) {
    job *work = whi_calloc(1, sizeof *work);
    int code;

    if (work == NULL) {
        return whi_fail_memory();
    }
    memcpy(work->host, known->host, sizeof work->host);
    work->slow = known->slow;
    code = submit(resolver->pool, work);
    if (code != WH_OK) {
        whi_free(work);
        return code;
    }
    known->pending = 1;
    return WH_OK;
}

static void wait_on(entry *known, whi_waiter *waiter) {
    waiter->next = known->waiters;
    waiter->link = &known->waiters;
    if (waiter->next != NULL) {
        waiter->next->link = &waiter->next;
    }
    known->waiters = waiter;
}

void whi_resolver_cancel(whi_waiter *waiter) {
    if (waiter->link == NULL) {
        return;
    }
    *waiter->link = waiter->next;
    if (waiter->next != NULL) {
        waiter->next->link = waiter->link;
    }
    waiter->next = NULL;
    waiter->link = NULL;
}

int whi_resolver_ask(whi_resolver *resolver, const char *host, whi_waiter *waiter, const whi_addresses **out) {
    entry *known;
    int code;

    *out = NULL;
    if (strlen(host) >= WHI_HOST_SIZE) {
        return whi_fail(WH_ERESOLVE, "the host name is longer than %d letters", WHI_HOST_SIZE - 1);
    }
    known = *entry_link(resolver, host);
    if (known == NULL) {
        known = add_entry(resolver, host);
    }
    if (known == NULL) {
        return whi_fail_memory();
    }
    unlink_age(resolver, known);
    link_newest(resolver, known);
    if (!known->pending && known->addresses.expires > whi_monotonic_us()) {
        *out = &known->addresses;
        return WH_OK;
    }
    code = known->pending ? WH_OK : begin(resolver, known);
    if (code == WH_OK) {
        wait_on(known, waiter);
    }
    return code;
}

static void keep_answer(entry *known, const job *work) {
    whi_addresses *addresses = &known->addresses;

    known->pending = 0;
    known->slow = work->took > whi_resolve_settings.slow;
    addresses->code = work->result == 0 ? WH_OK : work->scarce ? WH_ERESOURCE : WH_ERESOLVE;
    addresses->count = work->result == 0 ? work->count : 0;
    addresses->expires = whi_monotonic_us();
    if (!work->scarce) {
        addresses->expires += work->result == 0 ? whi_resolve_settings.keep : whi_resolve_settings.keep_failure;
    }
    memcpy(addresses->list, work->list, addresses->count * sizeof addresses->list[0]);
    if (work->result != 0) {
        snprintf(addresses->message, sizeof addresses->message, "%.80s: %s", work->host, gai_strerror(work->result));
    }
}

/* Only those that wait now: what they start may ask again. */
static void tell(entry *known) {
    whi_waiter *waiter = known->waiters;

    known->waiters = NULL;
    if (waiter != NULL) {
        waiter->link = &waiter; /* so that the others can be taken out meanwhile */
    }
    while (waiter != NULL) {
        whi_waiter *next = waiter;
        whi_resolver_cancel(next);
        next->ready(next, &known->addresses);
    }
}

static void finish(whi_resolver *resolver, const job *work) {
    entry *known = *entry_link(resolver, work->host);

    if (known != NULL) {
        keep_answer(known, work);
        tell(known);
    }
}

void whi_resolver_collect(whi_resolver *resolver) {
    pool *shared = resolver->pool;
    job *done;

    if (atomic_load(&shared->has_done) == 0) {
        return;
    }
    pthread_mutex_lock(&shared->lock);
    done = shared->done;
    shared->done = NULL;
    atomic_store(&shared->has_done, 0);
    pthread_mutex_unlock(&shared->lock);
    while (done != NULL) {
        job *next = done->next;
        finish(resolver, done);
        whi_free(done);
        done = next;
    }
}

/* ------------------------------------------------------------------------- life */

static pool *new_pool(whi_poller *poller) {
    pool *shared = whi_calloc(1, sizeof *shared);

    if (shared == NULL) {
        return NULL;
    }
    pthread_mutex_init(&shared->lock, NULL);
    pthread_cond_init(&shared->work, NULL);
    pthread_cond_init(&shared->left, NULL);
    atomic_init(&shared->has_done, 0);
    shared->refs = 1;
    shared->end = &shared->first;
    shared->slow_end = &shared->slow_first;
    shared->poller = poller;
    return shared;
}

/* Threads without work end now; those inside a look-up are left to themselves. */
static void close_pool(pool *shared) {
    pthread_mutex_lock(&shared->lock);
    shared->closed = 1;
    shared->poller = NULL;
    pthread_cond_broadcast(&shared->work);
    while (shared->threads > shared->looking) {
        pthread_cond_wait(&shared->left, &shared->lock);
    }
    unref_pool(shared);
}

int whi_resolver_new(whi_resolver **out, whi_poller *poller) {
    whi_resolver *resolver = whi_calloc(1, sizeof *resolver);

    *out = NULL;
    if (resolver == NULL) {
        return whi_fail_memory();
    }
    resolver->pool = new_pool(poller);
    if (resolver->pool == NULL) {
        whi_free(resolver);
        return whi_fail_memory();
    }
    *out = resolver;
    return WH_OK;
}

void whi_resolver_free(whi_resolver *resolver) {
    if (resolver == NULL) {
        return;
    }
    while (resolver->newest != NULL) {
        free_entry(resolver, resolver->newest);
    }
    close_pool(resolver->pool);
    whi_free(resolver);
}

size_t whi_resolver_count(const whi_resolver *resolver) {
    return resolver->count;
}
