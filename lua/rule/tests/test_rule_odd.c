/* Odd rules: what is allowed but strange, at the edges of the language, the view, the
 * helpers and the result. Each has one right answer, or one error with its sentence. */
#include "base/utf8.h"
#include "rule_fixture.h"

#define R WH_ERULE_RUNTIME
#define S WH_ERULE_SYNTAX
#define V WH_ERULE_RESULT
#define Y WH_OK /* the body is the text; "true": the payload passes */

#define PAYLOAD                                                                                                        \
    "{\"a\":1,\"b\":{\"c\":[1,2,3],\"d\":{\"e\":null}},\"list\":[3,1,2],\"s\":\"text\",\"f\":1.10,\"nil\":null,"       \
    "\"t\":true,\"o\":{},\"l\":[]}"

struct odd {
    int code;
    const char *source, *text;
};

/* Runs them all and tells each that is not as it should be. */
static void run_all(const struct odd *cases, size_t count, const char *payload) {
    fixture f;
    int failures = 0;

    fixture_open(&f, 1000, 8 << 20);
    f.secret = "whsec_do_not_tell";
    f.meta = "{\"region\":\"eu\",\"rate\":1.50}";
    for (size_t i = 0; i < count; i++) {
        int code = fixture_try(&f, cases[i].source, payload);
        const char *said = code != WH_OK                         ? f.said
                           : f.verdict.action == WH_RULE_PROJECT ? f.verdict.body
                           : f.verdict.action == WH_RULE_PASS    ? "true"
                                                                 : "false";
        int right = code == WH_OK ? strcmp(said, cases[i].text) == 0 : strstr(said, cases[i].text) != NULL;
        if (code != cases[i].code || !right || !whi_utf8_check(said, strlen(said)) || strstr(said, "0x") != NULL ||
            strstr(said, "do_not_tell") != NULL) {
            print_error("%s\nexpected %s: %s\ngot      %s: %s\n", cases[i].source, wh_error_name(cases[i].code),
                        cases[i].text, wh_error_name(code), said);
            failures++;
        }
    }
    fixture_close(&f);
    assert_int_equal(failures, 0);
}

#define RUN(cases, payload) run_all(cases, sizeof(cases) / sizeof((cases)[0]), payload)

/* ------------------------------------------------------------------ ways out */

static void no_way_leads_out(void **state) {
    static const struct odd cases[] = {
        { R, "return ('').dump(function() end)", "attempt to call a nil value (field 'dump')" },
        { R, "return (''):pack(1)", "attempt to call a nil value (method 'pack')" },
        { R, "return (''):unpack('i4')", "attempt to call a nil value (method 'unpack')" },
        { Y, "return {tostring((''):format()), ('').format == string.format, ('').nothing == nil}",
          "[\"\",true,true]" },
        { R, "string = nil return ('x'):rep('y')", "number expected, got string" },
        { Y, "string = {rep = function() return 'mine' end} return {('x'):rep(2), string.rep()}", "[\"xx\",\"mine\"]" },
        { Y, "type = nil tostring = error return {('%s'):format(1)}", "[\"1\"]" },
        { R, "string.format = 1", "a library cannot be changed" },
        { R, "table.concat = nil", "a library cannot be changed" },
        { R, "math.pi = 3", "a library cannot be changed" },
        { R, "utf8.x = 3", "a library cannot be changed" },
        { R, "string[nil] = 1", "a library cannot be changed" },
        { R, "table.remove(string)", "a library cannot be changed" },
        { R, "table.insert(math, 1, 2)", "a library cannot be changed" },
        { R, "table.sort(_ENV)", "a library cannot be changed" },
        { R, "object(utf8)", "a library cannot be changed" },
        { R, "array(_ENV)", "a library cannot be changed" },
        { V, "return {_ENV}", "[1]: a library is no JSON value" },
        { V, "return {a = {math}}", "a[1]: a library is no JSON value" },
        { Y,
          "return {#string, next(string) or null, type(string), tostring(string), #table.pack(table.unpack(string))}",
          "[0,null,\"table\",\"table\",0]" },
        { Y, "for k in pairs(string) do return {k} end for i in ipairs(math) do return {i} end return true", "true" },
        { Y, "return {rawget == nil, rawset == nil, rawequal == nil, rawlen == nil, getmetatable == nil}",
          "[true,true,true,true,true]" },
        { Y, "return {load == nil, coroutine == nil, os == nil, io == nil, debug == nil, package == nil, _G == nil}",
          "[true,true,true,true,true,true,true]" },
        { Y, "local e = _ENV local _ENV = {e = e} return {e.type(e.payload), payload == nil and 1}", "[\"table\",1]" },
        { Y, "_ENV = {payload = payload} return {payload.a}", "[1]" },
        { R, "_ENV = nil return payload", "attempt to index a nil value" },
        { R, "_ENV = 1 return payload", "attempt to index a number value" },
        { Y, "_ENV = payload return {a, b.c}", "[1,[1,2,3]]" },
        { R, "_ENV = payload a = 2", "the payload cannot be changed" },
        { R, "_ENV = null return a", "null has no field 'a'" },
        { Y, "_ENV = 'x' return {rep(_ENV, 3), len and 1}", "[\"xxx\",1]" },
        { R, "local _ENV <const> = nil return x", "attempt to index a nil value" },
        { Y, "local _ENV <const> = {} x = 1 y = 'abc' return {x = x, y = y}", "{\"x\":1,\"y\":\"abc\"}" },
        { R, "local function f() local _ENV <const> = 1 X = 'a' .. Y end f()", "attempt to index a number value" },
        { Y, "local function f(...) local _ENV = ... return x end return {f({x = 1}), f({x = 2})}", "[1,2]" },
        { R, "local x <close> = string", "variable 'x' got a non-closable value" },
        { R, "local x <close> = array{}", "variable 'x' got a non-closable value" },
        { R, "local x <close> = 'text'", "variable 'x' got a non-closable value" },
        { R, "local x <close> = null", "variable 'x' got a non-closable value" },
        { Y, "local x <close> = nil local y <close> = false return true", "true" },
        { R, "for k in function() end, nil, nil, payload do end", "got a non-closable value" },
        { S, "local x <const> = 1 x = 2", "line 1: attempt to assign to const variable 'x'" },
        { S, "local x <gc> = 1", "line 1: unknown attribute 'gc'" },
        { R, "return {{} .. 'x'}", "attempt to concatenate a table value" },
        { R, "return {array{} + array{}}", "attempt to perform arithmetic on a table value" },
        { R, "return array{}()", "attempt to call a table value" },
        { R, "return string()", "attempt to call a table value" },
        { R, "return array{} < array{}", "attempt to compare two table values" },
        { Y, "return {array{} == array{}, {} == {}, string == string, null == null}", "[false,false,true,true]" },
        { R, "return {'10' + 1}", "attempt to perform arithmetic on a string value" },
        { R, "return {'10' | 1}", "attempt to perform bitwise operation on a string value" },
        { R, "return {-'2'}", "attempt to perform arithmetic on a string value" },
        { R, "return {#1}", "attempt to get length of a number value" },
        { R, "return {1 < '2'}", "attempt to compare number with string" },
        { R, "return {nil .. 'x'}", "attempt to concatenate a nil value" },
        { R, "return ('x')()", "attempt to call a string value" },
        { Y, "return {tostring(type), tostring({}), tostring(nil), tostring(payload.o), ('%s'):format(pcall)}",
          "[\"function\",\"table\",\"nil\",\"{}\",\"function\"]" },
        { R, "return ('%p'):format({})", "invalid conversion '%p' to 'format'" },
        { R, "return ('%q'):format('x')", "invalid conversion '%q' to 'format'" },
        { R, "return ('%a'):format(1)", "invalid conversion '%a' to 'format'" },
        { R, "return ('%n'):format(1)", "invalid conversion '%n' to 'format'" },
        { R, "return ('%*d'):format(1, 1)", "invalid conversion '%*' to 'format'" },
        { R, "return ('%lld'):format(1)", "invalid conversion '%l' to 'format'" },
        { R, "error(hash)", "the rule raised an error that is no text: function" },
        { R, "error(string)", "the rule raised an error that is no text: table" },
        { R, "error(nil)", "no " },
        { R, "error(5)", "the rule raised an error that is no text: number" },
        { R, "error(null)", "the rule raised an error that is no text: null" },
        { R, "error(event)", "the rule raised an error that is no text: table" },
        { Y, "local ok, e = pcall(error, null) return {ok, e}", "[false,null]" },
        { Y, "local ok, e = pcall(error, false) return {ok, e}", "[false,false]" },
        { Y, "return {pcall(pcall)}", "[false,\"bad argument #1 to '?' (value expected)\"]" },
        { Y, "return {select('#', pcall(error, 1, 2)), (pcall(pcall, error))}", "[2,true]" },
        { Y, "local n = 0 for i = 1, 250 do local ok = pcall(function() n = n + 1 error(n) end) end return {n}",
          "[250]" },
        { Y,
          "local t = {} for i = 1, 3 do local j = i t[i] = function() j = j + 1 return j end end return {t[1](), "
          "t[1](), t[3]()}",
          "[2,3,4]" },
        { Y, "do local i = 1 ::top:: if i < 5 then i = i + 1 goto top end return {i} end", "[5]" },
        { Y, "local t = {} for i = 1, 3 do if i == 2 then goto next end t[#t + 1] = i ::next:: end return t", "[1,3]" },
        { S, "goto x local a ::x:: print(a)", "jumps into the scope of " },
        { S, "::x:: ::x::", "label 'x' already defined on line 1" },
        { S, "return ...  , ", "line 1: unexpected symbol near <eof>" },
        { Y, "return {select('#', ...)}", "[0]" },
    };

    (void)state;
    RUN(cases, PAYLOAD);
}

