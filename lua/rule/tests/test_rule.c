/* What a rule sees and says. */
#include "base/mem.h"
#include "rule_fixture.h"

#define ORDER                                                                                                          \
    "{\"id\":7,\"total\":1.10,\"big\":9007199254740993,\"huge\":123456789012345678901234567890,"                       \
    "\"customer\":{\"name\":\"Ann \\u00e9\\n\",\"email\":\"a@b.c\",\"vip\":true,\"none\":null},"                       \
    "\"items\":[{\"sku\":\"A\",\"price\":1.5},{\"sku\":\"B\",\"price\":2 , \"x\":[ ]}],"                               \
    "\"empty\":[],\"object\":{},\"twice\":1,\"twice\":2,\"card\":\"4242424242424242\"}"

static int setup(void **state) {
    static fixture f;

    fixture_open(&f, 1000, 0);
    f.meta = "{\"region\":\"eu\",\"rate\":1.50}";
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    fixture_close(*state);
    return 0;
}

static void expect_action(fixture *f, const char *source, int action) {
    CODE(f, source, ORDER, WH_OK);
    assert_int_equal(f->verdict.action, action);
}

static void false_nil_and_nothing_drop(void **state) {
    fixture *f = *state;

    expect_action(f, "return false", WH_RULE_DROP);
    expect_action(f, "return nil", WH_RULE_DROP);
    expect_action(f, "return", WH_RULE_DROP);
    expect_action(f, "", WH_RULE_DROP);
}

static void true_and_the_payload_pass(void **state) {
    fixture *f = *state;

    expect_action(f, "return true", WH_RULE_PASS);
    expect_action(f, "return payload", WH_RULE_PASS);
    expect_action(f, "return true, nil", WH_RULE_PASS);
}

static void parts_are_copied_byte_for_byte(void **state) {
    fixture *f = *state;

    BODY(f, "return payload.items", ORDER, "[{\"sku\":\"A\",\"price\":1.5},{\"sku\":\"B\",\"price\":2 , \"x\":[ ]}]");
    BODY(f, "return payload.items[2]", ORDER, "{\"sku\":\"B\",\"price\":2 , \"x\":[ ]}");
    BODY(f, "return {c = payload.customer}", ORDER,
         "{\"c\":{\"name\":\"Ann \\u00e9\\n\",\"email\":\"a@b.c\",\"vip\":true,\"none\":null}}");
    BODY(f, "return {payload.empty, payload.object, payload.items[2].x}", ORDER, "[[],{},[ ]]");
    BODY(f, "return {t = payload.total, b = payload.big, h = payload.huge}", ORDER,
         "{\"b\":9007199254740993,\"h\":123456789012345678901234567890,\"t\":1.10}");
    BODY(f, "return {payload.total * 2, payload.total}", ORDER, "[2.2,1.10]");
    BODY(f, "return {subscription.meta, subscription.meta.rate}", ORDER, "[{\"region\":\"eu\",\"rate\":1.50},1.50]");
}

static void numbers_that_cannot_be_told_apart_are_refused_not_confused(void **state) {
    const char *payload = "{\"a\":12345678901234567890,\"b\":12345678901234567891,\"c\":1.10,\"d\":1.1}";
    fixture *f = *state;

    ERROR(f, "local b = payload.b return {a = payload.a}", payload, WH_ERULE_RESULT, "a: several numbers");
    BODY(f, "return {a = payload.a}", payload, "{\"a\":12345678901234567890}");
    BODY(f, "return only(payload, 'a', 'b')", payload, "{\"a\":12345678901234567890,\"b\":12345678901234567891}");
    BODY(f, "return {payload.c, payload.d}", payload, "[1.1,1.1]");
}

