#include "destination_kit.h"

#include <mysql.h>
#include <pthread.h>
#include <signal.h>

#include "certificates.h"
#include "database_server.h"
#include "proxy.h"
#include "pure/address.h"

#define SECRET "hunter2 %'\"\\@:/?#&="
#define SECRET_QUOTED "hunter2 %\\'\"\\\\@:/?#&="
#define SECRET_WRITTEN "hunter2%20%25'%22%5c%40:%2f%3f%23&="
#define CLERK_SECRET "clerk-3-secret"

static database_server *server;

static MYSQL *connect_as_root(int port) {
    MYSQL *connection = mysql_init(NULL);
    unsigned off = 0;

    (void)mysql_optionsv(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &off);
    if (mysql_real_connect(connection, "127.0.0.1", "root", "", NULL, (unsigned)port, NULL, CLIENT_MULTI_STATEMENTS) ==
        NULL) {
        mysql_close(connection);
        return NULL;
    }
    return connection;
}

static int is_ready(int port) {
    MYSQL *connection = connect_as_root(port);
    int ready = connection != NULL;

    mysql_close(connection);
    return ready;
}

static void must(MYSQL *connection, const char *sql) {
    if (mysql_query(connection, sql) != 0) {
        fail_msg("%s: %s", sql, mysql_error(connection));
    }
}

static MYSQL *connect_to_data(void) {
    MYSQL *connection = connect_as_root(database_server_port(server));

    assert_non_null(connection);
    must(connection, "SET NAMES utf8mb4, sql_mode = 'ANSI_QUOTES', time_zone = '+00:00'");
    must(connection, "USE data");
    return connection;
}

static char *ask(const char *sql) {
    MYSQL *connection = connect_to_data();
    MYSQL_RES *rows;
    MYSQL_ROW row;
    char *found;

    must(connection, sql);
    rows = mysql_store_result(connection);
    assert_non_null(rows);
    row = mysql_fetch_row(rows);
    found = strdup(row == NULL ? "(none)" : row[0] == NULL ? "(null)" : row[0]);
    mysql_free_result(rows);
    mysql_close(connection);
    return found;
}

static void run_sql(const char *sql) {
    MYSQL *connection = connect_to_data();

    must(connection, sql);
    while (mysql_next_result(connection) == 0) {}
    if (mysql_errno(connection) != 0) {
        fail_msg("%s: %s", sql, mysql_error(connection));
    }
    mysql_close(connection);
}

static void url_of(const char *user, const char *secret, const char *database, const char *tail) {
    snprintf(kit_url, sizeof kit_url, "mysql://%s:%s@localhost:%d/%s%s", user, secret, database_server_port(server),
             database, tail);
}

static void usual_url(void) {
    url_of("owner", SECRET_WRITTEN, "data", "");
}

static void check_sentence(const whi_object_result *result, const char *state, const char *words) {
    if (strcmp(result->state, state) != 0 || strstr(result->sentence, words) == NULL) {
        fail_msg("[%s] %s; expected [%s] with '%s'", result->state, result->sentence, state, words);
    }
    assert_null(strstr(result->sentence, "hunter2"));
    assert_null(strstr(result->sentence, CLERK_SECRET));
}

static void write_and_fail(int outcome, const char *state, const char *words) {
    whi_destination *destination = open_usual();
    whi_object object = object_of("refused", "{\"id\":\"a\"}", 1);
    whi_object_result result;

    assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
    check_outcome(&result, outcome);
    check_sentence(&result, state, words);
    whi_destination_check(destination, "refused", &result);
    check_outcome(&result, outcome);
    assert_null(strstr(result.sentence, "hunter2"));
    whi_destination_close(destination);
}

/* ---------------------------------------------------------------- of MariaDB */

static void who_is_not_let_in_needs_the_owner(void **state) {
    (void)state;
    url_of("owner", "hunter2", "data", "");
    write_and_fail(WHI_OBJECT_OWNER, "1045", "Access denied");
    url_of("owner", SECRET_WRITTEN, "nowhere", "");
    write_and_fail(WHI_OBJECT_OWNER, "1044", "nowhere");
    url_of("hunter2", "hunter2", "data", "");
    write_and_fail(WHI_OBJECT_OWNER, "1045", "left out");
    usual_url();
}

static void an_address_that_is_not_allowed_is_not_connected_to(void **state) {
    whi_policy *policy = kit_policy;

    (void)state;
    kit_policy = NULL;
    write_and_fail(WHI_OBJECT_AGAIN, "", "no address that may be reached");
    kit_policy = policy;
}

