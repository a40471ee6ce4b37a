/* Tests: test_unified. */
#include "systems/unified_database.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/sink_url.h"
#include "systems/subscription_sink.h"

/* ------------------------------------------------------------------------- reading */

/* Which URLs are of a type; what is not here is not delivered to. */
static const struct {
    const char *type;
    const char *schemes[2];
} types[] = {
    { "postgres", { "postgresql", "postgres" } },
    { "supabase", { "postgresql", "postgres" } },
    { "mysql", { "mysql", "mariadb" } },
    { "mariadb", { "mariadb", "mysql" } },
};

static int check_type(whi_reading *self, const char *scheme) {
    const whi_json *where;
    uint32_t node = whi_reading_value(self, "db_type", &where);

    for (size_t i = 0; node != WHI_JSON_NONE && i < sizeof types / sizeof types[0]; i++) {
        if (whi_json_string_is(where, node, types[i].type, strlen(types[i].type))) {
            return strcmp(scheme, types[i].schemes[0]) == 0 || strcmp(scheme, types[i].schemes[1]) == 0
                       ? WH_OK
                       : whi_fail_field(WH_EINVALID, "db_type", "expected the one of db_url, which begins with \"%s:\"",
                                        scheme);
        }
    }
    return node == WHI_JSON_NONE ? WH_OK
                                 : whi_fail_field(WH_EINVALID, "db_type",
                                                  "expected \"postgres\", \"supabase\", \"mysql\" or \"mariadb\": "
                                                  "nothing is delivered to others yet");
}

static int read_settings(whi_reading *self, whi_database_settings *out) {
    const whi_json *where;
    uint32_t node = whi_reading_value(self, "db_schema", &where);
    int code = node != WHI_JSON_NONE ? whi_subscription_take_name(where, node, "db_schema", out->schema) : WH_OK;

    if (code != WH_OK) {
        return code;
    }
    node = whi_reading_value(self, "db_name_prefix", &where);
    return node != WHI_JSON_NONE ? whi_subscription_take_name(where, node, "db_name_prefix", out->prefix) : WH_OK;
}

/* Of the database that it writes to already, alone or besides. */
static const whi_database_settings *present_settings(const whi_reading *self) {
    const whi_subscription *also = self->asker != NULL ? self->asker->also : NULL;

    return self->subscription == NULL ? NULL : also != NULL ? also->database : self->subscription->database;
}

/* What the vendor's object has no member for stays. */
static int put_settings(whi_reading *self) {
    const whi_database_settings *present = present_settings(self);
    whi_database_settings settings = { 0 };
    int code;

    if (present != NULL) {
        settings = *present;
        settings.schema[0] = settings.prefix[0] = '\0';
    }
    code = read_settings(self, &settings);
    if (code == WH_OK) {
        whi_json_write_name(self->out, "database");
        whi_subscription_put_database(&settings, 1, self->out);
    }
    return code;
}

static int scheme_of(whi_reading *self, const whi_json *where, uint32_t node, char scheme[WHI_SCHEME_SIZE]) {
    const char *text;
    whi_sink_url url = { { 0 }, { 0 }, { 0 }, 0 };
    int code = whi_reading_text(self, where, node, "db_url", &text);

    if (code != WH_OK) {
        return code;
    }
    code = whi_url_kind_of(text, NULL) == WHI_URL_QUEUE
               ? whi_fail_field(WH_EINVALID, "url", "expected a database's URL, \"postgresql://…\" or \"mysql://…\"")
               : whi_sink_url_parse(&url, text);
    memcpy(scheme, url.scheme, WHI_SCHEME_SIZE);
    whi_wipe(&url, sizeof url);
    return code == WH_EINVALID ? whi_fail_renamed(code, "db_url") : code;
}

static int check_hook(whi_reading *self, const whi_json *where, uint32_t node) {
    const char *text;
    whi_url url;
    int code = whi_reading_text(self, where, node, "hook_url", &text);

    code = code == WH_OK ? whi_url_parse(&url, text) : code;
    return code == WH_EINVALID ? whi_fail_renamed(code, "hook_url") : code;
}

static void put_url(whi_reading *self, const whi_json *where, uint32_t node) {
    size_t size;
    const char *text = whi_json_span(where, node, &size);

    whi_json_write_name(self->out, "url");
    whi_buf_add(self->out, text, size);
}

static int is_named(const whi_reading *self, const char *name) {
    return self->subscription == NULL || whi_reading_changed(self, name);
}

static int is_moved(const whi_reading *self) {
    return is_named(self, "db_url") || is_named(self, "hook_url");
}

static int has_also(const whi_reading *self) {
    return self->asker != NULL && self->asker->also != NULL;
}

static void put_null(whi_reading *self, const char *name) {
    whi_json_write_name(self->out, name);
    whi_buf_text(self->out, "null");
}

/* The password is in what was given alone: the present object has its mask. */
static int put_database(whi_reading *self, const whi_json *where, uint32_t node) {
    char scheme[WHI_SCHEME_SIZE];
    int code = scheme_of(self, where, node, scheme);

    code = code == WH_OK ? check_type(self, scheme) : code;
    if (code == WH_OK && is_moved(self)) {
        put_url(self, where, node);
    }
    if (code == WH_OK && has_also(self)) {
        put_null(self, "also");
    }
    return code == WH_OK ? put_settings(self) : code;
}

