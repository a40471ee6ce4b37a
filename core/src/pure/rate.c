#include "pure/rate.h"

int whi_rate_same(const whi_rate *one, const whi_rate *other) {
    return one->count == other->count && (one->count == 0 || (one->per == other->per && one->burst == other->burst));
}

whi_bucket whi_bucket_empty(int64_t at) {
    return (whi_bucket){ at, 0 };
}

whi_bucket whi_bucket_full(const whi_rate *rate, int64_t at) {
    return (whi_bucket){ at, rate->burst * rate->per };
}

/* What has dripped since: compared by division, since a clock may have been set forward by any time. */
static void fill(whi_bucket *bucket, const whi_rate *rate, int64_t now) {
    int64_t passed = now > bucket->at ? now - bucket->at : 0, most = rate->burst * rate->per;

    bucket->parts = passed > (most - bucket->parts) / rate->count ? most : bucket->parts + passed * rate->count;
    bucket->at = now;
}

int64_t whi_bucket_tokens(whi_bucket *bucket, const whi_rate *rate, int64_t now) {
    fill(bucket, rate, now);
    return bucket->parts / rate->per;
}

void whi_bucket_take(whi_bucket *bucket, const whi_rate *rate) {
    bucket->parts -= rate->per;
}

/* A part of a token, in other parts: times that are multiplied may be more than fits. */
static int64_t convert(int64_t rest, int64_t from_per, int64_t to_per) {
    if (from_per == to_per) {
        return rest;
    }
    return rest <= INT64_MAX / to_per ? rest * to_per / from_per
                                      : (int64_t)((double)rest / (double)from_per * (double)to_per);
}

void whi_bucket_change(whi_bucket *bucket, const whi_rate *from, const whi_rate *to, int64_t now) {
    int64_t tokens = whi_bucket_tokens(bucket, from, now), rest = bucket->parts % from->per;

    bucket->parts = tokens < to->burst ? tokens * to->per + convert(rest, from->per, to->per) : to->burst * to->per;
}

int64_t whi_bucket_when(whi_bucket *bucket, const whi_rate *rate, int64_t now, int64_t tokens) {
    int64_t lacking;

    fill(bucket, rate, now);
    lacking = tokens * rate->per - bucket->parts;
    return lacking <= 0 ? now : now + (lacking + rate->count - 1) / rate->count;
}

static void drip(whi_line *line, const whi_rate *rate, int64_t now) {
    int64_t passed = now > line->at ? now - line->at : 0;

    line->parts = passed > line->parts / rate->count ? 0 : line->parts - passed * rate->count;
    line->at = now;
}

int64_t whi_line_join(whi_line *line, whi_bucket *bucket, const whi_rate *rate, int64_t now, int64_t tokens) {
    int64_t wanted = tokens * rate->per;

    fill(bucket, rate, now);
    drip(line, rate, now);
    if (line->parts == 0) {
        wanted = wanted > bucket->parts ? wanted - bucket->parts : 0;
    }
    line->parts += wanted;
    line->promised += tokens;
    line->waiting++;
    return now + (line->parts + rate->count - 1) / rate->count;
}

void whi_line_take(whi_line *line) {
    line->promised--;
}

void whi_line_give(whi_line *line, const whi_rate *rate, int64_t tokens, int early) {
    int64_t parts = early ? tokens * rate->per : 0;

    line->parts = parts < line->parts ? line->parts - parts : 0;
    line->promised -= tokens;
}
