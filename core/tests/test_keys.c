/* Secrets at rest: what stands in the file with a key, who opens it, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "life_kit.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OTHER "//////////////////////////////////////////8="
#define FIRST "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECOND "whsec_plJ3nmyCDGBKInavdOK15jsl9Q9Gkk8="
#define HIDDEN "token-of-the-receiver"
#define WORKSPACE "secret-of-the-workspace"
#define DOCUMENT_OF(secret)                                                                                            \
    "{\"url\":\"https://example.com/\",\"secrets\":[\"" secret "\"],\"headers\":{\"X-Token\":\"" HIDDEN "\"}}"

static char heard[8][512];
static int heard_count;

static void hear(int level, const char *line, void *payload) {
    (void)level;
    (void)payload;
    assert_true(heard_count < 8);
    snprintf(heard[heard_count++], sizeof heard[0], "%s", line);
}

/* A key file with this text, readable by its owner alone. */
static const char *key_file(const char *text) {
    const char *name = fixture_file();
    FILE *file = fopen(name, "wb");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(name, 0600), 0);
    return name;
}

static int try_open(wh_engine **out, const char *file, const char *keys) {
    wh_options options = WH_OPTIONS_INIT;

    options.key_file = keys;
    options.log = hear;
    options.clock = &fixture_clock;
    heard_count = 0;
    return whi_open(out, file, &options, &fixture_transport);
}

static wh_engine *open_with(const char *file, const char *keys) {
    wh_engine *engine = NULL;

    assert_int_equal(try_open(&engine, file, keys), WH_OK);
    return engine;
}

static void refuse(const char *file, const char *keys, int code, const char *words) {
    wh_engine *engine;

    assert_int_equal(try_open(&engine, file, keys), code);
    assert_null(engine);
    assert_has(wh_last_error(), words);
    assert_null(strstr(wh_last_error(), "AAEC"));
    assert_null(strstr(wh_last_error(), "whsec_"));
}

/* 1: the file, or its log, has these bytes. */
static int is_in_file(const char *file, const char *bytes) {
    static const char *const tails[] = { "", "-wal" };
    int found = 0;

    for (size_t i = 0; i < 2; i++) {
        char name[256], *all = calloc(1, 1 << 22);
        FILE *stream;

        snprintf(name, sizeof name, "%s%s", file, tails[i]);
        stream = fopen(name, "rb");
        if (stream != NULL) {
            size_t size = fread(all, 1, 1 << 22, stream);

            found += memmem(all, size, bytes, strlen(bytes)) != NULL;
            fclose(stream);
        }
        free(all);
    }
    return found > 0;
}

static void assert_hidden(const char *file) {
    assert_false(is_in_file(file, FIRST));
    assert_false(is_in_file(file, SECOND));
    assert_false(is_in_file(file, HIDDEN));
    assert_false(is_in_file(file, WORKSPACE));
    assert_false(is_in_file(file, "AAECAwQF"));
}

static void assert_secret(wh_engine *engine, const char *id, const char *secret) {
    char *found = DOCUMENT(wh_subscription_secrets(engine, id, &fixture_handed, &fixture_size));

    assert_has(found, secret);
    wh_free(found);
}

/* All that can be secret, with a former version. */
static void fill(wh_engine *engine, char *id) {
    fixture_subscribe(engine, DOCUMENT_OF(FIRST), id);
    assert_int_equal(wh_subscription_update(engine, id, "{\"secrets\":[\"" SECOND "\"]}", WH_ZSTR), WH_OK);
    assert_int_equal(wh_tenant_secret(engine, "acme", WORKSPACE, NULL), WH_OK);
}

static void assert_filled(wh_engine *engine, const char *id) {
    char workspace[WH_SECRET_SIZE], *former;

    assert_secret(engine, id, SECOND);
    former = DOCUMENT(wh_subscription_version(engine, id, 1, &fixture_handed, &fixture_size));
    assert_has(former, HIDDEN);
    wh_free(former);
    assert_int_equal(wh_tenant_secret(engine, "acme", NULL, workspace), WH_OK);
    assert_string_equal(workspace, WORKSPACE);
}

