/* Envelopes: the body and the headers that a delivery has in a profile.
 *
 * What is stored of a delivery is its data: the event's payload, or what rule and fields
 * made of it. The envelope around it is made when it is sent, of things that do not change
 * between two attempts: the version of the subscription that made the data, the event, and a
 * nonce drawn from both by the secret. So a retry sends the same bytes, and is signed with the
 * secrets valid now. "standard" has no envelope: the data is the body. */
#ifndef WHI_ENVELOPE_H
#define WHI_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "pure/fields.h"
#include "pure/subscription.h"

typedef struct whi_envelope {
    const whi_subscription *made_by; /* the version that made the data; its profile is the envelope's */
    const whi_subscription *now;     /* the version in force: its secrets sign */
    const whi_fields *fields;        /* made_by's, for CallFire, whose mask is over the whole body; or NULL */
    const char *event_id, *event_type;
    int64_t event_time; /* ms */
    const char *data;   /* JSON */
    size_t data_size;
} whi_envelope;

/* Appends the body.
 *   unified   {"data":[…],"webhook":{…},"nonce","sig256","sig","type","external_xref"}: data is
 *             the payload if that is an array, or the payload in one. sig256 and sig are
 *             over the bytes of data and the nonce. type "NATIVE", or what the payload's
 *             source said. The webhook object as whi_profile_write has it, without db_url
 *   truto     {"id","event","payload","environment_id","created_at","webhook_id"}
 *   callfire  {"timestamp","webhookId","webhookName","resourceType","events":[{…}]}, then the mask */
int whi_envelope_body(const whi_envelope *envelope, whi_buf *out);

#define WHI_ENVELOPE_LINES 4

/* The headers that come with these bytes, Content-Type and User-Agent apart: each appended to
 * text with its zero byte ("X-Truto-Signature: format=sha256,v=…"); lines, which has room for
 * WHI_ENVELOPE_LINES, receives where each begins in text->data when all are written. */
int whi_envelope_headers(const whi_envelope *envelope, const void *body, size_t size, whi_buf *text, const char **lines,
                         size_t *count);

#define WHI_ORDER_KEY_MAXIMUM 256 /* bytes */

/* 1 if this profile orders deliveries of this type by itself: Truto's "sync_job_run:…", by run. */
int whi_envelope_is_ordered(int profile, const char *event_type);

/* The order key of such an event without one of its own, from the payload that was scanned:
 * appended to out, which stays as it is when there is none. */
int whi_envelope_key(int profile, const char *event_type, const whi_json *payload, whi_buf *out);

#endif
