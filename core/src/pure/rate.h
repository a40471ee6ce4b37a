/* A rate: so many requests in so much time, as a bucket of tokens. It fills evenly, holds at most `burst`, and each
 * request takes one: so within any time of `per` there are at most count + burst. Exact: what has dripped is counted
 * in parts of a token, of which each millisecond gives `count`, and a token has `per`.
 *
 * Pure: who keeps a bucket tells the time, in ms. For a clock that is set back it goes on from the earlier time, with
 * what it has. */
#ifndef WHI_RATE_H
#define WHI_RATE_H

#include <stdint.h>

#define WHI_RATE_COUNT INT64_C(1000000)
#define WHI_RATE_SECONDS INT64_C(86400)

typedef struct whi_rate {
    int64_t count; /* 0: no rate, and all else means nothing */
    int64_t per;   /* ms */
    int64_t burst; /* tokens that the bucket holds, 1 to count */
} whi_rate;

typedef struct whi_bucket {
    int64_t at;    /* ms: when it had so much */
    int64_t parts; /* 0 to burst * per */
} whi_bucket;

int whi_rate_same(const whi_rate *one, const whi_rate *other);

/* One that was empty at this time, or full. */
whi_bucket whi_bucket_empty(int64_t at);
whi_bucket whi_bucket_full(const whi_rate *rate, int64_t at);

/* The rate is another from now on: what is in the bucket stays, as far as it has room. */
void whi_bucket_change(whi_bucket *bucket, const whi_rate *from, const whi_rate *to, int64_t now);

/* Lets it fill until now: whole tokens that are there. */
int64_t whi_bucket_tokens(whi_bucket *bucket, const whi_rate *rate, int64_t now);

/* Takes one: whi_bucket_tokens has said that it is there. */
void whi_bucket_take(whi_bucket *bucket, const whi_rate *rate);

/* Lets it fill until now: when so many will be there (1 to burst), ms, not before now. */
int64_t whi_bucket_when(whi_bucket *bucket, const whi_rate *rate, int64_t now, int64_t tokens);

#endif