static int64_t rotate(wh_engine *engine) {
    int64_t count = -1;

    assert_int_equal(wh_rotate_key(engine, &count), WH_OK);
    return count;
}

/* --------------------------------------------------------------------------- at rest */

static void with_a_key_no_secret_is_in_the_file_and_all_works_as_without(void **state) {
    const char *file = fixture_file(), *keys = key_file("k1 " KEY "\n");
    wh_engine *engine = open_with(file, keys);
    char id[WH_ID_SIZE];

    (void)state;
    fill(engine, id);
    assert_hidden(file);
    assert_filled(engine, id);
    wh_close(engine);
    assert_hidden(file);
    engine = open_with(file, keys);
    assert_filled(engine, id);
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_header(&fixture_sent[0], "X-Token"), HIDDEN);
    assert_non_null(fixture_header(&fixture_sent[0], "webhook-signature"));
    assert_int_equal(heard_count, 0);
    wh_close(engine);
}

static void without_a_key_they_are_in_the_file_as_they_are(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with(file, NULL);
    char id[WH_ID_SIZE];

    (void)state;
    fill(engine, id);
    wh_close(engine);
    assert_true(is_in_file(file, SECOND) && is_in_file(file, HIDDEN) && is_in_file(file, WORKSPACE));
}

static void a_store_in_memory_takes_a_key_too(void **state) {
    wh_engine *engine = open_with(":memory:", key_file("k1 " KEY));
    char id[WH_ID_SIZE];

    (void)state;
    fill(engine, id);
    assert_filled(engine, id);
    assert_int_equal(rotate(engine), 0);
    wh_close(engine);
}

/* ------------------------------------------------------------------------ who opens it */

static void who_lacks_a_key_is_refused_and_told_which(void **state) {
    const char *file = fixture_file(), *keys = key_file("k1 " KEY "\n");
    wh_engine *engine = open_with(file, keys);
    char id[WH_ID_SIZE];

    (void)state;
    fill(engine, id);
    wh_close(engine);
    refuse(file, NULL, WH_EKEY, "encrypted by the key \"k1\", which needs the option key_file");
    refuse(file, key_file("k2 " KEY), WH_EKEY, "encrypted by the key \"k1\", which is not in the key_file");
    refuse(file, key_file("k1 " OTHER), WH_EKEY, "the key \"k1\" in the key_file is another one");
    engine = open_with(file, key_file("k2 " OTHER "\nk1 " KEY));
    assert_filled(engine, id);
    wh_close(engine);
    refuse(file, keys, WH_EKEY, "\"k2\""); /* which the one before may have written by */
}

static void two_with_different_keys_do_not_share_a_store(void **state) {
    const char *file = fixture_file();
    wh_engine *first = open_with(file, key_file("k1 " KEY));

    (void)state;
    refuse(file, key_file("k2 " OTHER), WH_EKEY, "\"k1\"");
    refuse(file, key_file("k1 " OTHER), WH_EKEY, "another one");
    wh_close(first);
}

static void a_key_file_that_cannot_be_read_is_told_as_such(void **state) {
    const char *file = fixture_file();

    (void)state;
    refuse(file, "/nowhere/at/all", WH_EINVALID, "key_file: '/nowhere/at/all' cannot be read: ");
    refuse(file, key_file(""), WH_EINVALID, "key_file: there is no key in it");
    refuse(file, key_file("k1 AAECAwQFBgcICQoLDA0ODxAREhMUFR"), WH_EINVALID, "key_file: line 1: expected a key");
    assert_string_equal(wh_last_error_field(), "key_file");
    assert_false(is_in_file(file, "SQLite")); /* no store was made */
}

