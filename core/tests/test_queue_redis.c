/* Streams of a real Redis, read by hiredis' own connection. */
#include "queue_kit.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outside/transport.h"

static int made;

/* A command of the superuser's. The caller's to free. */
static redisReply *command(const char *format, ...) {
    redisContext *context = redisConnect("127.0.0.1", database_server_port(kit_server));
    redisReply *reply = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (context != NULL && context->err == 0) {
        reply = redisvCommand(context, format, arguments);
    }
    va_end(arguments);
    if (context != NULL) {
        redisFree(context);
    }
    return reply;
}

static void run_command(const char *text) {
    redisReply *reply = command(text);

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        fail_msg("%s: %s", text, reply != NULL ? reply->str : "no answer");
    }
    freeReplyObject(reply);
}

static int is_ready(int port) {
    redisContext *context = redisConnect("127.0.0.1", port);
    redisReply *reply = context != NULL && context->err == 0 ? redisCommand(context, "PING") : NULL;
    int ready = reply != NULL && reply->type == REDIS_REPLY_STATUS;

    freeReplyObject(reply);
    if (context != NULL) {
        redisFree(context);
    }
    return ready;
}

static void make_user(void) {
    run_command("ACL SETUSER writer on >" KIT_PASSWORD " ~s* +xadd +xlen +ping");
}

static void kit_keep(void) {
    /* it is, by appendfsync */
}

static void kit_start(void) {
    database_server_start(kit_server);
    make_user();
}

static void kit_make(char url[512], int port) {
    snprintf(url, 512, "redis://writer:" KIT_PASSWORD "@127.0.0.1:%d/?stream=s%d", port, made++);
}

static redisReply *entries_of(const char *url) {
    redisReply *reply = command("XRANGE %s - +", strstr(url, "stream=") + 7);

    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    return reply;
}

static const redisReply *field_of(const redisReply *entry, const char *name) {
    const redisReply *fields = entry->element[1];

    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, name) == 0) {
            return fields->element[i + 1];
        }
    }
    return NULL;
}

static char *kit_bodies(const char *url) {
    redisReply *reply = entries_of(url);
    char *text = calloc(1, 65536);
    size_t size = 0;

    for (size_t i = 0; i < reply->elements; i++) {
        size += (size_t)snprintf(text + size, 65536 - size, "%s ", field_of(reply->element[i], "body")->str);
    }
    freeReplyObject(reply);
    return text;
}

static void check_field(const redisReply *entry, const char *name, const char *expected) {
    const redisReply *value = field_of(entry, name);

    assert_non_null(value);
    assert_string_equal(value->str, expected);
}

static void an_entry_has_id_type_key_and_headers(void **state) {
    char url[512], bytes[] = { 'a', 0, 'b' };
    whi_message message = message_of("");
    redisReply *reply;
    whi_queue *queue;

    (void)state;
    queue = fresh_queue(url);
    message.key = "c7";
    message.body = bytes;
    message.size = 3;
    put_message(queue, &message, WHI_OBJECT_WRITTEN);
    reply = entries_of(url);
    check_field(reply->element[0], "id", "m1.sub_1");
    check_field(reply->element[0], "type", "order.created");
    check_field(reply->element[0], "key", "c7");
    check_field(reply->element[0], "content-type", "application/json");
    check_field(reply->element[0], "webhook-id", "m1");
    check_field(reply->element[0], "x-env", "a, b");
    assert_int_equal(field_of(reply->element[0], "body")->len, 3);
    assert_memory_equal(field_of(reply->element[0], "body")->str, bytes, 3);
    freeReplyObject(reply);
    whi_queue_close(queue);
}

static size_t count_field(const redisReply *entry, const char *name) {
    const redisReply *fields = entry->element[1];
    size_t count = 0;

    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        count += strcmp(fields->element[i]->str, name) == 0;
    }
    return count;
}

