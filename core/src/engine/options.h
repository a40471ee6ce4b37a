/* An engine's options, as it was opened with. */
#ifndef WHI_OPTIONS_H
#define WHI_OPTIONS_H

#include "webhook_backend.h"

/* wh_options with its defaults filled in, but for retain and retain_failed, which are settings of the store:
 * engine/setting.h. Of limits that are such settings it has what the store said when it was opened. The texts are its
 * own. */
typedef struct whi_options {
    int durability;
    wh_limits limits;
    int64_t connect_timeout, timeout, retain, retain_failed, disable_after; /* ms */
    char *user_agent, *ca_file, *key_file;
    char *proxy;  /* NULL, or an object as a subscription's document has it */
    char **files; /* folders whose files are databases that may be delivered to */
    size_t file_count;
    const wh_rule_engine *rules; /* NULL for none */
    wh_log_fn log;
    void *log_payload;
    wh_log_record_fn log_record;
    int log_level;
} whi_options;

#endif
