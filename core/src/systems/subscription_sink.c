/* Tests: test_subscription_sink. */
#include "systems/subscription_sink.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/sink_url.h"

/* As enum whi_destination_create has them. */
static const char *const create_names[] = { "full", "add", "never" };
#define CREATES (sizeof create_names / sizeof create_names[0])

/* ----------------------------------------------------------------------------- url */

static int keep_text(char **place, const char *text) {
    char *copy = whi_strdup(text, WH_ZSTR);

    if (copy == NULL) {
        return whi_fail_memory();
    }
    whi_free(*place);
    *place = copy;
    return WH_OK;
}

static void drop_password(whi_subscription *s) {
    whi_free_secret(s->password, s->password != NULL ? strlen(s->password) : 0);
    s->password = NULL;
}

static int take_http(whi_subscription *s, const char *text) {
    whi_url url;
    int code = whi_url_parse(&url, text);

    if (code != WH_OK) {
        return strcmp(wh_last_error_field(), "url") == 0 ? code : whi_fail_within_field(code, "url");
    }
    code = keep_text(&s->url, url.text);
    if (code == WH_OK) {
        drop_password(s);
    }
    return code;
}

static int is_as_it_was(const whi_subscription *s, const whi_sink_url *url) {
    return s->password != NULL && s->url != NULL && strcmp(s->url, url->text) == 0;
}

static int give_password(const whi_subscription *from, whi_subscription *to) {
    char *password = whi_strdup(from->password, WH_ZSTR);
    int code = password != NULL ? keep_text(&to->url, from->url) : whi_fail_memory();

    if (code != WH_OK) {
        whi_free_secret(password, password != NULL ? strlen(password) : 0);
        return code;
    }
    drop_password(to);
    to->password = password;
    return WH_OK;
}

/* What goes to both places may go to one of them from now on, and the other way round. */
static int take_masked(whi_subscription *s, const whi_subscription *other, const whi_sink_url *url) {
    if (is_as_it_was(s, url)) {
        return WH_OK;
    }
    return other != NULL && is_as_it_was(other, url)
               ? give_password(other, s)
               : whi_fail_field(WH_EINVALID, "url",
                                "expected the password: it is kept for the URL alone that it was given with");
}

static int keep_apart(whi_subscription *s, const whi_sink_url *url) {
    char *password = url->password[0] != '\0' ? whi_strdup(url->password, WH_ZSTR) : NULL;
    int code = url->password[0] != '\0' && password == NULL ? whi_fail_memory() : WH_OK;

    code = code == WH_OK ? keep_text(&s->url, url->text) : code;
    if (code != WH_OK) {
        whi_free_secret(password, password != NULL ? strlen(password) : 0);
        return code;
    }
    drop_password(s);
    s->password = password;
    return WH_OK;
}

static int take_server_url(whi_subscription *s, const whi_subscription *other, const char *text, int stored) {
    whi_sink_url url;
    int code = whi_sink_url_parse(&url, text);

    if (code == WH_OK && url.is_masked && !stored) {
        code = take_masked(s, other, &url);
    } else if (code == WH_OK) {
        code = keep_apart(s, &url);
        s->is_password_said = !stored;
    }
    whi_wipe(&url, sizeof url);
    return code;
}

int whi_subscription_take_url(whi_subscription *s, const char *text, int stored) {
    char scheme[WHI_SCHEME_SIZE];

    if (strcmp(text, WHI_FETCHED_URL) == 0) {
        drop_password(s);
        return keep_text(&s->url, text);
    }
    switch (whi_url_kind_of(text, scheme)) {
    case WHI_URL_DATABASE:
    case WHI_URL_QUEUE:
        return take_server_url(s, s->also, text, stored);
    case WHI_URL_ABSENT:
        return whi_fail_field(WH_EINVALID, "url", "%s is known here, but nothing is delivered to it yet", scheme);
    default:
        return take_http(s, text);
    }
}

/* ------------------------------------------------------------------------ database */

/* Names go into SQL, where each database has its own idea of quoting: letters that need none. */
int whi_subscription_take_name(const whi_json *json, uint32_t node, const char *field, char out[WHI_DATABASE_NAME]) {
    size_t size = 0;
    const char *text = json->nodes[node].type == WHI_JSON_STRING ? whi_json_span(json, node, &size) : NULL;

    out[0] = '\0';
    if (json->nodes[node].type == WHI_JSON_NULL) {
        return WH_OK;
    }
    for (size_t i = 1; text != NULL && i + 1 < size; i++) {
        if (!whi_ascii_is_letter(text[i]) && !whi_ascii_is_digit(text[i]) && text[i] != '_') {
            text = NULL;
        }
    }
    if (text == NULL || size - 2 >= WHI_DATABASE_NAME) {
        return whi_fail_field(WH_EINVALID, field, "expected at most %d of A-Z a-z 0-9 _", WHI_DATABASE_NAME - 1);
    }
    memcpy(out, text + 1, size - 2);
    out[size - 2] = '\0';
    return WH_OK;
}