/* -------------------------------------------------------------------- numbers */

static void numbers_have_edges(void **state) {
    static const struct odd cases[] = {
        { R, "for i = 1, 10, 0 do end", "'for' step is zero" },
        { R, "for i = 1.0, 10, 0 do end", "'for' step is zero" },
        { R, "for i = {}, 1 do end", "'for' initial value" },
        { R, "for i = 1, null do end", "'for' limit" },
        { R, "for i = 1, payload do end", "'for' limit" },
        { R, "for i = 1, 2, nil do end", "'for' step" },
        { Y, "local n = 0 for i = math.maxinteger - 1, math.maxinteger do n = n + 1 end return {n}", "[2]" },
        { Y, "local n = 0 for i = math.mininteger, math.mininteger + 2, math.maxinteger do n = n + 1 end return {n}",
          "[1]" },
        { Y, "local n = 0 for i = 1, 0/0 do n = n + 1 end return {n}", "[0]" },
        { Y, "local n = 0 for i = math.maxinteger, math.mininteger, math.mininteger do n = n + 1 end return {n}",
          "[2]" },
        { Y, "local n = 0 for i = 1, math.huge, math.maxinteger // 2 do n = n + 1 end return {n}", "[3]" },
        { R, "return {1 // 0}", "line 1: attempt to" },
        { R, "return {1 % 0}", "line 1: attempt to" },
        { R, "return {1 << {}}", "attempt to perform bitwise operation on a table value" },
        { R, "return {1.5 | 0}", "number has no integer representation" },
        { R, "return {2^63 | 0}", "number has no integer representation" },
        { Y, "return {math.mininteger // -1 == math.mininteger, math.mininteger % -1, 5 // -2, 5 % -3, -5 % 3}",
          "[true,0,-3,-1,1]" },
        { Y,
          "return {5.0 // 0 == math.huge, -5.0 // 0 == -math.huge, (0.0 / 0 ~= 0.0 / 0), 5 % math.huge, -5 % math.huge "
          "== math.huge}",
          "[true,true,true,5,true]" },
        { Y, "return {1 << 63, 1 << 64, 1 << -1, 1 >> 64, -1 >> 63, 1 << math.mininteger, ~0}",
          "[-9223372036854775808,0,0,0,1,0,-1]" },
        { V, "return {1e308 * 10}", "[1]: an infinite number is no JSON number" },
        { V, "return {a = -(0/0)}", "a: nan is no JSON number" },
        { Y, "return {1e15, 1e16, 2^53, 1e100, 5e-324, -0.0, 0.1 + 0.2, 3.0}",
          "[1e+15,1e+16,9007199254740992,1e+100,5e-324,-0,0.30000000000000004,3]" },
        { Y,
          "return {9223372036854775807, 9223372036854775808 == 2^63, 0xffffffffffffffff, 0x7fffffffffffffff + 1 == "
          "math.mininteger}",
          "[9223372036854775807,true,-1,true]" },
        { Y, "return {0x.8p1, 0xA, 1e2, .5, 3., 0x1p-2}", "[1,10,100,0.5,3,0.25]" },
        { S, "return 1e", "line 1: malformed number near '1e'" },
        { S, "return 1..2", "line 1: malformed number near '1..2'" },
        { S, "return 3x", "line 1: malformed number near '3x'" },
        { Y, "local t = {} t[1.0] = 'a' t[2^53] = 'b' return {t[1], t[2^53 | 0], #t}", "[\"a\",\"b\",1]" },
        { R, "local t = {} t[0/0] = 1", "index is NaN" },
        { R, "local t = {} t[nil] = 1", "index is nil" },
        { Y, "local t = {} return {t[nil] == nil, t[0/0] == nil}", "[true,true]" },
        { Y,
          "return {tonumber('0x10'), tonumber(' 10 '), tonumber('1e1'), tonumber('10a') or null, tonumber('') or null, "
          "tonumber('nan') or null, tonumber('inf') or null, tonumber('0x') or null, tonumber('1 2') or null}",
          "[16,10,10,null,null,null,null,null,null]" },
        { Y,
          "return {tonumber('1\\0') or null, tonumber('z', 36), tonumber('-ff', 16), tonumber('8', 8) or null, "
          "tonumber('7fffffffffffffffff', 16), tonumber('1' .. ('0'):rep(300)) or null, tonumber(null) or null}",
          "[null,35,-255,null,-1,null,null]" },
        { R, "tonumber('1', 1)", "base out of range" },
        { R, "tonumber('1', 37)", "base out of range" },
        { R, "tonumber('1', 1.5)", "number has no integer representation" },
        { R, "tonumber()", "bad argument #1 to 'tonumber' (value expected)" },
        { Y,
          "return {math.abs(math.mininteger) == math.mininteger, math.ult(1, -1), math.tointeger('8') or null, "
          "math.tointeger(2^63) or null, math.type('1') or null, math.type(null) or null}",
          "[true,true,null,null,null,null]" },
        { Y,
          "return {math.floor(-0.5), math.ceil(-0.5), math.floor(1e300) == 1e300, math.fmod(math.mininteger, -1), "
          "math.fmod(-6, 4), math.fmod(6, -4.0)}",
          "[-1,0,true,0,-2,2]" },
        { R, "math.fmod(1, 0)", "bad argument #2 to 'fmod' (zero)" },
        { R, "math.max()", "bad argument #1 to 'max' (number expected, got no value)" },
        { R, "math.max(1, null)", "bad argument #2 to 'max' (number expected, got null" },
        { R, "math.floor(payload)", "bad argument #1 to 'floor' (number expected, got " },
        { Y, "return {math.max(1, 2.5), math.min(1, 1.0), math.max(0/0, 1) ~= 1, math.max(-0.0, 0)}",
          "[2.5,1,true,-0]" },
        { Y,
          "return {(math.modf(-3.7)), (math.modf(math.huge)) == math.huge, select(2, math.modf(1/0)), "
          "math.sqrt(-1) ~= math.sqrt(-1)}",
          "[-3,true,0,true]" },
    };

    (void)state;
    RUN(cases, PAYLOAD);
}

