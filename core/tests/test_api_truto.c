/* Truto over HTTP, as its clients ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api_kit.h"

static char *make(const char *body) {
    static char ids[8][WH_ID_SIZE];
    static int next;
    char *id = ids[next++ % 8];

    atomic_fetch_add(&fixture_time, 1000);
    api_expect(200, "POST", "/webhook", api_a, body);
    snprintf(id, WH_ID_SIZE, "%s", api_member("id"));
    return id;
}

static const char *one(const char *id) {
    static char target[256];

    snprintf(target, sizeof target, "/webhook/%s", id);
    return target;
}

/* Of the tenants' names. */
#define UUID_A "6f254115-7e40-546c-8e53-8c205e0bedde"
#define UUID_B "9e14b7db-b791-5ee1-8224-2818d90a208c"

static void a_webhook_is_made_read_changed_and_deleted(void **state) {
    char *id, answer[128];

    (void)state;
    id = make("{\"target_url\":\"https://e.com/1\",\"event_types\":[\"record:created\"],\"environment_id\":\"other\"}");
    assert_int_equal(strlen(id), 36);
    assert_int_equal(strlen(api_member("secret")), 36);
    api_has("environment_id", UUID_A);
    api_has("is_active", "true");
    api_expect(200, "GET", one(id), api_a, NULL);
    assert_null(api_member("secret"));
    api_has("event_types.0", "record:created");
    api_expect(200, "PATCH", one(id), api_a, "{\"is_active\":false}");
    assert_null(api_member("secret"));
    api_has("is_active", "false");
    api_expect(400, "PATCH", one(id), api_a, "{\"target_url\":\"ftp://e\"}");
    api_has("error", "Bad Request");
    api_expect(405, "PUT", one(id), api_a, "{}");
    api_expect(200, "DELETE", one(id), api_a, NULL);
    snprintf(answer, sizeof answer, "{\"id\":\"%s\"}", id);
    assert_string_equal(api_text, answer);
    api_expect(404, "GET", one(id), api_a, NULL);
    api_expect(404, "GET", one("x"), api_a, NULL);
    api_expect(400, "POST", "/webhook", api_a, "{}");
    api_expect(200, "POST", "/webhook", api_operator, "{\"target_url\":\"https://e\",\"environment_id\":\"b\"}");
    api_has("environment_id", UUID_B);
    api_expect(200, "POST", "/webhook", api_operator,
               "{\"target_url\":\"https://e\",\"environment_id\":\"" UUID_B "\"}");
    api_expect(200, "GET", "/webhook", api_b, NULL); /* it is accepted back */
    assert_non_null(api_member("result.1.id"));
    api_expect(200, "POST", "/webhook", api_operator,
               "{\"target_url\":\"https://e\",\"environment_id\":\"05DAECAF-4365-42e8-8370-8127de5dd717\"}");
    api_has("environment_id", "05DAECAF-4365-42e8-8370-8127de5dd717"); /* a name that is one stays */
}

static void assert_ids(const char *target, char *const *ids, int count) {
    char path[32];

    api_expect(200, "GET", target, api_a, NULL);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "result.%d.id", i);
        api_has(path, ids[i]);
    }
    snprintf(path, sizeof path, "result.%d", count);
    assert_null(api_member(path));
}

static const char *with_cursor(const char *target, const char *name) {
    static char out[256];

    snprintf(out, sizeof out, "%s&%s=%s", target, name, api_member(name));
    return out;
}