static void the_payload_reads_like_a_table(void **state) {
    fixture *f = *state;

    TRUE(f, "return payload.id == 7 and payload.customer.vip == true and payload.customer.email == 'a@b.c'", ORDER);
    TRUE(f, "return payload.customer.name == 'Ann \\u{e9}\\n'", ORDER);
    TRUE(f, "return payload.missing == nil and payload.customer.none == null and null ~= nil", ORDER);
    TRUE(f, "return #payload.items == 2 and #payload.empty == 0 and #payload.customer == 4", ORDER);
    TRUE(f, "return payload.items[1].sku == 'A' and payload.items[0] == nil and payload.items[3] == nil", ORDER);
    TRUE(f, "return payload.items[1.0].sku == 'A' and payload.items[1.5] == nil and payload.items['1'] == nil", ORDER);
    TRUE(f, "return payload[1] == nil and payload[payload] == nil and payload[null] == nil", ORDER);
    TRUE(f, "return payload.big == 9007199254740993 and math.type(payload.big) == 'integer'", ORDER);
    TRUE(f, "return payload.total == 1.1 and payload.huge > 1e29", ORDER);
    TRUE(f, "return payload.twice == 2", ORDER);
    TRUE(f, "return type(payload) == 'table' and type(null) == 'null' and type(payload.id) == 'number'", ORDER);
    TRUE(f, "return payload.items == payload.items and payload.items ~= payload.customer", ORDER);
    TRUE(f, "local s = '' for i, v in ipairs(payload.items) do s = s .. i .. v.sku end return s == '1A2B'", ORDER);
    TRUE(f,
         "local s = '' for k in pairs(payload) do s = s .. k .. ' ' end "
         "return s == 'id total big huge customer items empty object twice twice card '",
         ORDER);
    TRUE(f,
         "local s = '' for k, v in pairs(payload.items[2]) do s = s .. k .. type(v) end "
         "return s == 'skustringpricenumberxtable'",
         ORDER);
    TRUE(f, "for k in pairs(payload.empty) do return false end return true", ORDER);
    TRUE(f, "return tostring(payload.items[1]) == '{\"sku\":\"A\",\"price\":1.5}' and tostring(null) == 'null'", ORDER);
    TRUE(f, "return table.concat(payload, '-') == '1-2-3' and select('#', table.unpack(payload)) == 3", "[1,2,3]");
    TRUE(f, "return payload == 'text'", "\"text\"");
    TRUE(f, "return payload == null", "null");
    TRUE(f, "return ('%s'):format(payload.id) == '7' and tostring(payload.total) == '1.1'", ORDER);
}

static void event_and_subscription_are_there(void **state) {
    fixture *f = *state;

    TRUE(f, "return event.id == 'msg_1' and event.type == 'order.paid' and event.tenant == 'acme'", "{}");
    TRUE(f, "return event.time == 1790000000000 and subscription.id == 'sub_1' and subscription.name == 'first'", "{}");
    TRUE(f, "return subscription.meta.region == 'eu' and subscription.meta.none == nil", "{}");
    ERROR(f, "return event.payload", "{}", WH_ERULE_RUNTIME, "line 1: event has no field 'payload'");
    ERROR(f, "return subscription.secret", "{}", WH_ERULE_RUNTIME, "subscription has no field 'secret'");
    f->meta = NULL;
    TRUE(f, "return #subscription.meta == 0", "{}");
    f->meta = "{\"region\":\"eu\",\"rate\":1.50}";
}

static void writing_to_the_payload_says_what_to_do_instead(void **state) {
    fixture *f = *state;

    ERROR(f, "\npayload.id = 1", ORDER, WH_ERULE_RUNTIME, "line 2: the payload cannot be changed: return a new table");
    ERROR(f, "table.insert(payload.items, 1)", ORDER, WH_ERULE_RUNTIME, "the payload cannot be changed");
    ERROR(f, "table.sort(payload.items)", ORDER, WH_ERULE_RUNTIME, "the payload cannot be changed");
    ERROR(f, "payload.customer.none.x = 1", ORDER, WH_ERULE_RUNTIME, "null cannot be changed");
    ERROR(f, "return payload.customer.none.x", ORDER, WH_ERULE_RUNTIME, "null has no field 'x'");
    ERROR(f, "return payload.missing.x", ORDER, WH_ERULE_RUNTIME,
          "line 1: attempt to index a nil value (field 'missing')");
}

static void tables_become_json(void **state) {
    fixture *f = *state;

    BODY(f, "return {}", "{}", "{}");
    BODY(f, "return array{}", "{}", "[]");
    BODY(f, "return {a = array{}, b = object{}, c = array{1, 2}, d = object{x = 1}}", "{}",
         "{\"a\":[],\"b\":{},\"c\":[1,2],\"d\":{\"x\":1}}");
    BODY(f, "return {z = 1, a = 2, m = {y = 1, x = {3, 4}}}", "{}", "{\"a\":2,\"m\":{\"x\":[3,4],\"y\":1},\"z\":1}");
    BODY(f, "return {1, 'a\"\\n\\0', true, false, null}", "{}", "[1,\"a\\\"\\n\\u0000\",true,false,null]");
    BODY(f, "return {math.maxinteger, math.mininteger, 0.1, 1e300, -0.0, 100 / 4}", "{}",
         "[9223372036854775807,-9223372036854775808,0.1,1e+300,-0,25]");
    BODY(f, "local t = {} for i = 40, 1, -1 do t[('k%02d'):format(i)] = i end t.k40 = nil return {next(t)}", "{}",
         "[\"k01\",1]");
}

