/* What a subscription's document says of how its deliveries are tried: read, refused, and written as it was read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "pure/retry_policy.h"
#include "systems/subscription_make.h"
#include "systems/subscription_read.h"
#include "systems/subscription_write.h"
#include "webhook.h"

#define START "{\"url\":\"https://example.com/\","

static whi_subscription *apply(const char *members) {
    whi_subscription *s;
    char document[4096];

    snprintf(document, sizeof document, START "%s}", members);
    assert_int_equal(whi_subscription_new(&s), WH_OK);
    if (whi_subscription_apply(s, document, strlen(document), 65536, 0) != WH_OK) {
        fail_msg("%s: %s", members, wh_last_error());
    }
    return s;
}

static void refuses(const char *members, const char *sentence) {
    whi_subscription *s;
    char document[4096];

    snprintf(document, sizeof document, START "%s}", members);
    assert_int_equal(whi_subscription_new(&s), WH_OK);
    assert_int_equal(whi_subscription_apply(s, document, strlen(document), 65536, 0), WH_EINVALID);
    assert_string_equal(wh_last_error(), sentence);
    whi_subscription_free(s);
}

/* What is written has these members, and so has what is read from that. */
static void keeps(const char *members, const char *kept) {
    whi_subscription *s = apply(members), *copy;
    whi_buf out;

    assert_int_equal(whi_subscription_copy(&copy, s), WH_OK);
    whi_buf_init(&out, SIZE_MAX / 4);
    whi_subscription_write(copy, 0, &out);
    assert_int_equal(whi_buf_status(&out), WH_OK);
    if (strstr(out.data, kept) == NULL) {
        fail_msg("%s is not in %s", kept, out.data);
    }
    whi_buf_free(&out);
    whi_subscription_free(copy);
    whi_subscription_free(s);
}

static void lists_by_type_are_kept(void **state) {
    (void)state;
    keeps("\"retry\":[{\"events\":[\"order.*\",\"a\"],\"delays\":[0,5],\"within\":60},{\"delays\":[0]}]",
          "\"retry\":[{\"events\":[\"order.*\",\"a\"],\"delays\":[0,5],\"within\":60},{\"delays\":[0]}],");
    keeps("\"retry\":[{\"within\":3600}]", "\"retry\":[{\"within\":3600}],");
    keeps("\"retry\":[0,1]", "\"retry\":[0,1],");
    keeps("\"retry\":null", "\"retry\":null,");
}

static void one_kind_of_list_takes_the_place_of_the_other(void **state) {
    whi_subscription *s = apply("\"retry\":[{\"delays\":[7]}]");

    (void)state;
    assert_int_equal(whi_subscription_apply(s, "{\"retry\":[0,1]}", 15, 65536, 0), WH_OK);
    assert_int_equal(s->retrying.list_count, 0);
    assert_int_equal(s->retry_count, 2);
    assert_int_equal(whi_subscription_apply(s, "{\"retry\":[{\"delays\":[7]}]}", 26, 65536, 0), WH_OK);
    assert_int_equal(s->retrying.list_count, 1);
    assert_null(s->retry);
    assert_int_equal(whi_subscription_apply(s, "{\"retry\":null}", 14, 65536, 0), WH_OK);
    assert_null(s->retrying.lists);
    whi_subscription_free(s);
}

static void the_first_list_for_a_type_counts(void **state) {
    whi_subscription *s =
        apply("\"retry\":[{\"events\":[\"a.b\"],\"within\":1},{\"events\":[\"a.*\",\"c:*\"],\"within\":2}]");

    (void)state;
    assert_int_equal(whi_retry_list_of(&s->retrying, "a.b")->within, 1);
    assert_int_equal(whi_retry_list_of(&s->retrying, "a.c")->within, 2);
    assert_int_equal(whi_retry_list_of(&s->retrying, "c:d")->within, 2);
    assert_null(whi_retry_list_of(&s->retrying, "a"));
    assert_null(whi_retry_list_of(&s->retrying, "c.d"));
    whi_subscription_free(s);
}

static void classes_are_kept_and_decide(void **state) {
    whi_subscription *s = apply("\"retry_on\":[\"network\",\"5xx\",429]");
    const whi_retry_on *on = &s->retrying.on;

    (void)state;
    keeps("\"retry_on\":[429,\"5xx\",\"timeout\",\"network\",503]",
          "\"retry_on\":[\"network\",\"timeout\",429,\"5xx\"],");
    keeps("\"retry_on\":[]", "\"retry_on\":[],");
    assert_true(whi_retry_on_allows(on, WH_ECONNECT, 0));
    assert_true(whi_retry_on_allows(on, WH_EADDRESS, 0));
    assert_false(whi_retry_on_allows(on, WH_ETIMEOUT, 0));
    assert_true(whi_retry_on_allows(on, WH_ESTATUS, 500));
    assert_true(whi_retry_on_allows(on, WH_ESTATUS, 599));
    assert_true(whi_retry_on_allows(on, WH_ESTATUS, 429));
    assert_false(whi_retry_on_allows(on, WH_ESTATUS, 428));
    assert_false(whi_retry_on_allows(on, WH_EREDIRECT, 302));
    assert_true(whi_retry_on_allows(on, WH_ESTORE, 0)); /* none of the classes */
    whi_subscription_free(s);
}

