/* What must hold for a destination in every database. A test of one database says where it is, and how to ask it
 * by another way than ours; SQL here is what all of them understand, with names in double quotes. */
#ifndef DESTINATION_KIT_H
#define DESTINATION_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "outside/destination.h"

#define KIT_UNUSED __attribute__((unused))

static char kit_url[512];
static const char *kit_schema;
static whi_policy *kit_policy;
static int kit_keeps_zero, kit_big_decimals;

/* The first value that a statement gives: "(null)", "(none)" without a row. The caller's to free. */
static char *ask(const char *sql);

/* A statement by the same way. */
static void run_sql(const char *sql);

KIT_UNUSED static whi_destination_options usual_options(void) {
    whi_destination_options options = { 0 };

    options.url = kit_url;
    options.schema = kit_schema;
    options.policy = kit_policy;
    options.allow_files = 1;
    options.connect_timeout = options.statement_timeout = options.lock_timeout = 20000;
    return options;
}

KIT_UNUSED static whi_destination *open_with(const whi_destination_options *options) {
    whi_destination *destination;

    if (whi_destination_open(&destination, options) != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
    return destination;
}

KIT_UNUSED static whi_destination *open_usual(void) {
    whi_destination_options options = usual_options();

    return open_with(&options);
}

KIT_UNUSED static whi_object object_of(const char *type, const char *bytes, int64_t version) {
    whi_object object = { "c1", type, bytes, strlen(bytes), version, 1700000000123, 0 };

    return object;
}

KIT_UNUSED static void check_outcome(const whi_object_result *result, int outcome) {
    if (result->outcome != outcome) {
        fail_msg("outcome %d, expected %d: [%s] %s", result->outcome, outcome, result->state, result->sentence);
    }
    if ((result->sentence[0] == '\0') != (outcome == WHI_OBJECT_WRITTEN)) {
        fail_msg("outcome %d with the sentence '%s'", outcome, result->sentence);
    }
}

KIT_UNUSED static void write_one(whi_destination *destination, whi_object object, int outcome) {
    whi_object_result result;

    assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
    check_outcome(&result, outcome);
}

KIT_UNUSED static void put(whi_destination *destination, const char *type, const char *bytes, int64_t version) {
    write_one(destination, object_of(type, bytes, version), WHI_OBJECT_WRITTEN);
}

KIT_UNUSED static void check_value(const char *sql, const char *expected) {
    char *found = ask(sql);

    if (strcmp(found, expected) != 0) {
        fail_msg("%s\n gives '%.500s', expected '%.500s'", sql, found, expected);
    }
    free(found);
}

/* ------------------------------------------------------------------ the tests */

static void an_object_becomes_a_row(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "row", "{\"id\":\"a\",\"name\":\"Ann\",\"is_on\":true,\"size\":12,\"none\":null,\"list\":[1, 2]}",
        7);
    check_value("SELECT \"name\" FROM \"row\" WHERE \"_connection_id\" = 'c1' AND \"id\" = 'a'", "Ann");
    check_value("SELECT \"is_on\" FROM \"row\" WHERE \"is_on\"", "1");
    check_value("SELECT \"size\" + 1 FROM \"row\"", "13");
    check_value("SELECT \"list\" FROM \"row\"", "[1, 2]");
    check_value("SELECT \"_version\" FROM \"row\"", "7");
    check_value("SELECT \"_deleted_at\" FROM \"row\"", "(null)");
    check_value("SELECT \"_raw\" FROM \"row\"",
                "{\"id\":\"a\",\"name\":\"Ann\",\"is_on\":true,\"size\":12,\"none\":null,\"list\":[1, 2]}");
    whi_destination_close(destination);
}

static void the_table_has_the_prefix(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;

    (void)state;
    options.prefix = "pre_";
    destination = open_with(&options);
    put(destination, "contact", "{\"id\":1,\"a\":\"b\"}", 1);
    check_value("SELECT \"a\" FROM \"pre_contact\" WHERE \"id\" = '1'", "b");
    whi_destination_close(destination);
}

static void a_newer_version_replaces_all_fields(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "newer", "{\"id\":\"a\",\"x\":\"1\",\"y\":\"2\"}", 1);
    put(destination, "newer", "{\"id\":\"a\",\"x\":\"3\"}", 2);
    check_value("SELECT \"x\" FROM \"newer\"", "3");
    check_value("SELECT \"y\" FROM \"newer\"", "(null)");
    check_value("SELECT count(*) FROM \"newer\"", "1");
    whi_destination_close(destination);
}

static void an_older_version_changes_nothing(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "older", "{\"id\":\"a\",\"x\":\"new\"}", 5);
    put(destination, "older", "{\"id\":\"a\",\"x\":\"old\"}", 4);
    put(destination, "older", "{\"id\":\"a\",\"x\":\"again\"}", 5);
    check_value("SELECT \"x\" FROM \"older\"", "new");
    check_value("SELECT \"_version\" FROM \"older\"", "5");
    whi_destination_close(destination);
}

