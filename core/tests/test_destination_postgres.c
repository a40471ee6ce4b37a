#include "destination_kit.h"

#include <libpq-fe.h>
#include <pthread.h>

#include "certificates.h"
#include "database_server.h"
#include "proxy.h"
#include "pure/address.h"

#define SECRET "hunter2 %'\"\\@:/?#&="
#define SECRET_WRITTEN "hunter2%20%25'%22%5c%40:%2f%3f%23&="
#define CLERK_SECRET "clerk-3-secret"

static database_server *server;

static PGconn *connect_as_owner(const char *database) {
    char port[8];
    const char *const names[] = { "host", "port", "user", "password", "dbname", "options", NULL };
    const char *const values[] = { "127.0.0.1", port,     "owner",
                                   SECRET,      database, "-c timezone=UTC -c default_transaction_read_only=off",
                                   NULL };

    snprintf(port, sizeof port, "%d", database_server_port(server));
    return PQconnectdbParams(names, values, 0);
}

static int is_ready(int port) {
    char text[8];
    const char *const names[] = { "host", "port", "dbname", "user", NULL };
    const char *const values[] = { "127.0.0.1", text, "postgres", "nobody", NULL };

    snprintf(text, sizeof text, "%d", port);
    return PQpingParams(names, values, 0) == PQPING_OK;
}

static void ignore(void *payload, const PGresult *notice) {
    (void)payload;
    (void)notice;
}

static PGresult *query(const char *sql) {
    PGconn *connection = connect_as_owner("data");
    PGresult *answer;

    PQsetNoticeReceiver(connection, ignore, NULL);
    answer = PQexec(connection, sql);
    if (PQresultStatus(answer) != PGRES_COMMAND_OK && PQresultStatus(answer) != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    }
    PQfinish(connection);
    return answer;
}

static char *ask(const char *sql) {
    PGresult *answer = query(sql);
    char *found;

    if (PQntuples(answer) == 0) {
        found = strdup("(none)");
    } else if (PQgetisnull(answer, 0, 0)) {
        found = strdup("(null)");
    } else if (PQftype(answer, 0) == 16) {
        found = strdup(PQgetvalue(answer, 0, 0)[0] == 't' ? "1" : "0");
    } else {
        found = strdup(PQgetvalue(answer, 0, 0));
    }
    PQclear(answer);
    return found;
}

static void run_sql(const char *sql) {
    PQclear(query(sql));
}

