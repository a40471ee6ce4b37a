#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "pure/filter.h"
#include "webhook.h"

static whi_filter *parse(const char *text) {
    whi_filter *filter;

    if (whi_filter_parse(&filter, text, strlen(text)) != WH_OK) {
        fail_msg("%s: %s", text, wh_last_error());
    }
    return filter;
}

static int passes(const char *filters, const char *payload) {
    whi_filter *filter = parse(filters);
    whi_json json = { 0 };
    int result;

    assert_int_equal(whi_json_scan(&json, payload, strlen(payload), 100), WH_OK);
    result = whi_filter_match(filter, &json, NULL);
    whi_json_free(&json);
    whi_filter_free(filter);
    return result;
}

static void what_holds_passes_and_what_does_not_is_kept_back(void **state) {
    static const struct {
        const char *filters, *payload;
        int passes;
    } rows[] = {
        { "{}", "{\"a\":1}", 1 },
        { "{}", "7", 1 },
        { "{\"a\":1}", "{\"a\":1}", 1 },
        { "{\"a\":1}", "{\"a\":1.0}", 1 },
        { "{\"a\":1}", "{\"a\":2}", 0 },
        { "{\"a\":1}", "{\"b\":1}", 0 },
        { "{\"a\":1}", "{\"a\":\"1\"}", 0 },
        { "{\"a\":1}", "7", 0 },
        { "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}", 1 },
        { "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}", 0 },
        { "{\"a\":1}", "{\"a\":2,\"a\":1}", 1 },
        { "{\"a\":1}", "{\"a\":1,\"a\":2}", 0 },
        { "{\"a.b.c\":\"x\"}", "{\"a\":{\"b\":{\"c\":\"\\u0078\"}}}", 1 },
        { "{\"a.b\":\"x\"}", "{\"a.b\":\"x\"}", 0 },
        { "{\"\\u0061\":\"\\u00e9\"}", "{\"a\":\"\xc3\xa9\"}", 1 },
        /* a text equals what is written the same way */
        { "{\"a\":\"12\"}", "{\"a\":12}", 1 },
        { "{\"a\":\"1\\u0032\"}", "{\"a\":12}", 1 },
        { "{\"a\":\"12\"}", "{\"a\":12.0}", 0 },
        { "{\"a\":\"true\"}", "{\"a\":true}", 1 },
        { "{\"a\":\"false\"}", "{\"a\":true}", 0 },
        { "{\"a\":\"null\"}", "{\"a\":null}", 1 },
        { "{\"a\":\"null\"}", "{}", 0 },
        { "{\"a\":\"[]\"}", "{\"a\":[]}", 0 },
        { "{\"a\":\"{}\"}", "{\"a\":{}}", 0 },
        { "{\"a\":\"\\\"x\\\"\"}", "{\"a\":\"x\"}", 0 },
        /* lists: any of them */
        { "{\"a\":[1,\"x\",null]}", "{\"a\":\"x\"}", 1 },
        { "{\"a\":[1,\"x\",null]}", "{}", 1 },
        { "{\"a\":[1,\"x\"]}", "{\"a\":3}", 0 },
        { "{\"a\":[]}", "{\"a\":3}", 0 },
        { "{\"a\":[]}", "{}", 0 },
        /* null: null or absent */
        { "{\"a\":null}", "{\"a\":null}", 1 },
        { "{\"a\":null}", "{}", 1 },
        { "{\"a\":null}", "{\"a\":0}", 0 },
        { "{\"a.b\":null}", "{\"a\":7}", 1 },
        { "{\"a.b\":null}", "{\"a\":{\"b\":false}}", 0 },
        /* arrays */
        { "{\"a\":1}", "{\"a\":[3,2,1]}", 1 },
        { "{\"a\":1}", "{\"a\":[3,[1]]}", 0 },
        { "{\"a\":[8,1]}", "{\"a\":[3,1]}", 1 },
        { "{\"a\":null}", "{\"a\":[]}", 0 },
        { "{\"items.sku\":\"x\"}", "{\"items\":[{\"sku\":\"y\"},{\"sku\":\"x\"}]}", 1 },
        { "{\"items.sku\":\"x\"}", "{\"items\":[{\"sku\":\"y\"},5]}", 0 },
        { "{\"items.tags\":\"x\"}", "{\"items\":[{\"tags\":[\"a\"]},{\"tags\":[\"b\",\"x\"]}]}", 1 },
        { "{\"items.sku\":null}", "{\"items\":[{\"sku\":1},{}]}", 1 },
        { "{\"items.sku\":null}", "{\"items\":[]}", 0 },
        { "{\"sku\":1}", "[{\"sku\":1}]", 1 },
        { "{\"a\":true}", "{\"a\":{\"b\":true}}", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (passes(rows[i].filters, rows[i].payload) != rows[i].passes) {
            fail_msg("%s on %s: expected %d", rows[i].filters, rows[i].payload, rows[i].passes);
        }
    }
}

#define SHAPES "expected a text, number, true, false, null, a list of such, or an object of operators or paths"

/* Rows are easier to read with other quotes. */
static void quote(const char *from, char *to) {
    for (; *from != '\0'; from++) {
        *to++ = *from == '\'' ? '"' : *from;
    }
    *to = '\0';
}

static void what_operators_say_holds(void **state) {
    static const struct {
        const char *filters, *payload;
        int passes;
    } rows[] = {
        { "{'a':{'$eq':1}}", "{'a':1.0}", 1 },
        { "{'a':{'$eq':[1,2]}}", "{'a':2}", 1 },
        { "{'a':{'$ne':1}}", "{'a':1}", 0 },
        { "{'a':{'$ne':1}}", "{'a':2}", 1 },
        { "{'a':{'$neq':1}}", "{}", 1 },
        { "{'a':{'$ne':null}}", "{}", 0 },
        { "{'a':{'$ne':1}}", "{'a':[2,1]}", 0 },
        { "{'a.b':{'$ne':1}}", "{'a':[{'b':2},{'b':1}]}", 0 },
        { "{'a.b':{'$ne':1}}", "{'a':[{'b':2},{'b':3}]}", 1 },
        { "{'a':{'$in':[1,'x']}}", "{'a':'x'}", 1 },
        { "{'a':{'$in':[]}}", "{'a':'x'}", 0 },
        { "{'a':{'$nin':[1,'x']}}", "{'a':'x'}", 0 },
        { "{'a':{'$nin':[1,'x']}}", "{'a':'y'}", 1 },
        { "{'a':{'$nin':[null]}}", "{}", 0 },
        /* numbers by their value, beyond what a double can tell */
        { "{'a':{'$gt':9}}", "{'a':10}", 1 },
        { "{'a':{'$gt':10}}", "{'a':10.0}", 0 },
        { "{'a':{'$gte':10}}", "{'a':1e1}", 1 },
        { "{'a':{'$lt':-9}}", "{'a':-10}", 1 },
        { "{'a':{'$lt':0}}", "{'a':-0.0}", 0 },
        { "{'a':{'$lte':0}}", "{'a':-0}", 1 },
        { "{'a':{'$gt':-1}}", "{'a':0}", 1 },
        { "{'a':{'$lt':0.1}}", "{'a':0.09999}", 1 },
        { "{'a':{'$gt':1e2}}", "{'a':99.999}", 0 },
        { "{'a':{'$gt':1.25}}", "{'a':1.3}", 1 },
        { "{'a':{'$lt':12}}", "{'a':112e-1}", 1 },
        { "{'a':{'$gt':9007199254740992}}", "{'a':9007199254740993}", 1 },
        { "{'a':{'$lt':1e400}}", "{'a':1e399}", 1 },
        { "{'a':{'$gt':5}}", "{'a':'6'}", 0 },
        { "{'a':{'$gt':5}}", "{}", 0 },
        { "{'a':{'$gt':5}}", "{'a':null}", 0 },
        { "{'a':{'$gt':'b'}}", "{'a':'c'}", 1 },
        { "{'a':{'$lt':'2026-11-30'}}", "{'a':'2026-11-29T23:00:00Z'}", 1 },
        { "{'a':{'$lt':'b'}}", "{'a':'\\u0061'}", 1 },
        /* of one and the same value */
        { "{'a':{'$gt':3,'$lt':5}}", "{'a':4}", 1 },
        { "{'a':{'$gt':3,'$lt':5}}", "{'a':[1,9]}", 0 },
        { "{'a':{'$gt':3,'$lt':5}}", "{'a':[1,4]}", 1 },
        { "{'a.b':{'$gt':3,'$lt':5}}", "{'a':[{'b':1},{'b':9}]}", 0 },
        /* texts */
        { "{'a':{'$startsWith':'ab'}}", "{'a':'abc'}", 1 },
        { "{'a':{'$startsWith':'ab'}}", "{'a':'a'}", 0 },
        { "{'a':{'$startsWith':''}}", "{'a':''}", 1 },
        { "{'a':{'$startsWith':'\\u00e9'}}", "{'a':'\xc3\xa9t\xc3\xa9'}", 1 },
        { "{'a':{'$endsWith':'bc'}}", "{'a':'a\\u0062c'}", 1 },
        { "{'a':{'$endsWith':'bc'}}", "{'a':'bcb'}", 0 },
        { "{'a':{'$endsWith':'aab'}}", "{'a':'aaaab'}", 1 },
        { "{'a':{'$endsWith':'abab'}}", "{'a':'abababab'}", 1 },
        { "{'a':{'$endsWith':''}}", "{'a':'x'}", 1 },
        { "{'a':{'$endsWith':'x'}}", "{'a':7}", 0 },
        { "{'a':{'$contains':'ana'}}", "{'a':'banana'}", 1 },
        { "{'a':{'$contains':'aab'}}", "{'a':'aaaaab'}", 1 },
        { "{'a':{'$contains':'ababc'}}", "{'a':'abababc'}", 1 },
        { "{'a':{'$contains':'anb'}}", "{'a':'banana'}", 0 },
        { "{'a':{'$contains':'\\n'}}", "{'a':'x\\u000ay'}", 1 },
        { "{'a':{'$contains':''}}", "{'a':'x'}", 1 },
        { "{'a':{'$contains':'x'}}", "{'a':['x','y']}", 1 },
        { "{'a':{'$contains':'x'}}", "{'a':['xy']}", 0 },
        { "{'a':{'$contains':7}}", "{'a':[7.0]}", 1 },
        { "{'a':{'$contains':7}}", "{'a':7}", 0 },
        { "{'a.b':{'$contains':'x'}}", "{'a':[{'b':'yxy'}]}", 1 },
        { "{'a':{'$startsWith':'x'}}", "{'a':['y','xy']}", 1 },
        /* being there */
        { "{'a':{'$exist':true}}", "{'a':null}", 1 },
        { "{'a':{'$exists':true}}", "{'a':[]}", 1 },
        { "{'a':{'$exist':true}}", "{}", 0 },
        { "{'a':{'$exist':false}}", "{}", 1 },
        { "{'a':{'$exist':false}}", "{'a':false}", 0 },
        { "{'a.b':{'$exist':false}}", "{'a':7}", 1 },
        { "{'a.b':{'$exist':true}}", "{'a':[{},{'b':0}]}", 1 },
        { "{'a.b':{'$exist':false}}", "{'a':[{},{'b':0}]}", 0 },
        /* joined */
        { "{'$or':[{'a':1},{'b':2}]}", "{'b':2}", 1 },
        { "{'$or':[{'a':1},{'b':2}]}", "{'a':2,'b':1}", 0 },
        { "{'$or':[{'a':1,'c':1},{'b':2}]}", "{'a':1}", 0 },
        { "{'$and':[{'a':1},{'a':{'$lt':2}}]}", "{'a':1}", 1 },
        { "{'$not':{'a':1}}", "{'a':1}", 0 },
        { "{'$not':{'a':1,'b':2}}", "{'a':1,'b':3}", 1 },
        { "{'$not':{'$or':[{'a':1},{'b':2}]}}", "{'a':2,'b':1}", 1 },
        { "{'c':1,'$or':[{'a':1},{'b':2}]}", "{'c':2,'a':1}", 0 },
        { "{'a':{'$or':[{'$lt':1},{'$gt':9},5]}}", "{'a':5}", 1 },
        { "{'a':{'$or':[{'$lt':1},{'$gt':9},5]}}", "{'a':6}", 0 },
        { "{'a':{'$not':{'$gt':5}}}", "{}", 1 },
        { "{'a':{'$not':[1,2]}}", "{'a':3}", 1 },
        { "{'a':{'$not':{'$gt':5}}}", "{'a':[1,6]}", 0 },
        { "{'a':{'$gt':1,'$not':{'$gt':5}}}", "{'a':3}", 1 },
        { "{'a':{'$and':[{'$gt':1},{'$lt':5}]}}", "{'a':3}", 1 },
        /* paths below paths: of one and the same item */
        { "{'a':{'b':1}}", "{'a':{'b':1}}", 1 },
        { "{'a':{'b.c':1,'d':2}}", "{'a':{'b':{'c':1},'d':2}}", 1 },
        { "{'items':{'sku':'x','n':2}}", "{'items':[{'sku':'x','n':1},{'sku':'y','n':2}]}", 0 },
        { "{'items':{'sku':'x','n':2}}", "{'items':[{'sku':'y','n':2},{'sku':'x','n':2}]}", 1 },
        { "{'items.sku':'x','items.n':2}", "{'items':[{'sku':'x','n':1},{'sku':'y','n':2}]}", 1 },
        { "{'items':{'sku':'x','$not':{'n':2}}}", "{'items':[{'sku':'x','n':2},{'sku':'x','n':3}]}", 1 },
        { "{'items':{'sku':'x','$not':{'n':2}}}", "{'items':[{'sku':'x','n':2},{'sku':'y','n':3}]}", 0 },
        { "{'items':{'$not':{'n':2}}}", "{'items':[{'n':3},{'n':2}]}", 0 },
        { "{'items':{'$or':[{'n':1},{'sku':'x'}]}}", "{'items':[{'n':3},{'sku':'x'}]}", 1 },
        { "{'a':{'b':null}}", "{}", 1 },
        { "{'a':{'b':{'$exist':false}}}", "{'a':1}", 1 },
        /* no operator: a path, as before */
        { "{'$ref':'x'}", "{'$ref':'x'}", 1 },
        { "{'$gt':5}", "{'$gt':5}", 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char filters[200], payload[200];
        quote(rows[i].filters, filters);
        quote(rows[i].payload, payload);
        if (passes(filters, payload) != rows[i].passes) {
            fail_msg("%s on %s: expected %d", rows[i].filters, rows[i].payload, rows[i].passes);
        }
    }
}

static void a_broken_filter_names_the_key(void **state) {
    static const struct {
        const char *text;
        int code;
        const char *sentence;
    } rows[] = {
        { "[]", WH_EINVALID, "expected an object of paths and values" },
        { "{\"a\":{}}", WH_EINVALID, "a: " SHAPES },
        { "{\"a\":[[]]}", WH_EINVALID, "a: " SHAPES },
        { "{\"x\":1,\"b\":[1,{}]}", WH_EINVALID, "b: " SHAPES },
        { "{\"a\":{\"$gt\":true}}", WH_EINVALID, "a: $gt: expected a number or a text" },
        { "{\"a\":{\"$gt\":[1]}}", WH_EINVALID, "a: $gt: expected a number or a text" },
        { "{\"a\":{\"$startsWith\":1}}", WH_EINVALID, "a: $startsWith: expected a text" },
        { "{\"a\":{\"$contains\":[]}}", WH_EINVALID, "a: $contains: expected a text, number, true, false or null" },
        { "{\"a\":{\"$in\":1}}", WH_EINVALID, "a: $in: expected a list of texts, numbers, true, false or null" },
        { "{\"a\":{\"$exist\":1}}", WH_EINVALID, "a: $exist: expected true or false" },
        { "{\"a\":{\"$or\":1}}", WH_EINVALID, "a: $or: expected a list of conditions" },
        { "{\"$or\":[]}", WH_EINVALID, "$or: expected a list of conditions" },
        { "{\"$or\":[1]}", WH_EINVALID, "$or, $and and $not: expected objects of paths" },
        { "{\"$not\":{}}", WH_EINVALID, "$or, $and and $not: expected objects of paths" },
        { "{\"a\":{\"$not\":{}}}", WH_EINVALID, "a: " SHAPES },
        { "{\"a\":{\"b\":{}}}", WH_EINVALID, "b: " SHAPES },
        { "{\"\":1}", WH_EINVALID, "\"\": expected a path like \"customer.country\"" },
        { "{\".a\":1}", WH_EINVALID, "\".a\": expected a path like \"customer.country\"" },
        { "{\"a.\":1}", WH_EINVALID, "\"a.\": expected a path like \"customer.country\"" },
        { "{\"a..b\":1}", WH_EINVALID, "\"a..b\": expected a path like \"customer.country\"" },
        { "{\"a\":1", WH_EJSON, "at byte 7: expected ',' or '}', found the end" },
    };
    whi_filter *filter;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(whi_filter_parse(&filter, rows[i].text, strlen(rows[i].text)), rows[i].code);
        assert_null(filter);
        assert_string_equal(wh_last_error(), rows[i].sentence);
    }
}

static int parse_paths(int count) {
    char text[4000] = "{";
    size_t used = 1;
    whi_filter *filter;
    int code;

    for (int i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"p%d\":1", i ? "," : "", i);
    }
    text[used++] = '}';
    code = whi_filter_parse(&filter, text, used);
    whi_filter_free(filter);
    return code;
}

