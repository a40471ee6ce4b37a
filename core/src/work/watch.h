/* Watching: what attempts say of receivers (pure/health.h), and what follows from it.
 *
 * A worker notes with each attempt what it saw. The job that records it (work/record.h) hands that to the store, which
 * moves the subscription's health on; where that is news, an event of ours is written and the subscription
 * switched off in the same transaction. So it is told once, whoever has the subscription's partition, and when; and
 * what is rolled back has not been told. The lines of the log come behind the commit. */
#ifndef WHI_WATCH_H
#define WHI_WATCH_H

#include "engine/event.h"
#include "pure/health.h"
#include "sinks/sink.h"
#include "work/lane.h"

#define WHI_WATCH_KEEP_MS 900000 /* a success is kept as its receiver's last one at most so often */

/* What came of a parcel, whose delivery has its new state and its attempt. */
void whi_watch_note(whi_lane *lane, const whi_parcel *parcel);

/* In the transaction that records it: hands it to the store. owner: who has the partition. */
int whi_watch_see(wh_engine *engine, whi_store *store, whi_delivery *delivery, int64_t owner);

/* 1: the store's answer is news: there is something to follow, and to be told. */
int whi_watch_is_news(const whi_delivery *delivery);

/* In the same transaction, when the store has answered: what follows. changed receives 1 where a subscription was
 * switched off. */
int whi_watch_follow(wh_engine *engine, whi_store *store, whi_delivery *delivery, int *changed);

/* Behind the commit: a line in the log, and a count. */
void whi_watch_tell(wh_engine *engine, const whi_delivery *delivery);

/* A line for each attempt, at the level of who wants to hear of all. */
void whi_watch_log(wh_engine *engine, const whi_parcel *parcel);

#endif
