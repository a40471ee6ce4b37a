/* Sources that the store's documents describe, among those that this process has (engine/source.h).
 *
 * Each change of a document raises a count, kept under the name "sources" among the store's settings. Whoever looks
 * reads that one number; only where it is another one are the documents read, and of these only those that differ are
 * made anew. A worker looks when other processes have committed, a call when it has to know: wh_open, whoever has put
 * or deleted a document, and the question what a type's webhooks are.
 *
 * A source that the host has registered is the one that is read where a type has both. A document that cannot be read
 * (its key is not here) or made (it has a rule, and this process no rules) is left out; what polls its objects waits
 * here, and goes on in processes that can. */
#ifndef WHI_SOURCE_KEPT_H
#define WHI_SOURCE_KEPT_H

#include "engine/context.h"

/* Any thread, without a lock of the engine's. What fails here is made up for later: the first worker looks again. */
int whi_sources_look(wh_engine *engine);

/* In the transaction that changes a document. */
int whi_sources_changed(whi_store *store);

/* For the first worker, with each turn: looks again where a look has failed. */
void whi_sources_again(wh_engine *engine);

/* The host has a source of this type: says so, once, if a document has one, too. */
void whi_sources_tell_both(wh_engine *engine, const char *object_type);

/* Forgets what was taken; the sources go with the others (whi_sources_end), before what they were made with. */
void whi_sources_kept_end(struct whi_sources *sources);

#endif
