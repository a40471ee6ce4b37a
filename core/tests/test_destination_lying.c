/* Servers that answer with more than anybody asked for, in every database that has a server. */
#include "destination_kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pure/address.h"

#define MEGABYTE ((size_t)1 << 20)
#define ENOUGH (64 * MEGABYTE) /* then it closes the connection, which would be told otherwise */

static char *ask(const char *sql) {
    return strdup(sql);
}

static void run_sql(const char *sql) {
    (void)sql;
}

/* What a server says, and to which of the client's words; then it says the last part for ever. */
struct script {
    const char *scheme;
    const char *greeting; /* before the client says anything */
    size_t greeting_size;
    int answers;               /* to so many words, */
    const char *let_in, *good; /* the first and the others, of one size */
    size_t good_size;
    const char *begin; /* to the next one, and then */
    size_t begin_size;
    const char *part; /* this */
    size_t part_size;
    int numbers; /* 1: bytes 3 of parts count, from `first` on */
    unsigned char first;
    int listener;
    size_t sent; /* of parts */
};

static int say(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t count = send(fd, bytes, size, MSG_NOSIGNAL);

        if (count <= 0) {
            return 0;
        }
        bytes += count;
        size -= (size_t)count;
    }
    return 1;
}

static int hear(int fd) {
    char words[4096];

    return recv(fd, words, sizeof words, 0) > 0;
}

static void flood(struct script *script, int fd) {
    unsigned char number = script->first;
    char many[65536];
    size_t size;

    do {
        for (size = 0; size + script->part_size <= sizeof many; size += script->part_size) {
            memcpy(many + size, script->part, script->part_size);
            if (script->numbers) {
                many[size + 3] = (char)number++;
            }
        }
        script->sent += size;
    } while (script->sent < ENOUGH && say(fd, many, size));
}

static void *serve(void *payload) {
    struct script *script = payload;
    int fd = accept(script->listener, NULL, NULL);

    if (say(fd, script->greeting, script->greeting_size)) {
        for (int i = 0; i < script->answers && hear(fd); i++) {
            (void)say(fd, i == 0 ? script->let_in : script->good, script->good_size);
        }
        if (hear(fd) && say(fd, script->begin, script->begin_size)) {
            flood(script, fd);
        }
    }
    close(fd);
    return NULL;
}

