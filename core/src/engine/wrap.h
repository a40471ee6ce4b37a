/* Wrapping: the envelope of a system around a delivery's data, when it is sent and when
 * somebody asks what was sent. The version that made the data says what stands on it, the
 * one in force signs. */
#ifndef WHI_WRAP_H
#define WHI_WRAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "engine/context.h"
#include "engine/registry.h"

typedef struct whi_wrapping {
    const whi_registration *now; /* the version in force */
    int64_t version;             /* that made the data; 0: now's */
    const char *event_id, *event_type;
    int64_t event_time;
    const char *data;
    size_t data_size;
    int *unlike; /* NULL, or as systems/envelope.h has it */
} whi_wrapping;
/* Appends the body that is sent, and, if text is not NULL, its headers: see systems/envelope.h. */
int whi_wrap(wh_engine *engine, const whi_wrapping *what, whi_buf *body, whi_buf *text, const char **lines,
             size_t *count);
/* Appends the "Name: value" lines of a JSON object of texts, each with its zero byte. */
int whi_wrap_rule_headers(const char *headers, whi_buf *out);

#endif