/* A consumer that makes a map of an entry finds ours under our names, and all headers. */
static void a_header_named_as_a_field_of_ours_stands_apart(void **state) {
    static const char *const lines[] = { "ID: a",      "Type: b",      "key: c",
                                         "Body: d",    "Header-Id: e", "Header-Header-Id: f",
                                         "header-x: g" };
    static const char *const names[] = { "header-id",   "header-type",      "header-key",
                                         "header-body", "header-header-id", "header-header-header-id",
                                         "header-x" };
    whi_message message = message_of("body");
    redisReply *reply;
    whi_queue *queue;
    char url[512];

    (void)state;
    message.lines = lines;
    message.line_count = 7;
    message.key = "c7";
    queue = fresh_queue(url);
    put_message(queue, &message, WHI_OBJECT_WRITTEN);
    reply = entries_of(url);
    for (int i = 0; i < 7; i++) {
        char value[2] = { (char)('a' + i), '\0' };
        assert_int_equal(count_field(reply->element[0], names[i]), 1);
        check_field(reply->element[0], names[i], value);
    }
    assert_int_equal(count_field(reply->element[0], "id"), 1);
    assert_int_equal(count_field(reply->element[0], "type"), 1);
    assert_int_equal(count_field(reply->element[0], "key"), 1);
    check_field(reply->element[0], "body", "body");
    freeReplyObject(reply);
    whi_queue_close(queue);
}

/* The last one says how the body is packed, behind as many as a request may have. */
static void no_header_is_left_out(void **state) {
    const char *lines[WHI_REQUEST_LINES];
    char texts[WHI_REQUEST_LINES][24], url[512];
    whi_message message = message_of("a");
    redisReply *reply;
    whi_queue *queue;

    (void)state;
    for (int i = 0; i < WHI_REQUEST_LINES; i++) {
        snprintf(texts[i], sizeof texts[i], "X-%d: v", i);
        lines[i] = texts[i];
    }
    lines[WHI_REQUEST_LINES - 1] = "Content-Encoding: gzip";
    message.lines = lines;
    message.line_count = WHI_REQUEST_LINES;
    queue = fresh_queue(url);
    put_message(queue, &message, WHI_OBJECT_WRITTEN);
    reply = entries_of(url);
    check_field(reply->element[0], "x-0", "v");
    check_field(reply->element[0], "content-encoding", "gzip");
    freeReplyObject(reply);
    whi_queue_close(queue);
}

static void a_stream_keeps_about_as_many_as_was_said(void **state) {
    char url[512];
    whi_message messages[1000];
    whi_object_result results[1000];
    redisReply *reply;
    whi_queue *queue;

    (void)state;
    snprintf(url, sizeof url, "redis://writer:" KIT_PASSWORD "@127.0.0.1:%d/0?maxlen=100&stream=short",
             database_server_port(kit_server));
    queue = open_queue(url);
    for (int i = 0; i < 1000; i++) {
        messages[i] = message_of("a");
    }
    whi_queue_write(queue, messages, 1000, results);
    check_result(&results[999], WHI_OBJECT_WRITTEN);
    reply = command("XLEN short");
    assert_true(reply->integer >= 100 && reply->integer < 400); /* whole nodes of 100 go */
    freeReplyObject(reply);
    whi_queue_close(queue);
}

static void rights_that_are_missing_are_named(void **state) {
    char url[512];
    whi_queue *queue;

    (void)state;
    queue = fresh_queue(url);
    put(queue, "a", WHI_OBJECT_WRITTEN);
    run_command("ACL SETUSER writer -xadd");
    put(queue, "b", WHI_OBJECT_OWNER);
    check_look(queue, WHI_OBJECT_OWNER, "ACL SETUSER");
    make_user();
    put(queue, "b", WHI_OBJECT_WRITTEN);
    check_bodies(url, "a b ");
    whi_queue_close(queue);
}

static void a_password_that_was_changed_ends_what_is_connected(void **state) {
    char url[512];
    whi_queue *queue;

    (void)state;
    queue = fresh_queue(url);
    put(queue, "a", WHI_OBJECT_WRITTEN);
    run_command("ACL DELUSER writer");
    run_command("ACL SETUSER writer on >other ~s* +xadd +xlen +ping");
    put(queue, "b", WHI_OBJECT_AGAIN); /* the server has closed the connection */
    put(queue, "b", WHI_OBJECT_OWNER);
    run_command("ACL DELUSER writer");
    make_user();
    put(queue, "b", WHI_OBJECT_WRITTEN);
    whi_queue_close(queue);
}

static void what_is_no_stream_is_its_owners_to_mend(void **state) {
    char url[512], text[64];
    whi_queue *queue;

    (void)state;
    kit_make(url, database_server_port(kit_server));
    snprintf(text, sizeof text, "SET %s x", strstr(url, "stream=") + 7);
    run_command(text);
    queue = open_queue(url);
    put(queue, "a", WHI_OBJECT_OWNER);
    check_look(queue, WHI_OBJECT_OWNER, "no stream");
    whi_queue_close(queue);
}