/* ---------------------------------------------------------------------- texts */

static void texts_have_edges(void **state) {
    static const struct odd cases[] = {
        { Y,
          "return {('abc'):sub(2), ('abc'):sub(-2, -2), ('abc'):sub(math.mininteger, math.maxinteger), "
          "('abc'):sub(math.maxinteger), ('abc'):sub(3, 2), ('abc'):sub(0)}",
          "[\"bc\",\"b\",\"abc\",\"\",\"\",\"abc\"]" },
        { Y, "return {('abc'):byte(math.mininteger, math.maxinteger)}", "[97,98,99]" },
        { Y, "return {('abc'):byte(-1), ('abc'):byte(10) or null, ('abc'):byte(0) or null}", "[99,null,null]" },
        { R, "string.char(256)", "value out of range" },
        { R, "string.char(-1)", "value out of range" },
        { R, "string.char(1.5)", "number has no integer representation" },
        { Y, "return {#string.char(0, 255, 0), string.char()}", "[3,\"\"]" },
        { Y,
          "return {('x'):rep(0), ('x'):rep(-1), ('x'):rep(math.mininteger), (''):rep(math.maxinteger), ('x'):rep(1, "
          "'sep'), (''):rep(3, ',')}",
          "[\"\",\"\",\"\",\"\",\"x\",\",,\"]" },
        { Y,
          "return {#('%99.99f'):format(1e308), #('%99d'):format(math.mininteger), ('%.99s'):format('x'), "
          "#('%-99s|'):format('y')}",
          "[409,99,\"x\",100]" },
        { R, "return ('%100d'):format(1)", "invalid conversion" },
        { R, "return ('%.100f'):format(1)", "invalid conversion" },
        { R, "return ('%0000000000000000000000d'):format(1)", "invalid conversion '%...' to 'format'" },
        { R, "return ('%'):format(1)", "invalid conversion '%' to 'format'" },
        { R, "return ('%d'):format(1.5)", "number has no integer representation" },
        { R, "return ('%d'):format('1')", "number expected, got string" },
        { R, "return ('%d'):format()", "bad argument #1 to 'format' (no value)" },
        { R, "return ('%5s'):format('a\\0b')", "string contains zeros" },
        { R, "return ('%#d'):format(1)", "invalid conversion '%#d' to 'format'" },
        { R, "return ('%05s'):format('x')", "invalid conversion '%0s' to 'format'" },
        { R, "return ('%\\200'):format(1)", "invalid conversion '%?' to 'format'" },
        { Y,
          "return {('%s|%s|%s'):format(null, nil, true), ('%5.1s|'):format('xyz'), ('%c'):format(65), "
          "('%i'):format(3.0)}",
          "[\"null|nil|true\",\"    x|\",\"A\",\"3\"]" },
        { Y, "return {('%x'):format(-1), ('%X'):format(255), ('%#o'):format(8), ('%+d'):format(5), ('% d'):format(5)}",
          "[\"ffffffffffffffff\",\"FF\",\"010\",\"+5\",\" 5\"]" },
        { Y, "return {('%g'):format(1/0), ('%f'):format(-1/0), ('%5.1f'):format(0/0), ('%e'):format(0)}",
          "[\"inf\",\"-inf\",\"  nan\",\"0.000000e+00\"]" },
        { Y,
          "return {('a.b'):find('.', 1, true), ('abc'):find('b', -1) or null, ('abc'):find('', 4), ('abc'):find('', 5) "
          "or "
          "null}",
          "[2,null,4,null]" },
        { Y, "return {('abc'):find('b', math.mininteger), ('abc'):find('b', math.maxinteger) or null}", "[2,null]" },
        { Y,
          "return {('a\\0b'):find('%z') or null, ('a\\0b'):find('\\0'), #('a\\0b'):match('.*'), "
          "('a\\0b'):find('[\\0]')}",
          "[null,2,3,2,2]" },
        { Y, "return {('THE (quick) fox'):find('%((%a+)%)')}", "[5,11,\"quick\"]" },
        { Y, "return {('x'):match('()'), ('x'):match('x()'), ('hello'):match('(h).-(l)%2')}", "[1,2,\"h\",\"l\"]" },
        { Y, "return {('aXb'):gsub('%u', '%%'), ('abc'):gsub('', '-'), ('abc'):gsub('b*', 'x')}",
          "[\"a%b\",\"-a-b-c-\",\"xaxcx\",3]" },
        { Y, "return {(('abc'):gsub('%w', {a = 1, b = true and 'B', c = false}))}", "[\"1Bc\"]" },
        { R, "return {('abc'):gsub('%w', payload)}", "invalid replacement value" },
        { R, "return {('abc'):gsub('%w', null)}", "null has no field 'a'" },
        { R, "return {('abc'):gsub('%w', event)}", "event has no field 'a'" },
        { Y, "return {(('s'):gsub('%w', payload)), (('zz'):gsub('%w', payload))}", "[\"text\",\"zz\"]" },
        { Y, "return {('abc'):gsub('%w', string)}", "[\"abc\",3]" },
        { R, "return {('abc'):gsub('%w', tostring, 'x')}", "number expected, got string" },
        { Y, "return {(('abc'):gsub('%w', '%0%0', -1)), (('abc'):gsub('%w', '%0%0', 1)), (('abc'):gsub('^a', ''))}",
          "[\"abc\",\"aabc\",\"bc\"]" },
        { R, "return {('abc'):gsub('%w', '%')}", "invalid use of '%' in replacement string" },
        { R, "return {('abc'):gsub('%w', '%x')}", "invalid use of '%' in replacement string" },
        { R, "return {('abc'):gsub('%w', function() return {} end)}", "invalid replacement value (a table)" },
        { R, "return {('abc'):gsub('%w', error)}", "a" },
        { R, "return {('a'):find('[')}", "malformed pattern (missing ']')" },
        { R, "return {('a'):find('[%')}", "malformed pattern (missing ']')" },
        { R, "return {('a'):find('[%a')}", "malformed pattern (missing ']')" },
        { R, "return {('a'):find('[]')}", "malformed pattern (missing ']')" },
        { R, "return {('a'):find('%b')}", "malformed pattern (missing arguments to '%b')" },
        { R, "return {('a'):find('%bx')}", "malformed pattern (missing arguments to '%b')" },
        { R, "return {('a'):find('%f')}", "missing '[' after '%f' in pattern" },
        { R, "return {('a'):match(')')}", "invalid pattern capture" },
        { R, "return {('a'):find('%1')}", "invalid capture index %1" },
        { R, "return {('a'):find('(%1)')}", "invalid capture index %1" },
        { R, "return {('a'):match(('()'):rep(33))}", "too many captures" },
        { Y, "return {select('#', ('a'):match(('()'):rep(32)))}", "[32]" },
        { Y, "local n = 0 for a, b in ('k=v, x=y'):gmatch('(%w+)=(%w+)') do n = n + 1 end return {n}", "[2]" },
        { Y,
          "local n = 0 for a in ('abc'):gmatch('', 10) do n = n + 1 end for a in ('abc'):gmatch('') do n = n + 1 end "
          "return {n}",
          "[4]" },
        { Y, "local f = ('a b'):gmatch('%a') return {f(), f(), f() or null, f() or null}", "[\"a\",\"b\",null,null]" },
        { Y,
          "return {utf8.char(), utf8.char(0x10ffff), #utf8.char(0x7fffffff), utf8.len(''), utf8.len('\\xff') or null, "
          "utf8.len('\\u{d800}') or null, utf8.len('\\u{d800}', 1, -1, true)}",
          "[\"\",\"\xf4\x8f\xbf\xbf\",6,0,null,null,1]" },
        { R, "utf8.char(-1)", "value out of range" },
        { R, "utf8.char(0x80000000)", "value out of range" },
        { R, "utf8.codepoint('abc', 4)", "out of bounds" },
        { R, "utf8.codepoint('\\xff')", "invalid UTF-8 code" },
        { R, "utf8.len('abc', 5)", "initial position out of bounds" },
        { R, "utf8.len('abc', math.maxinteger)", "initial position out of bounds" },
        { R, "utf8.offset('\\u{e9}', 1, 2)", "initial position is a continuation byte" },
        { R, "for p in utf8.codes('a\\xff') do end", "invalid UTF-8 code" },
        { R, "for p in utf8.codes('\\xe9\\x80') do end", "invalid UTF-8 code" },
        { Y,
          "return {utf8.offset('abc', math.mininteger) or null, utf8.offset('abc', math.maxinteger) or null, "
          "utf8.offset('abc', 0, 2), utf8.offset('abc', 4), utf8.offset('', 1)}",
          "[null,null,2,4,1]" },
        { Y, "return {'\\xff\\xfe', '\\u{d800}', '\\0', '\\u{fffe}', 'a\\u{2028}b', '\\x7f'}",
          "[\"\xef\xbf\xbd\xef\xbf\xbd\",\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"\\u0000\",\"\xef\xbf\xbe\","
          "\"a\xe2\x80\xa8"
          "b\",\"\x7f\"]" },
    };

    (void)state;
    RUN(cases, PAYLOAD);
}