static void connections_and_ids_are_told_apart_exactly(void **state) {
    static const char *const ids[] = { "a", "A", "a ", " a", "\xc3\xa4", "\xc3\x84" };
    whi_destination *destination = open_usual();
    char bytes[64];

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        whi_object object;

        snprintf(bytes, sizeof bytes, "{\"id\":\"%s\"}", ids[i]);
        put(destination, "apart", bytes, 1);
        object = object_of("apart", bytes, 1);
        object.connection = "C1";
        write_one(destination, object, WHI_OBJECT_WRITTEN);
    }
    check_value("SELECT count(*) FROM \"apart\"", "12");
    whi_destination_close(destination);
}

static void of_one_key_in_a_batch_the_last_version_wins(void **state) {
    whi_destination *destination = open_usual();
    whi_object objects[] = { object_of("twice", "{\"id\":\"a\",\"x\":\"2\"}", 2),
                             object_of("twice", "{\"id\":\"a\",\"x\":\"3\"}", 3),
                             object_of("twice", "{\"id\":\"a\",\"x\":\"1\"}", 1),
                             object_of("twice", "{\"id\":\"b\",\"x\":\"first\"}", 1),
                             object_of("twice", "{\"id\":\"b\",\"x\":\"second\"}", 1) };
    whi_object_result results[5];

    (void)state;
    assert_int_equal(whi_destination_write(destination, objects, 5, results), WH_OK);
    for (size_t i = 0; i < 5; i++) {
        check_outcome(&results[i], WHI_OBJECT_WRITTEN);
    }
    check_value("SELECT \"x\" FROM \"twice\" WHERE \"id\" = 'a'", "3");
    check_value("SELECT \"x\" FROM \"twice\" WHERE \"id\" = 'b'", "second");
    whi_destination_close(destination);
}

static whi_object deleted_of(const char *type, const char *bytes, int64_t version) {
    whi_object object = object_of(type, bytes, version);

    object.deleted = 1;
    return object;
}

static void a_deletion_stays_until_something_newer_comes(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "gone", "{\"id\":\"a\",\"x\":\"1\"}", 1);
    write_one(destination, deleted_of("gone", "{\"id\":\"a\"}", 3), WHI_OBJECT_WRITTEN);
    put(destination, "gone", "{\"id\":\"a\",\"x\":\"2\"}", 2);
    check_value("SELECT count(*) FROM \"gone\" WHERE \"_deleted_at\" IS NOT NULL AND \"_version\" = 3", "1");
    check_value("SELECT \"x\" FROM \"gone\"", "1"); /* the last that was known of it */
    put(destination, "gone", "{\"id\":\"a\",\"x\":\"4\"}", 4);
    check_value("SELECT count(*) FROM \"gone\" WHERE \"_deleted_at\" IS NULL AND \"x\" = '4'", "1");
    write_one(destination, deleted_of("gone", "{\"id\":\"never seen\"}", 1), WHI_OBJECT_WRITTEN);
    check_value("SELECT count(*) FROM \"gone\" WHERE \"_deleted_at\" IS NOT NULL", "1");
    whi_destination_close(destination);
}

static void rows_of_deleted_objects_go_where_that_is_wanted(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;

    (void)state;
    options.removes = 1;
    destination = open_with(&options);
    put(destination, "removed", "{\"id\":\"a\"}", 5);
    put(destination, "removed", "{\"id\":\"b\"}", 5);
    write_one(destination, deleted_of("removed", "{\"id\":\"a\"}", 6), WHI_OBJECT_WRITTEN);
    write_one(destination, deleted_of("removed", "{\"id\":\"b\"}", 4), WHI_OBJECT_WRITTEN);
    check_value("SELECT \"id\" FROM \"removed\"", "b");
    whi_destination_close(destination);
}

static whi_destination *open_removing(void) {
    whi_destination_options options = usual_options();

    options.removes = 1;
    return open_with(&options);
}

/* What comes late is older than the removal, in the same batch or a later one, by this writer or another one. */
static void what_was_removed_is_not_made_again_by_what_is_older(void **state) {
    whi_destination *destination = open_removing(), *other = open_removing();
    whi_object mixed[] = { object_of("late", "{\"id\":\"b\"}", 3), deleted_of("late", "{\"id\":\"a \"}", 9),
                           object_of("late", "{\"id\":\"a\"}", 5), object_of("late", "{\"id\":\"A\"}", 1) };
    whi_object_result results[4];

    (void)state;
    put(other, "late", "{\"id\":\"b\"}", 1);
    put(destination, "late", "{\"id\":\"a\"}", 4);
    write_one(destination, deleted_of("late", "{\"id\":\"a\"}", 6), WHI_OBJECT_WRITTEN);
    put(destination, "late", "{\"id\":\"a\"}", 4);
    put(other, "late", "{\"id\":\"a\"}", 5);
    assert_int_equal(whi_destination_write(other, mixed, 4, results), WH_OK);
    for (size_t i = 0; i < 4; i++) {
        check_outcome(&results[i], WHI_OBJECT_WRITTEN);
    }
    check_value("SELECT count(*) FROM \"late\"", "2");
    check_value("SELECT count(*) FROM \"late\" WHERE \"id\" = 'A' OR \"_version\" = 3", "2");
    put(other, "late", "{\"id\":\"a\"}", 7);
    check_value("SELECT \"_version\" FROM \"late\" WHERE \"id\" = 'a' AND \"_version\" > 3", "7");
    whi_destination_close(destination);
    whi_destination_close(other);
}

