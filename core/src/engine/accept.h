/* Acceptance: all that can be said of an event without the store. (Idempotency, whether an event with
 * its id is there already, is said by the store in the commit: outside/store_sqlite_idempotency.c.) A caller's event, a
 * row of the outbox, a test: each passes here before it is written. */
#ifndef WHI_ACCEPT_H
#define WHI_ACCEPT_H

#include "webhook_backend.h"

/* WH_EINVALID, WH_EJSON, WH_ELIMIT, each with the member's name; payload_size must be given. */
int whi_accept_check(const wh_limits *limits, const wh_event *event);

/* A program's event, of whatever size that one is, into out with its payload measured; checked. */
int whi_accept_take(wh_event *out, const wh_event *given, const wh_limits *limits);

/* The same of one that is published, whose id must not be one that the engine could make. */
int whi_accept_publish(wh_event *out, const wh_event *given, const wh_limits *limits);

/* Of an id that a publisher gives (or NULL): 0, or WH_EINVALID. */
int whi_accept_given(const char *id);

/* Puts the defaults where 0 stands. WH_EINVALID. */
int whi_limits_take(wh_limits *out, const wh_limits *given);

/* A rule engine with all its functions: without one of them it would end the process later. WH_EINVALID. */
int whi_rules_take(wh_rule_engine *out, const wh_rule_engine *given);

#endif