/* --------------------------------------------------------------------- tables */

static void tables_have_edges(void **state) {
    static const struct odd cases[] = {
        { R, "table.concat({1, {}, 3})", "invalid value (a table) at index 2 in table for 'concat'" },
        { R, "table.concat({1}, ',', math.mininteger, math.mininteger)", "at index -9223372036854775808" },
        { Y, "return {table.concat({}, 'x'), table.concat({1, 2.5, 'x'}, ', '), table.concat({1, 2}, '', 2, 1)}",
          "[\"\",\"1, 2.5, x\",\"\"]" },
        { R, "table.concat(null)", "" },
        { R, "table.concat(payload.list, ',', 0)", "invalid value (a nil) at index 0" },
        { Y, "return {table.concat(payload.list, '-', 2, 3)}", "[\"1-2\"]" },
        { R, "table.insert({}, 1, 2, 3)", "wrong number of arguments to 'insert'" },
        { R, "table.insert({})", "wrong number of arguments to 'insert'" },
        { R, "table.insert({}, 0, 1)", "position out of bounds" },
        { R, "table.insert({}, math.maxinteger, 1)", "position out of bounds" },
        { R, "table.insert(nil, 1)", "table expected, got nil" },
        { R, "table.insert(null, 1)", "table expected" },
        { R, "table.remove({1, 2}, 4)", "position out of bounds" },
        { R, "table.remove({}, math.mininteger)", "position out of bounds" },
        { Y,
          "local t = {1, 2, 3} return {table.remove(t, 1), table.remove(t), #t, table.remove({}) or null, "
          "table.remove({}, 0) or null}",
          "[1,3,1,null,null]" },
        { R, "table.unpack({}, 1, 1e8)", "too many results to unpack" },
        { R, "table.unpack({}, math.mininteger, math.maxinteger)", "too many results to unpack" },
        { R, "table.unpack()", "" },
        { Y, "return {select('#', table.unpack({1, 2, 3}, -1, 1))}", "[3]" },
        { Y, "return {table.unpack({1, 2, 3}, math.maxinteger, math.maxinteger - 1)}", "{}" },
        { Y, "return {select('#', table.unpack({}, math.maxinteger, math.maxinteger))}", "[1]" },
        { Y, "return {table.unpack(payload.list)}", "[3,1,2]" },
        { Y, "local t = table.pack() return {t.n, #t, table.pack(nil, nil).n}", "[0,0,2]" },
        { R, "select(0)", "index out of range" },
        { R, "select(-5, 1)", "index out of range" },
        { R, "select('x')", "number expected, got string" },
        { Y, "return {select(-1, 1, 2), select('#'), select(math.maxinteger, 1) or null}", "[2,0,null]" },
        { R, "table.sort({3, 'x', 1})", "attempt to compare" },
        { R, "table.sort({1, 2}, 'x')", "function expected, got string" },
        { R, "table.sort({3, 1, 2}, function(a, b) error('in sort') end)", "line 1: in sort" },
        { Y,
          "local t = {3, 1, 2} table.sort(t, function(a, b) t[1] = nil t[#t + 1] = 9 return a < b end) return {t[1], "
          "t[2], "
          "t[3]}",
          "[1,2,3]" },
        { Y, "local t = {3, 1, 2} table.sort(t, function() return true end) return {#t, t[1] + t[2] + t[3]}", "[3,6]" },
        { Y, "local t = {5, 0/0, 1, 0/0, 3} table.sort(t) return {#t}", "[5]" },
        { Y, "local t = {{1}, {2}} table.sort(t, function(a, b) a[1], b[1] = b[1], a[1] return false end) return {#t}",
          "[2]" },
        { Y,
          "local t, s = {a = 1, b = 2, c = 3}, '' for k in pairs(t) do t[k] = nil t.z = 1 s = s .. k end return {s, "
          "t.z}",
          "[\"abc\",1]" },
        { Y,
          "local t = {} for i = 1, 20 do t[i] = i end for k in pairs(t) do t[21 - k] = nil end local n = 0 for _ in "
          "pairs(t) do n = n + 1 end return {n}",
          "[10]" },
        { R, "for k in pairs({[type] = 1}) do end", "a table with a function as key cannot be walked" },
        { R, "next({}, {})", "" },
        { R, "pairs()", "table expected, got no value" },
        { R, "ipairs(nil)", "table expected, got nil" },
        { R, "for k in pairs(event) do end", "" },
        { R, "for k in pairs(null) do end", "" },
        { Y,
          "local n = 0 for i, v in ipairs({1, 2, nil, 4}) do n = n + 1 end for i in ipairs(payload.o) do n = 9 end "
          "return {n}",
          "[2]" },
        { Y, "local a = array{} a.x = 1 return {a}", "[{\"x\":1}]" },
        { V, "return {array{1, x = 2}}", "[1]: a table needs either names or the indexes" },
        { V, "return {object{1, 2}}", "[1]: a table needs either names or the indexes" },
        { Y, "return array(object{})", "[]" },
        { Y, "return {array(payload.list), object(payload.l)}", "[[3,1,2],[]]" },
        { V, "return {[0] = 1}", "a table needs either names or the indexes" },
        { V, "return {[payload.l] = 1}", "a name must be a text, not null or a part of the payload" },
        { V, "return {[1] = 1, [1.5] = 2}", "a table needs either names or the indexes" },
        { V, "return {[math.maxinteger] = 1}", "an array has holes: 1 items, the last at 9223372036854775807" },
        { V, "local t = {} t[1], t[2] = t, t return t", "nested too deep, or a table that contains itself" },
        { Y, "local t = {} for i = 1, 3 do t['k' .. i] = t['k' .. i - 1] or 1 end return {t, t}",
          "[{\"k1\":1,\"k2\":1,\"k3\":1},{\"k1\":1,\"k2\":1,\"k3\":1}]" },
        { Y, "return {[''] = 1, ['a.b'] = 2, ['\\0'] = 3, ['\\xff'] = 4}",
          "{\"\":1,\"\\u0000\":3,\"a.b\":2,\"\xef\xbf\xbd\":4}" },
    };

    (void)state;
    RUN(cases, PAYLOAD);
}

