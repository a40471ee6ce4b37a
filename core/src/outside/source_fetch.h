/* Asking somebody's API: one request at a time on the calling thread, by libcurl, under the address policy.
 *
 * The policy is asked at the opening of each socket, on the very address, and before each request on the address of its
 * connection, as transport_curl.h has it; libcurl resolves the name itself, since the caller waits anyway. Nothing is
 * followed: a redirect is an answer. A body is bounded as it is behind its decoding, so one that was small on the wire
 * is cut where it grows too large. Connections are kept for the next page.
 *
 * Used by any thread; whoever waits is ended soon by whi_source_client_cut. */
#ifndef WHI_SOURCE_FETCH_H
#define WHI_SOURCE_FETCH_H

#include <curl/curl.h>
#include <stdint.h>

#include "base/buf.h"
#include "pure/address.h"

#define WHI_SOURCE_HEAD 65536 /* bytes of an answer's headers */
#define WHI_SOURCE_VALUE 512  /* bytes of one that matters; a longer one is not taken, but for Link */

typedef struct whi_source_client whi_source_client;

typedef struct whi_source_request {
    const char *url, *method; /* "GET" or "POST" */
    const struct curl_slist *lines;
    const char *body; /* of POST */
    size_t body_size;
    int64_t timeout; /* ms */
    size_t maximum;  /* bytes of the answer's body */
    unsigned cuts;   /* of whi_source_client_cuts, when that began which this request is a part of */

    /* The answer. */
    int status;
    whi_buf answer, link;        /* link: all Link headers, with commas between */
    char etag[WHI_SOURCE_VALUE]; /* "" for none, as the others */
    char retry_after[WHI_SOURCE_VALUE], remaining[WHI_SOURCE_VALUE], reset[WHI_SOURCE_VALUE];
} whi_source_request;

/* policy outlives it, texts are copied; user_agent "" for none, ca_file NULL: the system's. WH_ENOMEM. */
int whi_source_client_new(whi_source_client **out, const whi_policy *policy, const char *user_agent,
                          const char *ca_file);

/* No call is out. NULL does nothing. */
void whi_source_client_free(whi_source_client *client);

/* Waits for the answer; it is to be freed in any case. The codes of the group network; WH_ELIMIT: too large a body or
 * head; WH_ECLOSED: cut; WH_ENOMEM. The sentence names the host at most: a URL may have secrets in it. */
int whi_source_fetch(whi_source_client *client, whi_source_request *request);
void whi_source_answer_free(whi_source_request *request);

/* Ends what is out, with WH_ECLOSED: each request with the cuts of before, also one that has not begun yet. */
void whi_source_client_cut(whi_source_client *client);

/* How often it was cut. Any thread. */
unsigned whi_source_client_cuts(whi_source_client *client);

#endif
