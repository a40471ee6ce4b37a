/* Hearing of what others write to the file. */
#include "store_file_kit.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "outside/store_sqlite.h"

#define ADD_ROW "INSERT INTO webhook_outbox (type, payload) VALUES ('a', '1')"

static int is_told(int fd) {
    struct pollfd one = { fd, POLLIN, 0 };

    return poll(&one, 1, 0) == 1;
}

static int ask(whi_store *store) {
    int fd = -7;

    OK(V(store)->listen(store, &fd));
    return fd;
}

static void a_store_in_memory_has_nobody_to_hear_of(void **state) {
    whi_store *store = opened(":memory:");

    (void)state;
    assert_int_equal(store->ability.wakes, 0);
    assert_int_equal(ask(store), -1);
    whi_store_close(store);
}

#ifdef __linux__

static void each_commit_of_others_is_told_of_until_silence_is_asked_for(void **state) {
    whi_store *store = opened(path);
    int fd = ask(store);

    (void)state;
    assert_int_equal(store->ability.wakes, WH_WAKES_EARLY);
    assert_true(fd >= 0);
    assert_false(is_told(fd));
    for (int i = 0; i < 3; i++) {
        execute(ADD_ROW);
        assert_true(is_told(fd));
        execute(ADD_ROW);
        assert_int_equal(ask(store), fd);
        assert_false(is_told(fd));
    }
    whi_store_close(store);
}

static void who_reads_is_not_told_of(void **state) {
    whi_store *store = opened(path);
    int fd = ask(store);

    (void)state;
    assert_int_equal(asked("SELECT count(*) FROM webhook_outbox"), 0);
    assert_false(is_told(fd));
    whi_store_close(store);
}

static void a_log_that_was_emptied_is_still_listened_to(void **state) {
    whi_store *store = opened(path);
    int fd = ask(store);

    (void)state;
    execute(ADD_ROW "; PRAGMA wal_checkpoint(TRUNCATE)");
    assert_true(is_told(fd));
    assert_int_equal(ask(store), fd);
    execute(ADD_ROW);
    assert_true(is_told(fd));
    whi_store_close(store);
}

/* The last one to close takes the log away, and the next one to open makes another. */
static void a_log_that_is_new_is_listened_to(void **state) {
    int fd;
    whi_store *store;

    (void)state;
    for (int i = 0; i < 2; i++) {
        store = opened(path);
        fd = ask(store);
        execute(ADD_ROW);
        assert_true(is_told(fd));
        whi_store_close(store);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
    }
}

static void a_log_that_was_away_is_listened_to_when_it_is_back(void **state) {
    whi_store *store = opened(path);
    int fd = ask(store);
    char log[160], away[160];

    (void)state;
    snprintf(log, sizeof log, "%s-wal", path);
    snprintf(away, sizeof away, "%s-away", path);
    execute(ADD_ROW);
    assert_int_equal(rename(log, away), 0);
    assert_int_equal(ask(store), fd);
    assert_int_equal(rename(away, log), 0);
    execute(ADD_ROW);
    assert_false(is_told(fd));
    assert_int_equal(ask(store), fd);
    execute(ADD_ROW);
    assert_true(is_told(fd));
    whi_store_close(store);
}

/* Descriptors may be had again later. */
static void without_a_descriptor_it_says_why(void **state) {
    whi_store *store = opened(path);
    struct rlimit before, none;
    int fd = -7, code;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    code = V(store)->listen(store, &fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(code, WH_ERESOURCE);
    assert_int_equal(fd, -1);
    assert_non_null(strstr(wh_last_error(), "does not tell"));
    assert_true(store->ability.look_us > 0);
    assert_true(ask(store) >= 0);
    whi_store_close(store);
}

static void who_only_reads_beside_another_does_not_listen(void **state) {
    whi_store *store = opened(path), *reader;

    (void)state;
    OK(V(store)->reader(store, &reader));
    assert_int_equal(reader->ability.wakes, 0);
    assert_int_equal(ask(reader), -1);
    whi_store_close(reader);
    whi_store_close(store);
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, scrub)
    static const struct CMUnitTest tests[] = {
        TEST(a_store_in_memory_has_nobody_to_hear_of),
        TEST(each_commit_of_others_is_told_of_until_silence_is_asked_for),
        TEST(who_reads_is_not_told_of),
        TEST(a_log_that_was_emptied_is_still_listened_to),
        TEST(a_log_that_is_new_is_listened_to),
        TEST(a_log_that_was_away_is_listened_to_when_it_is_back),
        TEST(without_a_descriptor_it_says_why),
        TEST(who_only_reads_beside_another_does_not_listen),
    };

    return RUN_STORE_TESTS(tests);
}

#else

static void where_nothing_tells_one_looks(void **state) {
    whi_store *store = opened(path);

    (void)state;
    assert_int_equal(store->ability.wakes, 0);
    assert_int_equal(ask(store), -1);
    assert_true(store->ability.look_us > 0);
    whi_store_close(store);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_store_in_memory_has_nobody_to_hear_of, scrub),
        cmocka_unit_test_teardown(where_nothing_tells_one_looks, scrub),
    };

    return RUN_STORE_TESTS(tests);
}

#endif