/* ------------------------------------------------------------------- the view */

static void parts_have_edges(void **state) {
    static const char payload[] =
        "{\"min\":-9223372036854775808,\"max\":9223372036854775807,\"over\":9223372036854775808,"
        "\"under\":-9223372036854775809,\"minus\":-0,\"huge\":1e400,\"tiny\":1e-400,\"exp\":1e2,\"dec\":1.50,"
        "\"long\":0.1000000000000000055511151231257827,\"twice\":1,\"twice\":{\"x\":2},\"\":\"empty\",\"a\\u0000b\":"
        "\"zero\","
        "\"\\u0061\\u0062\":\"escaped\",\"lone\":\"\\ud800y\",\"pair\":\"\\ud83d\\ude00\",\"e\":{},\"l\":[],\"n\":null,"
        "\"list\":[1,[2,[3]],null,{\"k\":\"v\"}],\"f\":false,\"big\":123456789012345678901234567890}";
    static const struct odd cases[] = {
        { Y,
          "return {payload.min == math.mininteger, payload.max == math.maxinteger, math.type(payload.over), "
          "math.type(payload.under), payload.min // -1 == math.mininteger}",
          "[true,true,\"float\",\"float\",true]" },
        { Y, "return {payload.over, payload.under, payload.minus, payload.exp, payload.dec, payload.long, payload.big}",
          "[9223372036854775808,-9223372036854775809,-0,1e2,1.50,0.1000000000000000055511151231257827,"
          "123456789012345678901234567890]" },
        { Y,
          "return {payload.exp == 100, payload.exp + 1, payload.dec * 2, payload.long == 0.1, payload.huge == "
          "math.huge, "
          "payload.tiny}",
          "[true,101,3,true,true,1e-400]" },
        { Y, "return {payload.huge}", "[1e400]" },
        { Y, "return only(payload, 'huge', 'tiny', 'minus')", "{\"minus\":-0,\"huge\":1e400,\"tiny\":1e-400}" },
        { Y, "return {1 / payload.minus, math.type(payload.minus), payload.minus == 0} and {payload.minus == 0}",
          "[true]" },
        { Y, "return {payload.twice.x, only(payload, 'twice')}", "[2,{\"twice\":1,\"twice\":{\"x\":2}}]" },
        { Y, "return without(payload.list[4], 'k', 'missing', '', '.', 'k.v', '..')", "{}" },
        { Y, "return {payload[''], payload['a\\0b'], payload['a'] or null, payload.ab, payload.lone, payload.pair}",
          "[\"empty\",\"zero\",null,\"escaped\",\"\xef\xbf\xbdy\",\"\xf0\x9f\x98\x80\"]" },
        { Y, "return {#payload.pair, #payload.lone, payload.pair == '\\u{1F600}'}", "[4,4,true]" },
        { Y,
          "return {payload.n == null, payload.n == nil, payload.missing == nil, payload.missing == null, payload.f == "
          "nil, not payload.f, not payload.n}",
          "[true,false,true,false,false,true,false]" },
        { Y, "return {payload.n and 'yes' or 'no', payload.n ~= nil and 1, payload.missing or 'none'}",
          "[\"yes\",1,\"none\"]" },
        { Y, "return {payload.list[1] + 1, payload.list[2][2][1], payload.list[3], payload.list[4].k, #payload.list}",
          "[2,3,null,\"v\",4]" },
        { Y, "local n = 0 for i, v in ipairs(payload.list) do n = i end return {n}", "[4]" },
        { Y,
          "local n = 0 for k, v in pairs(payload.list) do n = n + k end for k in pairs(payload.e) do n = 99 end return "
          "{n, next(payload.e) or null, next(payload.l) or null}",
          "[10,null,null]" },
        { Y,
          "local a, b = payload.list, payload['list'] local t = {} t[a] = 1 t[b] = 2 return {t[a], a == b, a ~= "
          "payload.e, merge(payload.e, {}) == payload.e}",
          "[2,true,true,false]" },
        { Y,
          "return {payload.list[1.0], payload.list['1'] or null, payload.list[0] or null, payload.list[-1] or null, "
          "payload.list[math.maxinteger] or null, payload.list[2^32 + 1] or null, payload.list[0/0] or null}",
          "[1,null,null,null,null,null,null]" },
        { Y, "return {payload.list.x or null, payload.e[1] or null, payload.e[{}] or null, payload[type] or null}",
          "[null,null,null,null]" },
        { R, "return payload.list.x.y", "attempt to index a nil value (field 'x')" },
        { R, "return payload.n.x", "null has no field 'x': compare with null first" },
        { R, "return payload.n[payload]", "null has no field '{" },
        { R, "return payload.n[string]", "null has no field 'table'" },
        { R, "return #payload.n", "null has no length" },
        { R, "return #event", "event and subscription have no length" },
        { R, "return event[1]", "event has no field '?'" },
        { R, "return event[nil]", "event has no field '?'" },
        { R, "return subscription.secrets", "subscription has no field 'secrets'" },
        { R, "subscription.id = 1", "event and subscription cannot be changed" },
        { R, "subscription.meta.region = 1", "the payload cannot be changed" },
        { R, "payload.list[1] = 1", "the payload cannot be changed" },
        { R, "payload[nil] = 1", "the payload cannot be changed" },
        { R, "payload.n.x = 1", "null cannot be changed" },
        { R, "return payload.list + 1", "this operation is not for a part of the payload" },
        { R, "return 1 + payload.n", "this operation is not for null" },
        { R, "return 'x' .. null", "this operation is not for null" },
        { R, "return payload .. payload", "this operation is not for a part of the payload" },
        { R, "return payload.list < payload.e", "this operation is not for a part of the payload" },
        { R, "return null <= 1", "this operation is not for null" },
        { R, "return payload:list()", "this operation is not for a part of the payload" },
        { R, "return ~payload", "this operation is not for a part of the payload" },
        { R, "return table.concat(payload.list, ',')", "invalid value (a table) at index 2 in table for 'concat'" },
        { R, "return table.concat(payload.n)", "null has no length" },
        { R, "return table.concat(event)", "event and subscription have no length" },
        { R, "return table.unpack(null)", "null has no length" },
        { R, "return table.remove(payload.list)", "the payload cannot be changed: build a new table" },
        { R, "return ('x'):rep(payload.list)", "number expected" },
        { R, "return ('%d'):format(payload.dec)", "number has no integer representation" },
        { Y,
          "return {('%d'):format(payload.exp), ('%s %s %s'):format(payload.n, payload.e, payload.list[2]), "
          "('%.1f'):format(payload.dec)}",
          "[\"100\",\"null {} [2,[3]]\",\"1.5\"]" },
        { Y, "return {tostring(payload.minus), tostring(payload.exp), tostring(payload.dec), payload.min .. ''}",
          "[\"-0.0\",\"100.0\",\"1.5\",\"-9223372036854775808\"]" },
        { Y, "return {type(payload.list), type(payload.n), type(payload.dec), type(event), type(subscription.meta)}",
          "[\"table\",\"null\",\"number\",\"table\",\"table\"]" },
        { Y, "local copy = {} for k, v in pairs(payload.list[4]) do copy[k] = v end copy.new = payload.l return copy",
          "{\"k\":\"v\",\"new\":[]}" },
        { V, "return event", "event cannot be sent whole: name the fields that you want" },
        { V, "return {a = {subscription}}", "a[1]: subscription cannot be sent whole" },
        { Y, "return {event.id, event.type, subscription.name, subscription.meta.rate, subscription.meta}",
          "[\"msg_1\",\"order.paid\",\"first\",1.50,{\"region\":\"eu\",\"rate\":1.50}]" },
    };

    (void)state;
    RUN(cases, payload);
}

