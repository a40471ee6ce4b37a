/* A rule engine for tests of what stands around rules. A rule's source is what it does:
 *
 *   pass   drop   fail   memory      fail: "line 3: no"; memory: out of it
 *   project JSON                     sends that
 *   tell                             sends what it sees: ids, names, the payload
 *   pick NAME                        drops unless the payload has this member
 *   extras                           passes with a key, headers and a delay
 *   slow US                          passes after so much time of its own
 *   burn US                          passes after so much CPU, and is not broken off
 *   gate                             passes when fake_gate is open; until then it takes time
 *   broken                           the same, and until then it takes time, and fails as no rule does
 *
 * Anything else does not compile: "line 2: what". Each run costs 7 µs and 99 bytes. */
#ifndef FAKE_RULES_H
#define FAKE_RULES_H

#include "webhook_backend.h"

extern const wh_rule_engine fake_rules;
extern _Atomic int fake_gate; /* 1: open */
extern _Atomic int fake_runs; /* so many were begun */

#endif