static void a_server_without_memory_is_tried_again(void **state) {
    char url[512];
    whi_queue *queue;

    (void)state;
    queue = fresh_queue(url);
    run_command("CONFIG SET maxmemory 1");
    put(queue, "a", WHI_OBJECT_AGAIN);
    run_command("CONFIG SET maxmemory 0");
    put(queue, "a", WHI_OBJECT_WRITTEN);
    whi_queue_close(queue);
}

static void one_that_is_too_large_is_set_aside_alone(void **state) {
    whi_message messages[3];
    whi_object_result results[3];
    char url[512], *large = calloc(1, (2 << 20) + 1);
    whi_queue *queue;

    (void)state;
    queue = fresh_queue(url);
    memset(large, 'x', 2 << 20);
    run_command("CONFIG SET proto-max-bulk-len 1048576");
    messages[0] = message_of("a");
    messages[1] = message_of(large);
    messages[2] = message_of("b");
    whi_queue_write(queue, messages, 3, results);
    check_result(&results[0], WHI_OBJECT_WRITTEN);
    check_result(&results[1], WHI_OBJECT_ALONE);
    check_result(&results[2], WHI_OBJECT_AGAIN);
    whi_queue_write(queue, messages + 2, 1, results + 2);
    check_result(&results[2], WHI_OBJECT_WRITTEN);
    check_bodies(url, "a b ");
    run_command("CONFIG SET proto-max-bulk-len 536870912");
    whi_queue_close(queue);
    free(large);
}

static void urls_that_are_wrong_say_what_is(void **state) {
    static const char *const wrong[][2] = {
        { "redis://u:s3cret@h/0", "no stream" },       { "redis://h/x?stream=a", "number of a database" },
        { "redis://h/0?stream=a&maxlen=0", "maxlen" }, { "redis://h/0?stream=a&file=b", "not allowed" },
        { "redis://h/0?stream=", "without a value" },  { "rediss://h/0?stream=a", "over TLS" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        whi_queue_options options = { .url = wrong[i][0] };
        whi_queue *queue;

        assert_int_equal(whi_queue_open(&queue, &options), WH_EINVALID);
        assert_string_equal(wh_last_error_field(), "url");
        assert_has(wh_last_error(), wrong[i][1]);
        assert_null(strstr(wh_last_error(), KIT_PASSWORD));
    }
    assert_int_equal(whi_queue_has("redis"), 1);
    assert_int_equal(whi_queue_has("http"), -1);
}

/* Its memory would be as large as the server says, whatever comes of it. */
static void a_list_is_refused_before_it_has_memory(void **state) {
    whi_object_result result = ask_liar("*100000000\r\n", 60000);

    (void)state;
    check_result(&result, WHI_OBJECT_AGAIN);
    assert_has(result.sentence, "is not Redis");
}

static int begin(void **state) {
    (void)state;
    kit_server = database_server_redis(is_ready);
    make_user();
    return kit_begin();
}

/* ----------------------------------------------------------------- the test's own server */

static void serve_until_killed(int to) {
    database_server *server = database_server_redis(is_ready);

    if (write(to, database_server_folder(server), 64) == 64) {
        pause();
    }
    _exit(1);
}

static void a_server_s_folder_goes_with_a_test_that_is_killed(void **state) {
    char folder[64] = "";
    int ends[2], left = 1;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        serve_until_killed(ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], folder, sizeof folder), sizeof folder);
    close(ends[0]);
    assert_int_equal(access(folder, F_OK), 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < 3000 && left; i++) { /* as long as a busy machine may need */
        usleep(10000);
        left = access(folder, F_OK) == 0;
    }
    assert_false(left);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KIT_TESTS,
        cmocka_unit_test(a_server_s_folder_goes_with_a_test_that_is_killed),
        cmocka_unit_test(an_entry_has_id_type_key_and_headers),
        cmocka_unit_test(a_header_named_as_a_field_of_ours_stands_apart),
        cmocka_unit_test(no_header_is_left_out),
        cmocka_unit_test(a_stream_keeps_about_as_many_as_was_said),
        cmocka_unit_test(rights_that_are_missing_are_named),
        cmocka_unit_test(a_password_that_was_changed_ends_what_is_connected),
        cmocka_unit_test(what_is_no_stream_is_its_owners_to_mend),
        cmocka_unit_test(a_server_without_memory_is_tried_again),
        cmocka_unit_test(one_that_is_too_large_is_set_aside_alone),
        cmocka_unit_test(a_list_is_refused_before_it_has_memory),
        cmocka_unit_test(urls_that_are_wrong_say_what_is),
    };

    return cmocka_run_group_tests(tests, begin, kit_end);
}
