/* Results: what comes of a decision (decide.h) as a delivery. Its state by the subscription's policy, the key
 * that orders it, the sentence of a rule that failed.
 *
 * Apart from deciding, because explain and backtest want no delivery; and in one place, because fan-out
 * makes deliveries of what comes in and wh_replay_missed of what is past, and an event gives the same both ways. */
#ifndef WHI_RESULT_H
#define WHI_RESULT_H

#include "engine/decide.h"

/* The state that a decision wants for a delivery; WHI_ABSENT: there is to be none. */
int whi_result_state(const whi_subscription *s, const whi_decision *decision);

/* What the rule failed with, as it is told in the delivery: "rule_runtime: line 3: …". */
void whi_result_sentence(const whi_decision *decision, char out[WH_RULE_ERROR_SIZE]);

/* 1 if the payload must be scanned before this is decided about, or before its key is asked for. */
int whi_result_looks_inside(const whi_subject *subject, const whi_registration *registration);

/* What orders a delivery among the others of its subscription, for whi_free; NULL: nothing does, or nothing
 * that can be read. The decider has scanned its payload. WH_ENOMEM, WH_ELIMIT. */
int whi_result_key(const whi_decider *decider, const whi_subject *subject, const whi_subscription *s,
                   const whi_decision *decision, char **out);

#endif
