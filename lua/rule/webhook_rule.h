/* webhook_rule.h - rules written in Lua, for wh_options.rules.
 *
 *     options.rules = wh_rule_lua();
 *
 * Link libwebhook_rule and Lua 5.4 or 5.5. Rules run in Lua states of their own, one
 * per rule, and never see the host's.
 *
 * What a rule is
 *   A Lua script that is run once per event and subscription:
 *
 *     if payload.total < 1000 then return false end
 *     return { id = payload.id, total = payload.total, customer = payload.customer }
 *
 * What it returns
 *   false, nil, nothing   drop: nothing is sent
 *   true, payload         pass: the payload is sent as it is
 *   a table, a part       project: this is sent instead
 *   A second value, a table, may hold
 *     delay    milliseconds to wait before the first attempt, up to 30 days
 *     key      text or integer: orders this delivery behind others of the same key, where
 *              the subscription asks for an order
 *     headers  { ["X-Env"] = "test" }: sent with it; names of the engine's own are refused
 *   Everything else is an error of the rule that names the place: "customer.tags[2]:
 *   function is no JSON value".
 *
 * What it sees
 *   payload       the event's payload: fields, #, ipairs, pairs (in its own order). A
 *                 missing field is nil, JSON's null is `null`, which is true in a
 *                 condition: compare it. Integers are exact within 64 bits; other
 *                 numbers are Lua floats, but keep their text ("1.10", 30 digits) when
 *                 sent on unchanged. Where a rule reads two that are one float ("1.10" and
 *                 "1.1") the shortest text is sent, and beyond 64 bits it is an error;
 *                 only() keeps each. type() of a part is "table", tostring() its JSON
 *                 text. It cannot be changed. If a name comes twice, the last counts;
 *                 pairs gives both; next(part) gives the first member.
 *   event         id, type, tenant, time (ms since 1970; the only clock there is),
 *                 source and key (nil where the event has none)
 *   subscription  id, name, meta (its metadata, read like the payload)
 *   null          JSON's null
 *
 * What it can call
 *   assert error ipairs next pairs pcall select tonumber tostring type
 *   string.  byte char find format gmatch gsub len lower match rep reverse sub upper
 *   table.   concat insert pack remove sort unpack
 *   math.    abs ceil floor fmod huge max maxinteger min mininteger modf pi sqrt
 *            tointeger type ult
 *   utf8.    char charpattern codepoint codes len offset
 *   array{}, object{}   say what an empty table is ({} is an object)
 *   only(part, "id", "customer.email", "items(sku,price)")   just these members
 *   without(part, "card", "customer.phone")                   all but these
 *   merge(part, { status = "ok", customer = { vip = true } }) with these changed or
 *                       added; tables merge into objects, null sets null
 *                       The three give a new part that can be read and sent; what they
 *                       keep is copied byte for byte.
 *   hash(text)          64 hex digits that stand for the text: the same ones for the same
 *                       text and subscription, and nobody without the subscription's
 *                       secret can tell which text they stand for, or try texts out.
 *                       HMAC-SHA256, keyed by the first secret as it is written, of the
 *                       bytes "hash", a zero byte, and the text. Those five keep a rule
 *                       from having the secret sign anything that is sent. An error
 *                       where there is no secret; a number is an error, see tostring.
 *   mask(text)          "************4242": all but the last four characters; a text of
 *                       up to eight characters is masked whole
 *   matches(type, "order.*")   the patterns of a subscription's `events`
 *   What is not listed is not there: nothing reaches files, network, clock or chance, no
 *   code is loaded, no metatable is set. `..` and comparison are Lua's own; arithmetic
 *   does not turn texts into numbers, tonumber does.
 *
 * What comes out the same everywhere
 *   A rule is a function of its input. pairs walks a table in a fixed order: numbers
 *   ascending, then texts bytewise, then false and true; a table with tables or
 *   functions as keys cannot be walked. Members of a table are sent in the bytewise
 *   order of their names; parts of the payload keep their bytes. sort is stable.
 *   Letters are ASCII's, texts are ordered bytewise: rules run in the locale "C",
 *   whatever the program's is. Texts with broken UTF-8 are sent with U+FFFD in its place.
 *   The functions above are not Lua's own but answer as those of Lua 5.4, in every
 *   version. They take a number for a text, but no text for a number.
 *   Left to Lua and the machine are: a float that is joined by .. (5.4 writes 14 digits,
 *   5.5 17, and nan may have a sign; string.format says how), x ^ y (the last digit is
 *   the C library's, but for whole results), # of a table with holes (any of its ends,
 *   as Lua's manual says), the wording of Lua's own error messages, and how much memory
 *   a value takes.
 *
 * What it may use
 *   rule_memory_bytes of memory, rule_cpu_ms of CPU time of its thread, a result of up
 *   to payload_bytes, json_depth levels of nesting. pcall catches errors, never a limit.
 *   A rule that hits a limit is stopped within about 20 ms; its state is thrown away
 *   and made anew for the next run.
 *   Nothing that a run sets is there in the next one. */
#ifndef WEBHOOK_RULE_H
#define WEBHOOK_RULE_H

#include "webhook_backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The rule engine; static, never freed. Its runtimes are used by one thread at a time. */
WH_API const wh_rule_engine *wh_rule_lua(void);

#ifdef __cplusplus
}
#endif

#endif
