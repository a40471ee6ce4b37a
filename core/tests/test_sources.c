#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <unistd.h>

#include "source_kit.h"
#include "webhook_source.h"

#define STRIPE(token)                                                                                                  \
    "{\"object_type\":\"customer\",\"url\":\"@/"                                                                       \
    "stripe\",\"query\":{\"limit\":\"{limit}\",\"starting_after\":\"{page}\"},"                                        \
    "\"auth\":{\"type\":\"bearer\",\"token\":\"" token "\"},\"items\":\"data\","                                       \
    "\"paging\":{\"by\":\"cursor\",\"last\":\"id\",\"more\":\"has_more\"}}"

static wh_engine *open_on(const char *file, const char *keys) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;

    options.allow = allow;
    options.allow_count = 1;
    options.key_file = keys;
    assert_int_equal(wh_open(&engine, file, &options), WH_OK);
    return engine;
}

static void put(wh_engine *engine, const char *document) {
    assert_int_equal(wh_source_put(engine, source_kit_text(document), WH_ZSTR), WH_OK);
}

/* What a call handed over has these words in it. */
static void check_has(int code, char *text, const char *words) {
    assert_int_equal(code, WH_OK);
    if (strstr(text, words) == NULL) {
        assert_string_equal(text, words);
    }
    wh_free(text);
}

static void check_get(wh_engine *engine, const char *words) {
    char *text = NULL;
    int code = wh_source_get(engine, "customer", &text, NULL);

    check_has(code, text, words);
}

static void check_test(wh_engine *engine, const char *query, const char *words) {
    char *text = NULL;
    int code = wh_source_test(engine, "customer", query, WH_ZSTR, &text, NULL);

    check_has(code, text, words);
}

static void a_source_is_kept_shown_and_deleted(void **state) {
    wh_engine *engine = open_on(":memory:", NULL);
    char *text = NULL;

    (void)state;
    assert_int_equal(wh_source_list(engine, &text, NULL), WH_OK);
    assert_string_equal(text, "{\"items\":[]}");
    wh_free(text);
    put(engine, STRIPE("sk_test_1"));
    put(engine, "{\"object_type\":\"a\",\"url\":\"@/pages?page=1\"}");
    check_get(engine, "{\"object_type\":\"customer\",\"document\":{");
    check_get(engine, "\"token\":\"********\"");
    assert_int_equal(wh_source_list(engine, &text, NULL), WH_OK);
    assert_memory_equal(text, "{\"items\":[{\"object_type\":\"a\",", 29);
    assert_null(strstr(text, "sk_test_1"));
    wh_free(text);
    assert_int_equal(wh_source_delete(engine, "customer"), WH_OK);
    assert_int_equal(wh_source_delete(engine, "customer"), WH_ENOTFOUND);
    assert_int_equal(wh_source_get(engine, "customer", &text, NULL), WH_ENOTFOUND);
    assert_null(text);
    assert_string_equal(wh_last_error_field(), "object_type");
    wh_close(engine);
}

static void a_mask_that_is_written_back_leaves_the_secret(void **state) {
    wh_engine *engine = open_on(":memory:", NULL);

    (void)state;
    assert_int_equal(wh_source_put(engine, source_kit_text(STRIPE("********")), WH_ZSTR), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "auth.token");
    put(engine, STRIPE("sk_test_1"));
    put(engine, STRIPE("********"));
    check_test(engine, NULL, "{\"ok\":true,");
    put(engine, STRIPE("other"));
    check_test(engine, NULL, "{\"ok\":false,\"code\":\"status\",\"error\":\"answered 401\",\"refused\":true,");
    wh_close(engine);
}

static void a_wrong_document_is_refused_with_its_member(void **state) {
    wh_engine *engine = open_on(":memory:", NULL);

    (void)state;
    assert_int_equal(wh_source_put(engine, "{\"object_type\":\"a\"}", WH_ZSTR), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "url");
    assert_int_equal(wh_source_put(engine, "{", WH_ZSTR), WH_EJSON);
    assert_int_equal(wh_source_put(engine, NULL, 0), WH_EINVALID);
    assert_int_equal(wh_source_put(engine, "{\"object_type\":\"a\",\"url\":\"https://a.io/\",\"rule\":\"r\"}", WH_ZSTR),
                     WH_ERULE_ENGINE);
    assert_int_equal(wh_source_put(NULL, "{}", 2), WH_EINVALID);
    wh_close(engine);
}

