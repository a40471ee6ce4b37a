/* No statement of the store walks a table that grows: what SQLite says of how it would run each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "outside/store_sqlite.h"

/* Grow with what is stored. Not among them: those with a row for each process, key, setting or partition. */
static const char *const growing[] = {
    "webhook_events",    "webhook_deliveries", "webhook_bodies",        "webhook_attempts",
    "webhook_event_ids", "webhook_outbox",     "webhook_subscriptions", "webhook_subscription_versions",
    "webhook_usage",     "webhook_health",     "webhook_receivers",     "webhook_lags"
};

static sqlite3 *made(void) {
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, whi_sqlite_schema, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

/* The word behind SCAN is a name, or an alias that begins as one of ours does. */
static int walks(const char *step) {
    const char *name = strncmp(step, "SCAN ", 5) == 0 ? step + 5 : NULL;

    for (size_t i = 0; name != NULL && i < sizeof growing / sizeof growing[0]; i++) {
        size_t size = strlen(growing[i]);
        if (strncmp(name, growing[i], size) == 0 && (name[size] == '\0' || name[size] == ' ')) {
            return 1;
        }
    }
    return name != NULL && strlen(name) < 3; /* an alias: which table is not said */
}

static void explain_each(sqlite3 *db, void (*each)(int which, const char *step, void *payload), void *payload) {
    for (int i = 0; i < WHI_SQL_STATEMENTS; i++) {
        char sql[8192];
        sqlite3_stmt *plan;

        snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", whi_sqlite_text[i]);
        if (sqlite3_prepare_v2(db, sql, -1, &plan, NULL) != SQLITE_OK) {
            fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        }
        while (sqlite3_step(plan) == SQLITE_ROW) {
            each(i, (const char *)sqlite3_column_text(plan, 3), payload);
        }
        sqlite3_finalize(plan);
    }
}

/* A row or a page is asked for, or what is there at all is little. */
static int may_walk(int which) {
    return which == WHI_SQL_NEWS || which == WHI_SQL_WORK /* is there a row of the outbox? */
           || which == WHI_SQL_OUTBOX_LIST                /* its first rows */
           || which == WHI_SQL_LAG_LIST                   /* of who lags, by who looks after it */
           || which == WHI_SQL_FIGURES_BUDGET             /* at most 100,000 */
           || which == WHI_SQL_RECEIVER_GET;              /* "o" is the one that is asked for */
}

static void look_for_walks(int which, const char *step, void *payload) {
    if (walks(step) && !may_walk(which)) {
        print_message("%s\n  in %s\n", step, whi_sqlite_text[which]);
        ++*(int *)payload;
    }
}

static void no_statement_walks_a_table_that_grows(void **state) {
    sqlite3 *db = made();
    int found = 0;

    (void)state;
    explain_each(db, look_for_walks, &found);
    sqlite3_close(db);
    assert_int_equal(found, 0);
}

/* Each filter of each list, whose pages cost by what they give. Two sort: what waits for one subscription, whose
 * entries stand in the order of their time, and what is known to be little. */
static int is_list(int which) {
    return which == WHI_SQL_EVENT_LIST || which == WHI_SQL_EVENT_OF_TENANT || which == WHI_SQL_EVENT_OF_TYPE ||
           which == WHI_SQL_EVENT_OF_TENANT_TYPE || which == WHI_SQL_DELIVERY_LIST ||
           which == WHI_SQL_DELIVERY_OF_EVENT || which == WHI_SQL_DELIVERY_OF_TENANT ||
           which == WHI_SQL_DELIVERY_OF_TYPE || which == WHI_SQL_DELIVERY_OF_TENANT_TYPE ||
           which == WHI_SQL_DELIVERY_KEPT || which == WHI_SQL_DELIVERY_CANCELLED ||
           which == WHI_SQL_SUBSCRIPTION_LIST || which == WHI_SQL_SUBSCRIPTION_OF_TENANT ||
           which == WHI_SQL_SUBSCRIPTION_RESTING || which == WHI_SQL_ATTEMPT_LIST;
}

typedef struct plan_of_lists {
    int steps, sorts;
} plan_of_lists;

static void look_for_sorts(int which, const char *step, void *payload) {
    plan_of_lists *self = payload;

    if (is_list(which)) {
        self->steps++;
        if (strstr(step, "TEMP B-TREE") != NULL && strstr(step, "RIGHT PART") == NULL) {
            print_message("%s\n  in %s\n", step, whi_sqlite_text[which]);
            self->sorts++;
        }
    }
}

static void no_list_sorts_more_than_it_gives(void **state) {
    sqlite3 *db = made();
    plan_of_lists found = { 0, 0 };

    (void)state;
    explain_each(db, look_for_sorts, &found);
    sqlite3_close(db);
    assert_true(found.steps >= 15);
    assert_int_equal(found.sorts, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_statement_walks_a_table_that_grows),
        cmocka_unit_test(no_list_sorts_more_than_it_gives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
