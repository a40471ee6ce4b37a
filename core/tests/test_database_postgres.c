/* Deliveries to a real PostgreSQL, as a client of Unified.to asks for them: rows, rights that are missing, an object
 * that no column takes, and a server that goes away and comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "api_kit.h"
#include "database_server.h"
#include "insides.h"
#include "pure/address.h"

#define SECRET "s3cret"

static database_server *server;

static int is_ready(int port) {
    char text[8];
    const char *const names[] = { "host", "port", "dbname", "user", NULL };
    const char *const values[] = { "127.0.0.1", text, "postgres", "nobody", NULL };

    snprintf(text, sizeof text, "%d", port);
    return PQpingParams(names, values, 0) == PQPING_OK;
}

/* The first value as a number; -1: none. */
static int64_t ask(const char *sql) {
    char url[128];
    PGconn *connection;
    PGresult *answer;
    int64_t number = -1;

    snprintf(url, sizeof url, "postgresql://owner:" SECRET "@127.0.0.1:%d/postgres", database_server_port(server));
    connection = PQconnectdb(url);
    answer = PQexec(connection, sql);
    if (PQresultStatus(answer) == PGRES_TUPLES_OK && PQntuples(answer) > 0) {
        number = strtoll(PQgetvalue(answer, 0, 0), NULL, 10);
    } else if (PQresultStatus(answer) != PGRES_COMMAND_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    }
    PQclear(answer);
    PQfinish(connection);
    return number;
}

static int start(void **state) {
    (void)state;
    server = database_server_postgres(SECRET, is_ready);
    return server != NULL ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    database_server_free(server);
    return 0;
}

static int begin(void **state) {
    int code = api_setup(state);

    whi_policy_free(api_engine->policy);
    return code == 0 ? whi_policy_new(&api_engine->policy, (const char *const[]){ "127.0.0.1", "::1" }, 2) : code;
}

static void publish(const char *payload) {
    wh_event event = WH_EVENT_INIT;

    event.type = "crm_contact.updated";
    event.tenant = "a";
    event.source = "c1";
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(api_engine, &event, NULL), WH_OK);
}

static int make(const char *user, const char *prefix) {
    char body[512];

    snprintf(body, sizeof body,
             "{\"connection_id\":\"c1\",\"object_type\":\"crm_contact\",\"event\":\"updated\",\"db_type\":\"supabase\","
             "\"db_url\":\"postgresql://%s:" SECRET "@localhost:%d/postgres\",\"db_name_prefix\":\"%s\"}",
             user, database_server_port(server), prefix);
    return api_send("POST", "/unified/webhook", api_a, body);
}

static void objects_become_rows(void **state) {
    char payload[64];

    (void)state;
    assert_int_equal(make("owner", "r_"), 200);
    assert_null(strstr(api_text, SECRET));
    for (int i = 0; i < 500; i++) {
        snprintf(payload, sizeof payload, "{\"id\":\"%d\",\"n\":%d}", i % 50, i);
        publish(payload);
    }
    fixture_run(api_engine);
    assert_int_equal(ask("SELECT count(*) FROM r_crm_contact"), 50);
    assert_int_equal(ask("SELECT min(n) FROM r_crm_contact"), 450);
    assert_int_equal(ask("SELECT count(*) FROM r_crm_contact WHERE _connection_id = 'c1'"), 50);
}

static void who_lacks_rights_is_told_when_he_subscribes(void **state) {
    (void)state;
    ask("CREATE ROLE clerk LOGIN PASSWORD '" SECRET "'");
    ask("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    assert_int_equal(make("clerk", "c_"), 400);
    assert_non_null(strstr(api_text, "GRANT"));
    assert_null(strstr(api_text, SECRET));
}

static void what_no_column_takes_is_held_and_the_rest_goes_on(void **state) {
    wh_query query = WH_QUERY_INIT;
    char *page;

    (void)state;
    assert_int_equal(make("owner", "h_"), 200);
    publish("{\"id\":\"0\",\"n\":0}");
    fixture_run(api_engine);
    ask("ALTER TABLE h_crm_contact ADD CHECK (n < 5)");
    publish("{\"id\":\"1\",\"n\":1}");
    publish("{\"id\":\"7\",\"n\":7}");
    publish("{\"id\":\"2\",\"n\":2}");
    fixture_run(api_engine);
    assert_int_equal(ask("SELECT count(*) FROM h_crm_contact"), 3);
    query.state = "held";
    page = DOCUMENT(wh_deliveries(api_engine, &query, &fixture_handed, &fixture_size));
    assert_has(page, "23514");
    wh_free(page);
    ask("ALTER TABLE h_crm_contact DROP CONSTRAINT h_crm_contact_n_check");
    assert_int_equal(wh_replay_query(api_engine, &query, NULL), WH_OK);
    fixture_run(api_engine);
    assert_int_equal(ask("SELECT count(*) FROM h_crm_contact"), 4);
}

static void a_server_that_comes_back_gets_what_waits(void **state) {
    (void)state;
    assert_int_equal(make("owner", "b_"), 200);
    publish("{\"id\":\"0\",\"n\":0}");
    fixture_run(api_engine);
    database_server_stop(server);
    publish("{\"id\":\"1\",\"n\":1}");
    for (int i = 0; i < 2; i++) { /* of the four attempts that a native webhook has, at once */
        fixture_turn(api_engine);
    }
    database_server_start(server);
    fixture_run(api_engine);
    if (ask("SELECT count(*) FROM b_crm_contact") < 2) { /* all of them were sooner than the server */
        wh_query query = WH_QUERY_INIT;

        query.state = "exhausted";
        assert_int_equal(wh_replay_query(api_engine, &query, NULL), WH_OK);
        fixture_run(api_engine);
    }
    assert_int_equal(ask("SELECT count(*) FROM b_crm_contact"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, api_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(objects_become_rows),
        TEST(who_lacks_rights_is_told_when_he_subscribes),
        TEST(what_no_column_takes_is_held_and_the_rest_goes_on),
        TEST(a_server_that_comes_back_gets_what_waits),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