static void a_payload_need_not_be_an_object(void **state) {
    static const struct odd texts[] = {
        { Y, "return {payload, #payload, payload:upper(), payload.x or null}", "[\"text\",4,\"TEXT\",null]" },
        { R, "return only(payload, 'a')", "argument 1: a part of the payload was expected, not string" },
        { R, "return merge(payload, {})", "argument 1: a part of the payload was expected, not string" },
        { Y, "return true", "true" },
    };
    static const struct odd lists[] = {
        { Y, "return {payload[1], #payload, payload.x or null, only(payload, 'a'), without(payload, 'a')}",
          "[1,3,null,[{\"a\":2},[{\"a\":3}]],[1,{},[{}]]]" },
        { R, "return merge(payload, {a = 1})", "merge: the first value must be an object of the payload" },
        { Y, "return payload", "true" },
        { Y, "return payload[3]", "[{\"a\":3}]" },
    };
    static const struct odd nulls[] = {
        { Y, "return payload == null", "true" },
        { R, "return payload.x", "null has no field 'x'" },
        { Y, "return payload", "true" },
    };

    (void)state;
    RUN(texts, "\"text\"");
    RUN(lists, "[1,{\"a\":2},[{\"a\":3}]]");
    RUN(nulls, "null");
}

/* -------------------------------------------------------------------- helpers */

