/* starve SCRIPT - runs each function that the script returns until it gets through, the first
 * time with no memory from Lua's allocator, then with one block, two, …: every place where Lua
 * leaves C by a jump is left once. A function must raise Lua's own error of memory, and in the
 * end return true. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 5000 /* no function of the script needs so many */

static long left = -1; /* blocks that may still be had; -1: any number */

static void *allocate(void *payload, void *block, size_t old_size, size_t size) {
    (void)payload;
    if (size == 0) {
        free(block);
        return NULL;
    }
    if (left >= 0 && (block == NULL || size > old_size) && left-- == 0) {
        left = 0;
        return NULL;
    }
    return realloc(block, size);
}

/* Whether the failed call on top of the stack failed as it should. */
static int is_want_of_memory(lua_State *L) {
    const char *sentence = lua_tostring(L, -1);

    return sentence != NULL && strstr(sentence, "memory") != NULL;
}

static int starve(lua_State *L, lua_Integer which) {
    for (long blocks = 0; blocks < BLOCKS; blocks++) {
        int code;
        lua_rawgeti(L, 1, which);
        left = blocks;
        code = lua_pcall(L, 0, 1, 0);
        left = -1;
        if (code == LUA_OK && lua_toboolean(L, -1)) {
            printf("function %d came through with %ld blocks\n", (int)which, blocks);
            return 0;
        }
        if (code != LUA_OK && !is_want_of_memory(L)) {
            printf("function %d with %ld blocks: %s\n", (int)which, blocks, luaL_tolstring(L, -1, NULL));
            return 1;
        }
        lua_settop(L, 1);
    }
    printf("function %d never came through\n", (int)which);
    return 1;
}

int main(int count, char **words) {
    lua_State *L = lua_newstate(allocate, NULL);
    int failed = 0;

    luaL_openlibs(L);
    if (count != 2 || luaL_dofile(L, words[1]) != LUA_OK) {
        printf("%s\n", count != 2 ? "usage: starve SCRIPT" : lua_tostring(L, -1));
        return 2;
    }
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 1); i++) {
        failed |= starve(L, i);
        lua_settop(L, 1);
    }
    lua_close(L);
    return failed;
}