static void without_classes_all_is_tried_again(void **state) {
    whi_subscription *s = apply("\"retry_on\":null");

    (void)state;
    assert_true(whi_retry_on_allows(&s->retrying.on, WH_ESTATUS, 404));
    assert_true(whi_retry_on_allows(&s->retrying.on, WH_ETIMEOUT, 0));
    whi_subscription_free(s);
}

static void numbers_are_kept(void **state) {
    (void)state;
    keeps("\"jitter\":0", "\"jitter\":0,");
    keeps("\"jitter\":100", "\"jitter\":100,");
    keeps("\"timeouts\":{\"connect\":1,\"answer\":300000}", "\"timeouts\":{\"connect\":1,\"answer\":300000},");
    keeps("\"retry_budget\":1000", "\"retry_budget\":1000,");
    keeps("\"breaker\":{}", "\"breaker\":{\"failures\":50,\"least\":10,\"window\":60,\"pause\":10,\"longest\":600},");
    keeps("\"breaker\":{\"failures\":100,\"least\":1,\"window\":86400,\"pause\":3600}",
          "\"breaker\":{\"failures\":100,\"least\":1,\"window\":86400,\"pause\":3600,\"longest\":3600},");
    keeps("\"timeouts\":{\"answer\":5}", "\"timeouts\":{\"answer\":5},");
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    refuses("\"retry\":[{\"events\":[\"a*\"],\"delays\":[0]}]",
            "retry.events[0]: expected a type, \"*\", \"prefix.*\" or \"prefix:*\"");
    refuses("\"retry\":[{\"events\":[\"a\"]}]", "retry: expected delays or within in each list, found neither");
    refuses("\"retry\":[{\"delays\":[]}]", "retry.delays: expected 1 to 100 integers, found 0");
    refuses("\"retry\":[{\"delays\":[-1]}]", "retry.delays[0]: expected an integer from 0 to 2592000000, found -1");
    refuses("\"retry\":[{\"within\":0}]", "retry.within: expected an integer from 1 to 31622400, found 0");
    refuses("\"retry\":[{\"delay\":[0]}]", "retry: unknown member, expected events, delays and within");
    refuses("\"retry\":[{\"delays\":[0]},5]",
            "retry: expected an object of events, delays and within, as the first, found 5");
    refuses("\"retry\":[5,{\"delays\":[0]}]", "retry[1]: expected an integer from 0 to 2592000000, found an object");
    refuses("\"retry_on\":\"5xx\"", "retry_on: expected a list of classes and statuses, found a text");
    refuses("\"retry_on\":[\"2xx\"]", "retry_on[0]: expected \"network\", \"timeout\", \"3xx\", \"4xx\", \"5xx\" or a "
                                      "status from 300 to 599, such as "
                                      "429, found a text");
    refuses("\"retry_on\":[200]", "retry_on[0]: expected \"network\", \"timeout\", \"3xx\", \"4xx\", \"5xx\" or a "
                                  "status from 300 to 599, such as "
                                  "429, found 200");
    refuses("\"jitter\":101", "jitter: expected an integer from 0 to 100, found 101");
    refuses("\"timeouts\":{\"connect\":0}", "timeouts.connect: expected an integer from 1 to 300000, found 0");
    refuses("\"timeouts\":{\"whole\":1}", "timeouts: unknown member, expected connect and answer");
    refuses("\"retry_budget\":0", "retry_budget: expected an integer from 1 to 1000, found 0");
    refuses("\"breaker\":true",
            "breaker: expected an object of failures, least, window, pause and longest, found true");
    refuses("\"breaker\":{\"failures\":101}", "breaker.failures: expected an integer from 1 to 100, found 101");
    refuses("\"breaker\":{\"pause\":10,\"longest\":9}", "breaker.longest: expected at least the pause, 10, found 9");
    refuses("\"breaker\":{\"ratio\":1}",
            "breaker: unknown member, expected failures, least, window, pause and longest");
    refuses("\"timeouts\":5", "timeouts: expected an object of connect and answer (milliseconds), found 5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_by_type_are_kept),
        cmocka_unit_test(one_kind_of_list_takes_the_place_of_the_other),
        cmocka_unit_test(the_first_list_for_a_type_counts),
        cmocka_unit_test(classes_are_kept_and_decide),
        cmocka_unit_test(without_classes_all_is_tried_again),
        cmocka_unit_test(numbers_are_kept),
        cmocka_unit_test(what_is_wrong_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
