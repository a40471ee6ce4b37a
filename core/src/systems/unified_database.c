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

/* What the vendor's object has no member for stays. */
static int put_settings(whi_reading *self) {
    whi_database_settings settings = { 0 };
    int code;

    if (self->subscription != NULL && self->subscription->database != NULL) {
        settings = *self->subscription->database;
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

/* The password is in what was given alone: the present object has its mask. */
static int put_database(whi_reading *self, const whi_json *where, uint32_t node) {
    char scheme[WHI_SCHEME_SIZE];
    int moves = is_named(self, "db_url") || is_named(self, "hook_url");
    int code = scheme_of(self, where, node, scheme);

    code = code == WH_OK ? check_type(self, scheme) : code;
    if (code == WH_OK && moves) {
        put_url(self, where, node);
    }
    return code == WH_OK ? put_settings(self) : code;
}

static int put_hook(whi_reading *self, const whi_json *where, uint32_t node) {
    int code = is_named(self, "hook_url") ? check_hook(self, where, node) : WH_OK;

    if (code == WH_OK && is_named(self, "hook_url")) {
        put_url(self, where, node);
    }
    if (code == WH_OK && self->subscription != NULL && whi_subscription_is_database(self->subscription)) {
        whi_json_write_name(self->out, "database");
        whi_buf_text(self->out, "null");
    }
    return code;
}

/* A webhook that was made with both when databases were not delivered to goes on over HTTP. */
int whi_unified_put_destination(whi_reading *self) {
    const whi_json *hooks, *databases;
    uint32_t hook = whi_reading_value(self, "hook_url", &hooks),
             database = whi_reading_value(self, "db_url", &databases);
    int moves = is_named(self, "hook_url") || is_named(self, "db_url");

    if (moves && hook != WHI_JSON_NONE && database != WHI_JSON_NONE) {
        return whi_fail_field(WH_EINVALID, "db_url",
                              "expected none beside hook_url: for both, make a webhook for each");
    }
    if (moves && hook == WHI_JSON_NONE && database == WHI_JSON_NONE) {
        return whi_fail_field(WH_EINVALID, "hook_url", "expected a URL, or a database's in db_url, found none");
    }
    if (hook != WHI_JSON_NONE) {
        return moves ? put_hook(self, hooks, hook) : WH_OK;
    }
    return moves || is_named(self, "db_type") || is_named(self, "db_schema") || is_named(self, "db_name_prefix")
               ? put_database(self, databases, database)
               : WH_OK;
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

void whi_unified_write_database(whi_writing *self, const whi_wire_field *field) {
    if (whi_subscription_is_database(self->subscription)) {
        whi_wire_text(self->out, field->name, self->subscription->url);
    } else {
        write_kept(self, field);
    }
}

static void write_name(whi_writing *self, const whi_wire_field *field, const char *name) {
    if (!whi_subscription_is_database(self->subscription)) {
        whi_wire_detail(self, field);
    } else if (name != NULL && name[0] != '\0') {
        whi_wire_text(self->out, field->name, name);
    }
}

void whi_unified_write_schema(whi_writing *self, const whi_wire_field *field) {
    const whi_database_settings *database = self->subscription->database;

    write_name(self, field, database != NULL ? database->schema : NULL);
}

void whi_unified_write_prefix(whi_writing *self, const whi_wire_field *field) {
    const whi_database_settings *database = self->subscription->database;

    write_name(self, field, database != NULL ? database->prefix : NULL);
}