static void a_removal_that_comes_before_its_object_counts(void **state) {
    whi_destination *destination = open_removing();

    (void)state;
    write_one(destination, deleted_of("early", "{\"id\":\"a\"}", 6), WHI_OBJECT_WRITTEN);
    write_one(destination, deleted_of("early", "{\"id\":\"a\"}", 3), WHI_OBJECT_WRITTEN);
    put(destination, "early", "{\"id\":\"a\"}", 5);
    check_value("SELECT count(*) FROM \"early\"", "0");
    check_value("SELECT \"_version\" FROM \"_removed_early\"", "6");
    check_value("SELECT count(*) FROM \"_removed_early\" WHERE \"_synced_at\" IS NOT NULL", "1");
    whi_destination_close(destination);
}

static void the_memory_of_removals_is_made_again_where_it_was_dropped(void **state) {
    whi_destination *destination = open_removing();

    (void)state;
    put(destination, "forgot", "{\"id\":\"a\"}", 1);
    run_sql("DROP TABLE \"_removed_forgot\"");
    write_one(destination, deleted_of("forgot", "{\"id\":\"a\"}", 2), WHI_OBJECT_WRITTEN);
    check_value("SELECT \"id\" FROM \"_removed_forgot\"", "a");
    run_sql("DROP TABLE \"_removed_forgot\"");
    put(destination, "forgot", "{\"id\":\"b\"}", 3);
    check_value("SELECT count(*) FROM \"_removed_forgot\"", "0");
    whi_destination_close(destination);
}

static void who_removes_and_makes_no_tables_has_to_make_their_memory(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;
    whi_object_result result;

    (void)state;
    run_sql("CREATE TABLE \"own\" (\"_connection_id\" VARCHAR(50) NOT NULL, \"id\" VARCHAR(50) NOT NULL, \"_version\" "
            "BIGINT NOT NULL, PRIMARY KEY (\"_connection_id\", \"id\"))");
    options.removes = 1;
    options.create = WHI_CREATE_NEVER;
    destination = open_with(&options);
    write_one(destination, object_of("own", "{\"id\":\"a\"}", 1), WHI_OBJECT_OWNER);
    whi_destination_check(destination, "own", &result);
    check_outcome(&result, WHI_OBJECT_OWNER);
    assert_non_null(strstr(result.sentence, "_removed_own"));
    run_sql("CREATE TABLE \"_removed_own\" (\"_connection_id\" VARCHAR(50) NOT NULL, \"id\" VARCHAR(50) NOT NULL, "
            "\"_version\" BIGINT NOT NULL, PRIMARY KEY (\"_connection_id\", \"id\"))");
    whi_destination_check(destination, "own", &result);
    check_outcome(&result, WHI_OBJECT_WRITTEN);
    write_one(destination, deleted_of("own", "{\"id\":\"a\"}", 2), WHI_OBJECT_WRITTEN);
    put(destination, "own", "{\"id\":\"a\"}", 1);
    check_value("SELECT count(*) FROM \"own\"", "0");
    whi_destination_close(destination);
}

static void a_field_of_another_type_goes_beside(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "mixed", "{\"id\":\"a\",\"x\":1}", 1);
    put(destination, "mixed", "{\"id\":\"b\",\"x\":\"one\"}", 1);
    put(destination, "mixed", "{\"id\":\"c\",\"x\":true}", 1);
    put(destination, "mixed", "{\"id\":\"d\",\"x\":{\"a\":1}}", 1);
    put(destination, "mixed", "{\"id\":\"a\",\"x\":\"now a text\"}", 2);
    check_value("SELECT \"x\" FROM \"mixed\" WHERE \"id\" = 'a'", "(null)");
    check_value("SELECT \"x_text\" FROM \"mixed\" WHERE \"id\" = 'a'", "now a text");
    check_value("SELECT \"x_text\" FROM \"mixed\" WHERE \"id\" = 'b'", "one");
    check_value("SELECT \"x_boolean\" FROM \"mixed\" WHERE \"id\" = 'c'", "1");
    check_value("SELECT \"x_json\" FROM \"mixed\" WHERE \"id\" = 'd'", "{\"a\":1}");
    whi_destination_close(destination);
}