static int listen_free(int *listener) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;

    *listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(*listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(*listener, 1), 0);
    assert_int_equal(getsockname(*listener, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static void check_script(struct script script, int is_check) {
    whi_destination_options options = usual_options();
    whi_destination *destination;
    whi_object object = object_of("t", "{\"id\":\"a\"}", 1);
    whi_object_result result;
    pthread_t thread;

    if (!whi_destination_has(script.scheme)) {
        return;
    }
    snprintf(kit_url, sizeof kit_url, "%s://u:hunter2@127.0.0.1:%d/d", script.scheme, listen_free(&script.listener));
    options.connect_timeout = options.statement_timeout = 3600000;
    destination = open_with(&options);
    assert_int_equal(pthread_create(&thread, NULL, serve, &script), 0);
    if (is_check) {
        whi_destination_check(destination, "t", &result);
    } else {
        assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
    }
    pthread_join(thread, NULL);
    check_outcome(&result, WHI_OBJECT_AGAIN);
    if (strstr(result.sentence, "more than 16 MiB") == NULL) {
        fail_msg("[%s] %s", result.state, result.sentence);
    }
    whi_destination_close(destination);
    close(script.listener);
}

/* The client speaks first. "R": let in, "Z": ready. */
#define PG_READY "R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"
#define PG_COLUMN                                                                                                      \
    "T\0\0\0\x1a\0\x01"                                                                                                \
    "a\0"                                                                                                              \
    "\0\0\0\0"                                                                                                         \
    "\0\0"                                                                                                             \
    "\0\0\0\x19"                                                                                                       \
    "\xff\xff"                                                                                                         \
    "\xff\xff\xff\xff"                                                                                                 \
    "\0\0"

static const struct script postgres = {
    .scheme = "postgresql", .answers = 1, .let_in = PG_READY, .good_size = sizeof PG_READY - 1
};

static void postgres_may_not_answer_with_rows_without_end(void **state) {
    struct script script = postgres;

    (void)state;
    (void)destination_tests;
    script.begin = PG_COLUMN;
    script.begin_size = sizeof PG_COLUMN - 1;
    script.part = "D\0\0\0\x0b\0\x01\0\0\0\x01x";
    script.part_size = 12;
    check_script(script, 0);
    check_script(script, 1);
}

static void postgres_may_not_answer_with_one_row_without_end(void **state) {
    struct script script = postgres;

    (void)state;
    script.begin = PG_COLUMN "D\x3f\xff\xff\xff\0\x01\x3f\xff\xff\xf5";
    script.begin_size = sizeof PG_COLUMN - 1 + 11;
    script.part = "xxxxxxxxxxxxxxxx";
    script.part_size = 16;
    check_script(script, 0);
}

static void postgres_may_not_begin_without_end(void **state) {
    struct script script = postgres;

    (void)state;
    script.answers = 0;
    script.begin = "R\0\0\0\x08\0\0\0\0";
    script.begin_size = 9;
    script.part = "S\0\0\0\x08"
                  "a\0b\0";
    script.part_size = 9;
    check_script(script, 1);
}

/* Three bytes of size and the packet's number come first. */
#define MY_GREETING                                                                                                    \
    "\x53\0\0\0\x0a"                                                                                                   \
    "10.11.0-MariaDB\0"                                                                                                \
    "\x01\0\0\0"                                                                                                       \
    "abcdefgh\0"                                                                                                       \
    "\xff\xf7\x21\x02\0\x0f\0\x15"                                                                                     \
    "\0\0\0\0\0\0\0\0\0\0"                                                                                             \
    "abcdefghijkl\0"                                                                                                   \
    "mysql_native_password\0"
#define MY_LET_IN "\x07\0\0\x02\0\0\0\x02\0\0\0"
#define MY_FINE "\x07\0\0\x01\0\0\0\x02\0\0\0"
#define MY_NAME(number)                                                                                                \
    "\x17\0\0" number "\x03"                                                                                           \
    "def\0\0\0\x01"                                                                                                    \
    "a\0\x0c\x21\0\x04\0\0\0\xfd\0\0\0\0\0"
#define MY_COLUMNS "\x01\0\0\x01\x02" MY_NAME("\x02") MY_NAME("\x03") "\x05\0\0\x04\xfe\0\0\x02\0"

static const struct script mariadb = { .scheme = "mysql",
                                       .greeting = MY_GREETING,
                                       .greeting_size = sizeof MY_GREETING - 1,
                                       .let_in = MY_LET_IN,
                                       .good = MY_FINE,
                                       .good_size = sizeof MY_FINE - 1,
                                       .numbers = 1 };

static void mariadb_may_not_answer_with_rows_without_end(void **state) {
    struct script script = mariadb;

    (void)state;
    script.answers = 3; /* let in, and two settings */
    script.begin = MY_COLUMNS;
    script.begin_size = sizeof MY_COLUMNS - 1;
    script.part = "\x04\0\0\0\x01x\x01y";
    script.part_size = 8;
    script.first = 5;
    check_script(script, 0);
    check_script(script, 1);
}

/* Of 65535 columns, each with a name of a page. */
static void mariadb_may_not_name_columns_without_end(void **state) {
    static const char head[] = "\xfc\x0f\0\0\x03"
                               "def\0\0\0\xfc\xe4\x0f",
                      tail[] = "\0\x0c\x21\0\x04\0\0\0\xfd\0\0\0\0\0";
    struct script script = mariadb;
    static char part[4096];

    (void)state;
    memset(part, 'a', sizeof part);
    memcpy(part, head, sizeof head - 1);
    memcpy(part + sizeof part - (sizeof tail - 1), tail, sizeof tail - 1);
    script.answers = 1;
    script.begin = "\x03\0\0\x01\xfc\xff\xff";
    script.begin_size = 7;
    script.part = part;
    script.part_size = sizeof part;
    script.first = 2;
    check_script(script, 0);
}

int main(void) {
    static const char *const loopback[] = { "127.0.0.1" };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(postgres_may_not_answer_with_rows_without_end),
        cmocka_unit_test(postgres_may_not_answer_with_one_row_without_end),
        cmocka_unit_test(postgres_may_not_begin_without_end),
        cmocka_unit_test(mariadb_may_not_answer_with_rows_without_end),
        cmocka_unit_test(mariadb_may_not_name_columns_without_end),
    };
    int failed;

    if (whi_policy_new(&kit_policy, loopback, 1) != WH_OK) {
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    whi_policy_free(kit_policy);
    return failed;
}