static void paths_are_bounded(void **state) {
    (void)state;
    assert_int_equal(parse_paths(100), WH_OK);
    assert_int_equal(parse_paths(101), WH_ELIMIT);
}

/* {"a":[list]} on {"a":[list of last only, or of what is not in it]} */
static int passes_long(const char *item, int count, const char *wanted, int wanted_count) {
    whi_buf filters, payload;
    int result;

    whi_buf_init(&filters, 1 << 24);
    whi_buf_init(&payload, 1 << 24);
    whi_buf_text(&filters, "{\"a\":[");
    whi_buf_text(&payload, "{\"a\":[");
    for (int i = 0; i < count; i++) {
        whi_buf_format(&filters, "%s%s%d\"", i ? "," : "", item, i);
    }
    for (int i = 0; i < wanted_count; i++) {
        whi_buf_format(&payload, "%s%s", i ? "," : "", wanted);
    }
    whi_buf_text(&filters, "]}");
    whi_buf_text(&payload, "]}");
    result = passes(filters.data, payload.data);
    whi_buf_free(&filters);
    whi_buf_free(&payload);
    return result;
}

/* Asking for each value of the list at each item would take many minutes. */
static void a_long_list_is_asked_in_good_time(void **state) {
    (void)state;
    assert_int_equal(passes_long("\"", 50000, "7.5", 1000000), 0);
    assert_int_equal(passes_long("\"common beginning ", 20000, "\"common beginning x\"", 50000), 0);
    assert_int_equal(passes_long("\"", 20000, "19999", 1), 1);
    assert_int_equal(passes_long("\"", 20000, "\"0\"", 1), 1);
    assert_int_equal(passes_long("\"", 20000, "\"20000\"", 1), 0);
}