static void cursors_lead_forwards_and_back(void **state) {
    char *ids[5];

    (void)state;
    for (int i = 0; i < 5; i++) {
        ids[4 - i] = make(i % 2 ? "{\"target_url\":\"https://e.com/odd\"}" : "{\"target_url\":\"https://e.com/even\"}");
    }
    api_expect(200, "POST", "/webhook", api_b, "{\"target_url\":\"https://e.com/b\"}");
    assert_ids("/webhook?limit=2", ids, 2);
    api_has("prev_cursor", "null");
    assert_ids(with_cursor("/webhook?limit=2", "next_cursor"), ids + 2, 2);
    assert_ids(with_cursor("/webhook?limit=2", "next_cursor"), ids + 4, 1);
    api_has("next_cursor", "null");
    assert_ids(with_cursor("/webhook?limit=2", "prev_cursor"), ids + 2, 2);
    assert_ids(with_cursor("/webhook?limit=2", "prev_cursor"), ids, 2);
    api_has("prev_cursor", "null");
    assert_ids(with_cursor("/webhook?limit=2", "next_cursor"), ids + 2, 2);
    assert_ids("/webhook?limit=1&target_url=https://e.com/odd", ids + 1, 1);
    assert_ids(with_cursor("/webhook?limit=1&target_url=https://e.com/odd", "next_cursor"), ids + 3, 1);
    api_has("next_cursor", "null");
    api_expect(400, "GET", "/webhook?next_cursor=x", api_a, NULL);
    api_expect(200, "GET", "/webhook?next_cursor=&limit=", api_a, NULL);
}

/* ------------------------------------------------ walks while rows come and go */

#define ROWS 200

static char walked[ROWS][WH_ID_SIZE]; /* in the order of creation; "" for those that are gone */
static int walked_count, walked_seen[ROWS];
static uint32_t chance = 11;

static int draw(int below) {
    chance = chance * 1664525u + 1013904223u; /* Numerical Recipes */
    return (int)((chance >> 8) % (uint32_t)below);
}

static void add_row(void) {
    snprintf(walked[walked_count++], WH_ID_SIZE, "%s", make("{\"target_url\":\"https://e.com/\"}"));
}

static void remove_row(int row) {
    if (walked[row][0] != '\0') {
        api_expect(200, "DELETE", one(walked[row]), api_a, NULL);
        walked[row][0] = '\0';
    }
}

/* Marks what is on the page; all of it must be there now, and newer than what is below it. */
static void see_page(void) {
    char path[32];
    const char *id;

    for (int i = 0, before = ROWS, row; snprintf(path, sizeof path, "result.%d.id", i), (id = api_member(path)) != NULL;
         i++, before = row) {
        row = 0;
        while (row < walked_count && strcmp(walked[row], id) != 0) {
            row++;
        }
        assert_true(row < before && row < walked_count);
        walked_seen[row]++;
    }
}

/* From one end to the other by this cursor, while one comes and two go between the pages. Those
 * that were there from the beginning to the end are walked_seen once, and nothing twice. */
static void walk(const char *cursor) {
    int old = walked_count, pages = 0;
    char next[128] = "/webhook?limit=3";

    memset(walked_seen, 0, sizeof walked_seen);
    if (strcmp(cursor, "prev_cursor") == 0) {
        snprintf(next, sizeof next, "/webhook?limit=3&prev_cursor=prv_0000000000000");
    }
    for (;; pages++) {
        assert_true(pages < ROWS);
        api_expect(200, "GET", next, api_a, NULL);
        see_page();
        if (strcmp(api_member(cursor), "null") == 0) {
            break;
        }
        snprintf(next, sizeof next, "/webhook?limit=3&%s=%s", cursor, api_member(cursor));
        remove_row(draw(walked_count));
        remove_row(draw(walked_count));
        if (walked_count < ROWS) {
            add_row();
        }
    }
    for (int row = 0; row < walked_count; row++) {
        assert_true(walked_seen[row] <= 1);
        assert_true(row >= old || walked[row][0] == '\0' || walked_seen[row] == 1);
    }
}

static void a_walk_sees_each_row_once_while_others_come_and_go(void **state) {
    (void)state;
    walked_count = 0;
    for (int i = 0; i < 60; i++) {
        add_row();
    }
    for (int i = 0; i < 3; i++) {
        walk("next_cursor");
        walk("prev_cursor");
    }
}