static void many_members_are_sorted_bytewise(void **state) {
    fixture *f = *state;

    CODE(f, "local t = {} for i = 1, 2000 do t['k' .. (i * 7919 % 2003)] = i end return t", "{}", WH_OK);
    {
        whi_json json = { 0 };
        char last[32] = "", now[32];
        assert_int_equal(whi_json_scan(&json, f->verdict.body, f->verdict.body_size, 8), WH_OK);
        assert_int_equal(json.nodes[0].count, 2000);
        uint32_t name = whi_json_first(&json, 0);
        for (uint32_t i = 0; i < 2000; i++, name = json.nodes[name + 1].next) {
            size_t size;
            const char *text = whi_json_span(&json, name, &size);
            snprintf(now, sizeof now, "%.*s", (int)size - 2, text + 1);
            assert_true(strcmp(last, now) < 0);
            memcpy(last, now, sizeof last);
        }
        whi_json_free(&json);
    }
}

static void a_bad_result_names_the_place(void **state) {
    fixture *f = *state;

    ERROR(f, "return {a = {b = {1, tostring}}}", "{}", WH_ERULE_RESULT, "a.b[2]: function is no JSON value");
    ERROR(f, "return {a = 0/0}", "{}", WH_ERULE_RESULT, "a: nan is no JSON number");
    ERROR(f, "return {a = {1, nil, 3}}", "{}", WH_ERULE_RESULT, "a: an array has holes");
    ERROR(f, "return {1, x = 2}", "{}", WH_ERULE_RESULT, "");
    ERROR(f, "return 5", "{}", WH_ERULE_RESULT, "not number");
    ERROR(f, "local t = {} t.x = t return t", "{}", WH_ERULE_RESULT, "contains itself");
    ERROR(f, "return true, 5", "{}", WH_ERULE_RESULT, "the second value must be a table");
    ERROR(f, "return true, {kye = 1}", "{}", WH_ERULE_RESULT, "options.kye: is not known");
    ERROR(f, "return true, {delay = -1}", "{}", WH_ERULE_RESULT, "options.delay: must be milliseconds");
    ERROR(f, "return true, {delay = 1.5}", "{}", WH_ERULE_RESULT, "options.delay");
    ERROR(f, "return true, {delay = '1'}", "{}", WH_ERULE_RESULT, "options.delay");
    ERROR(f, "return true, {delay = 1e300}", "{}", WH_ERULE_RESULT, "options.delay");
    ERROR(f, "return true, {key = {}}", "{}", WH_ERULE_RESULT, "options.key: must be a text");
    ERROR(f, "return true, {key = ''}", "{}", WH_ERULE_RESULT, "options.key: must have 1 to");
    ERROR(f, "return true, {key = ('x'):rep(300)}", "{}", WH_ERULE_RESULT, "options.key");
    ERROR(f, "return true, {key = 'a\\0b'}", "{}", WH_ERULE_RESULT, "options.key");
    ERROR(f, "return true, {headers = 'x'}", "{}", WH_ERULE_RESULT, "options.headers: must be a table");
    ERROR(f, "return true, {headers = {['Webhook-Id'] = 'x'}}", "{}", WH_ERULE_RESULT,
          "options.headers.Webhook-Id: this header is the engine's own");
    ERROR(f, "return true, {headers = {['webhook-SEQUENCE'] = '1'}}", "{}", WH_ERULE_RESULT, "engine's own");
    ERROR(f, "return true, {headers = {['CONTENT-length'] = 'x'}}", "{}", WH_ERULE_RESULT, "engine's own");
    ERROR(f, "return true, {headers = {['a b'] = 'x'}}", "{}", WH_ERULE_RESULT, "a header's name may have");
    ERROR(f, "return true, {headers = {a = 1}}", "{}", WH_ERULE_RESULT, "options.headers.a: must be a text");
    ERROR(f, "return true, {headers = {a = 'x\\r\\nHost: y'}}", "{}", WH_ERULE_RESULT, "options.headers.a: must be");
    ERROR(f, "return true, {headers = {'x'}}", "{}", WH_ERULE_RESULT, "options.headers: a table needs either names");
    ERROR(f, "return true, {headers = {['X-A'] = 'x', ['x-a'] = 'y'}}", "{}", WH_ERULE_RESULT,
          "options.headers: X-A and x-a are one header");
    ERROR(f, "return true, {key = '\\255'}", "{}", WH_ERULE_RESULT, "options.key: must have 1 to 256 bytes of UTF-8");
}