static void mixed_lists_find_each_of_their_values(void **state) {
    static const char filters[] = "{\"a\":[\"b\",3,null,\"a\\u0062\",true,-1.50,\"7\",\"\",12e1,\"false\"]}";
    static const char *const in[] = { "\"b\"", "3.0",   "null", "\"\\u0061b\"", "true",  "-1.5",
                                      "7",     "\"7\"", "\"\"", "120.0",        "false", "\"false\"" };
    static const char *const out[] = { "\"c\"", "4", "\"3\"", "\"a\"", "\"true\"", "1.5", "7.0", "12", "{}", "[[3]]" };
    char payload[100];

    (void)state;
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
        snprintf(payload, sizeof payload, "{\"a\":%s}", in[i]);
        assert_int_equal(passes(filters, payload), 1);
    }
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        snprintf(payload, sizeof payload, "{\"a\":%s}", out[i]);
        assert_int_equal(passes(filters, payload), 0);
    }
}

static void the_path_that_failed_is_told(void **state) {
    whi_filter *filter = parse("{\"a\":1,\"b.c\":2,\"d\":3}");
    whi_json json = { 0 };
    const char *failed = NULL;

    (void)state;
    assert_int_equal(whi_json_scan(&json, "{\"a\":1,\"b\":{\"c\":3}}", 19, 10), WH_OK);
    assert_int_equal(whi_filter_match(filter, &json, &failed), 0);
    assert_string_equal(failed, "b.c");
    whi_json_free(&json);
    whi_filter_free(filter);
}

