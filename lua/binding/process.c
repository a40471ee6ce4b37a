#include "process.h"

#include <lauxlib.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAP 0.05 /* s: a signal that comes before a nap has begun ends the next one at the latest */

static volatile sig_atomic_t at_once, noted;

/* The default action would not do: the first process of a container has none. */
static void note(int number) {
    if (at_once || noted) {
        _exit(128 + number);
    }
    noted = number;
}

int whl_catch_signals(lua_State *L) {
    struct sigaction action;

    at_once = lua_toboolean(L, 1);
    memset(&action, 0, sizeof action);
    action.sa_handler = note;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return 0;
}

/* No longer than asked for: who steps an engine waits for a millisecond at a time. */
int whl_wait_signal(lua_State *L) {
    lua_Number left = luaL_checknumber(L, 1);

    for (; !noted && left > 0; left -= NAP) {
        const struct timespec nap = { 0, (long)((left < NAP ? left : NAP) * 1e9) };
        nanosleep(&nap, NULL);
    }
    lua_pushboolean(L, noted != 0);
    return 1;
}

int whl_monotonic(lua_State *L) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
    return 1;
}
