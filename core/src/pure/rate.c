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

void whi_bucket_change(whi_bucket *bucket, const whi_rate *from, const whi_rate *to, int64_t now) {
    int64_t tokens = whi_bucket_tokens(bucket, from, now), rest = bucket->parts % from->per;

    bucket->parts = tokens < to->burst ? tokens * to->per + rest * to->per / from->per : to->burst * to->per;
}

int64_t whi_bucket_when(whi_bucket *bucket, const whi_rate *rate, int64_t now, int64_t tokens) {
    int64_t lacking;

    fill(bucket, rate, now);
    lacking = tokens * rate->per - bucket->parts;
    return lacking <= 0 ? now : now + (lacking + rate->count - 1) / rate->count;
}