static void a_key_file_that_others_may_read_is_told_in_the_log(void **state) {
    const char *file = fixture_file(), *keys = key_file("k1 " KEY);

    (void)state;
    assert_int_equal(chmod(keys, 0640), 0);
    wh_close(open_with(file, keys));
    assert_int_equal(heard_count, 1);
    assert_has(heard[0], "can be read by others");
    assert_null(strstr(heard[0], "AAEC"));
    assert_int_equal(chmod(keys, 0600), 0);
    wh_close(open_with(file, keys));
    assert_int_equal(heard_count, 0);
}

static void who_had_it_open_without_a_key_changes_nothing_any_more_and_says_why(void **state) {
    const char *file = fixture_file();
    wh_engine *without = open_with(file, NULL), *with = open_with(file, key_file("k1 " KEY));
    char id[WH_ID_SIZE], *unused;

    (void)state;
    fixture_subscribe(with, DOCUMENT_OF(FIRST), id);
    assert_int_equal(wh_subscribe(without, DOCUMENT_OF(SECOND), WH_ZSTR, NULL), WH_EKEY);
    assert_has(wh_last_error(), "open it with the option key_file");
    assert_int_equal(wh_tenant_secret(without, "acme", WORKSPACE, NULL), WH_EKEY);
    assert_int_equal(wh_subscription(without, id, &unused, NULL), WH_EKEY);
    assert_has(wh_last_error(), "sealed by the key \"k1\"");
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_subscriptions"), 1);
    wh_close(without);
    wh_close(with);
    assert_hidden(file);
}

/* ---------------------------------------------------------------------------- damage */

static void a_value_that_was_changed_by_a_hand_is_found(void **state) {
    const char *file = fixture_file(), *keys = key_file("k1 " KEY "\n");
    wh_engine *engine = open_with(file, keys);

    (void)state;
    fixture_subscribe(engine, DOCUMENT_OF(FIRST), NULL);
    wh_close(engine);
    life_sql(file, "UPDATE webhook_subscriptions SET document = replace(document, "
                   "substr(document, instr(document, '\"secrets\":\"seal:') + 40, 4), 'AAAA')");
    refuse(file, keys, WH_ECORRUPT, " secrets: does not open by the key \"k1\"");
}

static void a_value_does_not_open_in_another_row(void **state) {
    const char *file = fixture_file(), *keys = key_file("k1 " KEY "\n");
    wh_engine *engine = open_with(file, keys);
    char id[WH_ID_SIZE];

    (void)state;
    fill(engine, id);
    fixture_subscribe(engine, DOCUMENT_OF(FIRST), NULL);
    wh_close(engine);
    life_sql(file, "UPDATE webhook_subscriptions SET document = (SELECT document FROM webhook_subscriptions "
                   "ORDER BY id LIMIT 1) WHERE id = (SELECT max(id) FROM webhook_subscriptions)");
    refuse(file, keys, WH_ECORRUPT, "moved here from elsewhere");
}

static void a_former_secret_cannot_be_put_back(void **state) {
    const char *file = fixture_file(), *keys = key_file("k1 " KEY "\n");
    wh_engine *engine = open_with(file, keys);
    char id[WH_ID_SIZE];

    (void)state;
    fill(engine, id);
    wh_close(engine);
    life_sql(file, "UPDATE webhook_subscriptions SET document = (SELECT document FROM webhook_subscription_versions "
                   "ORDER BY version LIMIT 1)");
    refuse(file, keys, WH_ECORRUPT, "version 2 ");
}

/* -------------------------------------------------------------------------- rotating */

static void what_was_in_clear_is_read_as_it_is_and_encrypted_by_a_rotation(void **state) {
    const char *file = fixture_file(), *keys = key_file("k1 " KEY "\n");
    wh_engine *engine = open_with(file, NULL);
    char id[WH_ID_SIZE];

    (void)state;
    fill(engine, id);
    wh_close(engine);
    engine = open_with(file, keys);
    assert_filled(engine, id);
    assert_int_equal(rotate(engine), 4); /* it, its two versions, the tenant's */
    assert_filled(engine, id);
    assert_int_equal(rotate(engine), 0);
    wh_close(engine);
    life_sql(file, "VACUUM");
    assert_hidden(file);
    engine = open_with(file, keys);
    assert_filled(engine, id);
    wh_close(engine);
}