static int read_flag(const whi_json *json, uint32_t node, const char *field, int normal, int *out) {
    int type = (int)json->nodes[node].type;

    *out = type == WHI_JSON_NULL ? normal : type == WHI_JSON_TRUE;
    return type <= WHI_JSON_TRUE ? WH_OK : whi_fail_field(WH_EINVALID, field, "expected true or false");
}

static int read_create(const whi_json *json, uint32_t node, int *out) {
    *out = 0;
    if (json->nodes[node].type == WHI_JSON_NULL) {
        return WH_OK;
    }
    for (size_t i = 0; i < CREATES; i++) {
        if (whi_json_string_is(json, node, create_names[i], strlen(create_names[i]))) {
            *out = (int)i;
            return WH_OK;
        }
    }
    return whi_fail_field(WH_EINVALID, "database.create", "expected \"full\", \"add\" or \"never\"");
}

static int is_named(const whi_json *json, uint32_t at, const char *name) {
    return whi_json_string_is(json, at, name, strlen(name));
}

static int read_member(const whi_json *json, uint32_t at, whi_database_settings *out, int *checks) {
    if (is_named(json, at, "schema")) {
        return whi_subscription_take_name(json, at + 1, "database.schema", out->schema);
    }
    if (is_named(json, at, "prefix")) {
        return whi_subscription_take_name(json, at + 1, "database.prefix", out->prefix);
    }
    if (is_named(json, at, "create")) {
        return read_create(json, at + 1, &out->create);
    }
    if (is_named(json, at, "removes")) {
        return read_flag(json, at + 1, "database.removes", 0, &out->removes);
    }
    if (is_named(json, at, "times")) {
        return read_flag(json, at + 1, "database.times", 0, &out->times);
    }
    if (is_named(json, at, "check")) {
        return read_flag(json, at + 1, "database.check", 1, checks);
    }
    return whi_fail_field(WH_EINVALID, "database",
                          "expected schema, prefix, create, removes, times and check, found another");
}

static int is_default(const whi_database_settings *database) {
    static const whi_database_settings normal = { 0 };

    return database->schema[0] == '\0' && database->prefix[0] == '\0' && database->create == normal.create &&
           database->removes == normal.removes && database->times == normal.times;
}

static int keep_settings(whi_subscription *s, const whi_database_settings *database) {
    whi_database_settings *copy = is_default(database) ? NULL : whi_alloc(sizeof *copy);

    if (copy == NULL && !is_default(database)) {
        return whi_fail_memory();
    }
    if (copy != NULL) {
        *copy = *database;
    }
    whi_free(s->database);
    s->database = copy;
    return WH_OK;
}

int whi_subscription_take_database(whi_subscription *s, const whi_json *json, uint32_t node) {
    whi_database_settings database = { 0 };
    int checks = 1, code = WH_OK;

    if (json->nodes[node].type != WHI_JSON_NULL && json->nodes[node].type != WHI_JSON_OBJECT) {
        return whi_fail_field(WH_EINVALID, "database", "expected an object");
    }
    for (uint32_t at = whi_json_first(json, node); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, node, at)) {
        code = read_member(json, at, &database, &checks);
    }
    s->unchecked = !checks;
    return code == WH_OK ? keep_settings(s, &database) : code;
}

/* ---------------------------------------------------------------------------- also */

static int take_also_url(whi_subscription *s, const whi_json *json, uint32_t node) {
    whi_buf scratch;
    size_t size = 0;
    const char *text = NULL;
    char *copy;
    int code = WH_OK;

    whi_buf_init(&scratch, SIZE_MAX / 4);
    whi_buf_reserve(&scratch, json->nodes[node].end - json->nodes[node].start + 1); /* growing would leave a password */
    if (json->nodes[node].type == WHI_JSON_STRING) {
        text = whi_json_string(json, node, &scratch, &size);
        code = text != NULL ? WH_OK : whi_fail_memory();
    }
    copy = text != NULL ? whi_strdup(text, size) : NULL;
    if (code == WH_OK && text != NULL && copy == NULL) {
        code = whi_fail_memory();
    } else if (code == WH_OK && (copy == NULL || strlen(copy) != size || whi_url_kind_of(copy, NULL) == WHI_URL_HTTP)) {
        code = whi_fail_field(WH_EINVALID, "url", "expected that of a database or a queue");
    } else if (code == WH_OK) {
        code = take_server_url(s->also, s, copy, 0);
    }
    whi_free_secret(copy, copy != NULL ? strlen(copy) : 0);
    whi_wipe(scratch.data, scratch.capacity);
    whi_buf_free(&scratch);
    return code;
}

