/* Whom a source's document is for: its members `tenants` and `connections`.
 *
 * The connection of a subscription is its subscriber's own word. So it is the document that says whose each is:
 *
 *   "tenants": ["acme", "bolt"]           subscriptions of these alone; those without a tenant are the operator's own
 *   "connections": {                      and of these connections alone, each by those of its own tenant
 *     "acme-crm": { "tenant": "acme",     without one: by those that have none
 *                   "auth": {…},          in the place of the document's
 *                   "variables": { "account": "17" } } }      {variables.account}, the same names in each
 *
 * Where it has no connections, but a request that has {connection} in it and not {tenant}, nothing tells whose account
 * is read: then no subscription of a tenant may name a connection. */
#ifndef WHI_SOURCE_CONNECTION_H
#define WHI_SOURCE_CONNECTION_H

#include "pure/source_reader.h"

#define WHI_SOURCE_CONNECTIONS 10000 /* and tenants */

int whi_source_read_tenants(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to);
int whi_source_read_connections(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to);

/* Puts them in order. Once all members were read. WH_EINVALID: two of one name; one without the others' variables; a
 * login that lacks something. */
int whi_source_connections_check(whi_source_document *document);

/* 1: subscriptions of this tenant may name this connection; "" for none. */
int whi_source_may(const whi_source_document *document, const char *tenant, const char *connection);

/* WH_EINVALID of "source": they may not. The same sentence whether it is another's or nobody's. */
int whi_source_fail_connection(const char *object_type, const char *tenant, const char *connection);

/* NULL: there is none. */
const whi_source_connection *whi_source_connection_find(const whi_source_document *document, const char *id);

/* Appends the document with this connection (JSON text of its object) in the place of the one that has its id, or
 * added; connection NULL: without it. WH_EJSON, WH_EINVALID: the document or the connection is no object;
 * WH_ENOTFOUND: none is to be taken away. */
int whi_source_connection_set(const char *document, size_t size, const char *id, const char *connection,
                              size_t connection_size, whi_buf *out);

#endif
