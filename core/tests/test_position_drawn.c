/* The position against a simple model, in histories that are drawn.
 *
 * A log; partitions that we have or have not; and for each event and partition how often it was
 * decided. Whatever happens in whatever order: what lies up to a position was decided, and since we have
 * the partition nothing was decided twice. */
#include "position_kit.h"

#define EVENTS 160
#define STEPS 700
#define SEEDS 250

typedef struct copy {
    whi_mark mark;
    int number, alive, fanned;
    unsigned decides; /* a bit for each subscription */
} copy;

typedef struct model {
    uint64_t seed;
    int64_t owner;
    int log[EVENTS], length; /* numbers */
    int ours[SUBS], dropped;
    int64_t at[SUBS];             /* of what is not ours: its position; of what is: where it came from */
    char begun[SUBS][EVENTS * 4]; /* how often, since it is ours; by number */
    char done[SUBS][EVENTS * 4];
    copy copies[EVENTS * 8];
    int count;
    int page[8], page_size, page_at; /* a reading under way */
    int64_t page_after, page_owner, page_upto;
} model;

static model world;

static int drawn(int below) {
    world.seed = world.seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((world.seed >> 33) % (uint64_t)below);
}

static int last_number(void) {
    return world.length > 0 ? world.log[world.length - 1] : 0;
}

static int hand_copy(int number, int64_t before) {
    copy *c = &world.copies[world.count];

    assert_true(world.count < EVENTS * 8);
    *c = (copy){ .number = number, .alive = 1 };
    if (!hand(&c->mark, number, before)) {
        return 0;
    }
    world.count++;
    return 1;
}

static void publish(void) {
    int before = last_number();

    if (world.length < EVENTS) {
        world.log[world.length++] = before + 1 + drawn(3);
        if (drawn(3) > 0) {
            hand_copy(last_number(), before);
        }
    }
}

static void read_page(void) {
    int64_t after = whi_position_next(&position, &world.page_owner);
    int limit = 1 + drawn(8);

    world.page_size = world.page_at = 0;
    if (after == WHI_NOWHERE) {
        return;
    }
    world.page_after = world.page_upto = after;
    for (int i = 0; i < world.length && world.page_size < limit; i++) {
        if (world.log[i] > after) {
            world.page[world.page_size++] = world.log[i];
            world.page_upto = world.log[i];
        }
    }
    if (world.page_size < limit && last_number() > world.page_upto) {
        world.page_upto = last_number();
    }
}

/* One event of the page, or its end. */
static void read_step(void) {
    if (world.page_owner == 0) {
        read_page();
    } else if (world.page_at < world.page_size) {
        int number = world.page[world.page_at++];

        if (world.page_owner == world.owner) {
            hand_copy(number, world.page_after);
        }
        world.page_after = number;
    } else {
        whi_position_passed(&position, world.page_owner, world.page_after, world.page_upto);
        world.page_owner = 0;
    }
}

static copy *any_copy(int fanned) {
    int from = world.count > 0 ? drawn(world.count) : 0;

    for (int i = 0; i < world.count; i++) {
        copy *c = &world.copies[(from + i) % world.count];
        if (c->alive && c->fanned == fanned) {
            return c;
        }
    }
    return NULL;
}

static void fan_out(void) {
    copy *c = any_copy(0);

    if (c == NULL) {
        return;
    }
    c->fanned = 1;
    for (int i = 0; i < SUBS; i++) {
        if (decides(i, &c->mark, c->number)) {
            assert_true(world.ours[i]);
            assert_true(c->number > world.at[i]);
            assert_int_equal(world.begun[i][c->number]++, 0);
            c->decides |= 1u << i;
            whi_position_hold(&position, subs[i]);
        }
    }
}

static void let_go(copy *c, int is_done) {
    for (int i = 0; i < SUBS; i++) {
        if (c->decides & (1u << i)) {
            world.done[i][c->number] = (char)is_done;
            whi_position_release(&position, subs[i]);
        }
    }
    c->alive = 0;
}

static void finish(void) {
    copy *c = any_copy(1);

    if (c != NULL) {
        decided(&c->mark);
        let_go(c, 1);
    }
}

