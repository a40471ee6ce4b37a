/* The limits of a run: memory by the allocator, CPU time by a count hook and by
 * every library function.
 *
 * Reading the thread's CPU clock is a system call (about 0.4 us), reading the wall
 * clock is not (0.02 us), and CPU time never exceeds wall time. So looks are at the
 * wall clock, and only when that moved by LOOK_NS the CPU clock is read. A short
 * rule never reads it.
 *
 * One instruction can be long: it may copy or compare texts of megabytes. The
 * larger the largest block of the run, the more often the hook comes. */
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "rule_state.h"

#define HOOK_COUNT 100               /* instructions between two looks */
#define HOOK_BYTES ((size_t)2 << 20) /* instructions times largest block between two looks */
#define LARGE_BLOCK ((size_t)16 << 10)
#define LOOK_NS 250000
#define BYTES_PER_UNIT 32

static int64_t read_clock(clockid_t id) {
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void hook(lua_State *L, lua_Debug *unused) {
    (void)unused;
    whi_rule_look(L);
}

static void set_hook(whi_rule *rule) {
    size_t count = HOOK_COUNT;

    if (rule->largest >= LARGE_BLOCK && HOOK_BYTES / rule->largest < count) {
        count = HOOK_BYTES / rule->largest;
    }
    lua_sethook(rule->L, hook, LUA_MASKCOUNT, rule->stop || count == 0 ? 1 : (int)count);
}

/* 1 if the CPU time is used up. */
static int time_is_up(whi_rule *rule) {
    int64_t wall = read_clock(CLOCK_MONOTONIC), cpu;

    rule->units = 0;
    if (wall - rule->wall_last < LOOK_NS) {
        return 0;
    }
    rule->wall_last = wall;
    cpu = read_clock(CLOCK_THREAD_CPUTIME_ID);
    if (!rule->counted) {
        /* What went before is at most the wall time; more than 1 ms of it was spent waiting. */
        int64_t before = wall - rule->wall_start;
        rule->counted = 1;
        rule->cpu_start = cpu - (before < 1000000 ? before : 1000000);
    }
    cpu -= rule->cpu_start;
    return cpu / 1000000 >= rule->runtime->limits.rule_cpu_ms || /* any limit, without overflow */
           (rule->slice_us > 0 && cpu / 1000 >= rule->slice_us);
}

static void stop(whi_rule *rule, int code) {
    if (rule->stop == 0) {
        rule->stop = code;
        set_hook(rule);
    }
}

static int current_line(lua_State *L) {
    lua_Debug frame;

    for (int level = 0; lua_getstack(L, level, &frame); level++) {
        if (lua_getinfo(L, "l", &frame) && frame.currentline > 0) {
            return frame.currentline;
        }
    }
    return 0;
}

int whi_rule_stopped(lua_State *L) {
    whi_rule *rule = whi_rule_of(L);

    if (rule->stop_line == 0) {
        rule->stop_line = current_line(L);
    }
    if (!lua_checkstack(L, 1)) {
        lua_settop(L, 0); /* room for the error value, whatever the caller had pushed */
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, WHI_RULE_AT_STOP);
    return lua_error(L);
}

int whi_rule_stop(lua_State *L, int code) {
    stop(whi_rule_of(L), code);
    return whi_rule_stopped(L);
}

void whi_rule_look(lua_State *L) {
    whi_rule *rule = whi_rule_of(L);

    if (rule->stop == 0 && time_is_up(rule)) {
        stop(rule, WH_ERULE_TIME);
    }
    if (rule->stop != 0) {
        whi_rule_stopped(L);
    }
}

/* The allocator cannot raise: it has the hook come at the next instruction. */
static void account(whi_rule *rule, size_t grown, size_t size) {
    if (!rule->running) {
        return;
    }
    if (size > rule->largest) {
        rule->largest = size;
        if (size >= LARGE_BLOCK) {
            set_hook(rule);
        }
    }
    rule->units += (uint32_t)(grown / BYTES_PER_UNIT);
    if (rule->units >= WHI_RULE_UNITS && rule->stop == 0 && time_is_up(rule)) {
        stop(rule, WH_ERULE_TIME);
    }
}

static void *grow(whi_rule *rule, void *block, size_t old_size, size_t new_size) {
    size_t grown = new_size - old_size;
    void *result;

    if (grown > rule->limit || rule->used + rule->outside > rule->limit - grown) {
        account(rule, WHI_RULE_UNITS * BYTES_PER_UNIT, 0);
        return NULL;
    }
    result = block == NULL ? whi_alloc(new_size) : whi_realloc(block, new_size);
    if (result == NULL) {
        rule->starved = 1;
        return NULL;
    }
    rule->used += grown;
    if (rule->used + rule->outside > rule->peak) {
        rule->peak = rule->used + rule->outside;
    }
    account(rule, grown, new_size);
    return result;
}

void *whi_rule_allocate(void *payload, void *block, size_t old_size, size_t new_size) {
    whi_rule *rule = payload;
    void *result;

    if (block == NULL) {
        old_size = 0; /* then it is the kind of the new object */
    }
    if (new_size == 0) {
        rule->used -= old_size;
        whi_free(block);
        return NULL;
    }
    if (new_size > old_size) {
        return grow(rule, block, old_size, new_size);
    }
    result = whi_realloc(block, new_size);
    rule->used -= old_size - new_size;
    return result == NULL ? block : result; /* Lua relies on shrinking */
}

size_t whi_rule_room(lua_State *L, size_t wanted) {
    whi_rule *rule = whi_rule_of(L);
    size_t used = rule->used + rule->outside;

    if (wanted <= rule->limit && used > rule->limit - wanted) {
        lua_gc(L, LUA_GCCOLLECT, 0); /* during a run nothing else but want of memory sweeps */
        whi_rule_charge(L, WHI_RULE_UNITS);
        used = rule->used + rule->outside;
    }
    return used < rule->limit ? rule->limit - used : 0;
}

void whi_rule_hold(lua_State *L, size_t size) {
    whi_rule *rule = whi_rule_of(L);

    if (whi_rule_room(L, size) < size) {
        stop(rule, WH_ERULE_MEMORY);
        whi_rule_stopped(L);
    }
    rule->outside += size;
    if (rule->used + rule->outside > rule->peak) {
        rule->peak = rule->used + rule->outside;
    }
    whi_rule_charge(L, size / BYTES_PER_UNIT);
}

void whi_rule_limits_begin(whi_rule *rule) {
    rule->stop = rule->stop_line = rule->starved = rule->counted = rule->bad_result = 0;
    rule->units = 0;
    rule->outside = rule->largest = 0;
    rule->start = rule->peak = rule->used;
    rule->wall_start = rule->wall_last = read_clock(CLOCK_MONOTONIC);
    rule->running = 1;
    set_hook(rule);
}

int64_t whi_rule_limits_end(whi_rule *rule) {
    int64_t spent;

    rule->running = 0;
    if (rule->counted) {
        spent = read_clock(CLOCK_THREAD_CPUTIME_ID) - rule->cpu_start;
    } else {
        spent = read_clock(CLOCK_MONOTONIC) - rule->wall_start;
        spent = spent < 2 * LOOK_NS ? spent : 2 * LOOK_NS; /* the rest was waiting */
    }
    return (spent + 999) / 1000;
}