static void all_types_of_a_new_field_may_come_in_one_batch(void **state) {
    whi_destination *destination = open_usual();
    whi_object objects[] = { object_of("fresh", "{\"id\":\"a\",\"x\":1}", 1),
                             object_of("fresh", "{\"id\":\"b\",\"x\":1.5}", 1),
                             object_of("fresh", "{\"id\":\"c\",\"x\":\"t\"}", 1),
                             object_of("fresh", "{\"id\":\"d\",\"x\":[]}", 1) };
    whi_object_result results[4];

    (void)state;
    assert_int_equal(whi_destination_write(destination, objects, 4, results), WH_OK);
    for (size_t i = 0; i < 4; i++) {
        check_outcome(&results[i], WHI_OBJECT_WRITTEN);
    }
    check_value("SELECT count(\"x\") FROM \"fresh\" WHERE \"x\" IS NOT NULL", "2");
    check_value("SELECT \"x_text\" FROM \"fresh\" WHERE \"id\" = 'c'", "t");
    check_value("SELECT \"x_json\" FROM \"fresh\" WHERE \"id\" = 'd'", "[]");
    whi_destination_close(destination);
}

static void numbers_keep_all_digits(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "digits",
        "{\"id\":\"a\",\"i\":9007199254740993,\"least\":-9223372036854775808,\"price\":1.10,"
        "\"big\":9223372036854775808123,\"tiny\":0.000000000000000000000000000001}",
        1);
    check_value("SELECT \"i\" FROM \"digits\"", "9007199254740993");
    check_value("SELECT \"least\" FROM \"digits\"", "-9223372036854775808");
    check_value("SELECT count(*) FROM \"digits\" WHERE CAST(\"price\" AS CHAR(4)) = '1.10'", "1");
    check_value("SELECT count(*) FROM \"digits\" WHERE CAST(\"big\" AS CHAR(22)) = '9223372036854775808123'", "1");
    check_value("SELECT count(*) FROM \"digits\" WHERE CAST(\"tiny\" AS CHAR(32)) = '0.000000000000000000000000000001'",
                "1");
    put(destination, "digits", "{\"id\":\"b\",\"huge\":1e400000}", 1);
    check_value(kit_big_decimals ? "SELECT \"huge\" FROM \"digits\" WHERE \"id\" = 'b'"
                                 : "SELECT \"huge\" FROM \"digits\" WHERE \"id\" = 'b' AND \"huge\" = '1e400000'",
                "1e400000");
    whi_destination_close(destination);
}

static void an_integer_that_gets_a_fraction_loses_nothing(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "grown", "{\"id\":\"a\",\"x\":3}", 1);
    put(destination, "grown", "{\"id\":\"b\",\"x\":2.5}", 1);
    put(destination, "grown", "{\"id\":\"c\",\"x\":4}", 1);
    check_value("SELECT count(*) FROM \"grown\" WHERE \"id\" = 'a' AND \"x\" = 3", "1");
    check_value("SELECT count(*) FROM \"grown\" WHERE \"id\" = 'c' AND \"x\" = 4", "1");
    put(destination, "grown", "{\"id\":\"a\",\"x\":3}", 2);
    check_value("SELECT count(*) FROM \"grown\" WHERE \"id\" = 'a' AND \"x\" = 3", "1");
    whi_destination_close(destination);
}

static void the_bytes_of_hostile_values_come_back(void **state) {
    static const char bytes[] =
        "{\"id\":\"a'b\\\"c\\\\d`e;--\",\"quote\":\"'); DROP TABLE hostile; --\",\"back\":\"\\\\'\\\\\\\"\",\"zero\":"
        "\"a\\u0000b\",\"lone\":\"x\\ud800y\",\"wide\":\"\\ud83d\\ude00\",\"esc\":\"\\n\\t%s$1?:x\",\"null\":null,"
        "\"json\":{\"b\":1,\"a\":2,\"b\":1.10,\"z\":\"\\u0000\",\"s\":\"\\ud800\",\"e\":1e400000}}";
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "hostile", bytes, 1);
    check_value("SELECT \"_raw\" FROM \"hostile\"", bytes);
    check_value("SELECT \"id\" FROM \"hostile\"", "a'b\"c\\d`e;--");
    check_value("SELECT \"quote\" FROM \"hostile\"", "'); DROP TABLE hostile; --");
    check_value("SELECT \"back\" FROM \"hostile\"", "\\'\\\"");
    check_value("SELECT \"lone\" FROM \"hostile\"", "x\xef\xbf\xbdy");
    check_value("SELECT \"wide\" FROM \"hostile\"", "\xf0\x9f\x98\x80");
    check_value("SELECT \"esc\" FROM \"hostile\"", "\n\t%s$1?:x");
    check_value("SELECT \"zero\" FROM \"hostile\"", kit_keeps_zero ? "a" : "\"a\\u0000b\"");
    check_value("SELECT \"json\" FROM \"hostile\"",
                "{\"b\":1,\"a\":2,\"b\":1.10,\"z\":\"\\u0000\",\"s\":\"\\ud800\",\"e\":1e400000}");
    whi_destination_close(destination);
}

