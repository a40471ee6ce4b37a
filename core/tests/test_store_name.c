/* Which back end a name means. */
#include "store_file_kit.h"

static void opens(const char *name) {
    whi_store *store = opened(name);

    OK(whi_store_begin(store));
    OK(add_event(store, number_at(NOW, 1), NULL, NULL));
    OK(whi_store_commit(store, NULL));
    assert_true(is_there(store, number_at(NOW, 1)));
    whi_store_close(store);
}

static void refuses(const char *name, const char *scheme) {
    whi_store *store = (whi_store *)folder;

    assert_int_equal(whi_store_open(&store, name, NULL), WH_EINVALID);
    assert_null(store);
    assert_non_null(strstr(wh_last_error(), scheme));
    assert_null(strstr(wh_last_error(), "secret"));
}

static void a_name_without_a_scheme_is_a_files(void **state) {
    char odd[sizeof path];

    (void)state;
    opens(path);
    opens(":memory:");
    snprintf(odd, sizeof odd, "%s/a:b.db", folder); /* its path has a slash before the colon */
    opens(odd);
    memcpy(path, odd, sizeof path);
    scrub(NULL);
    in_folder();
}

static void sqlite_is_named_by_its_scheme(void **state) {
    char name[160];

    (void)state;
    snprintf(name, sizeof name, "sqlite:%s", path);
    opens(name);
    assert_int_equal(asked("SELECT count(*) FROM webhook_events"), 1);
    opens("sqlite::memory:");
}

static void a_scheme_has_no_case(void **state) {
    char name[160];

    (void)state;
    snprintf(name, sizeof name, "SQLite:%s", path);
    opens(name);
    assert_int_equal(asked("SELECT count(*) FROM webhook_events"), 1);
    refuses("PostgreSQL://me:secret@localhost/hooks", "'PostgreSQL:'");
}

static void what_looks_like_an_address_of_sqlites_is_refused(void **state) {
    (void)state;
    refuses("sqlite://secret.db", "\"sqlite:FILE\"");
    refuses("sqlite:///tmp/secret.db", "\"sqlite:FILE\"");
    assert_string_equal(wh_last_error_field(), "store");
}

/* Where SQLite is built to read URIs, "file:a.db?mode=memory" would be no file at all. */
static void a_name_is_never_a_uri(void **state) {
    char here[160], made[200];

    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder), 0);
    opens("file:a.db?mode=memory");
    snprintf(made, sizeof made, "%s/file:a.db?mode=memory", folder);
    assert_int_equal(access(made, F_OK), 0);
    opens("sqlite:file:b.db");
    assert_int_equal(access("file:b.db", F_OK), 0);
    assert_int_equal(unlink("file:a.db?mode=memory") + unlink("file:b.db"), 0);
    assert_int_equal(chdir(here), 0);
}

static void a_back_end_that_is_not_there_is_refused_by_its_name_alone(void **state) {
    (void)state;
    refuses("postgresql://me:secret@localhost/hooks", "'postgresql:'");
    refuses("postgres://me:secret@localhost/hooks", "'postgres:'");
    refuses("mysql://me:secret@localhost/hooks", "'mysql:'");
}

static void wh_open_goes_by_the_name_too(void **state) {
    wh_engine *engine;

    (void)state;
    assert_int_equal(wh_open(&engine, "postgresql://me:secret@localhost/hooks", NULL), WH_EINVALID);
    assert_null(strstr(wh_last_error(), "secret"));
    OK(wh_open(&engine, "sqlite::memory:", NULL));
    wh_close(engine);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_name_without_a_scheme_is_a_files, scrub),
        cmocka_unit_test_teardown(sqlite_is_named_by_its_scheme, scrub),
        cmocka_unit_test_teardown(a_scheme_has_no_case, scrub),
        cmocka_unit_test_teardown(what_looks_like_an_address_of_sqlites_is_refused, scrub),
        cmocka_unit_test_teardown(a_name_is_never_a_uri, scrub),
        cmocka_unit_test_teardown(a_back_end_that_is_not_there_is_refused_by_its_name_alone, scrub),
        cmocka_unit_test_teardown(wh_open_goes_by_the_name_too, scrub),
    };

    return RUN_STORE_TESTS(tests);
}