static void a_server_that_is_down_is_asked_again(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    database_server_stop(server);
    write_one(destination, object_of("down", "{\"id\":\"a\"}", 1), WHI_OBJECT_AGAIN);
    database_server_start(server);
    put(destination, "down", "{\"id\":\"a\"}", 1);
    database_server_stop(server);
    database_server_start(server);
    put(destination, "down", "{\"id\":\"b\"}", 1); /* the old connection is seen to be dead */
    check_value("SELECT count(*) FROM down", "2");
    whi_destination_close(destination);
}

/* What a trigger signals stands for what the server may say in the middle of a batch. */
static void the_number_of_a_failure_says_who_can_mend_it(void **state) {
    static const struct {
        const char *number;
        int outcome;
    } rows[] = {
        { "1205", WHI_OBJECT_AGAIN }, { "1213", WHI_OBJECT_AGAIN }, { "1053", WHI_OBJECT_AGAIN },
        { "1290", WHI_OBJECT_AGAIN }, { "1969", WHI_OBJECT_AGAIN }, { "1142", WHI_OBJECT_OWNER },
        { "1045", WHI_OBJECT_OWNER }, { "1049", WHI_OBJECT_OWNER }, { "1146", WHI_OBJECT_OWNER },
        { "1062", WHI_OBJECT_ALONE }, { "1264", WHI_OBJECT_ALONE }, { "1644", WHI_OBJECT_ALONE },
    };
    whi_destination *destination = open_usual();
    whi_object object = object_of("classes", "{\"id\":\"b\"}", 1);
    whi_object_result result;
    char sql[512];

    (void)state;
    put(destination, "classes", "{\"id\":\"a\"}", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(sql, sizeof sql,
                 "CREATE OR REPLACE TRIGGER fails BEFORE INSERT ON classes FOR EACH ROW SIGNAL SQLSTATE '45000' SET "
                 "MYSQL_ERRNO = %s, MESSAGE_TEXT = 'as told'",
                 rows[i].number);
        run_sql(sql);
        assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
        if (result.outcome != rows[i].outcome || strcmp(result.state, rows[i].number) != 0) {
            fail_msg("%s gives %d [%s] %s", rows[i].number, result.outcome, result.state, result.sentence);
        }
    }
    run_sql("DROP TRIGGER fails");
    put(destination, "classes", "{\"id\":\"b\"}", 1);
    whi_destination_close(destination);
}

static void a_server_that_says_the_password_is_not_repeated(void **state) {
    whi_destination *destination = open_usual();
    whi_object object = object_of("leak", "{\"id\":\"b\"}", 1);
    whi_object_result result;

    (void)state;
    put(destination, "leak", "{\"id\":\"a\"}", 1);
    run_sql("CREATE TRIGGER leaks BEFORE INSERT ON leak FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = "
            "'it is " SECRET_QUOTED " indeed'");
    assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
    check_outcome(&result, WHI_OBJECT_ALONE);
    check_sentence(&result, "1644", "left out");
    whi_destination_close(destination);
}

/* Nobody knows what became of it, so it comes again. */
static void a_commit_whose_answer_is_lost_may_be_repeated(void **state) {
    proxy *way = proxy_new(database_server_port(server), "COMMIT", 0);
    whi_destination_options options = usual_options();
    whi_destination *destination;
    char url[256];

    (void)state;
    snprintf(url, sizeof url, "mysql://owner:%s@127.0.0.1:%d/data", SECRET_WRITTEN, proxy_port(way));
    options.url = url;
    destination = open_usual();
    put(destination, "lost", "{\"id\":\"a\",\"x\":\"1\"}", 1);
    whi_destination_close(destination);
    destination = open_with(&options);
    write_one(destination, object_of("lost", "{\"id\":\"a\",\"x\":\"2\"}", 2), WHI_OBJECT_AGAIN);
    proxy_wait(way);
    check_value("SELECT x FROM lost", "2");
    put(destination, "lost", "{\"id\":\"a\",\"x\":\"2\"}", 2);
    check_value("SELECT concat(x, _version) FROM lost", "22");
    whi_destination_close(destination);
    proxy_free(way);
}

static void *cut_when_it_hangs(void *payload) {
    void **both = payload;

    proxy_wait(both[0]);
    whi_destination_cut(both[1]);
    return NULL;
}

