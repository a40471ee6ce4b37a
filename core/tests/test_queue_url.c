/* URLs of queues: what each kind takes, and what is refused without a word of what stands there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "pure/queue_url.h"
#include "webhook.h"

static void a_stream_has_its_parts(void **state) {
    whi_queue_url url;

    (void)state;
    assert_int_equal(whi_queue_url_parse(&url, "REDIS://u%40x:p%3aq@Queue.example:7000/3?stream=a%26b&maxlen=5"),
                     WH_OK);
    assert_int_equal(url.scheme, WHI_QUEUE_REDIS);
    assert_int_equal(url.is_tls, 0);
    assert_string_equal(url.host, "queue.example");
    assert_int_equal(url.port, 7000);
    assert_string_equal(url.user, "u@x");
    assert_string_equal(url.password, "p:q");
    assert_string_equal(url.space, "3");
    assert_string_equal(url.name, "a&b");
    assert_int_equal(url.maximum, 5);
    assert_int_equal(whi_queue_url_parse(&url, "rediss://[::1]?stream=a"), WH_OK);
    assert_int_equal(url.is_tls, 1);
    assert_int_equal(url.port, 6379);
    assert_string_equal(url.host, "::1");
}

static void an_exchange_or_a_queue_is_named(void **state) {
    whi_queue_url url;

    (void)state;
    assert_int_equal(whi_queue_url_parse(&url, "amqp://u:p@h?queue=orders"), WH_OK);
    assert_string_equal(url.space, "/");
    assert_string_equal(url.name, "orders");
    assert_string_equal(url.exchange, "");
    assert_int_equal(url.port, 5672);
    assert_int_equal(whi_queue_url_parse(&url, "amqps://h/a%2Fb?exchange=x&routing_key=k&mandatory=false"), WH_OK);
    assert_string_equal(url.space, "a/b");
    assert_string_equal(url.exchange, "x");
    assert_string_equal(url.key, "k");
    assert_int_equal(url.is_optional, 1);
    assert_int_equal(url.port, 5671);
}

static void a_subject_or_a_topic_is_the_path(void **state) {
    whi_queue_url url;

    (void)state;
    assert_int_equal(whi_queue_url_parse(&url, "nats://u:p@h/order%2Ecreated"), WH_OK);
    assert_int_equal(url.scheme, WHI_QUEUE_NATS);
    assert_int_equal(url.port, 4222);
    assert_string_equal(url.name, "order.created");
    assert_int_equal(whi_queue_url_parse(&url, "nats+tls://:token@h:4000"), WH_OK);
    assert_int_equal(url.is_tls, 1);
    assert_int_equal(url.port, 4000);
    assert_string_equal(url.name, "");
    assert_string_equal(url.password, "token");
    assert_int_equal(whi_queue_url_parse(&url, "TLS://h/"), WH_OK);
    assert_int_equal(url.scheme, WHI_QUEUE_NATS);
    assert_int_equal(whi_queue_url_parse(&url, "kafka://u:p@h/orders"), WH_OK);
    assert_int_equal(url.scheme, WHI_QUEUE_KAFKA);
    assert_int_equal(url.port, 9092);
    assert_string_equal(url.name, "orders");
    assert_string_equal(url.mechanism, "PLAIN");
    assert_null(url.compression);
    assert_int_equal(whi_queue_url_parse(&url, "kafka+ssl://u:p@h/o.r_d-1?sasl=scram-sha-256&compression=zstd"), WH_OK);
    assert_int_equal(url.is_tls, 1);
    assert_int_equal(url.port, 9093);
    assert_string_equal(url.mechanism, "SCRAM-SHA-256");
    assert_string_equal(url.compression, "zstd");
    assert_int_equal(whi_queue_url_parse(&url, "kafka://h/orders"), WH_OK);
    assert_null(url.mechanism);
}

static void what_is_wrong_is_named_and_not_shown(void **state) {
    static const char *const wrong[][2] = {
        { "http://h/", "expected a queue's URL" },
        { "redis", "expected a queue's URL" },
        { "redis:h", "expected \"//\"" },
        { "redis://:s3cret@h", "no stream" },
        { "redis://h/1x?stream=a", "number of a database" },
        { "redis://h/123456?stream=a", "number of a database" },
        { "redis://h?stream=a&maxlen=-1", "maxlen" },
        { "redis://h?stream=a&maxlen=9999999999999", "maxlen" },
        { "redis://h?stream=a&db=s3cret", "there are stream and maxlen" },
        { "redis://h?stream=%zz", "hexadecimal" },
        { "redis://h:0?stream=a", "port" },
        { "redis://a,b?stream=a", "several hosts" },
        { "amqp://h", "either a queue or an exchange" },
        { "amqp://h?queue=a&exchange=b", "either a queue or an exchange" },
        { "amqp://h?queue=a&routing_key=b", "are for an exchange" },
        { "amqp://h?exchange=a&mandatory=yes", "mandatory" },
        { "amqp://h?exchange=a&heartbeat=s3cret", "not allowed" },
        { "amqp://h?exchange=", "without a value" },
        { "nats://s3cret@h/a", "nats://:token@host" },
        { "nats://h/a.*", "no wildcard" },
        { "nats://h/a/b%20c", "a subject" },
        { "nats://h/a?creds=s3cret", "there are none" },
        { "kafka://h", "a topic" },
        { "kafka://h/a/b", "a topic" },
        { "kafka://h/..", "a topic" },
        { "kafka://s3cret@h/a", "a user and a password" },
        { "kafka://:s3cret@h/a", "a user and a password" },
        { "kafka://h/a?sasl=plain", "a user and a password" },
        { "kafka://u:s3cret@h/a?sasl=gssapi", "sasl: expected" },
        { "kafka://h/a?compression=s3cret", "compression: expected" },
        { "kafka://h/a?ssl.ca.location=s3cret", "not allowed" },
        { "kafka://a,b/a", "several hosts" },
    };
    whi_queue_url url;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (whi_queue_url_parse(&url, wrong[i][0]) != WH_EINVALID) {
            fail_msg("%s is taken", wrong[i][0]);
        }
        if (strstr(wh_last_error(), wrong[i][1]) == NULL) {
            fail_msg("%s: %s", wrong[i][0], wh_last_error());
        }
        assert_string_equal(wh_last_error_field(), "url");
        assert_null(strstr(wh_last_error(), "s3cret"));
        assert_int_equal(url.password[0], 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_has_its_parts),
        cmocka_unit_test(an_exchange_or_a_queue_is_named),
        cmocka_unit_test(a_subject_or_a_topic_is_the_path),
        cmocka_unit_test(what_is_wrong_is_named_and_not_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