static void hostile_names_are_columns(void **state) {
    static const char *const names[] = { "a\\\"b",       "a'b",   "a`b",       "a\\\\b", "__proto__",
                                         "_version",     "_raw",  "select",    "ctid",   "a;b",
                                         "a.b",          "a b ",  "x\\u0000y", "",       "\xf0\x9f\x98\x80",
                                         "\xc3\x84pfel", "Name",  "name",      "ID",     "Id",
                                         "oid",          "rowid", "a%s",       "a\\nb" };
    whi_destination *destination = open_usual();
    char bytes[2048], sql[256], *columns;
    size_t used = (size_t)snprintf(bytes, sizeof bytes, "{\"id\":\"a\"");

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        used += (size_t)snprintf(bytes + used, sizeof bytes - used, ",\"%s\":\"value %zu\"", names[i], i);
    }
    used += (size_t)snprintf(bytes + used, sizeof bytes - used, ",\"%0200d\":1,\"%0199d1\":2}", 0, 0);
    put(destination, "names", bytes, 1);
    put(destination, "names", bytes, 2);
    check_value("SELECT \"_raw\" FROM \"names\"", bytes);
    check_value("SELECT \"select\" FROM \"names\"", "value 7");
    check_value("SELECT \"a\"\"b\" FROM \"names\"", "value 0");
    check_value("SELECT \"a;b\" FROM \"names\"", "value 9");
    check_value("SELECT \"Name\" FROM \"names\"", "value 16");
    check_value("SELECT \"_version\" FROM \"names\"", "2");
    snprintf(sql, sizeof sql, "SELECT count(*) FROM information_schema.columns WHERE table_name = 'names'");
    columns = ask(kit_schema == NULL ? "SELECT count(*) FROM pragma_table_info('names')" : sql);
    assert_int_equal(strtol(columns, NULL, 10), 6 + sizeof names / sizeof names[0] + 2);
    free(columns);
    whi_destination_close(destination);
}

static void what_is_no_object_stands_alone(void **state) {
    static const char *const bad[] = { "",
                                       "[]",
                                       "{}",
                                       "{\"id\":null}",
                                       "{\"id\":{}}",
                                       "{\"id\":\"\"}",
                                       "{\"id\":\"a\"",
                                       "{\"id\":\"\xff\"}",
                                       "{\"id\":\"a\"}x" };
    enum { COUNT = sizeof bad / sizeof bad[0] };
    whi_destination *destination = open_usual();
    whi_object objects[COUNT + 1];
    whi_object_result results[COUNT + 1];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        objects[i] = object_of("broken", bad[i], 1);
    }
    objects[COUNT] = object_of("broken", "{\"id\":\"good\"}", 1);
    assert_int_equal(whi_destination_write(destination, objects, COUNT + 1, results), WH_OK);
    for (size_t i = 0; i < COUNT; i++) {
        check_outcome(&results[i], WHI_OBJECT_ALONE);
    }
    check_outcome(&results[COUNT], WHI_OBJECT_WRITTEN);
    check_value("SELECT \"id\" FROM \"broken\"", "good");
    whi_destination_close(destination);
}

/* A rule of the table's owner that some objects break. */
static void what_the_database_refuses_is_written_without(void **state) {
    enum { COUNT = 40 };
    whi_destination *destination = open_usual();
    whi_object objects[COUNT];
    whi_object_result results[COUNT];
    char bytes[COUNT][64];

    (void)state;
    run_sql(
        "CREATE TABLE \"strict\" (\"_connection_id\" VARCHAR(50) NOT NULL, \"id\" VARCHAR(50) NOT NULL, \"_version\" "
        "BIGINT NOT NULL, \"n\" BIGINT CHECK (\"n\" < 100), PRIMARY KEY (\"_connection_id\", \"id\"))");
    for (int i = 0; i < COUNT; i++) {
        snprintf(bytes[i], sizeof bytes[i], "{\"id\":\"%d\",\"n\":%d}", i, i % 13 == 5 ? 100 + i : i);
        objects[i] = object_of("strict", bytes[i], 1);
    }
    assert_int_equal(whi_destination_write(destination, objects, COUNT, results), WH_OK);
    for (int i = 0; i < COUNT; i++) {
        check_outcome(&results[i], i % 13 == 5 ? WHI_OBJECT_ALONE : WHI_OBJECT_WRITTEN);
        assert_true((i % 13 == 5) == (results[i].state[0] != '\0'));
    }
    check_value("SELECT count(*) FROM \"strict\"", "37");
    whi_destination_close(destination);
}

