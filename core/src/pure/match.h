/* Which subscriptions want an event: an index over tenants and type patterns.
 *
 * Patterns are an exact type, "*" (all), "prefix.*" and "prefix:*" (all that begin
 * with "prefix." or "prefix:"). Types under "webhook." are the engine's own and are
 * matched only by patterns that begin so; those under "webhook.delivery.", of which each delivery may
 * have one, only by patterns that begin with that. Looking up costs one hash probe per
 * separator in the type and one step per match, however many subscriptions there are;
 * removing costs no more among 100,000 under one pattern than among two.
 * Not locked: the caller has a reader-writer lock. */
#ifndef WHI_MATCH_H
#define WHI_MATCH_H

#include <stddef.h>
#include <stdint.h>

typedef struct whi_match whi_match;

int whi_match_new(whi_match **out);
void whi_match_free(whi_match *match);

/* WH_EINVALID if the text is not a pattern, or not a type or tenant or id; of a tenant with its sentence. */
int whi_pattern_check(const char *pattern);
int whi_type_check(const char *type);     /* 1 to 128 of A-Z a-z 0-9 . _ : - / */
int whi_tenant_check(const char *tenant); /* 0 to 64 of A-Z a-z 0-9 . _ : - */
int whi_id_check(const char *id);         /* 1 to 64 of the same */

/* 1: the type is among those of the pattern; both are what they should be. */
int whi_pattern_takes(const char *pattern, const char *type);

/* Adds a subscription under each of its patterns (none: "*"); tenant and patterns are
 * copied. The same value (not NULL) may not be added twice without whi_match_remove in
 * between, which gets the same tenant and patterns. Errors: WH_EINVALID, WH_ENOMEM;
 * then nothing has changed. */
int whi_match_add(whi_match *match, const char *tenant, const char *const *patterns, size_t count, void *value);
void whi_match_remove(whi_match *match, const char *tenant, const char *const *patterns, size_t count, void *value);

/* Calls found once for each subscription that wants it, until found answers non-zero,
 * which is then returned. No order. What is not a type is wanted by nobody. */
int whi_match_find(const whi_match *match, const char *tenant, const char *type,
                   int (*found)(void *value, void *payload), void *payload);

#endif