static void a_new_key_takes_the_place_of_an_old_one(void **state) {
    const char *file = fixture_file(), *new_alone = key_file("k2 " OTHER);
    wh_engine *engine = open_with(file, key_file("k1 " KEY "\n"));
    char id[WH_ID_SIZE];

    (void)state;
    fill(engine, id);
    wh_close(engine);
    engine = open_with(file, key_file("k2 " OTHER "\nk1 " KEY));
    assert_filled(engine, id);
    assert_int_equal(rotate(engine), 4);
    wh_close(engine);
    engine = open_with(file, new_alone);
    assert_filled(engine, id);
    wh_close(engine);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_keys"), 1);
}

static void who_still_writes_by_the_old_key_is_noticed(void **state) {
    const char *file = fixture_file();
    wh_engine *old = open_with(file, key_file("k1 " KEY "\nk2 " OTHER));
    wh_engine *new = open_with(file, key_file("k2 " OTHER "\nk1 " KEY));
    char id[WH_ID_SIZE];
    int64_t count = -1;

    (void)state;
    fill(old, id);
    assert_int_equal(rotate(new), 4);
    assert_filled(old, id);
    wh_close(open_with(file, key_file("k2 " OTHER)));
    wh_close(old);
    old = open_with(file, key_file("k1 " KEY "\nk2 " OTHER));
    fixture_subscribe(old, DOCUMENT_OF(FIRST), NULL); /* by the old one again */
    refuse(file, key_file("k2 " OTHER), WH_EKEY, "\"k1\"");
    life_sql(file, "UPDATE webhook_keys SET used = 1000 WHERE id = 'k1'"); /* as while the rotation ran */
    assert_int_equal(wh_rotate_key(new, &count), WH_ECONFLICT);
    assert_int_equal(count, 2);
    assert_has(wh_last_error(), "another process encrypts by another key than \"k2\"");
    wh_close(old);
    wh_close(new);
}

/* Who opened the store since may not have that key. */
static void who_has_the_old_key_alone_writes_no_more_once_it_is_gone(void **state) {
    const char *file = fixture_file();
    wh_engine *old = open_with(file, key_file("k1 " KEY));
    wh_engine *new = open_with(file, key_file("k2 " OTHER "\nk1 " KEY));
    char id[WH_ID_SIZE];

    (void)state;
    fill(old, id);
    assert_int_equal(rotate(new), 4);
    assert_int_equal(wh_subscribe(old, DOCUMENT_OF(SECOND), WH_ZSTR, NULL), WH_EKEY);
    assert_has(wh_last_error(), "the key \"k1\" is not one of its keys any more");
    assert_int_equal(wh_tenant_secret(old, "acme", WORKSPACE, NULL), WH_EKEY);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_keys WHERE id = 'k1'"), 0);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_subscriptions"), 1);
    wh_close(old);
    assert_filled(new, id);
    wh_close(new);
}

static int unreadable(wh_engine *engine) {
    char *text = DOCUMENT(wh_stats(engine, &fixture_handed, &fixture_size));
    const char *found = strstr(text, "\"unreadable\":");
    int count = found != NULL ? (int)strtol(found + 13, NULL, 10) : -1;

    wh_free(text);
    return count;
}

static int is_heard(void) {
    return heard_count > 0;
}

static int is_sent_again(void) {
    return fixture_sent_count == 2;
}

static void step_until(wh_engine *engine, int (*is_so)(void)) {
    int64_t end = whi_monotonic_us() + 20000000;

    while (!is_so() && whi_monotonic_us() < end) {
        assert_true(wh_step(engine) >= 0);
    }
    assert_true(is_so());
}