static void url_of(const char *user, const char *secret, const char *database, const char *tail) {
    snprintf(kit_url, sizeof kit_url, "postgresql://%s:%s@localhost:%d/%s%s", user, secret,
             database_server_port(server), database, tail);
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

/* ------------------------------------------------------------- of PostgreSQL */

static void who_is_not_let_in_needs_the_owner(void **state) {
    (void)state;
    url_of("owner", "hunter2", "data", "");
    write_and_fail(WHI_OBJECT_OWNER, "28P01", "password authentication failed");
    url_of("owner", SECRET_WRITTEN, "nowhere", "");
    write_and_fail(WHI_OBJECT_OWNER, "3D000", "\"nowhere\"");
    url_of("hunter2", "hunter2", "data", "");
    write_and_fail(WHI_OBJECT_OWNER, "28P01", "left out");
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
    check_value("SELECT count(*) FROM \"down\"", "2");
    whi_destination_close(destination);
}

/* Two transactions that neither see nor wait for each other would leave a row that is older than its removal. */
static void who_removes_has_the_table_alone_and_who_puts_shares_it(void **state) {
    whi_destination *destination = open_removing();

    (void)state;
    put(destination, "locked", "{\"id\":\"a\"}", 1);
    run_sql("CREATE TABLE modes (mode text)");
    run_sql("CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO modes SELECT TG_OP || l.mode"
            " FROM pg_locks l WHERE l.locktype = ''advisory'' AND l.pid = pg_backend_pid(); RETURN NULL; END'");
    run_sql("CREATE TRIGGER sees AFTER INSERT OR DELETE ON locked FOR EACH ROW EXECUTE FUNCTION see()");
    put(destination, "locked", "{\"id\":\"b\"}", 2);
    write_one(destination, deleted_of("locked", "{\"id\":\"a\"}", 3), WHI_OBJECT_WRITTEN);
    check_value("SELECT string_agg(mode, ' ' ORDER BY mode) FROM modes", "DELETEExclusiveLock INSERTShareLock");
    whi_destination_close(destination);
}

/* With the view of the data that it had before it waited for its lock it would not see what was removed meanwhile. */
static void a_transaction_sees_what_was_written_before_its_lock(void **state) {
    whi_destination *destination;

    (void)state;
    run_sql("ALTER ROLE owner SET default_transaction_isolation = 'repeatable read'");
    destination = open_removing();
    put(destination, "judged", "{\"id\":\"a\"}", 1);
    run_sql("CREATE TABLE levels (level text)");
    run_sql("CREATE FUNCTION see_level() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO levels VALUES"
            " (current_setting(''transaction_isolation'')); RETURN NULL; END'");
    run_sql("CREATE TRIGGER sees AFTER INSERT ON judged FOR EACH ROW EXECUTE FUNCTION see_level()");
    put(destination, "judged", "{\"id\":\"b\"}", 2);
    check_value("SELECT string_agg(level, ',') FROM levels", "read committed");
    run_sql("ALTER ROLE owner RESET default_transaction_isolation");
    whi_destination_close(destination);
}

/* What a trigger raises stands for what the server may say in the middle of a batch. */
static void the_class_of_a_failure_says_who_can_mend_it(void **state) {
    static const struct {
        const char *state;
        int outcome;
    } rows[] = {
        { "40001", WHI_OBJECT_AGAIN }, { "40P01", WHI_OBJECT_AGAIN }, { "53100", WHI_OBJECT_AGAIN },
        { "57014", WHI_OBJECT_AGAIN }, { "55P03", WHI_OBJECT_AGAIN }, { "25006", WHI_OBJECT_AGAIN },
        { "08006", WHI_OBJECT_AGAIN }, { "XX000", WHI_OBJECT_AGAIN }, { "42501", WHI_OBJECT_OWNER },
        { "28000", WHI_OBJECT_OWNER }, { "3F000", WHI_OBJECT_OWNER }, { "42P01", WHI_OBJECT_OWNER },
        { "23505", WHI_OBJECT_ALONE }, { "22003", WHI_OBJECT_ALONE }, { "P0001", WHI_OBJECT_ALONE },
        { "54000", WHI_OBJECT_ALONE },
    };
    whi_destination *destination = open_usual();
    whi_object object = object_of("classes", "{\"id\":\"b\"}", 1);
    whi_object_result result;
    char sql[512];

    (void)state;
    put(destination, "classes", "{\"id\":\"a\"}", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(sql, sizeof sql,
                 "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
                 "'as told, %s' USING ERRCODE = '%s'; END $$;"
                 "CREATE OR REPLACE TRIGGER fails BEFORE INSERT ON classes FOR EACH ROW EXECUTE FUNCTION fail()",
                 SECRET[0] == 'h' ? "hunter2" : "", rows[i].state);
        run_sql(sql);
        assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
        if (result.outcome != rows[i].outcome || strcmp(result.state, rows[i].state) != 0) {
            fail_msg("%s gives %d [%s] %s", rows[i].state, result.outcome, result.state, result.sentence);
        }
    }
    run_sql("DROP TRIGGER fails ON classes");
    put(destination, "classes", "{\"id\":\"b\"}", 1);
    whi_destination_close(destination);
}

/* No object can help what is said of its table. */
static void a_change_of_the_table_that_fails_is_nobodys_objects_fault(void **state) {
    static const struct {
        const char *state;
        int outcome;
    } rows[] = {
        { "40P01", WHI_OBJECT_AGAIN }, { "53100", WHI_OBJECT_AGAIN },   { "55P03", WHI_OBJECT_AGAIN },
        { "57014", WHI_OBJECT_AGAIN }, { "25006", WHI_OBJECT_AGAIN },   { "42501", WHI_OBJECT_OWNER },
        { "P0001", WHI_OBJECT_OWNER }, { "22023", WHI_OBJECT_OWNER },   { "23514", WHI_OBJECT_OWNER },
        { "45000", WHI_OBJECT_OWNER }, { "54011", WHI_OBJECT_WRITTEN },
    };
    whi_destination *destination = open_usual();
    whi_object object;
    whi_object_result result;
    char sql[512], bytes[64];

    (void)state;
    put(destination, "altered", "{\"id\":\"a\"}", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(
            sql, sizeof sql,
            "CREATE OR REPLACE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION"
            " 'as told' USING ERRCODE = '%s'; END $$; DROP EVENT TRIGGER IF EXISTS refuses;"
            "CREATE EVENT TRIGGER refuses ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION"
            " refuse()",
            rows[i].state);
        run_sql(sql);
        snprintf(bytes, sizeof bytes, "{\"id\":\"b%zu\",\"one\":1,\"other\":2}", i);
        object = object_of("altered", bytes, 1);
        assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
        if (result.outcome != rows[i].outcome) {
            fail_msg("%s gives %d [%s] %s", rows[i].state, result.outcome, result.state, result.sentence);
        }
    }
    run_sql("DROP EVENT TRIGGER refuses");
    check_value("SELECT string_agg(id, ' ' ORDER BY id) FROM altered", "a b10"); /* its fields are in _raw */
    whi_destination_close(destination);
}

static void a_server_that_says_the_password_is_not_repeated(void **state) {
    whi_destination *destination = open_usual();
    whi_object object = object_of("leak", "{\"id\":\"b\"}", 1);
    whi_object_result result;

    (void)state;
    put(destination, "leak", "{\"id\":\"a\"}", 1);
    run_sql("CREATE FUNCTION leak() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', "
            "$x$it is " SECRET " indeed$x$; END $$;"
            "CREATE TRIGGER leaks BEFORE INSERT ON leak FOR EACH ROW EXECUTE FUNCTION leak()");
    assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
    check_outcome(&result, WHI_OBJECT_ALONE);
    check_sentence(&result, "P0001", "left out");
    whi_destination_close(destination);
}

static void a_backend_that_is_ended_in_a_batch_leaves_nothing(void **state) {
    enum { COUNT = 20 };
    whi_destination *destination = open_usual();
    whi_object objects[COUNT];
    whi_object_result results[COUNT];
    char bytes[COUNT][32];

    (void)state;
    put(destination, "killed", "{\"id\":\"first\"}", 1);
    run_sql("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = '10' THEN PERFORM "
            "pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER dies BEFORE INSERT ON killed FOR EACH ROW EXECUTE FUNCTION die()");
    for (int i = 0; i < COUNT; i++) {
        snprintf(bytes[i], sizeof bytes[i], "{\"id\":%d}", i);
        objects[i] = object_of("killed", bytes[i], 1);
    }
    assert_int_equal(whi_destination_write(destination, objects, COUNT, results), WH_OK);
    for (int i = 0; i < COUNT; i++) {
        check_outcome(&results[i], WHI_OBJECT_AGAIN);
    }
    check_value("SELECT count(*) FROM killed", "1");
    run_sql("DROP TRIGGER dies ON killed");
    assert_int_equal(whi_destination_write(destination, objects, COUNT, results), WH_OK);
    check_outcome(&results[10], WHI_OBJECT_WRITTEN);
    check_value("SELECT count(*) FROM killed", "21");
    whi_destination_close(destination);
}

/* Nobody knows what became of it, so it comes again. */
static void a_commit_whose_answer_is_lost_may_be_repeated(void **state) {
    proxy *way = proxy_new(database_server_port(server), "COMMIT", 0);
    whi_destination_options options = usual_options();
    whi_destination *destination;
    char url[256];

    (void)state;
    snprintf(url, sizeof url, "postgresql://owner:%s@127.0.0.1:%d/data", SECRET_WRITTEN, proxy_port(way));
    options.url = url;
    destination = open_usual();
    put(destination, "lost", "{\"id\":\"a\",\"x\":\"1\"}", 1);
    whi_destination_close(destination);
    destination = open_with(&options);
    write_one(destination, object_of("lost", "{\"id\":\"a\",\"x\":\"2\"}", 2), WHI_OBJECT_AGAIN);
    proxy_wait(way);
    check_value("SELECT x FROM lost", "2");
    put(destination, "lost", "{\"id\":\"a\",\"x\":\"2\"}", 2);
    check_value("SELECT x || _version FROM lost", "22");
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

        snprintf(url, sizeof url, "postgresql://owner:%s@127.0.0.1:%d/data", SECRET_WRITTEN, proxy_port(way));
        options.url = url;
        options.statement_timeout = cuts ? 3600000 : 1;
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

struct both {
    whi_destination *destination;
    whi_object objects[2];
    whi_object_result results[2];
};

static void *write_both(void *payload) {
    struct both *both = payload;

    assert_int_equal(whi_destination_write(both->destination, both->objects, 2, both->results), WH_OK);
    return NULL;
}

static void wait_for_waiting(const char *count) {
    char *found;

    do {
        found = ask("SELECT count(*) FROM pg_locks WHERE NOT granted");
        count = strcmp(found, count) == 0 ? NULL : count;
        free(found);
    } while (count != NULL);
}

/* Ours has row a and stands before a gate; the other one has row b and waits for a. Then ours comes to b, and looks for
 * the circle, for which the other one would wait for an hour. */
static void who_is_chosen_in_a_deadlock_tries_again(void **state) {
    struct both both = { open_usual(),
                         { object_of("ring", "{\"id\":\"a\"}", 2), object_of("ring", "{\"id\":\"b\"}", 2) },
                         { { 0 } } };
    PGconn *gate = connect_as_owner("data"), *other = connect_as_owner("data");
    pthread_t thread;

    (void)state;
    put(both.destination, "ring", "{\"id\":\"a\"}", 1);
    put(both.destination, "ring", "{\"id\":\"b\"}", 1);
    run_sql("CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(7);"
            " RETURN NEW; END $$; CREATE TRIGGER passes BEFORE UPDATE ON ring FOR EACH ROW WHEN (NEW.id = 'a' AND"
            " NEW._version = 2) EXECUTE FUNCTION pass()");
    PQclear(PQexec(gate, "SELECT pg_advisory_lock(7)"));
    PQclear(PQexec(other, "SET deadlock_timeout = '1h'; BEGIN; UPDATE ring SET _raw = NULL WHERE id = 'b'"));
    assert_int_equal(pthread_create(&thread, NULL, write_both, &both), 0);
    wait_for_waiting("1");
    assert_int_equal(PQsendQuery(other, "UPDATE ring SET _raw = NULL WHERE id = 'a'; COMMIT"), 1);
    wait_for_waiting("2");
    PQfinish(gate);
    pthread_join(thread, NULL);
    for (PGresult *answer = PQgetResult(other); answer != NULL; answer = PQgetResult(other)) {
        PQclear(answer);
    }
    for (int i = 0; i < 2; i++) {
        check_outcome(&both.results[i], WHI_OBJECT_AGAIN);
        check_sentence(&both.results[i], "40P01", "deadlock");
    }
    check_value("SELECT count(*) FROM ring WHERE _version = 1 AND _raw IS NULL", "2");
    (void)write_both(&both);
    check_value("SELECT count(*) FROM ring WHERE _version = 2", "2");
    PQfinish(other);
    whi_destination_close(both.destination);
}

static void a_lock_ends_by_its_time(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;
    PGconn *other = connect_as_owner("data");
    whi_object object = object_of("locked", "{\"id\":\"a\"}", 2);
    whi_object_result result;

    (void)state;
    options.lock_timeout = 50;
    destination = open_with(&options);
    put(destination, "locked", "{\"id\":\"a\"}", 1);
    PQclear(PQexec(other, "BEGIN; SELECT * FROM locked FOR UPDATE"));
    assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
    check_outcome(&result, WHI_OBJECT_AGAIN);
    check_sentence(&result, "55P03", "lock timeout");
    PQfinish(other);
    put(destination, "locked", "{\"id\":\"a\"}", 3);
    whi_destination_close(destination);
}

static void a_statement_ends_by_its_time(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;
    whi_object object = object_of("slow", "{\"id\":\"b\"}", 1);
    whi_object_result result;

    (void)state;
    options.statement_timeout = 500;
    destination = open_with(&options);
    put(destination, "slow", "{\"id\":\"a\"}", 1);
    run_sql(
        "CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(100); RETURN NEW; END "
        "$$; CREATE TRIGGER dozes BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION doze()");
    assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
    check_outcome(&result, WHI_OBJECT_AGAIN);
    check_sentence(&result, "57014", "statement timeout");
    whi_destination_close(destination);
}

static void a_unique_index_of_somebody_else_refuses_one(void **state) {
    whi_destination *destination = open_usual();
    whi_object object = object_of("unique", "{\"id\":\"b\",\"mail\":\"x\"}", 1);
    whi_object_result result;

    (void)state;
    put(destination, "unique", "{\"id\":\"a\",\"mail\":\"x\"}", 1);
    run_sql("CREATE UNIQUE INDEX ON \"unique\" (mail)");
    assert_int_equal(whi_destination_write(destination, &object, 1, &result), WH_OK);
    check_outcome(&result, WHI_OBJECT_ALONE);
    check_sentence(&result, "23505", "unique");
    put(destination, "unique", "{\"id\":\"b\",\"mail\":\"y\"}", 1);
    whi_destination_close(destination);
}

static void rights_that_are_missing_are_named(void **state) {
    static const struct {
        const char *sql, *words;
    } rows[] = {
        { "SELECT 1", "GRANT CREATE ON SCHEMA \"public\" TO clerk" },
        { "CREATE TABLE refused (_connection_id text, id text, _version bigint, PRIMARY KEY (_connection_id, id))",
          "GRANT SELECT, INSERT, UPDATE ON \"public\".\"refused\" TO clerk" },
        { "GRANT SELECT, INSERT, UPDATE ON refused TO clerk", "ALTER TABLE \"public\".\"refused\" OWNER TO clerk" },
    };
    whi_object_result result;

    (void)state;
    run_sql("CREATE ROLE clerk LOGIN PASSWORD '" CLERK_SECRET "'");
    url_of("clerk", CLERK_SECRET, "data", "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_destination *destination = open_usual();

        run_sql(rows[i].sql);
        whi_destination_check(destination, "refused", &result);
        check_outcome(&result, WHI_OBJECT_OWNER);
        check_sentence(&result, "42501", rows[i].words);
        write_one(destination, object_of("refused", "{\"id\":\"a\",\"x\":1}", 1), WHI_OBJECT_OWNER);
        whi_destination_close(destination);
    }
    run_sql("ALTER TABLE refused OWNER TO clerk");
    whi_destination *destination = open_usual();
    whi_destination_check(destination, "refused", &result);
    check_outcome(&result, WHI_OBJECT_WRITTEN);
    put(destination, "refused", "{\"id\":\"a\",\"x\":1}", 1);
    run_sql("ALTER TABLE refused OWNER TO owner; REVOKE ALL ON refused FROM clerk");
    write_one(destination, object_of("refused", "{\"id\":\"a\",\"x\":1}", 2), WHI_OBJECT_OWNER);
    run_sql("GRANT SELECT, INSERT, UPDATE ON refused TO clerk");
    put(destination, "refused", "{\"id\":\"a\",\"x\":2}", 2);
    whi_destination_rest(destination);
    run_sql("ALTER ROLE clerk PASSWORD 'another'");
    write_one(destination, object_of("refused", "{\"id\":\"a\",\"x\":1}", 3), WHI_OBJECT_OWNER);
    whi_destination_close(destination);
    run_sql("DROP TABLE refused");
    usual_url();
}

static void a_schema_that_is_not_there_is_named(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;
    whi_object_result result;

    (void)state;
    options.schema = "els\"ewhere";
    destination = open_with(&options);
    whi_destination_check(destination, "t", &result);
    check_outcome(&result, WHI_OBJECT_OWNER);
    check_sentence(&result, "3F000", "CREATE SCHEMA");
    write_one(destination, object_of("t", "{\"id\":\"a\"}", 1), WHI_OBJECT_OWNER);
    run_sql("CREATE SCHEMA \"els\"\"ewhere\"");
    put(destination, "t", "{\"id\":\"a\"}", 1);
    check_value("SELECT id FROM \"els\"\"ewhere\".t", "a");
    whi_destination_close(destination);
    options.schema = NULL;
    destination = open_with(&options);
    put(destination, "pg_class", "{\"id\":\"a\"}", 1);
    check_value("SELECT id FROM public.pg_class", "a");
    run_sql("DROP TABLE public.pg_class");
    whi_destination_close(destination);
}

static void a_database_that_can_only_be_read_is_asked_again(void **state) {
    whi_destination *destination;

    (void)state;
    run_sql("CREATE TABLE refused (_connection_id text, id text, _version bigint, PRIMARY KEY (_connection_id, id));"
            "ALTER DATABASE data SET default_transaction_read_only = on");
    write_and_fail(WHI_OBJECT_AGAIN, "25006", "read");
    run_sql("ALTER DATABASE data RESET default_transaction_read_only");
    destination = open_usual();
    put(destination, "refused", "{\"id\":\"a\"}", 1);
    whi_destination_close(destination);
    run_sql("DROP TABLE refused");
}

static void a_column_that_a_view_uses_is_not_widened(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    put(destination, "viewed", "{\"id\":\"a\",\"x\":1,\"y\":1}", 1);
    check_value("SELECT pg_typeof(x)::text FROM viewed", "bigint");
    run_sql("CREATE VIEW seen AS SELECT x FROM viewed");
    put(destination, "viewed", "{\"id\":\"a\",\"x\":1.5,\"y\":1.10}", 2);
    check_value("SELECT x_decimal FROM viewed", "1.5");
    check_value("SELECT y FROM viewed", "1.10");
    check_value("SELECT pg_typeof(y)::text FROM viewed", "numeric");
    whi_destination_close(destination);
}

static void columns_of_other_types_are_written(void **state) {
    whi_destination_options options = usual_options();
    whi_destination *destination;

    (void)state;
    run_sql("CREATE TABLE typed (_connection_id text, id uuid, _version bigint, day date, at timestamptz, f float8, n "
            "numeric(10,2), j jsonb, v varchar(5), g int GENERATED ALWAYS AS (1) STORED, PRIMARY KEY (_connection_id, "
            "id))");
    options.create = WHI_CREATE_NEVER;
    destination = open_with(&options);
    put(destination, "typed",
        "{\"id\":\"6b1b36cb-e8d3-4b9f-8b9a-000000000001\",\"day\":\"2026-01-02T03:04:05Z\",\"at\":\"2026-01-02T03:04:"
        "05Z\","
        "\"f\":1.5,\"n\":3,\"j\":{\"a\":1},\"v\":\"abc\",\"g\":5}",
        1);
    check_value("SELECT concat_ws(' ', day, at, f, n, j, v, g) FROM typed",
                "2026-01-02 2026-01-02 03:04:05+00 1.5 3.00 {\"a\": 1} abc 1");
    write_one(destination, object_of("typed", "{\"id\":\"no uuid\"}", 1), WHI_OBJECT_ALONE);
    write_one(destination,
              object_of("typed", "{\"id\":\"6b1b36cb-e8d3-4b9f-8b9a-000000000002\",\"v\":\"too long\"}", 1),
              WHI_OBJECT_ALONE);
    whi_destination_close(destination);
}

static void a_row_that_is_too_wide_is_in_raw(void **state) {
    enum { COUNT = 1000 };
    whi_destination *destination = open_usual();
    char *bytes = malloc(COUNT * 80);
    size_t used = (size_t)snprintf(bytes, 32, "{\"id\":\"wide\"");
    whi_object objects[2];
    whi_object_result results[2];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        used += (size_t)snprintf(bytes + used, 80, ",\"f%d\":\"a text that is stored apart, so it seems %d\"", i, i);
    }
    memcpy(bytes + used, "}", 2);
    objects[0] = object_of("wide_row", bytes, 1);
    objects[1] = object_of("wide_row", "{\"id\":\"small\",\"f0\":\"x\"}", 1);
    assert_int_equal(whi_destination_write(destination, objects, 2, results), WH_OK);
    check_outcome(&results[0], WHI_OBJECT_WRITTEN);
    check_outcome(&results[1], WHI_OBJECT_WRITTEN);
    check_value("SELECT _raw FROM wide_row WHERE id = 'wide'", bytes);
    check_value("SELECT f0 FROM wide_row WHERE id = 'wide'", "(null)");
    check_value("SELECT f0 FROM wide_row WHERE id = 'small'", "x");
    free(bytes);
    whi_destination_close(destination);
}

static void an_id_that_no_text_can_be_stands_alone(void **state) {
    whi_destination *destination = open_usual();

    (void)state;
    write_one(destination, object_of("zero", "{\"id\":\"a\\u0000b\"}", 1), WHI_OBJECT_ALONE);
    put(destination, "zero", "{\"id\":\"a\"}", 1);
    whi_destination_close(destination);
}

static void tls_is_verified_where_it_is_wanted(void **state) {
    whi_destination_options options;
    whi_destination *destination;
    char line[512], ca[256], other[256];

    (void)state;
    url_of("owner", SECRET_WRITTEN, "data", "?sslmode=verify-full");
    write_and_fail(WHI_OBJECT_OWNER, "", "SSL");
    certificates_make("authority", "DNS:authority", NULL);
    certificates_make("stranger", "DNS:stranger", NULL);
    certificates_make("server", "DNS:localhost", "authority");
    snprintf(ca, sizeof ca, "%s", certificates_file("authority.pem"));
    snprintf(other, sizeof other, "%s", certificates_file("stranger.pem"));
    snprintf(line, sizeof line, "ssl_cert_file = '%s'",
             database_server_file(server, certificates_file("server.pem"), "server.pem"));
    database_server_set(server, line);
    snprintf(line, sizeof line, "ssl = on\nssl_key_file = '%s'",
             database_server_file(server, certificates_file("server.key"), "server.key"));
    database_server_set(server, line);
    database_server_stop(server);
    database_server_start(server);
    options = usual_options();
    options.ca_file = ca;
    destination = open_with(&options);
    put(destination, "encrypted", "{\"id\":\"a\"}", 1);
    whi_destination_close(destination);
    write_and_fail(WHI_OBJECT_OWNER, "", "certificate");
    options.ca_file = other;
    destination = open_with(&options);
    write_one(destination, object_of("encrypted", "{\"id\":\"b\"}", 1), WHI_OBJECT_OWNER);
    whi_destination_close(destination);
    snprintf(kit_url, sizeof kit_url, "postgresql://owner:%s@127.0.0.1:%d/data?sslmode=verify-full", SECRET_WRITTEN,
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

static int begin(void **state) {
    static const char *const loopback[] = { "127.0.0.1", "::1" };
    PGconn *connection;

    (void)state;
    server = database_server_postgres(SECRET, is_ready);
    connection = connect_as_owner("postgres");
    PQclear(PQexec(connection, "CREATE DATABASE data"));
    PQfinish(connection);
    kit_schema = "public";
    kit_big_decimals = 0;
    usual_url();
    return whi_policy_new(&kit_policy, loopback, 2);
}

static int end(void **state) {
    (void)state;
    database_server_free(server);
    whi_policy_free(kit_policy);
    return 0;
}

int main(void) {
    static const struct CMUnitTest own_tests[] = {
        cmocka_unit_test(who_removes_has_the_table_alone_and_who_puts_shares_it),
        cmocka_unit_test(a_transaction_sees_what_was_written_before_its_lock),
        cmocka_unit_test(who_is_not_let_in_needs_the_owner),
        cmocka_unit_test(an_address_that_is_not_allowed_is_not_connected_to),
        cmocka_unit_test(a_server_that_is_down_is_asked_again),
        cmocka_unit_test(the_class_of_a_failure_says_who_can_mend_it),
        cmocka_unit_test(a_change_of_the_table_that_fails_is_nobodys_objects_fault),
        cmocka_unit_test(a_server_that_says_the_password_is_not_repeated),
        cmocka_unit_test(a_backend_that_is_ended_in_a_batch_leaves_nothing),
        cmocka_unit_test(a_commit_whose_answer_is_lost_may_be_repeated),
        cmocka_unit_test(a_server_that_falls_silent_ends_by_its_time_or_by_a_cut),
        cmocka_unit_test(who_is_chosen_in_a_deadlock_tries_again),
        cmocka_unit_test(a_lock_ends_by_its_time),
        cmocka_unit_test(a_statement_ends_by_its_time),
        cmocka_unit_test(a_unique_index_of_somebody_else_refuses_one),
        cmocka_unit_test(rights_that_are_missing_are_named),
        cmocka_unit_test(a_schema_that_is_not_there_is_named),
        cmocka_unit_test(a_database_that_can_only_be_read_is_asked_again),
        cmocka_unit_test(a_column_that_a_view_uses_is_not_widened),
        cmocka_unit_test(columns_of_other_types_are_written),
        cmocka_unit_test(a_row_that_is_too_wide_is_in_raw),
        cmocka_unit_test(an_id_that_no_text_can_be_stands_alone),
        cmocka_unit_test(tls_is_verified_where_it_is_wanted),
    };
    struct CMUnitTest all[sizeof destination_tests / sizeof *destination_tests + sizeof own_tests / sizeof *own_tests];

    memcpy(all, destination_tests, sizeof destination_tests);
    memcpy((char *)all + sizeof destination_tests, own_tests, sizeof own_tests);
    return cmocka_run_group_tests(all, begin, end);
}