static void an_older_version_is_written_where_the_newer_cannot_be(void **state) {
    whi_destination *destination = open_usual();
    whi_object objects[] = { object_of("strict", "{\"id\":\"v\",\"n\":1}", 1),
                             object_of("strict", "{\"id\":\"v\",\"n\":2}", 2),
                             object_of("strict", "{\"id\":\"v\",\"n\":1000}", 3) };
    whi_object_result results[3];

    (void)state;
    assert_int_equal(whi_destination_write(destination, objects, 3, results), WH_OK);
    check_outcome(&results[0], WHI_OBJECT_WRITTEN);
    check_outcome(&results[1], WHI_OBJECT_WRITTEN);
    check_outcome(&results[2], WHI_OBJECT_ALONE);
    check_value("SELECT \"n\" FROM \"strict\" WHERE \"id\" = 'v'", "2");
    whi_destination_close(destination);
}

static void a_large_batch_of_many_types_is_written(void **state) {
    enum { COUNT = 2500 };
    whi_destination *destination = open_usual();
    whi_object *objects = calloc(COUNT, sizeof *objects);
    whi_object_result *results = calloc(COUNT, sizeof *results);
    char(*bytes)[64] = calloc(COUNT, sizeof *bytes);

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(bytes[i], sizeof bytes[i], "{\"id\":%d,\"n\":%d,\"f%d\":\"x\"}", i, i, i % 7);
        objects[i] = object_of(i % 2 ? "many_odd" : "many_even", bytes[i], 1);
    }
    assert_int_equal(whi_destination_write(destination, objects, COUNT, results), WH_OK);
    for (int i = 0; i < COUNT; i++) {
        check_outcome(&results[i], WHI_OBJECT_WRITTEN);
    }
    check_value("SELECT count(*) FROM \"many_odd\"", "1250");
    check_value("SELECT sum(\"n\") FROM \"many_even\"", "1561250");
    free(objects);
    free(results);
    free(bytes);
    whi_destination_close(destination);
}

static void a_megabyte_comes_back(void **state) {
    enum { SIZE = 1 << 20 };
    whi_destination *destination = open_usual();
    char *bytes = malloc(SIZE + 64), length[32];
    size_t used = (size_t)snprintf(bytes, 64, "{\"id\":\"a\",\"text\":\"");

    (void)state;
    memset(bytes + used, 'x', SIZE);
    memcpy(bytes + used + SIZE, "\"}", 3);
    put(destination, "large", bytes, 1);
    snprintf(length, sizeof length, "%d", SIZE);
    check_value("SELECT length(\"text\") FROM \"large\"", length);
    check_value("SELECT \"_raw\" FROM \"large\"", bytes);
    free(bytes);
    whi_destination_close(destination);
}

static void what_is_beyond_the_columns_stays_in_raw(void **state) {
    enum { COUNT = 2500 };
    whi_destination *destination = open_usual();
    char *bytes = malloc(COUNT * 32), *found;
    size_t used = (size_t)snprintf(bytes, 32, "{\"id\":\"a\"");

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        used += (size_t)snprintf(bytes + used, 32, ",\"f%d\":true", i);
    }
    memcpy(bytes + used, "}", 2);
    put(destination, "broad", bytes, 1);
    check_value("SELECT \"f0\" FROM \"broad\"", "1");
    check_value("SELECT \"_raw\" FROM \"broad\"", bytes);
    put(destination, "broad", "{\"id\":\"b\",\"f1\":false,\"another\":1}", 1);
    found = ask("SELECT \"f1\" FROM \"broad\" WHERE \"id\" = 'b'");
    assert_string_equal(found, "0");
    free(found);
    free(bytes);
    whi_destination_close(destination);
}

static void without_the_right_to_make_tables_nothing_is_made(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;

    (void)state;
    options.create = WHI_CREATE_ADD;
    destination = open_with(&options);
    write_one(destination, object_of("nowhere", "{\"id\":\"a\"}", 1), WHI_OBJECT_OWNER);
    whi_destination_close(destination);
}

static void columns_may_be_added_to_a_table_of_somebody_else(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;

    (void)state;
    run_sql(
        "CREATE TABLE \"lent\" (\"_connection_id\" VARCHAR(50) NOT NULL, \"id\" VARCHAR(50) NOT NULL, \"_version\" "
        "BIGINT NOT NULL, \"_note\" VARCHAR(50), \"state\" VARCHAR(50) DEFAULT 'new', PRIMARY KEY (\"_connection_id\", "
        "\"id\"))");
    options.create = WHI_CREATE_ADD;
    destination = open_with(&options);
    put(destination, "lent", "{\"id\":\"a\",\"x\":\"1\"}", 1);
    run_sql("UPDATE \"lent\" SET \"_note\" = 'mine', \"state\" = 'mine, too'");
    put(destination, "lent", "{\"id\":\"a\",\"x\":\"2\"}", 2);
    check_value("SELECT \"x\" FROM \"lent\"", "2");
    check_value("SELECT \"_note\" FROM \"lent\"", "mine");
    check_value("SELECT \"state\" FROM \"lent\"", "mine, too");
    whi_destination_close(destination);
}

