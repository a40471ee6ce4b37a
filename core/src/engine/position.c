/* Tests: test_position. */
#include "engine/position.h"

#include "base/error.h"
#include "base/table.h"

#define PARTITION_BITS 8
_Static_assert(WH_PARTITIONS == 1 << PARTITION_BITS, "the upper bits of a hash choose one");

int whi_partition_of(int64_t subscription) {
    return (int)(whi_table_spread((uint64_t)subscription) >> (32 - PARTITION_BITS));
}

static void disown(whi_position *position, int partition) {
    atomic_store(&position->partitions[partition].from, WHI_NOWHERE);
    atomic_store(&position->partitions[partition].until, WHI_NOWHERE);
}

void whi_position_init(whi_position *position) {
    *position = (whi_position){ .taking = WHI_NOWHERE, .stuck = WHI_NOWHERE, .written = -1 };
    pthread_mutex_init(&position->lock, NULL);
    for (int i = 0; i < WH_PARTITIONS; i++) {
        disown(position, i);
        atomic_init(&position->partitions[i].held, 0);
    }
}

void whi_position_end(whi_position *position) {
    whi_heap_free(&position->undecided);
    pthread_mutex_destroy(&position->lock);
}

/* Without the lock: in this order, against that of disown and adopt, what is seen of a partition that goes
 * or comes is never more than what was or will be decided for it here. */
int whi_position_decides(const whi_position *position, int64_t subscription, const whi_mark *mark, int64_t number) {
    int partition = whi_partition_of(subscription);
    int64_t until = atomic_load(&position->partitions[partition].until);
    int64_t from = atomic_load(&position->partitions[partition].from);
    int since = atomic_load(&position->partitions[partition].since);

    return number > from && number <= until && (mark->again ? since == mark->pass : since <= mark->pass);
}

static int is_ours(const whi_position *position, int partition) {
    return atomic_load(&position->partitions[partition].from) != WHI_NOWHERE;
}

static int is_leaving(const whi_position *position, int partition) {
    return is_ours(position, partition) && atomic_load(&position->partitions[partition].until) != WHI_NOWHERE;
}

int whi_position_has(const whi_position *position, int64_t subscription) {
    int partition = whi_partition_of(subscription);

    return is_ours(position, partition) && !is_leaving(position, partition);
}

int whi_position_is_ours(const whi_position *position, int64_t subscription) {
    return is_ours(position, whi_partition_of(subscription));
}

void whi_position_hold(whi_position *position, int64_t subscription) {
    atomic_fetch_add(&position->partitions[whi_partition_of(subscription)].held, 1);
}

void whi_position_release(whi_position *position, int64_t subscription) {
    atomic_fetch_sub(&position->partitions[whi_partition_of(subscription)].held, 1);
}

/* ---------------------------------------------------------------- reading and deciding */

int64_t whi_position_next(whi_position *position, int64_t *owner) {
    int64_t next;

    pthread_mutex_lock(&position->lock);
    *owner = position->owner;
    next = position->owner != 0 && atomic_load(&position->count) > 0 ? position->read : WHI_NOWHERE;
    pthread_mutex_unlock(&position->lock);
    return next;
}

int whi_position_hand(whi_position *position, whi_mark *mark, int64_t number, int64_t before) {
    if (position->owner == 0 || atomic_load(&position->count) == 0 || before > position->read ||
        number <= position->read || whi_heap_set(&position->undecided, &mark->item, number) != WH_OK) {
        return 0;
    }
    mark->handed = 1;
    mark->pass = position->pass;
    mark->again = number <= position->high;
    position->read = number;
    return 1;
}

int whi_position_passed(whi_position *position, int64_t owner, int64_t after, int64_t upto) {
    int passed;

    pthread_mutex_lock(&position->lock);
    passed = owner == position->owner && after <= position->read;
    if (passed && upto > position->read) {
        position->read = upto;
    }
    pthread_mutex_unlock(&position->lock);
    return passed;
}

void whi_position_decided(whi_position *position, whi_mark *mark) {
    pthread_mutex_lock(&position->lock);
    whi_heap_leave(&position->undecided, &mark->item);
    pthread_mutex_unlock(&position->lock);
    mark->handed = 0;
}