static void a_server_that_falls_silent_ends_by_its_time_or_by_a_cut(void **state) {
    whi_destination_options options = usual_options();

    (void)state;
    for (int cuts = 0; cuts <= 1; cuts++) {
        proxy *way = proxy_new(database_server_port(server), "INSERT", 1);
        whi_destination *destination;
        char url[256];
        void *both[2] = { way, NULL };
        pthread_t thread;

        snprintf(url, sizeof url, "mysql://owner:%s@127.0.0.1:%d/data", SECRET_WRITTEN, proxy_port(way));
        options.url = url;
        options.statement_timeout = cuts ? 3600000 : 1000;
        both[1] = destination = open_with(&options);
        if (cuts) {
            assert_int_equal(pthread_create(&thread, NULL, cut_when_it_hangs, both), 0);
        }
        write_one(destination, object_of("lost", "{\"id\":\"s\"}", 1), WHI_OBJECT_AGAIN);
        if (cuts) {
            pthread_join(thread, NULL);
        }
        whi_destination_close(destination);
        proxy_free(way);
    }
}

static void a_lock_ends_by_its_time(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;
    MYSQL *other = connect_to_data();
    whi_object object = object_of("locked", "{\"id\":\"a\"}", 2);
    whi_object_result result;

    (void)state;
    options.lock_timeout = 1;
    destination = open_with(&options);
    put(destination, "locked", "{\"id\":\"a\"}", 1);
    must(other, "BEGIN");
    must(other, "UPDATE locked SET _raw = ''");
    assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
    check_outcome(&result, WHI_OBJECT_AGAIN);
    check_sentence(&result, "1205", "Lock wait timeout");
    mysql_close(other);
    put(destination, "locked", "{\"id\":\"a\"}", 3);
    whi_destination_close(destination);
}

static void a_statement_ends_by_its_time(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination = open_usual();
    whi_object object = object_of("slow", "{\"id\":\"b\"}", 1);
    whi_object_result result;

    (void)state;
    put(destination, "slow", "{\"id\":\"a\"}", 1);
    whi_destination_close(destination);
    run_sql("CREATE TRIGGER dozes BEFORE INSERT ON slow FOR EACH ROW SET NEW._raw = sleep(100)");
    options.statement_timeout = 500;
    destination = open_with(&options);
    assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
    check_outcome(&result, WHI_OBJECT_AGAIN);
    whi_destination_close(destination);
    check_value("SELECT count(*) FROM slow", "1");
}

static void a_unique_index_of_somebody_else_refuses_one(void **state) {
    whi_destination *destination = open_usual();
    whi_object object = object_of("unique", "{\"id\":\"b\",\"n\":1}", 2);
    whi_object_result result;

    (void)state;
    put(destination, "unique", "{\"id\":\"a\",\"n\":1}", 1);
    run_sql("CREATE UNIQUE INDEX n ON \"unique\" (n)");
    assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
    check_outcome(&result, WHI_OBJECT_ALONE);
    check_sentence(&result, "1242", "unique index");
    check_value("SELECT concat(id, _version) FROM \"unique\"", "a1");
    put(destination, "unique", "{\"id\":\"b\",\"n\":2}", 1);
    put(destination, "unique", "{\"id\":\"a\",\"n\":1}", 3);
    whi_destination_close(destination);
}

static void rights_that_are_missing_are_named(void **state) {
    static const struct {
        const char *sql, *words;
        int writes;
    } rows[] = {
        { "GRANT SELECT ON data.* TO clerk", "GRANT INSERT, UPDATE, CREATE, ALTER ON `data`.`refused` TO 'clerk'",
          WHI_OBJECT_OWNER },
        { "CREATE TABLE refused (_connection_id varchar(9), id varchar(9), _version bigint, PRIMARY KEY "
          "(_connection_id, id))",
          "GRANT INSERT, UPDATE, ALTER", WHI_OBJECT_OWNER },
        { "GRANT INSERT, UPDATE ON data.refused TO clerk", "GRANT ALTER", WHI_OBJECT_OWNER },
    };
    whi_destination *destination;
    whi_object_result result;

    (void)state;
    run_sql("CREATE USER clerk IDENTIFIED BY '" CLERK_SECRET "'");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        run_sql(rows[i].sql);
        url_of("clerk", CLERK_SECRET, "data", "");
        destination = open_usual();
        whi_destination_check(destination, "refused", &result);
        check_outcome(&result, WHI_OBJECT_OWNER);
        check_sentence(&result, "1142", rows[i].words);
        write_one(destination, object_of("refused", "{\"id\":\"a\",\"x\":1}", 1), rows[i].writes);
        whi_destination_close(destination);
    }
    run_sql("GRANT ALTER ON data.* TO clerk");
    destination = open_usual();
    whi_destination_check(destination, "refused", &result);
    check_outcome(&result, WHI_OBJECT_WRITTEN);
    put(destination, "refused", "{\"id\":\"a\",\"x\":1}", 1);
    run_sql("REVOKE INSERT ON data.refused FROM clerk");
    write_one(destination, object_of("refused", "{\"id\":\"a\",\"x\":1}", 2), WHI_OBJECT_OWNER);
    run_sql("SET PASSWORD FOR clerk = PASSWORD('another')");
    whi_destination_rest(destination);
    write_one(destination, object_of("refused", "{\"id\":\"a\",\"x\":1}", 3), WHI_OBJECT_OWNER);
    whi_destination_close(destination);
    run_sql("DROP TABLE refused");
    usual_url();
}

