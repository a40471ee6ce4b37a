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

/* Those who wait for tokens of one bucket, in line. Each is promised some, and told when they will have dripped, behind
 * what was promised before. So nobody has to look whose turn it is. Who comes late for its tokens may find that they
 * have run over, or were taken, and stands at the end again. All zero: nobody is there. */
typedef struct whi_line {
    int64_t at;       /* ms */
    int64_t parts;    /* that had to drip by then for all who stand there */
    int64_t promised; /* tokens that are not taken yet */
    int64_t waiting;  /* who stands there */
} whi_line;

/* One more, for so many tokens (1 to burst): when they are there, ms. */
int64_t whi_line_join(whi_line *line, whi_bucket *bucket, const whi_rate *rate, int64_t now, int64_t tokens);

/* One takes a token that it was promised; one gives so many back. early 1: before its time, so that they are still to
 * drip, and are the next one's. Who has none left stands there no more, which its owner counts in `waiting`. */
void whi_line_take(whi_line *line);
void whi_line_give(whi_line *line, const whi_rate *rate, int64_t tokens, int early);

/* Lets it fill until now: when so many will be there (1 to burst), ms, not before now. */
int64_t whi_bucket_when(whi_bucket *bucket, const whi_rate *rate, int64_t now, int64_t tokens);

#endif
