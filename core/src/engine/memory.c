/* Tests: test_memory. */
#include "engine/memory.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

struct whi_account {
    atomic_int refs; /* raised from 0 under the lock alone */
    uint32_t hash;
    atomic_llong used[WHI_POTS];
    char tenant[];
};

static uint32_t hash_account(const void *entry) {
    return ((const whi_account *)entry)->hash;
}

static int is_account(const void *entry, const void *key) {
    return strcmp(((const whi_account *)entry)->tenant, key) == 0;
}

static const whi_table_kind account_kind = { hash_account, is_account };

void whi_memory_init(whi_memory *memory, long long limit) {
    *memory = (whi_memory){ .limit = limit };
    pthread_mutex_init(&memory->lock, NULL);
}

void whi_memory_end(whi_memory *memory) {
    whi_table_free(&memory->all);
    pthread_mutex_destroy(&memory->lock);
}

/* ----------------------------------------------------------------- the lock is held */

static whi_account *make(whi_memory *memory, const char *tenant, size_t size, uint32_t hash) {
    whi_account *account;

    if (whi_table_reserve(&memory->all, &account_kind) != WH_OK) {
        return NULL;
    }
    account = whi_calloc(1, sizeof *account + size + 1);
    if (account != NULL) {
        memcpy(account->tenant, tenant, size + 1);
        account->hash = hash;
        whi_table_put(&memory->all, &account_kind, account);
    }
    return account;
}

/* A table that was large once is made smaller: what many tenants had for a moment is not kept. */
static void forget(whi_memory *memory, whi_account *account) {
    whi_table_take(&memory->all, &account_kind, account->hash, account->tenant);
    whi_free(account);
    if (memory->all.capacity > 64 && memory->all.count < memory->all.capacity / 8) {
        (void)whi_table_resize(&memory->all, &account_kind, memory->all.capacity / 2);
    }
}

/* -------------------------------------------------------------------------- accounts */

whi_account *whi_memory_open(whi_memory *memory, const char *tenant) {
    size_t size = strlen(tenant);
    uint32_t hash = whi_table_spread(whi_hash(WHI_HASH_BEGIN, tenant, size));
    whi_account *account;

    pthread_mutex_lock(&memory->lock);
    account = whi_table_get(&memory->all, &account_kind, hash, tenant);
    account = account != NULL ? account : make(memory, tenant, size, hash);
    if (account != NULL) {
        atomic_fetch_add_explicit(&account->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&memory->lock);
    return account;
}

/* The last one goes under the lock, so that nobody finds it meanwhile. */
static void close_last(whi_memory *memory, whi_account *account) {
    pthread_mutex_lock(&memory->lock);
    if (atomic_fetch_sub(&account->refs, 1) == 1) {
        forget(memory, account);
    }
    pthread_mutex_unlock(&memory->lock);
}

void whi_memory_close(whi_memory *memory, whi_account *account) {
    int refs = account != NULL ? atomic_load(&account->refs) : 0;

    while (refs > 1) {
        if (atomic_compare_exchange_weak(&account->refs, &refs, refs - 1)) {
            return;
        }
    }
    if (account != NULL) {
        close_last(memory, account);
    }
}

/* --------------------------------------------------------------------------- counting */

void whi_memory_count(whi_memory *memory, whi_account *account, enum whi_pot pot, long long bytes) {
    atomic_fetch_add(&memory->used[pot], bytes);
    atomic_fetch_add(&account->used[pot], bytes);
}

int whi_memory_may_keep(const whi_memory *memory, const whi_account *account, enum whi_pot pot, long long bytes,
                        int greed) {
    long long used = atomic_load(&memory->used[pot]);

    return used <= bytes || atomic_load(&account->used[pot]) / greed <= memory->limit - used;
}

/* What is left of a pot times its greed is what a tenant may have: with all that others have given, that is this. */
static long long most_of(long long left_by_others, int greed) {
    return left_by_others / (greed + 1) * greed;
}

int whi_memory_may_share(const whi_memory *memory, const whi_account *account, enum whi_pot pot, long long part,
                         int greed) {
    long long own = atomic_load(&account->used[pot]), others = atomic_load(&memory->used[pot]) - own;

    return part / WHI_MEMORY_PART <= most_of(memory->limit - others, greed) - own;
}

long long whi_memory_used(const whi_memory *memory, enum whi_pot pot) {
    return atomic_load(&memory->used[pot]);
}

int whi_memory_is_full(const whi_memory *memory, enum whi_pot pot) {
    return atomic_load(&memory->used[pot]) >= memory->limit;
}
