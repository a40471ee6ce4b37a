/* Bytes that stand in a JSON string as they are: ASCII but for controls, the quote and the backslash. Inline,
 * since this is the innermost loop of reading and writing. Tests: test_json_drawn. */
#ifndef WHI_JSON_PLAIN_H
#define WHI_JSON_PLAIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline int whi_json_plain_byte(unsigned char byte) {
    return byte >= ' ' && byte < 0x80 && byte != '"' && byte != '\\';
}

#define WHI_JSON_PLAIN_WIDE 64 /* bytes that are looked at together */

#ifdef __SSE2__
#include <emmintrin.h>
#define WHI_JSON_PLAIN_STEP 16

/* A bit for each of sixteen bytes that needs a look. With its second bit turned the quote is the blank's number, and
 * controls stay below it; signed, so that bytes from 0x80 up are below it too. */
static inline unsigned whi_json_plain_mask(__m128i bytes) {
    __m128i turned = _mm_xor_si128(bytes, _mm_set1_epi8('"' ^ ' '));
    __m128i look =
        _mm_or_si128(_mm_cmplt_epi8(turned, _mm_set1_epi8(' ' + 1)), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));

    return (unsigned)_mm_movemask_epi8(look);
}

/* Of 4 to 15 bytes: the first and the last of them, which may overlap. */
static inline int whi_json_is_plain_short(const unsigned char *text, size_t size) {
    uint32_t head, tail;

    if (size >= 8) {
        __m128i first = _mm_loadl_epi64((const __m128i *)(const void *)text);
        __m128i last = _mm_loadl_epi64((const __m128i *)(const void *)(text + size - 8));
        return whi_json_plain_mask(_mm_unpacklo_epi64(first, last)) == 0;
    }
    memcpy(&head, text, sizeof head);
    memcpy(&tail, text + size - sizeof tail, sizeof tail);
    return (whi_json_plain_mask(_mm_set_epi32(0, 0, (int)head, (int)tail)) & 0xff) == 0;
}

/* A bit for each of WHI_JSON_PLAIN_WIDE bytes that needs a look, the first one's the lowest. */
static inline uint64_t whi_json_plain_masks(const unsigned char *text) {
    uint64_t masks = 0;

    for (int i = 0; i < WHI_JSON_PLAIN_WIDE; i += WHI_JSON_PLAIN_STEP) {
        masks |= (uint64_t)whi_json_plain_mask(_mm_loadu_si128((const __m128i *)(const void *)(text + i))) << i;
    }
    return masks;
}
#else
static inline uint64_t whi_json_plain_masks(const unsigned char *text) {
    uint64_t masks = 0;

    for (int i = 0; i < WHI_JSON_PLAIN_WIDE; i++) {
        masks |= (uint64_t)!whi_json_plain_byte(text[i]) << i;
    }
    return masks;
}
#endif

/* 1 if no byte of it needs a look. */
static inline int whi_json_is_plain(const unsigned char *text, size_t size) {
    size_t at = 0;

#ifdef __SSE2__
    for (; size - at >= WHI_JSON_PLAIN_STEP; at += WHI_JSON_PLAIN_STEP) {
        if (whi_json_plain_mask(_mm_loadu_si128((const __m128i *)(const void *)(text + at))) != 0) {
            return 0;
        }
    }
    if (size - at >= 4) {
        return whi_json_is_plain_short(text + at, size - at);
    }
#endif
    while (at < size && whi_json_plain_byte(text[at])) {
        at++;
    }
    return at == size;
}

#endif