static void what_may_not_be_changed_takes_what_it_can(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;

    (void)state;
    run_sql(
        "CREATE TABLE \"fixed\" (\"_connection_id\" VARCHAR(50) NOT NULL, \"id\" VARCHAR(50) NOT NULL, \"_version\" "
        "BIGINT NOT NULL, \"name\" VARCHAR(50), \"size\" BIGINT, PRIMARY KEY (\"_connection_id\", \"id\"))");
    options.create = WHI_CREATE_NEVER;
    destination = open_with(&options);
    put(destination, "fixed", "{\"id\":\"a\",\"name\":\"Ann\",\"size\":3,\"more\":1}", 1);
    put(destination, "fixed", "{\"id\":\"b\",\"name\":17,\"size\":\"large\"}", 1);
    check_value("SELECT \"name\" FROM \"fixed\" WHERE \"id\" = 'a'", "Ann");
    check_value("SELECT \"size\" FROM \"fixed\" WHERE \"id\" = 'a'", "3");
    check_value("SELECT \"name\" FROM \"fixed\" WHERE \"id\" = 'b'", "17");
    check_value("SELECT \"size\" FROM \"fixed\" WHERE \"id\" = 'b'", "(null)");
    write_one(destination, deleted_of("fixed", "{\"id\":\"a\"}", 9), WHI_OBJECT_OWNER);
    whi_destination_close(destination);
}

static void a_table_without_our_key_is_the_owners_matter(void **state) {
    whi_destination *destination = open_usual();
    whi_object_result result;

    (void)state;
    run_sql("CREATE TABLE \"keyless\" (\"_connection_id\" VARCHAR(50), \"id\" VARCHAR(50), \"_version\" BIGINT)");
    run_sql("CREATE TABLE \"alien\" (\"id\" VARCHAR(50) PRIMARY KEY)");
    write_one(destination, object_of("keyless", "{\"id\":\"a\"}", 1), WHI_OBJECT_OWNER);
    write_one(destination, object_of("alien", "{\"id\":\"a\"}", 1), WHI_OBJECT_OWNER);
    check_value("SELECT count(*) FROM \"keyless\"", "0");
    whi_destination_check(destination, "keyless", &result);
    check_outcome(&result, WHI_OBJECT_OWNER);
    whi_destination_check(destination, "alien", &result);
    check_outcome(&result, WHI_OBJECT_OWNER);
    whi_destination_close(destination);
}

static void a_table_that_was_dropped_or_altered_is_looked_at_again(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "moving", "{\"id\":\"a\",\"x\":\"1\",\"y\":\"1\"}", 1);
    run_sql("ALTER TABLE \"moving\" DROP COLUMN \"x\"");
    put(destination, "moving", "{\"id\":\"a\",\"x\":\"2\",\"y\":\"2\"}", 2);
    check_value("SELECT \"x\" FROM \"moving\"", "2");
    run_sql("DROP TABLE \"moving\"");
    put(destination, "moving", "{\"id\":\"a\",\"x\":\"3\",\"y\":\"3\"}", 3);
    check_value("SELECT \"x\" FROM \"moving\"", "3");
    run_sql("ALTER TABLE \"moving\" RENAME COLUMN \"x\" TO \"z\"");
    put(destination, "moving", "{\"id\":\"a\",\"x\":\"4\"}", 4);
    check_value("SELECT \"x\" FROM \"moving\"", "4");
    whi_destination_close(destination);
}

static void two_writers_may_make_the_same_columns(void **state) {
    whi_destination *one = open_usual(), *other = open_usual();

    (void)state;
    put(one, "shared", "{\"id\":\"a\"}", 1);
    put(other, "shared", "{\"id\":\"b\"}", 1);
    put(one, "shared", "{\"id\":\"a\",\"x\":\"1\"}", 2);
    put(other, "shared", "{\"id\":\"b\",\"x\":\"2\",\"y\":\"3\"}", 2);
    put(one, "shared", "{\"id\":\"a\",\"x\":\"1\",\"y\":\"4\",\"z\":1}", 3);
    check_value("SELECT \"x\" FROM \"shared\" WHERE \"id\" = 'b'", "2");
    check_value("SELECT \"y\" FROM \"shared\" WHERE \"id\" = 'a'", "4");
    check_value("SELECT count(*) FROM \"shared\"", "2");
    whi_destination_close(one);
    whi_destination_close(other);
}

