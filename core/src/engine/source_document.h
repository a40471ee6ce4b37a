/* Sources out of the documents that the store keeps: any process reads them there, so what one has put, changed or
 * deleted holds for all. */
#ifndef WHI_ENGINE_SOURCE_DOCUMENT_H
#define WHI_ENGINE_SOURCE_DOCUMENT_H

#include "engine/context.h"
#include "webhook_source.h"

/* WH_OK if a document, with or without masks, is one that a source can be made of; object_type, of WH_ID_SIZE bytes,
 * receives its own. */
int whi_source_check(const wh_engine *engine, const char *document, size_t size, char *object_type);

/* A source of a row: with the engine's policy, clock, rules and limits, and not to outlive it. */
int whi_source_make(const wh_engine *engine, const whi_source_row *row, wh_source *out);

#endif
