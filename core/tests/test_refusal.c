/* In a process of its own that is nobody in particular: root may everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outside/refusal.h"
#include "webhook.h"

#define NOBODY 65534

static char folder[100], inner[120], path[200];

/* Opens the store as a stranger: what is said comes back. */
static void sentence_of(const char *name, char out[512]) {
    int pipes[2], status;
    ssize_t size;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        wh_engine *engine;
        const char *said = "it opened";
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
            _exit(2);
        }
        if (wh_open(&engine, name, NULL) != WH_OK) {
            said = wh_last_error();
        }
        _exit(write(pipes[1], said, strlen(said)) < 0);
    }
    close(pipes[1]);
    size = read(pipes[0], out, 511);
    assert_true(size >= 0);
    out[size] = '\0';
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void assert_said(const char *name, const char *words) {
    char said[512], wanted[800];

    sentence_of(name, said);
    snprintf(wanted, sizeof wanted, "store '%s': %s", name, words);
    assert_string_equal(said, wanted);
}

static void make(const char *name, mode_t mode) {
    wh_engine *engine;

    assert_int_equal(wh_open(&engine, name, NULL), WH_OK);
    wh_close(engine);
    assert_int_equal(chmod(name, mode), 0);
}

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/webhook-refusal-XXXXXX");
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0) {
        return 1;
    }
    snprintf(inner, sizeof inner, "%s/inner", folder);
    snprintf(path, sizeof path, "%s/test.db", inner);
    return mkdir(inner, 0755);
}

static int teardown(void **state) {
    (void)state;
    chmod(inner, 0755);
    unlink(path);
    return rmdir(inner) == 0 && rmdir(folder) == 0 ? 0 : 1;
}

static void a_directory_that_may_not_be_written_is_named(void **state) {
    char words[400];

    (void)state;
    assert_int_equal(chmod(inner, 0555), 0);
    snprintf(words, sizeof words, "the directory '%s' may not be written here, and the file is to be made in it: %s",
             inner, strerror(EACCES));
    assert_said(path, words);
    assert_int_equal(chmod(inner, 0755), 0);
    make(path, 0666);
    assert_int_equal(chmod(inner, 0555), 0);
    snprintf(words, sizeof words,
             "the directory '%s' may not be written here, and -wal and -shm are made beside the file: %s", inner,
             strerror(EACCES));
    assert_said(path, words);
}

static void a_file_that_may_not_be_written_is_told_from_one_that_may_not_be_read(void **state) {
    char words[400];

    (void)state;
    make(path, 0444);
    assert_said(path, "the file can only be read, write permission is expected");
    assert_int_equal(chmod(path, 0), 0);
    snprintf(words, sizeof words, "the file may not be read and written here: %s", strerror(EACCES));
    assert_said(path, words);
}

static void what_hides_the_file_is_said(void **state) {
    char name[300], words[400];

    (void)state;
    snprintf(name, sizeof name, "%s/none/test.db", inner);
    snprintf(words, sizeof words, "the directory '%s/none': %s", inner, strerror(ENOENT));
    assert_said(name, words);
    assert_said(inner, "is a directory, a file is expected");
}

static void what_else_it_may_be_is_said_by_its_number(void **state) {
    char words[300];

    (void)state;
    assert_int_equal(whi_refusal(path, EMFILE), WH_ESTORE);
    snprintf(words, sizeof words, "store '%s': cannot be opened or created, or its -wal and -shm beside it: %s", path,
             strerror(EMFILE));
    assert_string_equal(wh_last_error(), words);
    assert_int_equal(whi_refusal("test.db", EMFILE), WH_ESTORE);
    assert_non_null(strstr(wh_last_error(), strerror(EMFILE)));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_directory_that_may_not_be_written_is_named),
        TEST(a_file_that_may_not_be_written_is_told_from_one_that_may_not_be_read),
        TEST(what_hides_the_file_is_said),
        TEST(what_else_it_may_be_is_said_by_its_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