static void lists_are_filtered(void **state) {
    char *ids[3], target[256], at[64];

    (void)state;
    ids[2] = make("{\"target_url\":\"https://e.com/1\"}");
    ids[1] = make("{\"target_url\":\"https://e.com/2\",\"is_active\":false}");
    snprintf(at, sizeof at, "%s", api_member("created_at"));
    ids[0] = make("{\"target_url\":\"https://e.com/3\"}");
    assert_ids("/webhook?is_active=false", ids + 1, 1);
    assert_ids("/webhook?is_active%5Beq%5D=false", ids + 1, 1);
    assert_ids("/webhook?is_active[ne]=false&limit=1", ids, 1);
    snprintf(target, sizeof target, "/webhook?id[in]=%s,%s", ids[0], ids[1]);
    assert_ids(target, ids, 2);
    snprintf(target, sizeof target, "/webhook?id%%5Bnin%%5D=%s,%s", ids[0], ids[1]);
    assert_ids(target, ids + 2, 1);
    snprintf(target, sizeof target, "/webhook?id=%s", ids[1]);
    assert_ids(target, ids + 1, 1);
    snprintf(target, sizeof target, "/webhook?id[in][]=%s&limit=9&id[in][]=%s", ids[0], ids[1]);
    assert_ids(target, ids, 2);
    snprintf(target, sizeof target, "/webhook?id%%5Bin%%5D%%5B0%%5D=%s&id%%5Bin%%5D%%5B1%%5D=%s", ids[0], ids[1]);
    assert_ids(target, ids, 2);
    snprintf(target, sizeof target, "/webhook?id[nin][]=%s&id[nin][]=%s", ids[0], ids[1]);
    assert_ids(target, ids + 2, 1);
    snprintf(target, sizeof target, "/webhook?id[]=%s&target_url[in][]=none&target_url[in][]=HTTPS://E.com/2", ids[1]);
    assert_ids(target, ids + 1, 1);
    snprintf(target, sizeof target, "/webhook?id[in][]=%s&id[nin][]=%s", ids[1], ids[1]);
    assert_ids(target, NULL, 0);
    snprintf(target, sizeof target, "/webhook?created_at[gt]=%s", at);
    assert_ids(target, ids, 1);
    snprintf(target, sizeof target, "/webhook?created_at[gte]=%s", at);
    assert_ids(target, ids, 2);
    snprintf(target, sizeof target, "/webhook?updated_at[lt]=%s", at);
    assert_ids(target, ids + 2, 1);
    snprintf(target, sizeof target, "/webhook?created_at[lte]=%s&created_at[gte]=%s", at, at);
    assert_ids(target, ids + 1, 1);
    at[10] = ' ';
    at[19] = '\0';
    snprintf(target, sizeof target, "/webhook?created_at[eq]=%s", at);
    assert_ids(target, ids + 1, 1);
    at[10] = 'T';
    snprintf(target, sizeof target, "/webhook?created_at[in]=2001-02-03,%s.000000000%%2B00:00", at);
    assert_ids(target, ids + 1, 1);
    assert_ids("/webhook?environment_id=a&limit=3", ids, 3);
    assert_ids("/webhook?environment_id=b", NULL, 0);
    assert_ids("/webhook?environment_id=" UUID_A, ids, 3);
    assert_ids("/webhook?environment_id[in]=b," UUID_A, ids, 3);
    assert_ids("/webhook?environment_id[in][]=" UUID_B "&environment_id[in][]=c", NULL, 0);
    assert_ids("/webhook?environment_id[ne]=" UUID_A, NULL, 0);
    assert_ids("/webhook?target_url[gt]=https://e.com/2", ids, 1);
    assert_ids("/webhook?target_url=HTTPS://E.com:443/2", ids + 1, 1);
    assert_ids("/webhook?target_url[in]=none,HTTPS://E.com/2,https://e.com/3", ids, 2);
    assert_ids("/webhook?target_url[nin]=https://E.com/2,https://E.com/3", ids + 2, 1);
    api_expect(400, "GET", "/webhook?created_at[gt]=soon", api_a, NULL);
    api_expect(400, "GET", "/webhook?created_at[like]=2", api_a, NULL);
    api_expect(400, "GET", "/webhook?colour[eq]=red", api_a, NULL);
    api_expect(400, "GET", "/webhook?created_at[gt][]=2026-01-01", api_a, NULL);
    api_expect(400, "GET", "/webhook?id[in][x]=1", api_a, NULL);
    api_expect(400, "GET", "/webhook?id[in]=1&id[in]=2", api_a, NULL);
    api_expect(400, "GET", "/webhook?is_active=perhaps", api_a, NULL);
    api_expect(200, "GET", "/webhook?truto_something=1", api_a, NULL);
}