static void drop_one(void) {
    copy *c = any_copy(drawn(2));

    if (c != NULL) {
        whi_position_forget(&position, &c->mark, c->number, world.owner);
        let_go(c, 0);
        world.dropped = 1;
    }
}

static void tell_what_is_ours(void) {
    int64_t all[SUBS];

    for (int i = 0; i < SUBS; i++) {
        all[i] = world.ours[i] ? world.at[i] : -1;
    }
    adopt(world.owner, all);
}

static void take(void) {
    int64_t least = WHI_NOWHERE;

    if (whi_position_is_behind(&position)) {
        return;
    }
    for (int i = 0; i < SUBS; i++) {
        if (!world.ours[i] && drawn(2)) {
            world.ours[i] = 1;
            least = world.at[i] < least ? world.at[i] : least;
            memset(world.begun[i], 0, sizeof world.begun[i]);
            memset(world.done[i], 0, sizeof world.done[i]);
        }
    }
    if (least != WHI_NOWHERE) {
        whi_position_taking(&position, least);
        assert_true(now_of(world.owner) <= least || now_of(world.owner) == WHI_NOWHERE);
        tell_what_is_ours();
    }
}

/* Everything between where it came from and this position. */
static void check_done(int sub, int64_t upto) {
    for (int i = 0; i < world.length && world.log[i] <= upto; i++) {
        if (world.log[i] > world.at[sub]) {
            assert_int_equal(world.done[sub][world.log[i]], 1);
        }
    }
}

static void leave_some(void) {
    if (!whi_position_is_behind(&position)) {
        whi_position_leave(&position, 1 + drawn(2));
    }
}

static void give_back(void) {
    int64_t until;

    for (int i = 0; i < SUBS; i++) {
        if (has_left(i, &until)) {
            assert_true(world.ours[i]);
            assert_true(until >= world.at[i]);
            check_done(i, until);
            world.ours[i] = 0;
            world.at[i] = until;
            give(world.owner, i);
        }
    }
}

/* Our row is gone: what we had is at the position that was written. */
static void lose_all(void) {
    int64_t value = now_of(world.owner);

    for (int i = 0; i < SUBS; i++) {
        world.at[i] = world.ours[i] ? value : world.at[i];
        world.ours[i] = 0;
    }
    if (drawn(2)) {
        whi_position_reset(&position);
    }
    world.owner++;
    tell_what_is_ours();
    for (int i = 0; i < world.count; i++) {
        copy *c = &world.copies[i];
        if (c->alive) {
            whi_position_forget(&position, &c->mark, c->number, world.owner - 1);
            let_go(c, 0);
        }
    }
    world.count = world.dropped = 0;
}

static void check_position(void) {
    int64_t value = now_of(world.owner);

    for (int i = 0; i < SUBS && value != WHI_NOWHERE; i++) {
        if (world.ours[i]) {
            check_done(i, value);
        }
    }
}

static void step(void) {
    int what = drawn(100);

    if (what < 12) {
        publish();
    } else if (what < 45) {
        read_step();
    } else if (what < 65) {
        fan_out();
    } else if (what < 85) {
        finish();
    } else if (what < 90) {
        take();
    } else if (what < 93) {
        leave_some();
    } else if (what < 98) {
        give_back();
    } else if (what == 98) {
        lose_all();
    } else if (drawn(8) == 0) {
        drop_one();
    }
}

/* When no more happens, everything comes to its end. */
static void settle(void) {
    world.page_owner = 0;
    for (int i = 0; i < 40 * EVENTS; i++) {
        read_step();
        fan_out();
        finish();
    }
    give_back();
    for (int i = 0; i < SUBS && !world.dropped; i++) {
        if (world.ours[i]) {
            check_done(i, last_number());
            assert_int_equal(now_of(world.owner), last_number());
        }
    }
}

static void run_model(uint64_t seed) {
    memset(&world, 0, sizeof world);
    world.seed = seed;
    world.owner = ME;
    ADOPT(ME, -1, -1, -1, -1, -1);
    for (int i = 0; i < STEPS; i++) {
        step();
        check_position();
    }
    settle();
}

static void whatever_happens_each_event_is_decided_once_for_each_partition(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_model(seed);
        end(NULL);
        begin(NULL);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_happens_each_event_is_decided_once_for_each_partition, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