static void helpers_have_edges(void **state) {
    static const char payload[] =
        "{\"id\":1,\"a\":{\"b\":{\"c\":1,\"d\":2},\"b.c\":3},\"a.b\":4,\"items\":[{\"x\":1,\"y\":2},"
        "{\"x\":3},5],\"dup\":1,\"dup\":2,\"\\u0065sc\":6,\"(p)\":7,\" s \":8,\"\":9}";
    static const struct odd cases[] = {
        { Y, "return only(payload, 'id', 'id', 'id,id')", "{\"id\":1}" },
        { Y, "return only(payload, 'a.b.c')", "{\"a\":{\"b\":{\"c\":1}}}" },
        { Y, "return only(payload, 'a', 'a.b.c')", "{\"a\":{\"b\":{\"c\":1,\"d\":2},\"b.c\":3}}" },
        { Y, "return only(payload, 'a.b.c', 'a.b.d')", "{\"a\":{\"b\":{\"c\":1,\"d\":2}}}" },
        { Y, "return only(payload, 'a\\\\.b')", "{\"a.b\":4}" },
        { Y, "return only(payload, '\\\\(p\\\\)', 'esc', 'dup')", "{\"dup\":1,\"dup\":2,\"\\u0065sc\":6,\"(p)\":7}" },
        { Y, "return only(payload, 'items.x')", "{\"items\":[{\"x\":1},{\"x\":3}]}" },
        { Y, "return only(payload, 'id.x', 'missing')", "{}" },
        { R, "return only(payload, '')", "only: name at least one member" },
        { R, "return only(payload, 'a', '')", "only: at position 3: expected a name" },
        { R, "return only(payload, 'a..b')", "only: at position 3: expected a name" },
        { R, "return only(payload, 'id', 'items[0].x')", "only: at position 4: found \"items[0]\": a path is names" },
        { R, "return only(payload, 'a b')", "only: at position 2: expected ',', found a blank" },
        { R, "return without(payload, 'id', 'items[0].x')", "without: found \"items[0].x\": a path is names" },
        { R, "return without(payload, '*')", "without: found \"*\": a path is names" },
        { R, "return without(payload, '.x')", "without: found \".x\": a path is names" },
        { R, "return only(payload, 'a(b')", "only: at position 4: expected ',' or ')'" },
        { R, "return only(payload, 'a)')", "only: at position 2: expected ','" },
        { R, "return only(payload, 'a\\\\')", "only: " },
        { R, "return only(payload, ('a.'):rep(40) .. 'a')", "or 32 levels" },
        { R, "return only(payload, ('a'):rep(300))", "a name is longer than 256" },
        { R, "return only(payload, 5)", "string expected, got number" },
        { R, "return only(payload, {'id'})", "string expected, got table" },
        { R, "return only(event, 'id')", "argument 1: a part of the payload was expected" },
        { R, "return only()", "argument 1: a part of the payload was expected, not no value" },
        { R, "return without({}, 'a')", "argument 1: a part of the payload was expected, not table" },
        { R, "return without(payload, {})", "string expected, got table" },
        { R, "return without(payload, table.unpack({}, 1, 33))", "too many paths" },
        { Y, "return without(only(payload, 'a', 'id'), 'a.b')", "{\"id\":1,\"a\":{\"b.c\":3}}" },
        { Y, "return without(only(payload, 'a', 'id'), 'a', 'a.b.c')", "{\"id\":1}" },
        { Y, "return without(only(payload, 'a'), 'a.b.c', 'a.b.d')", "{\"a\":{\"b\":{}}}" },
        { Y, "return without(payload.items, 'x')", "[{\"y\":2},{},5]" },
        { Y, "return without(only(payload, 'dup', 'esc'), 'dup')", "{\"\\u0065sc\":6}" },
        { Y, "return without(only(payload, 'dup', 'esc'), 'esc', 5)", "{\"dup\":1,\"dup\":2}" },
        { Y, "return without(payload.a.b)", "{\"c\":1,\"d\":2}" },
        { Y, "return merge(payload.a.b, {c = {x = 1}, d = null})", "{\"c\":{\"x\":1},\"d\":null}" },
        { Y, "return merge(payload.a, {b = {c = {deep = array{}}}})",
          "{\"b\":{\"c\":{\"deep\":[]},\"d\":2},\"b.c\":3}" },
        { Y, "return merge(payload.a, {b = array{}})", "{\"b\":[],\"b.c\":3}" },
        { Y, "return merge(payload.a, {b = {}})", "{\"b\":{\"c\":1,\"d\":2},\"b.c\":3}" },
        { Y, "return merge(payload.a, {b = payload.items})", "{\"b\":[{\"x\":1,\"y\":2},{\"x\":3},5],\"b.c\":3}" },
        { Y, "return merge(payload.items[2], {x = payload, y = nil}).x.items[1]", "{\"x\":1,\"y\":2}" },
        { Y, "return merge(payload.items[1], object{x = {1, 2}})", "{\"x\":[1,2],\"y\":2}" },
        { Y, "return merge(only(payload, 'dup'), {dup = 3})", "{\"dup\":3,\"dup\":3}" },
        { R, "return merge(payload.items[1], array{})", "merge: the second value must be a table of names" },
        { R, "return merge(payload, payload)", "table expected" },
        { R, "return merge(payload, null)", "table expected" },
        { R, "return merge(payload, string)", "a library is no JSON value" },
        { V, "return merge(payload.items[1], {[true] = 1})", "a name must be a text, not boolean" },
        { V, "return merge(payload.items[1], {x = {y = {z = type}}})", "x.y.z: function is no JSON value" },
        { V, "return merge(payload.a, {b = {c = 0/0}})", "b.c: nan is no JSON number" },
        { V, "local t = {} t.a = t return merge(payload, t)", "nested too deep, or a table that contains itself" },
        { R, "for i = 1, 70 do only(payload, 'id') end", "only, without and merge may be called 62 times in a run" },
        { Y,
          "return {matches('a.b', 'a.*'), matches('a.', 'a.*'), matches('a', 'a.*'), matches('', ''), matches('', "
          "'*'), "
          "matches('x*', 'x*'), matches('xy', 'x*'), matches('.b', '.*'), matches('a', '.*')}",
          "[true,true,false,true,true,true,false,true,false]" },
        { R, "matches(nil, '*')", "string expected, got nil" },
        { R, "matches('a', null)", "string expected, got null" },
        { Y, "return {matches(1, '1'), matches('a\\0b', 'a\\0b'), matches('a\\0b', 'a')}", "[true,true,false]" },
        { Y, "return {mask('12345678'), mask('123456789'), mask('\\xff\\xff'), mask('\\x80\\x80'), mask(123456789)}",
          "[\"********\",\"*****6789\",\"**\",\"\",\"*****6789\"]" },
        { R, "mask(null)", "string expected, got null" },
        { R, "mask(payload)", "string expected, got " },
        { R, "hash(payload.a)", "hash: a text was expected, not table" },
        { Y, "return {#hash('x'), hash('x') == hash('x'), hash('x') ~= hash('x\\0'), hash('') ~= hash('hash')}",
          "[64,true,true,true]" },
        { R, "array(1)", "table expected, got number" },
        { Y, "return {array(null), object(null)}", "[null,null]" },
        { R, "object('x')", "table expected, got string" },
    };

    (void)state;
    RUN(cases, payload);
}

/* ------------------------------------------------------------- the second value */