static void a_test_goes_to_one_webhook_alone(void **state) {
    char body[128], *id;

    (void)state;
    make("{\"target_url\":\"https://e.com/other\"}");
    id = make("{\"target_url\":\"https://e.com/one\",\"event_types\":[\"record:created\"]}");
    snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
    api_expect(200, "POST", "/webhook/test", api_a, body);
    assert_string_equal(api_text, "{\"success\":true}");
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_sent[0].url, "https://e.com/one");
    assert_has(fixture_sent[0].body, "\"payload\":{\"foo\":\"bar\"}");
    assert_has(fixture_sent[0].body, "\"event\":\"test\"");
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"event_type\":\"record:updated\"}", id);
    api_expect(200, "POST", "/webhook/test", api_a, body);
    assert_has(fixture_sent[1].body, "\"event\":\"record:updated\"");
    fixture_script.status = 500;
    api_expect(502, "POST", "/webhook/test", api_a, body);
    assert_has(api_member("message"), "500");
    fixture_script.error = WH_ETIMEOUT;
    api_expect(504, "POST", "/webhook/test", api_a, body);
    fixture_script.error = WH_ECONNECT;
    api_expect(502, "POST", "/webhook/test", api_a, body);
    api_expect(400, "POST", "/webhook/test", api_a, "{}");
    api_expect(404, "POST", "/webhook/test", api_a, "{\"id\":\"x\"}");
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"event_type\":\"no blanks\"}", id);
    api_expect(400, "POST", "/webhook/test", api_a, body);
    api_expect(200, "PATCH", one(id), api_a, "{\"is_active\":false}");
    snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
    api_expect(409, "POST", "/webhook/test", api_a, body); /* nobody would send it */
}

/* Publishes so many, each of which is tried twice. */
static void publish(int count) {
    for (int i = 0; i < count; i++) {
        atomic_fetch_add(&fixture_time, 60000);
        api_expect(201, "POST", "/v1/events", api_a,
                   i % 2 ? "{\"type\":\"record:created\",\"payload\":{}}"
                         : "{\"type\":\"record:deleted\",\"payload\":{}}");
        fixture_script.status = 500;
        fixture_run(api_engine);
        atomic_fetch_add(&fixture_time, 60000);
        fixture_script.status = 200;
        fixture_run(api_engine);
    }
}

static void the_log_has_every_attempt_once(void **state) {
    char seen[20][WH_ID_SIZE + 16], target[256], *id;
    int count = 0;

    (void)state;
    id = make("{\"target_url\":\"https://e.com/1\"}");
    publish(4);
    api_expect(200, "GET", "/log?log_type=webhook", api_a, NULL);
    api_has("next_cursor", "null");
    api_has("result.0.service", "truto-api");
    api_has("result.0.queue", "webhooks");
    api_has("result.0.environment_id", UUID_A);
    api_has("result.0.webhook_id", id);
    api_has("result.0.event", "record:created");
    api_has("result.0.webhook_endpoint_status", "500");
    api_has("result.7.webhook_endpoint_status", "200");
    assert_null(api_member("result.8"));
    for (int limit = 1; limit <= 9; limit++) {
        snprintf(target, sizeof target, "/log?log_type=webhook&limit=%d", limit);
        for (count = 0;;) {
            char path[32], from[256];
            const char *entry;
            api_expect(200, "GET", target, api_a, NULL);
            for (int i = 0; snprintf(path, sizeof path, "result.%d.id", i), (entry = api_member(path)) != NULL; i++) {
                assert_true(i < limit && count < 20);
                snprintf(seen[count++], sizeof seen[0], "%s", entry);
            }
            entry = api_member("next_cursor");
            if (strcmp(entry, "null") == 0) {
                break;
            }
            snprintf(from, sizeof from, "/log?log_type=webhook&limit=%d&next_cursor=%s", limit, entry);
            memcpy(target, from, sizeof from);
        }
        assert_int_equal(count, 8);
        for (int i = 0; i < count; i++) {
            for (int k = 0; k < i; k++) {
                assert_string_not_equal(seen[i], seen[k]);
            }
        }
    }
}