/* What is told of a database is that of `also` from now on. */
static void leave_database(whi_reading *self) {
    if (self->subscription != NULL && whi_subscription_is_database(self->subscription)) {
        put_null(self, "database");
    }
}

static int put_hook(whi_reading *self, const whi_json *where, uint32_t node) {
    int code = is_named(self, "hook_url") ? check_hook(self, where, node) : WH_OK;

    if (code == WH_OK && is_named(self, "hook_url")) {
        put_url(self, where, node);
    }
    if (code == WH_OK) {
        leave_database(self);
    }
    return code;
}

static int put_hook_alone(whi_reading *self, const whi_json *where, uint32_t node) {
    if (has_also(self)) {
        put_null(self, "also");
    }
    return put_hook(self, where, node);
}

/* Requests to the one, rows in the other. */
static int put_both(whi_reading *self, const whi_json *hooks, uint32_t hook, const whi_json *where, uint32_t node) {
    char scheme[WHI_SCHEME_SIZE];
    int code = scheme_of(self, where, node, scheme);

    code = code == WH_OK ? check_type(self, scheme) : code;
    if (code == WH_OK) {
        whi_json_write_name(self->out, "also");
        whi_buf_text(self->out, "{");
        put_url(self, where, node);
        code = put_settings(self);
        whi_buf_text(self->out, "}");
    }
    return code == WH_OK ? put_hook(self, hooks, hook) : code;
}

/* A webhook that was made with both when databases were not delivered to goes on over HTTP alone, until somebody says
 * something of where it goes. */
int whi_unified_put_destination(whi_reading *self) {
    const whi_json *hooks, *databases;
    uint32_t hook = whi_reading_value(self, "hook_url", &hooks),
             database = whi_reading_value(self, "db_url", &databases);
    int tells =
        is_moved(self) || is_named(self, "db_type") || is_named(self, "db_schema") || is_named(self, "db_name_prefix");

    if (hook == WHI_JSON_NONE && database == WHI_JSON_NONE) {
        return is_moved(self)
                   ? whi_fail_field(WH_EINVALID, "hook_url", "expected a URL, or a database's in db_url, found none")
                   : WH_OK;
    }
    if (hook == WHI_JSON_NONE) {
        return tells ? put_database(self, databases, database) : WH_OK;
    }
    if (database == WHI_JSON_NONE) {
        return is_moved(self) ? put_hook_alone(self, hooks, hook) : WH_OK;
    }
    return is_moved(self) || (tells && has_also(self)) ? put_both(self, hooks, hook, databases, database) : WH_OK;
}

/* ------------------------------------------------------------------------- writing */

void whi_unified_write_hook(whi_writing *self, const whi_wire_field *field) {
    if (!whi_subscription_is_database(self->subscription)) {
        whi_wire_text(self->out, field->name, self->subscription->url);
    }
}

/* In details it stands where it was kept beside a hook_url, with its password. */
static void write_kept(whi_writing *self, const whi_wire_field *field) {
    uint32_t node = whi_wire_member(&self->details, field->name);
    whi_buf scratch;
    whi_sink_url url = { { 0 }, { 0 }, { 0 }, 0 };
    const char *text;
    size_t size;

    if (node == WHI_JSON_NONE || self->details.nodes[node].type != WHI_JSON_STRING) {
        return;
    }
    whi_buf_init(&scratch, WHI_URL_SIZE * 8);
    text = whi_json_string(&self->details, node, &scratch, &size);
    text = text != NULL && size < WHI_URL_SIZE ? whi_strdup(text, size) : NULL;
    if (text != NULL && whi_sink_url_parse(&url, text) == WH_OK) {
        whi_wire_text(self->out, field->name, url.text);
    }
    whi_wipe(&url, sizeof url);
    whi_free_secret((char *)(uintptr_t)text, text != NULL ? size : 0);
    whi_wipe(scratch.data, scratch.capacity);
    whi_buf_free(&scratch);
}

/* Its rows' database: its own, or the one that it is sent to besides; NULL: it makes none. */
static const whi_subscription *writes_rows(const whi_writing *self) {
    const whi_subscription *also = self->facts != NULL ? self->facts->also : NULL;

    if (whi_subscription_is_database(self->subscription)) {
        return self->subscription;
    }
    return also != NULL && whi_subscription_is_database(also) ? also : NULL;
}

void whi_unified_write_database(whi_writing *self, const whi_wire_field *field) {
    const whi_subscription *rows = writes_rows(self);

    if (rows != NULL) {
        whi_wire_text(self->out, field->name, rows->url);
    } else {
        write_kept(self, field);
    }
}

static void write_name(whi_writing *self, const whi_wire_field *field, const char *name) {
    if (writes_rows(self) == NULL) {
        whi_wire_detail(self, field);
    } else if (name != NULL && name[0] != '\0') {
        whi_wire_text(self->out, field->name, name);
    }
}

void whi_unified_write_schema(whi_writing *self, const whi_wire_field *field) {
    const whi_subscription *rows = writes_rows(self);
    const whi_database_settings *database = rows != NULL ? rows->database : NULL;

    write_name(self, field, database != NULL ? database->schema : NULL);
}

void whi_unified_write_prefix(whi_writing *self, const whi_wire_field *field) {
    const whi_subscription *rows = writes_rows(self);
    const whi_database_settings *database = rows != NULL ? rows->database : NULL;

    write_name(self, field, database != NULL ? database->prefix : NULL);
}