/* The one with the old key hears of all else, and lets what waits for the one that it cannot read lie. */
static void one_that_cannot_be_read_is_left_out_and_stops_nothing(void **state) {
    const char *file = fixture_file();
    wh_engine *old = open_with(file, key_file("k1 " KEY)), *new, *last;
    wh_query delivered = WH_QUERY_INIT;
    char first[WH_ID_SIZE], second[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(old, DOCUMENT_OF(FIRST), first);
    fixture_run(old);
    new = open_with(file, key_file("k2 " OTHER "\nk1 " KEY));
    fixture_subscribe(new, DOCUMENT_OF(SECOND), second);
    assert_int_equal(wh_subscription_delete(new, first), WH_OK);
    fixture_publish(new, "a", "1", NULL);
    fixture_run(new);
    assert_int_equal(fixture_sent_count, 1);
    delivered.state = "delivered";
    assert_int_equal(wh_replay_query(new, &delivered, NULL), WH_OK);
    wh_close(new);
    fixture_publish(old, "b", "2", NULL);
    heard_count = 0;
    fixture_run(old);
    step_until(old, is_heard);
    assert_int_equal(fixture_sent_count, 1); /* of neither: the one is gone, the other is left out */
    assert_int_equal(whi_registry_count(old->registry), 1);
    assert_int_equal(unreadable(old), 1);
    assert_int_equal(heard_count, 1);
    assert_has(heard[0], "1 subscriptions cannot be read and are left out");
    assert_has(heard[0], "\"k2\"");
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_deliveries WHERE state = 1"), 1);
    last = open_with(file, key_file("k1 " KEY "\nk2 " OTHER));
    assert_true(rotate(last) > 0);
    wh_close(last);
    step_until(old, is_sent_again);
    assert_int_equal(unreadable(old), 0);
    wh_close(old);
}

/* In batches: what was done before the damage stays done, and the next call does the rest. */
static void a_rotation_that_was_interrupted_goes_on(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = open_with(file, NULL);
    int64_t first = 0, rest = 0;

    (void)state;
    for (int i = 0; i < 600; i++) {
        fixture_subscribe(engine, DOCUMENT_OF(FIRST), NULL);
    }
    wh_close(engine);
    engine = open_with(file, key_file("k1 " KEY "\n"));
    life_sql(file,
             "UPDATE webhook_subscription_versions SET document = replace(document, '}', ' ') WHERE number = 400");
    assert_int_equal(wh_rotate_key(engine, &first), WH_EJSON);
    assert_int_equal(first, 600 + 256);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_subscriptions WHERE document LIKE '%whsec%'"), 0);
    life_sql(file, "UPDATE webhook_subscription_versions SET document = (SELECT document FROM "
                   "webhook_subscription_versions WHERE number = 599) WHERE number = 400");
    assert_int_equal(wh_rotate_key(engine, &rest), WH_OK);
    assert_int_equal(rest, 600 - 256);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_subscription_versions WHERE document LIKE '%whsec%'"),
                     0);
    wh_close(engine);
}

/* Who has no tenant has a secret, too. */
static void the_secret_of_no_tenant_goes_along(void **state) {
    const char *file = fixture_file(), *next = key_file("k2 " OTHER);
    wh_engine *engine = open_with(file, NULL);
    char secret[WH_SECRET_SIZE];

    (void)state;
    assert_int_equal(wh_tenant_secret(engine, NULL, WORKSPACE, NULL), WH_OK);
    wh_close(engine);
    engine = open_with(file, key_file("k1 " KEY "\n"));
    assert_int_equal(rotate(engine), 1);
    wh_close(engine);
    life_sql(file, "VACUUM");
    assert_hidden(file);
    engine = open_with(file, key_file("k2 " OTHER "\nk1 " KEY));
    assert_int_equal(rotate(engine), 1);
    wh_close(engine);
    engine = open_with(file, next);
    assert_int_equal(wh_tenant_secret(engine, NULL, NULL, secret), WH_OK);
    assert_string_equal(secret, WORKSPACE);
    wh_close(engine);
}