static void a_server_that_can_only_be_read_is_asked_again(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "readable", "{\"id\":\"a\"}", 1);
    run_sql("SET GLOBAL read_only = 1");
    write_one(destination, object_of("readable", "{\"id\":\"b\"}", 1), WHI_OBJECT_AGAIN);
    run_sql("SET GLOBAL read_only = 0");
    put(destination, "readable", "{\"id\":\"b\"}", 1);
    whi_destination_close(destination);
}

/* In a mode in which the server would cut texts without a word. */
static void the_mode_of_the_server_does_not_matter(void **state) {
    whi_destination *destination;

    (void)state;
    run_sql("SET GLOBAL sql_mode = ''");
    run_sql(
        "CREATE TABLE modes (_connection_id varchar(9), id varchar(9), _version bigint, n int, v varchar(3), PRIMARY "
        "KEY (_connection_id, id))");
    destination = open_usual();
    write_one(destination, object_of("modes", "{\"id\":\"a\",\"v\":\"too long\"}", 1), WHI_OBJECT_ALONE);
    write_one(destination, object_of("modes", "{\"id\":\"a\",\"n\":99999999999}", 1), WHI_OBJECT_ALONE);
    put(destination, "modes", "{\"id\":\"a\",\"n\":9,\"v\":\"abc\"}", 1);
    whi_destination_close(destination);
    run_sql("SET GLOBAL sql_mode = DEFAULT");
}

static void what_is_larger_than_a_packet_stands_alone(void **state) {
    enum { SIZE = 17 << 20 };
    whi_destination *destination = open_usual();
    char *bytes = malloc(SIZE + 64);
    size_t used = (size_t)snprintf(bytes, 64, "{\"id\":\"big\",\"x\":\"");
    whi_object objects[2];
    whi_object_result results[2];

    (void)state;
    memset(bytes + used, 'x', SIZE);
    memcpy(bytes + used + SIZE, "\"}", 3);
    objects[0] = object_of("packets", bytes, 1);
    objects[1] = object_of("packets", "{\"id\":\"small\"}", 1);
    assert_int_equal(whi_destination_write(destination, objects, 2, results), WH_OK);
    check_outcome(&results[0], WHI_OBJECT_ALONE);
    check_outcome(&results[1], WHI_OBJECT_WRITTEN);
    whi_destination_close(destination);
    free(bytes);
}

static void an_integer_column_is_widened(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "wider", "{\"id\":\"a\",\"x\":9007199254740993}", 1);
    put(destination, "wider", "{\"id\":\"b\",\"x\":1.10}", 1);
    check_value("SELECT x FROM wider WHERE id = 'a'", "9007199254740993.000000000000000000000000000000");
    check_value("SELECT x FROM wider WHERE id = 'b'", "1.100000000000000000000000000000");
    whi_destination_close(destination);
}

static void versions_are_compared_as_integers(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;
    whi_object object = object_of("exact", "{\"id\":\"a\"}", 9007199254740993);

    (void)state;
    options.removes = 1;
    destination = open_with(&options);
    put(destination, "exact", "{\"id\":\"a\"}", 9007199254740993);
    object.deleted = 1;
    object.version = 9007199254740992;
    write_one(destination, object, WHI_OBJECT_WRITTEN);
    check_value("SELECT count(*) FROM exact", "1");
    object.version = 9007199254740994;
    write_one(destination, object, WHI_OBJECT_WRITTEN);
    check_value("SELECT count(*) FROM exact", "0");
    whi_destination_close(destination);
}