void whi_position_forget(whi_position *position, whi_mark *mark, int64_t number, int64_t owner) {
    if (!mark->handed) {
        return;
    }
    pthread_mutex_lock(&position->lock);
    if (mark->item.at != 0 && owner == position->owner && number <= position->stuck) {
        position->stuck = number - 1;
    }
    whi_heap_leave(&position->undecided, &mark->item);
    pthread_mutex_unlock(&position->lock);
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The lock is held. */
static int64_t value_of(const whi_position *position) {
    const whi_heap_item *first = whi_heap_first(&position->undecided);
    int64_t value = smaller(position->read, smaller(position->taking, position->stuck));

    value = first != NULL ? smaller(value, first->due - 1) : value;
    for (int i = 0; i < WH_PARTITIONS && atomic_load(&position->leaving) > 0; i++) {
        value = is_leaving(position, i) ? smaller(value, atomic_load(&position->partitions[i].until)) : value;
    }
    return value;
}

int64_t whi_position_now(whi_position *position, int64_t owner, int *pass) {
    int64_t value = WHI_NOWHERE;

    pthread_mutex_lock(&position->lock);
    if (owner != 0 && owner == position->owner && atomic_load(&position->count) > 0) {
        value = value_of(position);
    }
    if (pass != NULL) {
        *pass = position->pass;
    }
    pthread_mutex_unlock(&position->lock);
    return value;
}

int whi_position_is_due(whi_position *position) {
    int due;

    pthread_mutex_lock(&position->lock);
    due = position->owner != 0 && atomic_load(&position->count) > 0 && position->undecided.count == 0 &&
          value_of(position) != position->written;
    pthread_mutex_unlock(&position->lock);
    return due;
}

void whi_position_written(whi_position *position, int64_t owner, int pass, int64_t value) {
    pthread_mutex_lock(&position->lock);
    if (owner == position->owner && pass == position->pass) {
        position->written = value;
    }
    pthread_mutex_unlock(&position->lock);
}

/* -------------------------------------------------------------------------- partitions */

int whi_position_is_behind(whi_position *position) {
    int behind;

    pthread_mutex_lock(&position->lock);
    behind = atomic_load(&position->count) > 0 && position->read < position->high;
    pthread_mutex_unlock(&position->lock);
    return behind;
}

void whi_position_taking(whi_position *position, int64_t least) {
    pthread_mutex_lock(&position->lock);
    position->taking = least;
    pthread_mutex_unlock(&position->lock);
}

/* The lock is held. */
static void forget_all(whi_position *position) {
    while (position->undecided.count > 0) {
        whi_heap_leave(&position->undecided, whi_heap_first(&position->undecided));
    }
    for (int i = 0; i < WH_PARTITIONS; i++) {
        disown(position, i);
    }
    atomic_store(&position->count, 0);
    atomic_store(&position->leaving, 0);
    atomic_fetch_add(&position->moves, 1);
    position->owner = 0;
    position->read = position->high = 0;
    position->pass = 0;
    position->taking = position->stuck = WHI_NOWHERE;
    position->written = -1;
}

/* The lock is held. */
static void lose(whi_position *position, int partition) {
    atomic_fetch_sub(&position->leaving, is_leaving(position, partition));
    atomic_fetch_sub(&position->count, 1);
    disown(position, partition);
    atomic_fetch_add(&position->moves, 1);
}

void whi_position_given(whi_position *position, int64_t owner, const char given[WH_PARTITIONS]) {
    pthread_mutex_lock(&position->lock);
    for (int i = 0; i < WH_PARTITIONS && owner == position->owner; i++) {
        if (given[i] && is_ours(position, i)) {
            lose(position, i);
        }
    }
    pthread_mutex_unlock(&position->lock);
}

/* The lock is held. */
static int adopt(whi_position *position, const int64_t at[WH_PARTITIONS], int64_t now) {
    int64_t least = WHI_NOWHERE;
    int had = atomic_load(&position->count);

    for (int i = 0; i < WH_PARTITIONS; i++) {
        least = at[i] >= 0 && !is_ours(position, i) ? smaller(least, at[i]) : least;
    }
    if (least != WHI_NOWHERE) {
        position->written = -1; /* it has gone back in the store */
    }
    if (least != WHI_NOWHERE && (had == 0 || least < position->read)) {
        position->pass++;
        position->high = had == 0 ? least : position->read;
        position->read = least;
    }
    for (int i = 0; i < WH_PARTITIONS; i++) {
        if (at[i] >= 0 && !is_ours(position, i)) {
            atomic_store(&position->partitions[i].since, position->pass);
            atomic_store(&position->partitions[i].came, now);
            atomic_store(&position->partitions[i].from, at[i]);
            atomic_fetch_add(&position->count, 1);
            atomic_fetch_add(&position->moves, 1);
        } else if (at[i] < 0 && is_ours(position, i)) {
            lose(position, i);
        }
    }
    return least != WHI_NOWHERE;
}

void whi_position_begin(whi_position *position, int64_t owner) {
    pthread_mutex_lock(&position->lock);
    if (owner != position->owner) {
        int64_t taking = position->taking; /* by the commit that made it so */
        forget_all(position);
        position->owner = owner;
        position->taking = taking;
    }
    pthread_mutex_unlock(&position->lock);
}

int64_t whi_position_came(const whi_position *position, int64_t subscription) {
    return atomic_load(&position->partitions[whi_partition_of(subscription)].came);
}

int whi_position_adopt(whi_position *position, int64_t owner, const int64_t at[WH_PARTITIONS], int64_t now) {
    int more;

    whi_position_begin(position, owner);
    pthread_mutex_lock(&position->lock);
    more = adopt(position, at, now);
    position->taking = WHI_NOWHERE;
    pthread_mutex_unlock(&position->lock);
    return more;
}

void whi_position_leave(whi_position *position, int count) {
    pthread_mutex_lock(&position->lock);
    for (int i = WH_PARTITIONS - 1; i >= 0 && count > 0; i--) {
        if (is_ours(position, i) && !is_leaving(position, i)) {
            int64_t from = atomic_load(&position->partitions[i].from); /* it was further when it came, and is still */
            atomic_store(&position->partitions[i].until, position->read > from ? position->read : from);
            atomic_fetch_add(&position->leaving, 1);
            atomic_fetch_add(&position->moves, 1);
            count--;
        }
    }
    pthread_mutex_unlock(&position->lock);
}

int whi_position_has_left(whi_position *position, int partition, int64_t *until) {
    const whi_heap_item *first;
    int left;

    pthread_mutex_lock(&position->lock);
    *until = atomic_load(&position->partitions[partition].until);
    first = whi_heap_first(&position->undecided);
    left = is_leaving(position, partition) && atomic_load(&position->partitions[partition].held) == 0 &&
           position->stuck >= *until && position->read >= *until && (first == NULL || first->due > *until);
    pthread_mutex_unlock(&position->lock);
    return left;
}

void whi_position_reset(whi_position *position) {
    pthread_mutex_lock(&position->lock);
    forget_all(position);
    pthread_mutex_unlock(&position->lock);
}
