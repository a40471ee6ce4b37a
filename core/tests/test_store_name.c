/* Which back end a name means. */
#include "store_file_kit.h"

static void opens(const char *name) {
    whi_store *store = opened(name);

    OK(whi_store_begin(store));
    OK(add_event(store, number_at(NOW, 1), NULL, 0, NULL));
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
        cmocka_unit_test_teardown(a_back_end_that_is_not_there_is_refused_by_its_name_alone, scrub),
        cmocka_unit_test_teardown(wh_open_goes_by_the_name_too, scrub),
    };

    return RUN_STORE_TESTS(tests);
}