static void times_are_texts_unless_they_are_wanted(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "untimed", "{\"id\":\"a\",\"made_at\":\"2026-01-02T03:04:05Z\"}", 1);
    check_value("SELECT \"made_at\" FROM \"untimed\"", "2026-01-02T03:04:05Z");
    whi_destination_close(destination);
    options.times = 1;
    destination = open_with(&options);
    put(destination, "timed",
        "{\"id\":\"a\",\"made_at\":\"2026-01-02T03:04:05.250+01:00\",\"met\":\"2026-01-02T03:04:05Z\"}", 1);
    put(destination, "timed", "{\"id\":\"b\",\"made_at\":\"2026-02-31T00:00:00Z\"}", 1);
    put(destination, "timed", "{\"id\":\"c\",\"made_at\":\"yesterday\"}", 1);
    check_value("SELECT count(*) FROM \"timed\" WHERE CAST(\"made_at\" AS CHAR(30)) LIKE '2026-01-02_02:04:05.25%'",
                "1");
    check_value("SELECT \"met\" FROM \"timed\" WHERE \"id\" = 'a'", "2026-01-02T03:04:05Z");
    check_value("SELECT \"made_at_text\" FROM \"timed\" WHERE \"id\" = 'c'", "yesterday");
    whi_destination_close(destination);
}

static void a_check_makes_nothing(void **state) {
    whi_destination *destination = open_usual();
    whi_object_result result;

    (void)state;
    whi_destination_check(destination, "unmade", &result);
    check_outcome(&result, WHI_OBJECT_WRITTEN);
    put(destination, "made", "{\"id\":\"a\"}", 1);
    whi_destination_check(destination, "made", &result);
    check_outcome(&result, WHI_OBJECT_WRITTEN);
    whi_destination_close(destination);
}

static void a_cut_ends_the_next_call_and_rest_forgets_it(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "cut", "{\"id\":\"a\"}", 1);
    whi_destination_cut(destination);
    write_one(destination, object_of("cut", "{\"id\":\"b\"}", 1), WHI_OBJECT_AGAIN);
    put(destination, "cut", "{\"id\":\"b\"}", 1);
    whi_destination_cut(destination);
    whi_destination_rest(destination);
    put(destination, "cut", "{\"id\":\"c\"}", 1);
    check_value("SELECT count(*) FROM \"cut\"", "3");
    whi_destination_close(destination);
}

/* Every test makes tables of its own. */
static const struct CMUnitTest destination_tests[] = {
    cmocka_unit_test(an_object_becomes_a_row),
    cmocka_unit_test(the_table_has_the_prefix),
    cmocka_unit_test(a_newer_version_replaces_all_fields),
    cmocka_unit_test(an_older_version_changes_nothing),
    cmocka_unit_test(connections_and_ids_are_told_apart_exactly),
    cmocka_unit_test(of_one_key_in_a_batch_the_last_version_wins),
    cmocka_unit_test(a_deletion_stays_until_something_newer_comes),
    cmocka_unit_test(rows_of_deleted_objects_go_where_that_is_wanted),
    cmocka_unit_test(what_was_removed_is_not_made_again_by_what_is_older),
    cmocka_unit_test(a_removal_that_comes_before_its_object_counts),
    cmocka_unit_test(the_memory_of_removals_is_made_again_where_it_was_dropped),
    cmocka_unit_test(who_removes_and_makes_no_tables_has_to_make_their_memory),
    cmocka_unit_test(a_field_of_another_type_goes_beside),
    cmocka_unit_test(all_types_of_a_new_field_may_come_in_one_batch),
    cmocka_unit_test(numbers_keep_all_digits),
    cmocka_unit_test(an_integer_that_gets_a_fraction_loses_nothing),
    cmocka_unit_test(the_bytes_of_hostile_values_come_back),
    cmocka_unit_test(hostile_names_are_columns),
    cmocka_unit_test(what_is_no_object_stands_alone),
    cmocka_unit_test(what_the_database_refuses_is_written_without),
    cmocka_unit_test(an_older_version_is_written_where_the_newer_cannot_be),
    cmocka_unit_test(a_large_batch_of_many_types_is_written),
    cmocka_unit_test(a_megabyte_comes_back),
    cmocka_unit_test(what_is_beyond_the_columns_stays_in_raw),
    cmocka_unit_test(without_the_right_to_make_tables_nothing_is_made),
    cmocka_unit_test(columns_may_be_added_to_a_table_of_somebody_else),
    cmocka_unit_test(what_may_not_be_changed_takes_what_it_can),
    cmocka_unit_test(a_table_without_our_key_is_the_owners_matter),
    cmocka_unit_test(a_table_that_was_dropped_or_altered_is_looked_at_again),
    cmocka_unit_test(two_writers_may_make_the_same_columns),
    cmocka_unit_test(times_are_texts_unless_they_are_wanted),
    cmocka_unit_test(a_check_makes_nothing),
    cmocka_unit_test(a_cut_ends_the_next_call_and_rest_forgets_it),
};

#endif
