/* Tests: test_database. */
#include "engine/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/looking.h"
#include "pure/sink_url.h"
#include "systems/wire.h"

#define STATEMENT_MS 15000 /* unless the subscription has a time-out of its own */
#define LOCK_MS 5000
#define FOLDERS 64
#define ANY_TYPE "object" /* where patterns alone say what comes */

/* ---------------------------------------------------------------------------- types */

void whi_database_type(const char *event_type, char out[WHI_OBJECT_TYPE_SIZE], int *deleted) {
    size_t split = whi_type_split(event_type), size = split > 0 ? split : strlen(event_type);

    size = size < WHI_OBJECT_TYPE_SIZE ? size : WHI_OBJECT_TYPE_SIZE - 1;
    for (size_t i = 0; i < size; i++) {
        char letter = event_type[i];
        out[i] = whi_ascii_is_letter(letter) || whi_ascii_is_digit(letter) ? letter : '_';
    }
    out[size] = '\0';
    if (deleted != NULL) {
        *deleted = split > 0 && strcmp(event_type + split + 1, "deleted") == 0;
    }
}

/* The first one that it takes and that has a name. */
static void type_of(const whi_subscription *s, char out[WHI_OBJECT_TYPE_SIZE]) {
    for (size_t i = 0; i < s->event_count; i++) {
        if (s->events[i][0] != '*') {
            whi_database_type(s->events[i], out, NULL);
            return;
        }
    }
    snprintf(out, WHI_OBJECT_TYPE_SIZE, ANY_TYPE);
}

/* -------------------------------------------------------------------------- folders */

static int take_folder(char **out, const char *given, size_t index) {
    char *path = given != NULL && given[0] == '/' ? realpath(given, NULL) : NULL;

    if (path == NULL) {
        return whi_fail_item(WH_EINVALID, "files", index, "expected the absolute path of a folder that is there");
    }
    *out = whi_strdup(path, WH_ZSTR);
    free(path);
    return *out != NULL ? WH_OK : whi_fail_memory();
}

int whi_database_folders(char ***out, const char *const *given, size_t count) {
    int code = WH_OK;

    *out = NULL;
    if (count == 0) {
        return WH_OK;
    }
    if (given == NULL || count > FOLDERS) {
        return whi_fail_field(WH_EINVALID, "files", "expected at most %d folders, found %zu", FOLDERS, count);
    }
    *out = whi_calloc(count, sizeof **out);
    code = *out != NULL ? WH_OK : whi_fail_memory();
    for (size_t i = 0; code == WH_OK && i < count; i++) {
        code = take_folder(&(*out)[i], given[i], i);
    }
    return code;
}

void whi_database_folders_free(char **folders, size_t count) {
    for (size_t i = 0; folders != NULL && i < count; i++) {
        whi_free(folders[i]);
    }
    whi_free(folders);
}

static int is_within(const wh_engine *engine, const char *path) {
    for (size_t i = 0; i < engine->options.file_count; i++) {
        const char *folder = engine->options.files[i];
        size_t size = strlen(folder);

        size -= folder[size - 1] == '/'; /* "/" itself */
        if (strncmp(path, folder, size) == 0 && path[size] == '/') {
            return 1;
        }
    }
    return 0;
}

/* Where the file is or will be, whatever links lead there. */
static char *place_of(const char *file) {
    char *path = realpath(file, NULL), *folder;
    const char *name = strrchr(file, '/');
    size_t size;

    if (path != NULL || name[1] == '\0' || strcmp(name, "/.") == 0 || strcmp(name, "/..") == 0) {
        return path;
    }
    folder = whi_strdup(file, (size_t)(name - file) + 1);
    path = folder != NULL ? realpath(folder, NULL) : NULL;
    whi_free(folder);
    if (path == NULL) {
        return NULL;
    }
    size = strlen(path) + strlen(name) + 1;
    folder = malloc(size);
    if (folder != NULL) {
        snprintf(folder, size, "%s%s", strcmp(path, "/") == 0 ? "" : path, name);
    }
    free(path);
    return folder;
}

/* One sentence for all of it: whoever may subscribe is not to look around in our folders. */
static int check_file(const wh_engine *engine, const char *file) {
    char *path = place_of(file);
    int within = path != NULL && is_within(engine, path);

    free(path);
    return within
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "url", "files are written in the folders alone that the option files has");
}

/* ---------------------------------------------------------------------------- opening */

static int check_built(const wh_engine *engine, const whi_subscription *s) {
    char scheme[WHI_SCHEME_SIZE];
    const char *file = whi_sink_url_file(s->url);

    whi_url_kind_of(s->url, scheme);
    if (engine->destinations->has(scheme) != 1) {
        return whi_fail_field(WH_EINVALID, "url", "%s is not built into this library", scheme);
    }
    return file != NULL ? check_file(engine, file) : WH_OK;
}

static const char *named(const char *text) {
    return text[0] != '\0' ? text : NULL;
}

static int open_within(wh_engine *engine, const whi_subscription *s, int64_t statement, whi_destination **out) {
    static const whi_database_settings normal = { 0 };
    const whi_database_settings *database = s->database != NULL ? s->database : &normal;
    char url[WHI_URL_SIZE + WHI_PASSWORD_SIZE];
    whi_destination_options options = { .url = url,
                                        .schema = named(database->schema),
                                        .prefix = named(database->prefix),
                                        .create = database->create,
                                        .removes = database->removes,
                                        .times = database->times,
                                        .allow_files = 1, /* check_built has looked where it is */
                                        .connect_timeout = engine->options.connect_timeout,
                                        .statement_timeout = statement,
                                        .check_timeout = WHI_LOOK_MS,
                                        .lock_timeout = statement < LOCK_MS ? statement : LOCK_MS,
                                        .policy = engine->policy,
                                        .ca_file = engine->options.ca_file };
    int code = check_built(engine, s);

    *out = NULL;
    code = code == WH_OK ? whi_sink_url_join(s->url, s->password, url) : code;
    if (code == WH_OK) {
        code = engine->destinations->open(out, &options);
        whi_wipe(url, sizeof url);
    }
    return code;
}

int whi_database_open(wh_engine *engine, const whi_subscription *s, whi_destination **out) {
    return open_within(engine, s, s->timeout != 0 ? s->timeout : STATEMENT_MS, out);
}

static void cut(wh_engine *engine, void *destination) {
    engine->destinations->cut(destination);
}

int whi_database_look(wh_engine *engine, const whi_subscription *s, struct whi_looking *looking,
                      whi_object_result *result) {
    char type[WHI_OBJECT_TYPE_SIZE];
    whi_destination *destination;
    int code = s->unchecked ? check_built(engine, s) : open_within(engine, s, WHI_LOOK_MS, &destination);

    if (code != WH_OK || s->unchecked) {
        return code;
    }
    type_of(s, type);
    whi_looking_show(engine, looking, destination, cut);
    engine->destinations->check(destination, type, result);
    whi_looking_show(engine, looking, NULL, NULL);
    engine->destinations->close(destination);
    return WH_OK;
}