static void the_second_value_has_edges(void **state) {
    static const struct odd cases[] = {
        { V, "return true, payload",
          "the second value must be a table with key, headers or delay, not a part of the payload" },
        { V, "return true, null", "the second value must be a table with key, headers or delay, not null" },
        { V, "return true, true", "not boolean" },
        { V, "return true, 'key'", "not string" },
        { V, "return true, {'key'}", "options: a table needs either names or the indexes" },
        { V, "return true, {Key = 'x'}", "options.Key: is not known: key, headers and delay are" },
        { V, "return true, {['key\\0'] = 'x'}", "is not known" },
        { V, "return true, {['k\\ney'] = 'x'}", "options.k ey: is not known" },
        { V, "return true, {[null] = 'x'}", "options: a name must be a text" },
        { V, "return true, {key = true}", "options.key: must be a text or an integer, not boolean" },
        { V, "return true, {key = 1.5}", "options.key: must be a text or an integer, not number" },
        { V, "return true, {key = null}", "options.key: must be a text or an integer, not null" },
        { V, "return true, {key = payload.b}", "options.key: must be a text or an integer, not a part of the payload" },
        { V, "return true, {key = 'a\\nb'}", "options.key: must have 1 to 256 bytes" },
        { V, "return true, {key = 'a\\x7f'}", "options.key: must have 1 to 256 bytes" },
        { V, "return true, {key = '\\xed\\xa0\\x80'}", "options.key: must have 1 to 256 bytes of UTF-8" },
        { V, "return true, {key = ('x'):rep(257)}", "options.key: must have 1 to 256 bytes" },
        { V, "return true, {delay = -1}", "options.delay: must be milliseconds" },
        { V, "return true, {delay = 0/0}", "options.delay: must be milliseconds" },
        { V, "return true, {delay = math.huge}", "options.delay: must be milliseconds" },
        { V, "return true, {delay = math.mininteger}", "options.delay: must be milliseconds" },
        { V, "return true, {delay = 30 * 24 * 3600 * 1000 + 1}", "options.delay: must be milliseconds" },
        { V, "return true, {delay = '5'}", "options.delay: must be milliseconds" },
        { V, "return true, {delay = null}", "options.delay: must be milliseconds" },
        { V, "return true, {headers = payload.b}",
          "options.headers: must be a table of texts, not a part of the payload" },
        { V, "return true, {headers = null}", "options.headers: must be a table of texts, not null" },
        { V, "return true, {headers = string}", "options.headers: " },
        { V, "return true, {headers = {[''] = 'x'}}", "options.headers: a header's name may have" },
        { V, "return true, {headers = {['a:'] = 'x'}}", "options.headers: a header's name may have" },
        { V, "return true, {headers = {['a\\0'] = 'x'}}", "options.headers: a header's name may have" },
        { V, "return true, {headers = {['a\\r\\nb'] = 'x'}}", "options.headers: a header's name may have" },
        { V, "return true, {headers = {['\\u{e9}'] = 'x'}}", "options.headers: a header's name may have" },
        { V, "return true, {headers = {[('x'):rep(129)] = 'x'}}", "options.headers: a header's name may have" },
        { V, "return true, {headers = {X = 'a\\nb'}}", "options.headers.X: must be up to 4096 visible" },
        { V, "return true, {headers = {X = 'a\\rb'}}", "options.headers.X: must be up to 4096 visible" },
        { V, "return true, {headers = {X = 'a\\0b'}}", "options.headers.X: must be up to 4096 visible" },
        { V, "return true, {headers = {X = '\\u{e9}'}}", "options.headers.X: must be up to 4096 visible" },
        { V, "return true, {headers = {X = ('x'):rep(4097)}}", "options.headers.X: must be up to 4096 visible" },
        { V, "return true, {headers = {X = 1}}", "options.headers.X: must be a text, not number" },
        { V, "return true, {headers = {X = payload.b}}",
          "options.headers.X: must be a text, not a part of the payload" },
        { V, "return true, {headers = {X = {'y'}}}", "options.headers.X: must be a text, not table" },
        { V, "return true, {headers = {Host = 'x'}}", "options.headers.Host: this header is the engine's own" },
        { V, "return true, {headers = {['Transfer-Encoding'] = 'x'}}", "this header is the engine's own" },
        { V, "return true, {headers = {['webhook-SIGNATURE'] = 'x'}}", "this header is the engine's own" },
        { V, "return true, {headers = {connection = 'close'}}", "this header is the engine's own" },
        { V, "local h = {} for i = 1, 51 do h['X-' .. i] = 'x' end return true, {headers = h}",
          "options.headers: 51 headers, at most 50 are allowed" },
        { Y, "local h = {} for i = 1, 50 do h['X-' .. i] = 'x' end return true, {headers = h}", "true" },
        { Y, "return true, {headers = {}, key = 'k', delay = 0}", "true" },
        { Y, "return false, {key = 'k'}", "false" },
        { V, "return false, {delay = -1}", "options.delay" },
        { V, "return nil, 5", "the second value must be a table" },
        { V, "return true, nil, nil", "a rule returns at most two values, not 3" },
        { V, "return table.unpack({}, 1, 5000)", "a rule returns at most two values, not 5000" },
        { V, "return 'text'", "a rule returns false, true, a table or a part of the payload, not string" },
        { V, "return type", "a rule returns false, true, a table or a part of the payload, not function" },
        { V, "return {[('n'):rep(500)] = type}", "n: function is no JSON value" },
        { R, "error(('x'):rep(100000))", "line 1: xxx" },
        { R, "error('rule:7: spoofed', 0)", "line 7: spoofed" },
        { R, "error('\\27[31mred\\7')", "line 1:  [31mred " },
        { R, "error('<\\xed\\xa0\\x80\\xe0\\x80\\x80\\xf4\\x90\\x80\\x80\\xc0\\x80\\x80>')", "line 1: <>" },
        { R, "error(('\\u{e9}'):rep(1000))", "line 1: " },
        { R, "error(('x\\u{20ac}'):rep(1000))", "line 1: " },
    };

    (void)state;
    RUN(cases, PAYLOAD);
}

/* Parts count with what is around them. */
static void the_result_nests_no_deeper_than_allowed(void **state) {
    char payload[300];
    fixture f;

    (void)state;
    fixture_open(&f, 1000, 8 << 20);
    memset(payload, '[', 64);
    memset(payload + 64, ']', 64);
    payload[128] = '\0';
    CODE(&f, "return payload", payload, WH_OK);
    CODE(&f, "return {payload[1]}", payload, WH_OK);
    CODE(&f, "return {{payload[1][1]}, payload[1]}", payload, WH_OK);
    ERROR(&f, "return {payload}", payload, V, "[1]: nested too deep: 64 levels are allowed");
    ERROR(&f, "return {a = {b = {1, payload[1]}}}", payload, V, "a.b[2]: nested too deep");
    CODE(&f, "return {a = {b = {1, payload[1][1][1]}}}", payload, WH_OK);
    ERROR(&f, "return {{payload[1]}}", payload, V, "[1][1]: nested too deep");
    snprintf(payload, sizeof payload, "{\"d\":%.*s%.*s,\"a\":{\"b\":1}}", 63,
             "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 63,
             "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    CODE(&f, "return merge(payload, {e = payload.d})", payload, WH_OK);
    CODE(&f, "return {{{payload.a}, payload.a}}", payload, WH_OK);
    ERROR(&f, "return merge(payload, {e = {payload.d}})", payload, V, "e[1]: nested too deep");
    ERROR(&f, "return merge(payload, {a = {b = payload.d}})", payload, V, "a.b: nested too deep");
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_way_leads_out),
        cmocka_unit_test(numbers_have_edges),
        cmocka_unit_test(texts_have_edges),
        cmocka_unit_test(tables_have_edges),
        cmocka_unit_test(parts_have_edges),
        cmocka_unit_test(a_payload_need_not_be_an_object),
        cmocka_unit_test(helpers_have_edges),
        cmocka_unit_test(the_second_value_has_edges),
        cmocka_unit_test(the_result_nests_no_deeper_than_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