static void the_log_has_the_systems_own_webhooks_also_those_that_are_gone(void **state) {
    char target[64], *id;

    (void)state;
    api_expect(201, "POST", "/v1/subscriptions", api_a, "{\"url\":\"https://e.com/other\"}");
    id = make("{\"target_url\":\"https://e.com/1\"}");
    publish(1);
    api_expect(200, "GET", "/log?log_type=webhook", api_a, NULL);
    api_has("result.0.webhook_id", id);
    api_has("result.1.webhook_id", id);
    assert_null(api_member("result.2"));
    snprintf(target, sizeof target, "/webhook/%s", id);
    api_expect(200, "DELETE", target, api_a, NULL);
    api_expect(200, "GET", "/log?log_type=webhook", api_a, NULL);
    api_has("result.1.webhook_id", id);
    assert_null(api_member("result.2"));
    api_expect(200, "GET", "/log?log_type=webhook&all=true&tenant=a", api_operator, NULL);
    assert_non_null(api_member("result.3"));
}

static void the_log_is_filtered(void **state) {
    char target[256], *id, at[64];

    (void)state;
    make("{\"target_url\":\"https://e.com/1\"}");
    id = make("{\"target_url\":\"https://e.com/2\"}");
    publish(2);
    snprintf(target, sizeof target, "/log?log_type=webhook&webhook_id=%s&event=record:created", id);
    api_expect(200, "GET", target, api_a, NULL);
    api_has("result.1.webhook_id", id);
    assert_null(api_member("result.2"));
    snprintf(at, sizeof at, "%s", api_member("result.0.timestamp"));
    snprintf(target, sizeof target, "/log?log_type=webhook&created_at[gt]=%s", at);
    api_expect(200, "GET", target, api_a, NULL);
    assert_non_null(api_member("result.1"));
    assert_null(api_member("result.2"));
    snprintf(target, sizeof target, "/log?log_type=webhook&created_at[lt]=%s", at);
    api_expect(200, "GET", target, api_a, NULL);
    assert_non_null(api_member("result.3"));
    assert_null(api_member("result.4"));
    for (size_t i = 0; i < 4; i++) {
        static const char *const own[] = { "a", UUID_A, "b", UUID_B };
        snprintf(target, sizeof target, "/log?log_type=webhook&environment_id=%s", own[i]);
        for (size_t k = 0; k < 2; k++) {
            api_expect(200, "GET", target, k == 0 ? api_a : api_operator, NULL);
            assert_int_equal(api_member("result.0") != NULL, i < 2);
        }
    }
    api_expect(200, "GET", "/log?log_type=webhook&webhook_id=x", api_a, NULL);
    assert_null(api_member("result.0"));
    api_expect(400, "GET", "/log", api_a, NULL);
    api_expect(400, "GET", "/log?log_type=inbound", api_a, NULL);
    api_expect(200, "GET", "/log?log_type=webhook&limit=101", api_a, NULL);
    api_expect(400, "GET", "/log?log_type=webhook&limit=0", api_a, NULL);
    api_has("message", "limit: expected an integer of 1 to 100, found \"0\"");
    api_expect(400, "GET", "/log?log_type=webhook&next_cursor=dlv_1.2", api_a, NULL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_webhook_is_made_read_changed_and_deleted),
        TEST(cursors_lead_forwards_and_back),
        TEST(a_walk_sees_each_row_once_while_others_come_and_go),
        TEST(lists_are_filtered),
        TEST(a_test_goes_to_one_webhook_alone),
        TEST(the_log_has_every_attempt_once),
        TEST(the_log_has_the_systems_own_webhooks_also_those_that_are_gone),
        TEST(the_log_is_filtered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