static void tls_is_verified_where_it_is_wanted(void **state) {
    whi_destination_options options;
    whi_destination *destination;
    char line[512], ca[256], other[256];

    (void)state;
    url_of("owner", SECRET_WRITTEN, "data", "?sslmode=verify-full");
    write_and_fail(WHI_OBJECT_OWNER, "2026", "SSL");
    certificates_make("authority", "DNS:authority", NULL);
    certificates_make("stranger", "DNS:stranger", NULL);
    certificates_make("server", "DNS:localhost", "authority");
    snprintf(ca, sizeof ca, "%s", certificates_file("authority.pem"));
    snprintf(other, sizeof other, "%s", certificates_file("stranger.pem"));
    snprintf(line, sizeof line, "ssl_cert=%s",
             database_server_file(server, certificates_file("server.pem"), "server.pem"));
    database_server_set(server, line);
    snprintf(line, sizeof line, "ssl_key=%s",
             database_server_file(server, certificates_file("server.key"), "server.key"));
    database_server_set(server, line);
    database_server_stop(server);
    database_server_start(server);
    options = usual_options();
    options.ca_file = ca;
    destination = open_with(&options);
    put(destination, "encrypted", "{\"id\":\"a\"}", 1);
    whi_destination_close(destination);
    write_and_fail(WHI_OBJECT_OWNER, "2026", "");
    options.ca_file = other;
    destination = open_with(&options);
    write_one(destination, object_of("encrypted", "{\"id\":\"b\"}", 1), WHI_OBJECT_OWNER);
    whi_destination_close(destination);
    snprintf(kit_url, sizeof kit_url, "mysql://owner:%s@127.0.0.1:%d/data?sslmode=verify-full", SECRET_WRITTEN,
             database_server_port(server));
    options = usual_options();
    options.ca_file = ca;
    destination = open_with(&options);
    write_one(destination, object_of("encrypted", "{\"id\":\"b\"}", 1), WHI_OBJECT_OWNER); /* another name */
    whi_destination_close(destination);
    url_of("owner", SECRET_WRITTEN, "data", "?sslmode=require");
    destination = open_usual();
    put(destination, "encrypted", "{\"id\":\"b\"}", 1);
    whi_destination_close(destination);
    check_value("SELECT count(*) FROM encrypted", "2");
    usual_url();
}

static void a_database_is_named(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;

    (void)state;
    options.url = "mysql://u:p@localhost";
    options.schema = NULL;
    assert_int_equal(whi_destination_open(&destination, &options), WH_EINVALID);
    options.schema = "data";
    assert_int_equal(whi_destination_open(&destination, &options), WH_OK);
    whi_destination_close(destination);
}

static int begin(void **state) {
    static const char *const loopback[] = { "127.0.0.1", "::1" };
    MYSQL *connection;

    (void)state;
    server = database_server_mariadb(is_ready);
    connection = connect_as_root(database_server_port(server));
    must(connection, "CREATE DATABASE data");
    must(connection, "CREATE USER owner IDENTIFIED BY '" SECRET_QUOTED "'");
    must(connection, "GRANT ALL ON data.* TO owner");
    mysql_close(connection);
    kit_schema = "data";
    kit_keeps_zero = 1;
    usual_url();
    return whi_policy_new(&kit_policy, loopback, 2);
}

static int end(void **state) {
    (void)state;
    database_server_free(server);
    whi_policy_free(kit_policy);
    mysql_library_end();
    return 0;
}

int main(void) {
    static const struct CMUnitTest own_tests[] = {
        cmocka_unit_test(who_is_not_let_in_needs_the_owner),
        cmocka_unit_test(an_address_that_is_not_allowed_is_not_connected_to),
        cmocka_unit_test(a_server_that_is_down_is_asked_again),
        cmocka_unit_test(the_number_of_a_failure_says_who_can_mend_it),
        cmocka_unit_test(a_server_that_says_the_password_is_not_repeated),
        cmocka_unit_test(a_commit_whose_answer_is_lost_may_be_repeated),
        cmocka_unit_test(a_server_that_falls_silent_ends_by_its_time_or_by_a_cut),
        cmocka_unit_test(a_lock_ends_by_its_time),
        cmocka_unit_test(a_statement_ends_by_its_time),
        cmocka_unit_test(a_unique_index_of_somebody_else_refuses_one),
        cmocka_unit_test(rights_that_are_missing_are_named),
        cmocka_unit_test(a_server_that_can_only_be_read_is_asked_again),
        cmocka_unit_test(the_mode_of_the_server_does_not_matter),
        cmocka_unit_test(what_is_larger_than_a_packet_stands_alone),
        cmocka_unit_test(an_integer_column_is_widened),
        cmocka_unit_test(versions_are_compared_as_integers),
        cmocka_unit_test(tls_is_verified_where_it_is_wanted),
        cmocka_unit_test(a_database_is_named),
    };
    struct CMUnitTest all[sizeof destination_tests / sizeof *destination_tests + sizeof own_tests / sizeof *own_tests];

    memcpy(all, destination_tests, sizeof destination_tests);
    memcpy((char *)all + sizeof destination_tests, own_tests, sizeof own_tests);
    return cmocka_run_group_tests(all, begin, end);
}