static void rotating_wants_a_key_file(void **state) {
    wh_engine *engine = open_with(":memory:", NULL);
    int64_t count = -1;

    (void)state;
    assert_int_equal(wh_rotate_key(engine, &count), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "key_file");
    assert_int_equal(count, 0);
    assert_int_equal(wh_rotate_key(NULL, NULL), WH_EINVALID);
    wh_close(engine);
}

/* ------------------------------------------------------------------------- new keys */

static void a_new_key_is_a_line_of_a_key_file(void **state) {
    char one[WH_SECRET_SIZE], two[WH_SECRET_SIZE], text[2 * WH_SECRET_SIZE + 2];

    (void)state;
    assert_int_equal(wh_store_key("ours", one), WH_OK);
    assert_int_equal(wh_store_key(NULL, two), WH_OK);
    assert_int_equal(strncmp(one, "ours ", 5), 0);
    assert_int_equal(strlen(one), 5 + 44);
    assert_int_equal(strlen(two), 11 + 44);
    assert_int_equal(two[4] == '-' && two[7] == '-' && two[10] == ' ', 1);
    assert_string_not_equal(one + 5, two + 11);
    snprintf(text, sizeof text, "%s\n%s\n", one, two);
    wh_close(open_with(":memory:", key_file(text)));
    assert_int_equal(wh_store_key("a b", one), WH_EINVALID);
    assert_int_equal(wh_store_key("", one), WH_EINVALID);
    assert_int_equal(wh_store_key("#a", one), WH_EINVALID);
    assert_int_equal(wh_store_key("123456789012345678901234567890123", one), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "id");
    assert_int_equal(wh_store_key("a", NULL), WH_EINVALID);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(with_a_key_no_secret_is_in_the_file_and_all_works_as_without, fixture_setup),
        cmocka_unit_test_setup(without_a_key_they_are_in_the_file_as_they_are, fixture_setup),
        cmocka_unit_test_setup(a_store_in_memory_takes_a_key_too, fixture_setup),
        cmocka_unit_test_setup(who_lacks_a_key_is_refused_and_told_which, fixture_setup),
        cmocka_unit_test_setup(two_with_different_keys_do_not_share_a_store, fixture_setup),
        cmocka_unit_test_setup(a_key_file_that_cannot_be_read_is_told_as_such, fixture_setup),
        cmocka_unit_test_setup(a_key_file_that_others_may_read_is_told_in_the_log, fixture_setup),
        cmocka_unit_test_setup(who_had_it_open_without_a_key_changes_nothing_any_more_and_says_why, fixture_setup),
        cmocka_unit_test_setup(a_value_that_was_changed_by_a_hand_is_found, fixture_setup),
        cmocka_unit_test_setup(a_value_does_not_open_in_another_row, fixture_setup),
        cmocka_unit_test_setup(a_former_secret_cannot_be_put_back, fixture_setup),
        cmocka_unit_test_setup(what_was_in_clear_is_read_as_it_is_and_encrypted_by_a_rotation, fixture_setup),
        cmocka_unit_test_setup(a_new_key_takes_the_place_of_an_old_one, fixture_setup),
        cmocka_unit_test_setup(who_still_writes_by_the_old_key_is_noticed, fixture_setup),
        cmocka_unit_test_setup(who_has_the_old_key_alone_writes_no_more_once_it_is_gone, fixture_setup),
        cmocka_unit_test_setup(one_that_cannot_be_read_is_left_out_and_stops_nothing, fixture_setup),
        cmocka_unit_test_setup(a_rotation_that_was_interrupted_goes_on, fixture_setup),
        cmocka_unit_test_setup(the_secret_of_no_tenant_goes_along, fixture_setup),
        cmocka_unit_test_setup(rotating_wants_a_key_file, fixture_setup),
        cmocka_unit_test_setup(a_new_key_is_a_line_of_a_key_file, fixture_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
