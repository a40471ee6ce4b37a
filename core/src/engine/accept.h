/* Acceptance: all that can be said of an event without the store. A caller's event, a row of the
 * outbox, a test: each passes here before it is written. */
#ifndef WHI_ACCEPT_H
#define WHI_ACCEPT_H

#include "webhook.h"

/* WH_EINVALID, WH_EJSON, WH_ELIMIT, each with the member's name; payload_size must be given. */
int whi_accept_check(const wh_limits *limits, const wh_event *event);

/* Puts the defaults where 0 stands. WH_EINVALID. */
int whi_limits_fill(wh_limits *limits);

#endif