static void options_are_read(void **state) {
    fixture *f = *state;

    CODE(f,
         "return {1}, {key = payload.id, delay = 1500.0, headers = {['X-B'] = 'b', ['X-A'] = payload.customer.email}}",
         ORDER, WH_OK);
    assert_string_equal(f->verdict.key, "7");
    assert_int_equal(f->verdict.delay, 1500);
    assert_string_equal(f->verdict.headers, "{\"X-A\":\"a@b.c\",\"X-B\":\"b\"}");
    assert_int_equal(f->verdict.headers_size, strlen(f->verdict.headers));
    CODE(f, "return true", ORDER, WH_OK);
    assert_null(f->verdict.key);
    assert_null(f->verdict.headers);
}

static void errors_name_the_line(void **state) {
    fixture *f = *state;

    ERROR(f, "local x = 1\nerror('no')", "{}", WH_ERULE_RUNTIME, "line 2: no");
    ERROR(f, "error('plain', 0)", "{}", WH_ERULE_RUNTIME, "plain");
    ERROR(f, "x = = 1", "{}", WH_ERULE_SYNTAX, "line 1: unexpected symbol near '='");
    ERROR(f, "\n\nreturn 1 +", "{}", WH_ERULE_SYNTAX, "line 3: ");
    ERROR(f, "\x1bLua", "{}", WH_ERULE_SYNTAX, "");
    ERROR(f, "error({})", "{}", WH_ERULE_RUNTIME, "no text: table");
    ERROR(f, "error('a\\nb\\255\\0c')", "{}", WH_ERULE_RUNTIME, "a b c");
    ERROR(f, "string.rep()", "{}", WH_ERULE_RUNTIME, "bad argument #1 to 'rep'");
    TRUE(f, "local ok, e = pcall(error, 'x') return not ok and e == 'x'", "{}");
    TRUE(f, "local ok, e = pcall(error, {1}) return not ok and e[1] == 1", "{}");
    TRUE(f, "local ok, a, b = pcall(function(...) return ... end, 1, 2) return ok and a == 1 and b == 2", "{}");
    TRUE(f, "return not pcall(merge, payload, {a = tostring}) and not pcall(error)", "{}");
}

static void pairs_over_tables_is_in_a_fixed_order(void **state) {
    fixture *f = *state;

    TRUE(f,
         "local t, s = {}, '' for _, k in ipairs{'z', 'b', 'aa', 'a', 'm'} do t[k] = 1 end t[3] = 1 t[1] = 1 t[-2] = 1 "
         "t[1.5] = 1 t[true] = 1 t[false] = 1 for k in pairs(t) do s = s .. tostring(k) .. ' ' end "
         "return s == '-2 1 1.5 3 a aa b m z false true '",
         "{}");
    TRUE(f,
         "local t, s = {}, '' for _, k in ipairs{'z', 'b', 3, 'a', 1} do t[k] = 1 end local k "
         "repeat k = next(t, k) s = s .. tostring(k) until k == nil return s == '13abznil' and next({}) == nil",
         "{}");
    TRUE(f,
         "local t, s = {c = 1, b = 2, a = 3}, '' for k in pairs(t) do s = s .. k t[k] = nil end "
         "return s == 'abc' and next(t) == nil",
         "{}");
    ERROR(f, "for k in pairs({[{}] = 1}) do end", "{}", WH_ERULE_RUNTIME, "no stable order");
    TRUE(f, "local t = {} t[t] = 1 t[print or type] = 2 return t[t] == 1", "{}");
    TRUE(f, "local t = {} t[payload.a] = 1 t[payload.b] = 2 return t[payload.a] == 1 and t[payload.b] == 2",
         "{\"a\":[],\"b\":[]}");
}

