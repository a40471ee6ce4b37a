/* What the tests of the position share: one position, a few subscriptions of as many partitions, and
 * short words. */
#ifndef POSITION_KIT_H
#define POSITION_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/position.h"

#define ME 5
#define KIT __attribute__((unused)) /* not every test uses every word */
#define SUBS 5                      /* subscriptions of as many partitions */

static whi_position position;
static int64_t subs[SUBS];
static int parts[SUBS];

KIT static int is_new(int count, int partition) {
    for (int i = 0; i < count; i++) {
        if (parts[i] == partition) {
            return 0;
        }
    }
    return 1;
}

KIT static int begin(void **state) {
    int count = 0;

    (void)state;
    for (int64_t id = 1; count < SUBS; id++) {
        if (is_new(count, whi_partition_of(id))) {
            subs[count] = id;
            parts[count++] = whi_partition_of(id);
        }
    }
    whi_position_init(&position);
    return 0;
}

KIT static int end(void **state) {
    (void)state;
    whi_mem_fault = NULL;
    whi_position_end(&position);
    return 0;
}

/* ------------------------------------------------------------------------- short words */

KIT static int hand(whi_mark *mark, int64_t number, int64_t before) {
    int handed;

    pthread_mutex_lock(&position.lock);
    handed = whi_position_hand(&position, mark, number, before);
    pthread_mutex_unlock(&position.lock);
    return handed;
}

KIT static void decided(whi_mark *mark) {
    whi_position_decided(&position, mark);
}

KIT static int64_t now_of(int64_t owner) {
    return whi_position_now(&position, owner, NULL);
}

/* Just now. */
KIT static void written(int64_t owner, int64_t value) {
    whi_position_written(&position, owner, position.pass, value);
}

KIT static int64_t next_of(void) {
    int64_t owner;

    return whi_position_next(&position, &owner);
}

KIT static int decides(int sub, const whi_mark *mark, int64_t number) {
    return whi_position_decides(&position, subs[sub], mark, number);
}

/* The positions of the first partitions of ours; -1: it has not. The others have none. */
KIT static int adopt(int64_t owner, const int64_t at[SUBS]) {
    int64_t all[WH_PARTITIONS];

    for (int i = 0; i < WH_PARTITIONS; i++) {
        all[i] = -1;
    }
    for (int i = 0; i < SUBS; i++) {
        all[parts[i]] = at[i];
    }
    return whi_position_adopt(&position, owner, all, 0);
}

#define ADOPT(owner, ...) adopt(owner, (const int64_t[SUBS]){ __VA_ARGS__ })

KIT static void give(int64_t owner, int sub) {
    char given[WH_PARTITIONS] = { 0 };

    given[parts[sub]] = 1;
    whi_position_given(&position, owner, given);
}

KIT static int has_left(int sub, int64_t *until) {
    return whi_position_has_left(&position, parts[sub], until);
}

/* Handed over, fanned out and decided. */
KIT static void pass_by(int64_t number, int64_t before) {
    whi_mark mark = { .handed = 0 };

    assert_true(hand(&mark, number, before));
    decided(&mark);
}

#endif