static int take_also_members(whi_subscription *s, const whi_json *json, uint32_t node) {
    uint32_t url = whi_json_member(json, node, "url", 3), database = whi_json_member(json, node, "database", 8);
    int code = url != WHI_JSON_NONE ? take_also_url(s, json, url)
                                    : whi_fail_field(WH_EINVALID, "url", "expected one, found none");

    if (code != WH_OK) {
        return code;
    }
    if (database != WHI_JSON_NONE) {
        code = whi_subscription_take_database(s->also, json, database);
    } else {
        whi_free(s->also->database);
        s->also->database = NULL;
    }
    return code == WH_OK && s->also->database != NULL && !whi_subscription_is_database(s->also)
               ? whi_fail_field(WH_EINVALID, "database", "expected none, since the url is no database's")
               : code;
}

static int check_also_names(const whi_json *json, uint32_t node) {
    static const char *const names[] = { "url",        "database",        "id",
                                         "disabled",   "health",          "failing_since",
                                         "last_error", "last_success_at", "last_failure_at",
                                         "waiting",    "probe_at",        "oldest_waiting_at" };
    size_t i;

    for (uint32_t at = whi_json_first(json, node); at != WHI_JSON_NONE; at = whi_json_next_name(json, node, at)) {
        for (i = 0; i < sizeof names / sizeof names[0] && !is_named(json, at, names[i]); i++) {}
        if (i == sizeof names / sizeof names[0]) {
            return whi_fail_field(WH_EINVALID, "also", "expected url and database, found another");
        }
    }
    return WH_OK;
}

int whi_subscription_take_also(whi_subscription *s, const whi_json *json, uint32_t node) {
    char place[64];
    int code;

    if (json->nodes[node].type == WHI_JSON_NULL) {
        whi_subscription_free(s->also);
        s->also = NULL;
        return WH_OK;
    }
    if (json->nodes[node].type != WHI_JSON_OBJECT) {
        return whi_fail_field(WH_EINVALID, "also", "expected an object");
    }
    code = check_also_names(json, node);
    if (code == WH_OK && s->also == NULL && s->twin != 0) { /* its twin was not read, since it is only looked at */
        return WH_OK;
    }
    if (code == WH_OK && s->also == NULL) {
        s->also = whi_calloc(1, sizeof *s->also);
        code = s->also != NULL ? WH_OK : whi_fail_memory();
    }
    if (code != WH_OK) {
        return code;
    }
    code = take_also_members(s, json, node);
    snprintf(place, sizeof place, "also.%s", wh_last_error_field());
    return code == WH_EINVALID ? whi_fail_renamed(code, place) : code;
}

/* --------------------------------------------------------------------- credentials */

int whi_subscription_take_credentials(whi_subscription *s, const whi_json *json, uint32_t node) {
    uint32_t item = json->nodes[node].type == WHI_JSON_ARRAY ? whi_json_item(json, node, 0) : WHI_JSON_NONE;
    whi_buf scratch;
    size_t size = 0;
    const char *text;

    if (item == WHI_JSON_NONE || json->nodes[item].type != WHI_JSON_STRING) {
        return whi_fail_field(WH_EINVALID, "credentials", "expected a list of a text");
    }
    whi_buf_init(&scratch, WHI_PASSWORD_SIZE);
    whi_buf_reserve(&scratch, WHI_PASSWORD_SIZE); /* growing would leave it in freed memory */
    text = whi_json_string(json, item, &scratch, &size);
    drop_password(s);
    s->password = text != NULL && size < WHI_PASSWORD_SIZE ? whi_strdup(text, size) : NULL;
    whi_wipe(scratch.data, scratch.capacity);
    whi_buf_free(&scratch);
    if (size >= WHI_PASSWORD_SIZE) {
        return whi_fail_size("credentials", size, WHI_PASSWORD_SIZE - 1);
    }
    return s->password != NULL ? WH_OK : whi_fail_memory();
}

/* ------------------------------------------------------------------------- writing */

static void put_name(const char *name, const char *text, int brief, whi_buf *out) {
    if (text[0] != '\0' || !brief) {
        whi_json_write_name(out, name);
        if (text[0] != '\0') {
            whi_json_write_string(out, text, strlen(text));
        } else {
            whi_buf_text(out, "null");
        }
    }
}

static void put_flag(const char *name, int flag, int brief, whi_buf *out) {
    if (flag || !brief) {
        whi_json_write_name(out, name);
        whi_buf_text(out, flag ? "true" : "false");
    }
}

void whi_subscription_put_database(const whi_database_settings *database, int brief, whi_buf *out) {
    whi_buf_char(out, '{');
    put_name("schema", database->schema, brief, out);
    put_name("prefix", database->prefix, brief, out);
    if (database->create != 0 || !brief) {
        put_name("create", create_names[database->create], brief, out);
    }
    put_flag("removes", database->removes, brief, out);
    put_flag("times", database->times, brief, out);
    whi_buf_char(out, '}');
}