static void helpers_keep_bytes(void **state) {
    fixture *f = *state;

    BODY(f, "return only(payload, 'id', 'customer.email', 'items(sku)')", ORDER,
         "{\"id\":7,\"customer\":{\"email\":\"a@b.c\"},\"items\":[{\"sku\":\"A\"},{\"sku\":\"B\"}]}");
    BODY(f, "return without(payload, 'customer', 'items', 'big', 'huge', 'twice', 'card')", ORDER,
         "{\"id\":7,\"total\":1.10,\"empty\":[],\"object\":{}}");
    BODY(f, "return without(payload, 'a.b', 'c')", "{\"a\":[{\"b\":1, \"d\":1.0},{\"b\":2},3],\"c\":{},\"e\":[ ]}",
         "{\"a\":[{\"d\":1.0},{},3],\"e\":[ ]}");
    BODY(f, "return merge(payload, {id = 8, object = {x = 1}, new = 'n', empty = null})",
         "{\"id\":7,\"t\":1.10,\"object\":{\"y\":[ 1 ]},\"empty\":[]}",
         "{\"id\":8,\"t\":1.10,\"object\":{\"y\":[ 1 ],\"x\":1},\"empty\":null,\"new\":\"n\"}");
    BODY(f, "return merge(payload, {})", "{\"a\":1}", "{\"a\":1}");
    BODY(f, "return merge(payload, {b = 1, a = 2})", "{}", "{\"a\":2,\"b\":1}");
    BODY(f, "return merge(without(payload, 'a'), {c = only(payload, 'a')})", "{\"a\":1.0,\"b\":2}",
         "{\"b\":2,\"c\":{\"a\":1.0}}");
    TRUE(f, "local p = merge(payload, {x = {y = 2}}) return p.x.y == 2 and p.a == 1 and payload.x == nil", "{\"a\":1}");
    ERROR(f, "return only(payload)", "{}", WH_ERULE_RUNTIME, "only: name at least one");
    ERROR(f, "return only({}, 'a')", "{}", WH_ERULE_RUNTIME, "a part of the payload was expected");
    ERROR(f, "return only(null, 'a')", "{}", WH_ERULE_RUNTIME, "a part of the payload was expected");
    ERROR(f, "return only(payload, 'a(')", "{}", WH_ERULE_RUNTIME, "only: ");
    ERROR(f, "return merge(payload, {a = tostring})", "{}", WH_ERULE_RESULT, "a: function");
    TRUE(f, "return mask('4242424242424242') == '************4242' and mask('secret') == '******' and mask('') == ''",
         "{}");
    TRUE(f, "return mask('\\u{e9}\\u{e9}\\u{e9}\\u{e9}\\u{e9}abcd') == '*****abcd'", "{}");
    TRUE(f,
         "return matches('order.paid', 'order.*') and matches('a', '*') and matches('a:b', 'a:*') "
         "and not matches('orders', 'order.*') and not matches('order', 'order.*') and matches('a', 'a') "
         "and not matches('ab', 'a*')",
         "{}");
}

static void event_source_and_key_are_nil_where_there_is_none(void **state) {
    fixture *f = *state;

    TRUE(f, "return event.source == nil and event.key == nil", "{}");
    f->source = "billing";
    f->key = "cus_1";
    TRUE(f, "return event.source == 'billing' and event.key == 'cus_1'", "{}");
    f->source = f->key = NULL;
    ERROR(f, "return event['id\\0x']", "{}", WH_ERULE_RUNTIME, "event has no field");
    ERROR(f, "return #event", "{}", WH_ERULE_RUNTIME, "event and subscription have no length");
}

/* The sums are those of: printf 'hash\0TEXT' | openssl dgst -sha256 -mac HMAC -macopt key:whsec_test */
static void hash_is_an_hmac_of_the_secret(void **state) {
    fixture *f = *state;

    f->secret = "whsec_test";
    BODY(f, "return {hash('a@b.c'), hash(''), hash('a@b.c')}", "{}",
         "[\"141172e5a42d04bf697ad9438e83a5a75a9f8eb41c2b61932c24e5ecd35eff4a\","
         "\"8812a37a2cb1e636e484a1c55918b16d90b830aba08b2dd649dbc3099a82d2fd\","
         "\"141172e5a42d04bf697ad9438e83a5a75a9f8eb41c2b61932c24e5ecd35eff4a\"]");
    BODY(f, "return {hash('a\\0b'), hash(('x'):rep(100000))}", "{}",
         "[\"39b1c8c8ee053eefcc103fb176bd04c19bb6f1df08051752dd31c63253266de0\","
         "\"9898ca836c08f6f97d8843f7ff159c61171d443c81cf30baa861050001940419\"]");
    ERROR(f, "return {hash(5)}", "{}", WH_ERULE_RUNTIME, "line 1: hash: a text was expected, not number");
    ERROR(f, "return {hash(payload)}", "{}", WH_ERULE_RUNTIME, "hash: a text was expected, not table");
    ERROR(f, "return {hash(null)}", "{}", WH_ERULE_RUNTIME, "hash: a text was expected, not null");
    ERROR(f, "return {hash()}", "{}", WH_ERULE_RUNTIME, "hash: a text was expected, not nothing");
    f->secret = "";
    BODY(f, "return {hash('a@b.c')}", "{}", "[\"0a5f2070aef4239993c577c2667481a83ac51b9d49a429d0d900d1086c5573f3\"]");
    f->secret = NULL;
    ERROR(f, "return {hash('a')}", "{}", WH_ERULE_RUNTIME, "hash: the subscription has no secret");
}