static void what_failed_is_the_key_of_the_outermost_object(void **state) {
    static const struct {
        const char *filters, *failed;
    } rows[] = {
        { "{\"a\":{\"$gt\":1}}", "a" },
        { "{\"a\":{\"$gt\":0,\"$ne\":1}}", "a" },
        { "{\"a\":1,\"c\":{\"d\":1}}", "c" },
        { "{\"a\":1,\"$or\":[{\"a\":2},{\"b\":1}]}", "$or" },
        { "{\"$and\":[{\"a\":1},{\"b\":1}]}", "$and" },
        { "{\"$not\":{\"a\":1}}", "$not" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_filter *filter = parse(rows[i].filters);
        whi_json json = { 0 };
        const char *failed = NULL;
        assert_int_equal(whi_json_scan(&json, "{\"a\":1}", 7, 10), WH_OK);
        assert_int_equal(whi_filter_match(filter, &json, &failed), 0);
        assert_string_equal(failed, rows[i].failed);
        whi_json_free(&json);
        whi_filter_free(filter);
    }
}

static void what_only_looks_like_an_operator_is_refused_when_it_is_new(void **state) {
    static const struct {
        const char *filters, *said;
    } rows[] = {
        { "{\"$gt\":5}", "\"$gt\": expected a path" },
        { "{\"a\":{\"$regex\":\"x\"}}", "\"$regex\": expected a path, or one of $eq, " },
        { "{\"a\":{\"$gt\":5,\"b\":1}}", "\"$gt\": expected a path" },
        { "{\"$or\":[{\"b[0]\":1}]}", "\"b[0]\": a path is names" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_filter *filter = parse(rows[i].filters);
        assert_int_equal(whi_filter_review(filter), WH_EINVALID);
        assert_memory_equal(wh_last_error(), rows[i].said, strlen(rows[i].said));
        whi_filter_free(filter);
    }
}

static void the_empty_filter_is_none(void **state) {
    (void)state;
    assert_null(parse("{}"));
    assert_null(parse(" { } "));
    whi_filter_free(NULL);
}

static void no_memory_is_told_and_matching_needs_none(void **state) {
    static const char text[] = "{\"\\u0061.b\":[\"x\\n\",2],\"c\":{\"$gt\":2,\"$ne\":5},"
                               "\"$or\":[{\"a\":{\"b\":{\"$contains\":\"\\n\"}}}]}",
                      payload[] = "{\"a\":{\"b\":\"x\\u000a\"},\"c\":3}";
    whi_json json = { 0 };
    int failed = 1;

    (void)state;
    assert_int_equal(whi_json_scan(&json, payload, sizeof payload - 1, 10), WH_OK);
    for (long n = 0; failed; n++) {
        whi_filter *filter;
        int code;
        fault_set(n);
        code = whi_filter_parse(&filter, text, sizeof text - 1);
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        assert_true(failed == (filter == NULL));
        fault_set(0);
        assert_int_equal(whi_filter_match(filter, &json, NULL), 1);
        assert_int_equal(fault_clear(), 0);
        whi_filter_free(filter);
    }
    whi_json_free(&json);
}

static void a_lists_items_are_asked_each_by_itself(void **state) {
    static const struct {
        const char *filters, *payload, *kept;
        size_t count;
    } rows[] = {
        { "{\"a\":1}", "[ {\"a\": 1} , {\"a\":2},{\"a\":1.0}]", "[{\"a\": 1},{\"a\":1.0}]", 2 },
        { "{\"a\":1,\"b\":2}", "[{\"a\":1,\"b\":3},{\"a\":3,\"b\":2}]", "[]", 0 }, /* each half in another one */
        { "{\"a\":1}", "[]", "[]", 0 },
        { "{\"a\":1}", "[[{\"a\":1}],\"a\",1,null]", "[[{\"a\":1}]]", 1 },
        { "{\"a\":null}", "[{\"a\":1},{\"b\":1},{\"a\":null}]", "[{\"b\":1},{\"a\":null}]", 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_filter *filter = parse(rows[i].filters);
        const char *failed = NULL;
        whi_json json = { 0 };
        whi_buf out;
        whi_buf_init(&out, 1000);
        assert_int_equal(whi_json_scan(&json, rows[i].payload, strlen(rows[i].payload), 100), WH_OK);
        assert_int_equal(whi_filter_items(filter, &json, &out, &failed), rows[i].count);
        assert_string_equal(out.data, rows[i].kept);
        assert_string_equal(failed, "a");
        whi_buf_free(&out);
        whi_json_free(&json);
        whi_filter_free(filter);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_holds_passes_and_what_does_not_is_kept_back),
        cmocka_unit_test(what_operators_say_holds),
        cmocka_unit_test(what_failed_is_the_key_of_the_outermost_object),
        cmocka_unit_test(what_only_looks_like_an_operator_is_refused_when_it_is_new),
        cmocka_unit_test(a_lists_items_are_asked_each_by_itself),
        cmocka_unit_test(a_broken_filter_names_the_key),
        cmocka_unit_test(paths_are_bounded),
        cmocka_unit_test(a_long_list_is_asked_in_good_time),
        cmocka_unit_test(mixed_lists_find_each_of_their_values),
        cmocka_unit_test(the_path_that_failed_is_told),
        cmocka_unit_test(the_empty_filter_is_none),
        cmocka_unit_test(no_memory_is_told_and_matching_needs_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
