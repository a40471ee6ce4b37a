/* Tests: spec/doctor_spec.lua. */
#include "machine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <lauxlib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "outside/store_sqlite.h"

#define BUSY_MS 500

static int refused(lua_State *L, const char *path) {
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", path, strerror(errno));
    return 2;
}

static void set_number(lua_State *L, const char *name, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

int whl_file_facts(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    struct stat found;

    if (stat(path, &found) != 0) {
        return refused(L, path);
    }
    lua_createtable(L, 0, 2);
    set_number(L, "mode", (lua_Integer)(found.st_mode & 07777));
    set_number(L, "bytes", (lua_Integer)found.st_size);
    return 1;
}

/* -1: it cannot be read. */
static lua_Integer version_in(sqlite3 *db) {
    sqlite3_stmt *asked = NULL;
    int result = sqlite3_prepare_v2(db, "SELECT value FROM webhook_meta WHERE name = 'schema'", -1, &asked, NULL);
    lua_Integer version = result == SQLITE_ERROR ? 0 : -1; /* there is no such table */

    if (result == SQLITE_OK && sqlite3_step(asked) == SQLITE_ROW) {
        version = sqlite3_column_int64(asked, 0);
    }
    sqlite3_finalize(asked);
    return version;
}

/* Whoever opens a store makes its tables, or brings them to this library's version, which older ones refuse. */
int whl_store_version(lua_State *L) {
    sqlite3 *db = NULL;
    lua_Integer version = -1;

    if (sqlite3_open_v2(luaL_checkstring(L, 1), &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, BUSY_MS);
        version = version_in(db);
    }
    sqlite3_close(db);
    if (version < 0) {
        lua_pushnil(L);
    } else {
        lua_pushinteger(L, version);
    }
    lua_pushinteger(L, WHI_SQLITE_VERSION);
    return 2;
}

int whl_disk_facts(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    struct statvfs found;

    if (statvfs(path[0] != '\0' ? path : "/", &found) != 0) {
        return refused(L, path);
    }
    lua_createtable(L, 0, 2);
    set_number(L, "free", (lua_Integer)(found.f_bavail * found.f_frsize));
    set_number(L, "bytes", (lua_Integer)(found.f_blocks * found.f_frsize));
    return 1;
}

int whl_file_limit(lua_State *L) {
    struct rlimit most;
    int is_known = getrlimit(RLIMIT_NOFILE, &most) == 0 && most.rlim_cur != RLIM_INFINITY;

    lua_pushinteger(L, is_known ? (lua_Integer)most.rlim_cur : LUA_MAXINTEGER);
    return 1;
}

static void add_address(lua_State *L, const struct addrinfo *each, lua_Integer place) {
    char text[INET6_ADDRSTRLEN] = "";
    const void *address = each->ai_family == AF_INET
                              ? (const void *)&((const struct sockaddr_in *)(const void *)each->ai_addr)->sin_addr
                              : (const void *)&((const struct sockaddr_in6 *)(const void *)each->ai_addr)->sin6_addr;

    inet_ntop(each->ai_family, address, text, sizeof text);
    lua_pushstring(L, text);
    lua_rawseti(L, -2, place);
}

int whl_resolve(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    int failed = getaddrinfo(name, NULL, &hints, &list);
    lua_Integer count = 0;

    if (failed != 0) {
        lua_pushnil(L);
        lua_pushstring(L, gai_strerror(failed));
        return 2;
    }
    lua_newtable(L);
    for (const struct addrinfo *each = list; each != NULL; each = each->ai_next) {
        if (each->ai_family == AF_INET || each->ai_family == AF_INET6) {
            add_address(L, each, ++count);
        }
    }
    freeaddrinfo(list);
    return 1;
}