static void costs_are_told(void **state) {
    fixture *f = *state;

    CODE(f, "local x = 0 for i = 1, 1000000 do x = x + i end return true", "{}", WH_OK);
    assert_true(f->verdict.cpu_us > 500);
    assert_true((double)f->verdict.cpu_us < f->cpu_ms * 1000 + 2000);
    CODE(f, "local s = ('x'):rep(100000) return true", "{}", WH_OK);
    assert_true(f->verdict.memory >= 200000 && f->verdict.memory < 300000);
}

static long allowed; /* allocations until one fails; negative: none */

static int fault(void) {
    return allowed >= 0 && allowed-- == 0;
}

static void every_allocation_may_fail(void **state) {
    static const char source[] =
        "local t = {} for i = 1, 20 do t['key' .. i] = {i, payload.total} end "
        "local s = ('ab'):rep(400):gsub('a', '%0%0'):upper() for k in pairs(t) do s = s .. k end "
        "return merge(only(payload, 'id', 'customer'), {t = t, s = s, h = hash(s), m = subscription.meta, n = "
        "payload.huge}), "
        "{key = 'k', headers = {a = payload.customer.email:gsub('%c', '')}}";
    fixture *f = *state;
    int code = WH_ENOMEM;

    for (long n = 0; n < 5000 && code != WH_OK; n++) {
        void *runtime = NULL, *rule = NULL;
        wh_limits limits = WH_LIMITS_INIT;
        wh_rule_input input = { .size = sizeof input,
                                .payload = &f->json,
                                .event_id = "e",
                                .event_type = "t",
                                .event_tenant = "",
                                .subscription_id = "s",
                                .subscription_meta = f->meta,
                                .subscription_meta_size = strlen(f->meta),
                                .hash_key = "k",
                                .hash_key_size = 1 };
        assert_int_equal(whi_json_scan(&f->json, ORDER, strlen(ORDER), 64), WH_OK);
        allowed = n;
        whi_mem_fault = fault;
        code = wh_rule_lua()->open(&runtime, &limits, NULL);
        if (code == WH_OK) {
            code = wh_rule_lua()->compile(runtime, "", source, sizeof source - 1, &rule, &f->error);
        }
        if (code == WH_OK) {
            code = wh_rule_lua()->run(runtime, rule, &input, &f->verdict);
        }
        whi_mem_fault = NULL;
        if (code != WH_OK && code != WH_ENOMEM) {
            fail_msg("allocation %ld: %s %s", n, wh_error_name(code), f->said);
        }
        wh_rule_lua()->release(runtime, rule);
        wh_rule_lua()->close(runtime);
    }
    assert_int_equal(code, WH_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(false_nil_and_nothing_drop),
        cmocka_unit_test(true_and_the_payload_pass),
        cmocka_unit_test(parts_are_copied_byte_for_byte),
        cmocka_unit_test(numbers_that_cannot_be_told_apart_are_refused_not_confused),
        cmocka_unit_test(the_payload_reads_like_a_table),
        cmocka_unit_test(event_and_subscription_are_there),
        cmocka_unit_test(writing_to_the_payload_says_what_to_do_instead),
        cmocka_unit_test(tables_become_json),
        cmocka_unit_test(many_members_are_sorted_bytewise),
        cmocka_unit_test(a_bad_result_names_the_place),
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(errors_name_the_line),
        cmocka_unit_test(pairs_over_tables_is_in_a_fixed_order),
        cmocka_unit_test(helpers_keep_bytes),
        cmocka_unit_test(event_source_and_key_are_nil_where_there_is_none),
        cmocka_unit_test(hash_is_an_hmac_of_the_secret),
        cmocka_unit_test(costs_are_told),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("rule", tests, setup, teardown);
}