static void a_test_reads_one_page(void **state) {
    wh_engine *engine = open_on(":memory:", NULL);
    char *text = NULL;

    (void)state;
    put(engine, STRIPE("sk_test_1"));
    check_test(engine, "{\"limit\":2,\"connection\":null}",
               "\"items\":[{\"id\":\"cus_0\",\"object\":\"customer\",\"created\":1764500000},{\"id\":\"cus_1\"");
    check_test(engine, "{\"limit\":2}", "\\\"p\\\":\\\"cus_1\\\"}\",\"state\":null,\"duration_ms\":");
    check_test(engine, "{\"limit\":6,\"page\":\"{\\\"n\\\":1,\\\"t\\\":99999999999999,\\\"p\\\":\\\"cus_5\\\"}\"}",
               "\"items\":[{\"id\":\"cus_6\",\"object\":\"customer\",\"created\":1764500006}],\"next\":null");
    assert_int_equal(wh_source_test(engine, "customer", "{\"limits\":1}", WH_ZSTR, &text, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "query");
    assert_int_equal(wh_source_test(engine, "customer", "{\"limit\":0}", WH_ZSTR, &text, NULL), WH_EINVALID);
    assert_int_equal(wh_source_test(engine, "customer", "{\"changed_since\":5}", WH_ZSTR, &text, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "changed_since");
    assert_int_equal(wh_source_test(engine, "customer", "[]", WH_ZSTR, &text, NULL), WH_EINVALID);
    assert_int_equal(wh_source_test(engine, "none", NULL, 0, &text, NULL), WH_ENOTFOUND);
    wh_close(engine);
}

/* ------------------------------------------------------------------------- at rest */

static char file[64], keys[64];

static int make_places(void **state) {
    (void)state;
    snprintf(file, sizeof file, "/tmp/test_sources_XXXXXX");
    close(mkstemp(file));
    snprintf(keys, sizeof keys, "%.40s.keys", file);
    return 0;
}

static int drop_places(void **state) {
    static const char *const tails[] = { "", "-wal", "-shm", ".keys" };
    char name[80];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%.60s%s", file, tails[i]);
        unlink(name);
    }
    return 0;
}

static void write_keys(const char *text) {
    FILE *stream = fopen(keys, "w");

    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

#define FIRST_KEY "one AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define SECOND_KEY "two ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"

/* What the row of the source begins with, in the file. */
static void check_row(const char *beginning) {
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT CAST(document AS TEXT) FROM webhook_sources", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_memory_equal(sqlite3_column_text(statement, 0), beginning, strlen(beginning));
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void a_document_is_sealed_by_the_first_key(void **state) {
    wh_engine *engine = open_on(file, NULL);
    int64_t count;

    (void)state;
    put(engine, STRIPE("sk_test_1"));
    wh_close(engine);
    check_row("{\"object_type\":");
    write_keys(FIRST_KEY);
    engine = open_on(file, keys);
    assert_int_equal(wh_rotate_key(engine, &count), WH_OK);
    assert_int_equal(count, 1);
    check_row("seal:1:one:");
    check_test(engine, NULL, "{\"ok\":true,");
    put(engine, STRIPE("********"));
    check_row("seal:1:one:");
    wh_close(engine);
    write_keys(SECOND_KEY FIRST_KEY);
    engine = open_on(file, keys);
    assert_int_equal(wh_rotate_key(engine, &count), WH_OK);
    assert_int_equal(count, 1);
    assert_int_equal(wh_rotate_key(engine, &count), WH_OK);
    assert_int_equal(count, 0);
    wh_close(engine);
    check_row("seal:1:two:");
    write_keys(SECOND_KEY);
    engine = open_on(file, keys);
    check_test(engine, NULL, "{\"ok\":true,");
    wh_close(engine);
}

static void what_one_engine_puts_another_sees(void **state) {
    wh_engine *one = open_on(file, NULL), *other = open_on(file, NULL);
    char *text = NULL;

    (void)state;
    put(one, STRIPE("sk_test_1"));
    check_test(other, NULL, "{\"ok\":true,");
    put(other, STRIPE("wrong"));
    check_test(one, NULL, "{\"ok\":false,");
    assert_int_equal(wh_source_delete(one, "customer"), WH_OK);
    assert_int_equal(wh_source_get(other, "customer", &text, NULL), WH_ENOTFOUND);
    wh_close(one);
    wh_close(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_is_kept_shown_and_deleted),
        cmocka_unit_test(a_mask_that_is_written_back_leaves_the_secret),
        cmocka_unit_test(a_wrong_document_is_refused_with_its_member),
        cmocka_unit_test(a_test_reads_one_page),
        cmocka_unit_test_setup_teardown(a_document_is_sealed_by_the_first_key, make_places, drop_places),
        cmocka_unit_test_setup_teardown(what_one_engine_puts_another_sees, make_places, drop_places),
    };
    return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
